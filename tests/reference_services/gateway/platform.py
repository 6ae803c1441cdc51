"""A gateway with all that it needs, for tests: a store, replicas of an upstream, users."""

import contextlib
import hashlib
import http.client
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from reference_services.runtime.clock import block_ns
from reference_services.runtime.files import LOOK_AGAIN_NS
from tests.servers import free_port, running_service

UPSTREAM = "tests.reference_services.gateway.upstream"
GATEWAY = "reference_services.gateway"

JWT_SECRET = "a secret that only these tests have"  # noqa: S105  # it opens nothing
KEYS = {"ada": "key-of-ada", "bob": "key-of-bob", "pat": "key-of-pat"}
TIERS = {"ada": "free", "bob": "free", "pat": "pro"}
LIMITS = {
    "free": {"requests": 5, "window_ms": 60_000},
    "pro": {"requests": 100_000, "window_ms": 60_000},
}


Body: TypeAlias = bytes | Iterable[bytes] | None


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes

    def json(self) -> Any:  # noqa: ANN401  # whatever was sent
        """Return what the body says."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of the error that the body tells of."""
        return str(self.json()["error"]["code"])


@contextlib.contextmanager
def exchange(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: Body = None
) -> Iterator[http.client.HTTPResponse]:
    """Send one request on a connection of its own; give the answer as it arrives."""
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=20)) as connection:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, dict(headers or {}))
        with connection.getresponse() as response:
            yield response


def ask(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: Body = None
) -> Answer:
    """Send one request; return the whole answer."""
    with exchange(url, method, headers, body) as response:
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())


def as_user(user: str, **headers: str) -> dict[str, str]:
    """Return the headers of a request of ``user``; further ones have ``_`` for ``-``."""
    return {"X-API-Key": KEYS[user], **{n.replace("_", "-"): v for n, v in headers.items()}}


@dataclass
class Platform:
    """A running gateway and what is behind it."""

    folder: Path
    gateway_port: int
    gateway: Popen[bytes]
    upstreams: dict[str, Popen[bytes]] = field(default_factory=dict)
    """By URL."""

    @property
    def url(self) -> str:
        """The gateway's base URL."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def catalog(self) -> str:
        """The URL under which the gateway passes requests through."""
        return f"{self.url}/v1/catalog"

    def seen(self, replica: int = 0) -> list[str]:
        """Return what a replica has noted, asked past the gateway."""
        seen: list[str] = ask(f"{list(self.upstreams)[replica]}/seen").json()
        return seen

    def list_upstreams(self, *urls: str) -> None:
        """Write which replicas the one service, ``catalog``, has."""
        list_upstreams(self.folder, *urls)

    def list_services(self, **urls: Sequence[str]) -> None:
        """Write which replicas each service has."""
        list_services(self.folder, **urls)

    def log(self) -> str:
        """Return what the gateway has logged."""
        return (self.folder / "gateway.log").read_text()


def list_upstreams(folder: Path, *urls: str) -> None:
    """Write the upstreams file with one service, ``catalog``; wait until it is looked at again."""
    list_services(folder, catalog=urls)


def list_services(folder: Path, **urls: Sequence[str]) -> None:
    """Write the upstreams file, and wait until it is looked at again.

    Written as a careful writer does: beside it, then in its place.
    """
    written = folder / "upstreams.json.new"
    written.write_text(json.dumps(urls))
    written.rename(folder / "upstreams.json")
    block_ns(LOOK_AGAIN_NS)


def write_files(folder: Path) -> dict[str, str]:
    """Write users and secret; return the settings that name the files."""
    owners = {
        hashlib.sha256(key.encode()).hexdigest(): {"user": user, "tier": TIERS[user]}
        for user, key in KEYS.items()
    }
    (folder / "api_keys.json").write_text(json.dumps(owners))
    (folder / "jwt_secret").write_text(JWT_SECRET + "\n")
    return {
        "GATEWAY_UPSTREAMS_FILE": str(folder / "upstreams.json"),
        "GATEWAY_API_KEYS_FILE": str(folder / "api_keys.json"),
        "GATEWAY_JWT_SECRET_FILE": str(folder / "jwt_secret"),
        "GATEWAY_LIMITS": json.dumps(LIMITS),
    }


@contextlib.contextmanager
def running_upstream(replica: int = 0, **settings: str) -> Iterator[tuple[str, Popen[bytes]]]:
    """Run a replica of the upstream; give its URL and process."""
    port = free_port()
    environment = {"UPSTREAM_PORT": str(port), "UPSTREAM_REPLICA": str(replica), **settings}
    with running_service(UPSTREAM, environment, port) as process:
        yield f"http://127.0.0.1:{port}", process


@contextlib.contextmanager
def running_platform(
    folder: Path, store_url: str, replicas: int = 1, **settings: str
) -> Iterator[Platform]:
    """Run a gateway in front of so many replicas.

    Args:
        folder:    for its files; empty.
        store_url: of the Valkey that counts.
        replicas:  how many upstreams to run and list.
        settings:  further settings of the gateway, without the prefix, in lower case.
    """
    with contextlib.ExitStack() as stack:
        upstreams = dict(
            stack.enter_context(running_upstream(number)) for number in range(replicas)
        )
        list_upstreams(folder, *upstreams)
        port = free_port()
        environment = {
            "GATEWAY_PORT": str(port),
            "GATEWAY_CACHE_URL": store_url,
            **write_files(folder),
            **{f"GATEWAY_{name}".upper(): value for name, value in settings.items()},
        }
        log = folder / "gateway.log"
        gateway = stack.enter_context(running_service(GATEWAY, environment, port, log=log))
        yield Platform(folder, port, gateway, upstreams)
