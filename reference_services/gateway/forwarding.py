"""What a proxy does to a request's and an answer's headers.

Source: RFC 9110, section 7.6 (message forwarding); RFC 9112, section 6 (message body length).
"""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from reference_services.gateway.authentication import Identity
from reference_services.gateway.upstream_connection import Header
from reference_services.runtime.errors import BadRequest

PREFIX = "/v1/"

_HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization"),
    *(b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect"),
}
# What the gateway says itself, or must not let a client say.
_OWN = {b"host", b"x-user", b"x-tier", b"x-request-id", b"x-forwarded-host", b"x-forwarded-for"}
_CREDENTIALS = {b"x-api-key", b"authorization"}
_NOT_TO_UPSTREAM = _HOP_BY_HOP | _OWN | _CREDENTIALS | {b"content-length"}
_NOT_TO_CLIENT = _HOP_BY_HOP | {b"server-timing", b"x-request-id", b"date"}

# What services tell those who run them, and nobody else; with all that is below these paths.
_OPERATIONAL = {
    *(b"metrics", b"healthz", b"readyz", b"queue"),
    *(b"docs", b"redoc", b"openapi.json"),
}

_IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}


@dataclass(slots=True)
class ClientRequest:
    """A request as it came in, taken apart for passing on."""

    service: str
    target: bytes
    """Path and query as the upstream is to see them."""

    method: str
    api_key: bytes | None = None
    authorization: bytes | None = None
    content_length: int | None = None
    chunked: bool = False
    headers: tuple[Header, ...] = ()
    """Those of the client's headers that the upstream gets."""

    @property
    def idempotent(self) -> bool:
        """Whether sending it twice means the same as sending it once."""
        return self.method in _IDEMPOTENT

    @property
    def operational(self) -> bool:
        """Whether it asks for what a service tells its operators alone."""
        # Decoded, as the upstream will read it: /%6detrics is /metrics.
        path = unquote_to_bytes(self.target.partition(b"?")[0])
        return path.lstrip(b"/").partition(b"/")[0] in _OPERATIONAL

    @property
    def has_body(self) -> bool:
        """Whether there is a body to pass on."""
        return self.chunked or bool(self.content_length)


def read_request(scope: Scope) -> ClientRequest:
    """Take the request in ``scope`` apart.

    Raises:
        BadRequest: it cannot be passed on.
    """
    raw_path: bytes = scope["raw_path"]
    service, _, rest = raw_path[len(PREFIX) :].partition(b"/")
    query: bytes = scope["query_string"]
    target = b"/" + rest + (b"?" + query if query else b"")
    request = ClientRequest(service.decode("latin-1"), target, scope.get("method", "GET"))
    dropped = _NOT_TO_UPSTREAM
    kept: list[Header] = []
    for name, value in scope["headers"]:
        _note(request, name, value)
        if name == b"connection" and value.lower() not in {b"keep-alive", b"close"}:
            dropped = dropped | _listed(value)
        # Some servers take X_User for X-User; nothing honest sends such names.
        if name not in _NOT_TO_UPSTREAM and b"_" not in name:
            kept.append((name, value))
    if dropped is not _NOT_TO_UPSTREAM:
        kept = [(name, value) for name, value in kept if name not in dropped]
    request.headers = tuple(kept)
    return request


def _note(request: ClientRequest, name: bytes, value: bytes) -> None:
    if name == b"x-api-key":
        request.api_key = value
    elif name == b"authorization":
        request.authorization = value
    elif name == b"content-length":
        if not value.isdigit():
            raise BadRequest("Content-Length is not a number")
        request.content_length = int(value)
    elif name == b"transfer-encoding":
        if value.strip().lower() != b"chunked":
            raise BadRequest("Transfer-Encoding is not chunked alone")
        request.chunked = True


def _listed(connection: bytes) -> set[bytes]:
    """Return the names that a Connection header declares to be for this hop alone."""
    return {name.strip().lower() for name in connection.split(b",")}


def added_headers(scope: Scope, identity: Identity) -> list[Header]:
    """Return what the gateway tells an upstream about a request: whose it is and whence it came."""
    added = [
        (b"x-user", identity.user.encode()),
        (b"x-tier", identity.tier.encode()),
        (b"x-request-id", scope["request_id"].encode("latin-1")),
    ]
    client = scope["client"][0].encode() if scope.get("client") else b"unknown"
    proto_known = False
    for name, value in scope["headers"]:
        if name == b"host":
            added.append((b"x-forwarded-host", value))
        elif name == b"x-forwarded-for":
            client = value + b", " + client
        elif name == b"x-forwarded-proto":
            proto_known = True
    added.append((b"x-forwarded-for", client))
    if not proto_known:
        added.append((b"x-forwarded-proto", scope["scheme"].encode()))
    return added


def request_head(request: ClientRequest, authority: bytes, added: list[Header]) -> bytes:
    """Return the request line and headers as they go over the wire to ``authority``."""
    lines = [request.method.encode() + b" " + request.target + b" HTTP/1.1\r\nhost: " + authority]
    lines += [name + b": " + value for name, value in request.headers]
    lines += [name + b": " + value for name, value in added]
    # A request with both a length and an encoding is how two parsers are made to disagree about
    # where it ends: the encoding decides, and the length goes no further.
    if request.chunked:
        lines.append(b"transfer-encoding: chunked")
    elif request.content_length is not None:
        lines.append(b"content-length: %d" % request.content_length)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def answer_headers(headers: list[Header], added: list[Header]) -> list[Header]:
    """Return the headers that the client gets for an upstream's ``headers``."""
    dropped = _NOT_TO_CLIENT
    for name, value in headers:
        if name == b"connection":
            dropped = dropped | _listed(value)
    return [*(header for header in headers if header[0] not in dropped), *added]
