"""The way of a WebSocket through the gateway: two connections, coupled message by message."""

import asyncio

import structlog
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from reference_services.gateway.door import Door
from reference_services.gateway.exchange import BadGateway, UpstreamTimeout
from reference_services.gateway.forwarding import ClientRequest, added_headers, read_request
from reference_services.gateway.upstreams import Replica, Upstreams
from reference_services.runtime.clock import NS_PER_S, monotonic_ns
from reference_services.runtime.errors import ServiceError, error_answer

_NORMAL, _INTERNAL_ERROR = 1000, 1011
# Codes that describe a close without a code and must not be sent (RFC 6455, section 7.4.1).
_UNSENDABLE = {1005: _NORMAL, 1006: _INTERNAL_ERROR, 1015: _INTERNAL_ERROR}

_logger = structlog.stdlib.get_logger(__name__)


class UpstreamRefused(ServiceError):
    """The upstream answered the handshake with a status of its own."""

    code = "upstream_refused"

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the upstream refused with {status}")


class WebSocketProxy:
    """Passes WebSockets through to the upstreams' replicas."""

    def __init__(self, door: Door, upstreams: Upstreams) -> None:
        self._door = door
        self._upstreams = upstreams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until either side closes it."""
        opening = await receive()
        assert opening["type"] == "websocket.connect"
        try:
            request = read_request(scope)
            entrant = await self._door.enter(request)
            replica, ticket = self._upstreams.choose(request.service, ())
            headers = _decoded(request, added_headers(scope, entrant.identity))
            upstream = await self._connect(replica, ticket, request, headers, scope["subprotocols"])
        except ServiceError as error:
            # Starlette sends it as the answer to the handshake.
            await error_answer(error, scope["request_id"])(scope, receive, send)
            return
        replica.outstanding += 1
        try:
            await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
            await _couple(upstream, receive, send)
        finally:
            replica.outstanding -= 1
            await upstream.close()

    async def _connect(
        self,
        replica: Replica,
        ticket: int,
        request: ClientRequest,
        headers: list[tuple[str, str]],
        subprotocols: list[str],
    ) -> ClientConnection:
        timeout_ns = self._upstreams.policies.of(request.service).timeout_ns
        began_ns = monotonic_ns()
        try:
            async with asyncio.timeout(timeout_ns / NS_PER_S):
                upstream = await connect(
                    f"ws://{replica.authority.decode()}{request.target.decode('latin-1')}",
                    additional_headers=headers,
                    subprotocols=[Subprotocol(name) for name in subprotocols] or None,
                    compression=None,
                    user_agent_header=None,
                    proxy=None,
                )
        except InvalidStatus as error:
            replica.answered(ticket, began_ns)
            raise UpstreamRefused(error.response.status_code) from error
        except TimeoutError as error:
            replica.failed(ticket, began_ns)
            raise UpstreamTimeout("the upstream took too long") from error
        except (OSError, WebSocketException) as error:
            replica.failed(ticket, began_ns)
            raise BadGateway("the upstream speaks no WebSocket") from error
        replica.answered(ticket, began_ns)
        return upstream


def _decoded(request: ClientRequest, added: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return the headers as the WebSocket client takes them, without those it makes itself."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in (*request.headers, *added)
        if not name.startswith(b"sec-websocket-")
    ]


async def _couple(upstream: ClientConnection, receive: Receive, send: Send) -> None:
    """Carry messages in both directions until one side closes; then close the other."""
    to_upstream = asyncio.ensure_future(_carry_to_upstream(upstream, receive))
    to_client = asyncio.ensure_future(_carry_to_client(upstream, send))
    try:
        await asyncio.wait({to_upstream, to_client}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        to_upstream.cancel()
        to_client.cancel()
        await asyncio.gather(to_upstream, to_client, return_exceptions=True)


async def _carry_to_upstream(upstream: ClientConnection, receive: Receive) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        try:
            await upstream.send(message["bytes"] if text is None else text)
        except ConnectionClosed:
            return
    await upstream.close(_sendable(message.get("code")))


async def _carry_to_client(upstream: ClientConnection, send: Send) -> None:
    try:
        async for message in upstream:
            key = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", key: message})
    except ConnectionClosed:
        _logger.info("websocket_broken", code=upstream.close_code)
    await send({"type": "websocket.close", "code": _sendable(upstream.close_code)})


def _sendable(code: int | None) -> int:
    return _NORMAL if code is None else _UNSENDABLE.get(code, code)
