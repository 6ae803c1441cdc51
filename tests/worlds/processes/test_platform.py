"""The platform as a whole, on its real parts: asked through the edge, scaled, hurt, taken down."""

import http.client
import json
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

import psutil
import pytest

from reference_services.runtime.clock import NS_PER_S
from tests.databases import open_folder
from worlds.processes import (
    Platform,
    PlatformProblem,
    PlatformShape,
    ServiceState,
    running_platform,
)
from worlds.processes.control import ask
from worlds.processes.guardian import marked
from worlds.processes.home import Home
from worlds.processes.waiting import Cancellation

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

SOON_NS = 20 * NS_PER_S
SMALL = PlatformShape(
    replicas={"gateway": 2, "catalog": 1}, users={"pro": 2}, titles=20, render=False
)


def said(_: str) -> None:
    """Take no interest in progress."""


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with open_folder() as folder:
        yield Home(folder / "home")


@pytest.fixture(scope="module")
def platform(home: Home) -> Iterator[Platform]:
    with running_platform(home.path, SMALL, said) as running:
        mark = running.describe()["mark"]
        yield running
    assert list(marked(mark)) == []
    assert home.read_state() is None


class Client:
    """Sends requests through the edge, on one connection as long as that lasts."""

    def __init__(self, platform: Platform, context: ssl.SSLContext | None = None) -> None:
        port = urlsplit(platform.edge_url).port
        trusting = context or ssl.create_default_context(cafile=str(platform.ca_file))
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=10, context=trusting
        )
        self._key = platform.api_keys["pro-0"]

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body."""
        self._connection.request("GET", path, headers={"X-API-Key": self._key})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def asking(platform: Platform, path: str, clients: int = 3) -> Iterator[Callable[[], list[str]]]:
    """Ask all the time, from several clients; give what returns the outcomes so far."""
    outcomes: list[str] = []
    enough = threading.Event()

    def ask_on() -> None:
        with closing(Client(platform)) as client:
            while not enough.wait(0.01):
                try:
                    outcomes.append(str(client.get(path)[0]))
                except (OSError, http.client.HTTPException) as error:
                    outcomes.append(repr(error))

    threads = [threading.Thread(target=ask_on) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: outcomes
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def wait_for(condition: Callable[[], bool]) -> None:
    assert Cancellation().wait_until(condition, SOON_NS)


def test_a_title_is_read_through_edge_gateway_catalog_and_database(platform: Platform) -> None:
    with closing(Client(platform)) as client:
        status, body = client.get("/v1/catalog/titles/1")
    assert status == 200
    assert json.loads(body)["id"] == 1


def test_the_edge_speaks_http_2(platform: Platform) -> None:
    context = ssl.create_default_context(cafile=str(platform.ca_file))
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert handshake(platform, context, "localhost") == ("TLSv1.3", "h2")


@pytest.mark.parametrize("server_name", ["localhost", None])
def test_tls_1_2_is_refused_with_and_without_a_server_name(
    platform: Platform, server_name: str | None
) -> None:
    context = ssl.create_default_context(cafile=str(platform.ca_file))
    context.check_hostname = False
    assert handshake(platform, context, server_name)[0] == "TLSv1.3"

    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        handshake(platform, context, server_name)


def handshake(
    platform: Platform, context: ssl.SSLContext, server_name: str | None
) -> tuple[str | None, str | None]:
    address = ("127.0.0.1", urlsplit(platform.edge_url).port or 0)
    with (
        socket.create_connection(address, timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as secured,
    ):
        return secured.version(), secured.selected_alpn_protocol()


def test_a_client_that_does_not_know_the_authority_does_not_trust_the_edge(
    platform: Platform,
) -> None:
    with (
        closing(Client(platform, ssl.create_default_context())) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client.get("/v1/catalog/titles/1")


def test_everything_listens_on_loopback_only(platform: Platform) -> None:
    pids = [status.pid for status in platform.services()]
    family = [
        process
        for pid in pids
        for process in [psutil.Process(pid), *psutil.Process(pid).children()]
    ]
    addresses = set()
    for process in family:
        # A worker of PostgreSQL may end while it is being looked at.
        with suppress(psutil.NoSuchProcess):
            addresses |= {
                connection.laddr.ip
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }
    assert addresses == {"127.0.0.1"}


def test_keys_in_clear_are_for_the_owner_and_gateways_know_hashes(
    platform: Platform, home: Home
) -> None:
    assert set(platform.api_keys) == {"pro-0", "pro-1"}
    assert json.loads(platform.api_keys_file.read_text()) == platform.api_keys
    assert stat.S_IMODE(platform.api_keys_file.stat().st_mode) == 0o600
    hashed = (home.secrets / "gateway-api-keys.json").read_text()
    assert not any(key in hashed for key in platform.api_keys.values())


def test_a_second_platform_in_the_same_home_is_refused(platform: Platform, home: Home) -> None:
    with (
        pytest.raises(PlatformProblem, match="already up in"),
        running_platform(home.path, SMALL, said),
    ):
        pass
    assert all(status.state is ServiceState.READY for status in platform.services())


def test_status_is_answered_over_the_socket_with_what_each_part_uses(
    platform: Platform, home: Home
) -> None:
    described = ask(home.control_socket, {"ask": "status"})
    assert described["edge_url"] == platform.edge_url
    parts = {(part["name"], part["index"]): part for part in described["services"]}
    assert set(parts) == {
        *(("gateway", index) for index in range(2)),
        *((name, 0) for name in ("catalog", "edge", "postgres_primary", "postgres_replica")),
        *((name, 0) for name in ("studio", "valkey")),
    }
    assert all(part["state"] == "ready" for part in parts.values())
    assert parts["catalog", 0]["cpu_ns"] > 0
    assert parts["postgres_primary", 0]["resident_bytes"] > 0
    with pytest.raises(PlatformProblem, match="edge cannot be scaled"):
        ask(home.control_socket, {"ask": "scale", "service": "edge", "count": 2})


def test_scaling_the_gateway_up_and_down_fails_no_request(platform: Platform) -> None:
    with asking(platform, "/healthz") as outcomes:
        platform.scale("gateway", 3)
        assert indices(platform, "gateway") == [0, 1, 2]
        seen = len(outcomes())
        wait_for(lambda: len(outcomes()) > seen + 30)
        platform.scale("gateway", 1)
        assert indices(platform, "gateway") == [0]
        seen = len(outcomes())
        wait_for(lambda: len(outcomes()) > seen + 30)
    assert set(outcomes()) == {"200"}
    platform.scale("gateway", 2)


def test_scaling_the_catalog_up_and_down_fails_no_request(platform: Platform) -> None:
    with asking(platform, "/v1/catalog/titles/2", clients=2) as outcomes:
        platform.scale("catalog", 2)
        seen = len(outcomes())
        wait_for(lambda: len(outcomes()) > seen + 30)
        platform.scale("catalog", 1)
        seen = len(outcomes())
        wait_for(lambda: len(outcomes()) > seen + 30)
    assert set(outcomes()) == {"200"}
    assert indices(platform, "catalog") == [0]


def test_killing_one_of_two_gateways_fails_none_of_200_requests(platform: Platform) -> None:
    platform.poll_deaths()
    with asking(platform, "/healthz") as outcomes:
        wait_for(lambda: len(outcomes()) > 50)
        platform.kill("gateway", 1)
        wait_for(lambda: len(outcomes()) > 250)
    assert set(outcomes()) == {"200"}

    [death] = platform.poll_deaths()
    assert (death.service, death.index, death.exit_code) == ("gateway", 1, -9)
    platform.scale("gateway", 2)
    assert indices(platform, "gateway") == [0, 1]


def test_without_a_render_worker_the_platform_comes_up_and_says_why() -> None:
    wrong = {"render_worker": {"RENDER_WORKER_CONCURRENCY": "many"}}
    shape = PlatformShape(
        replicas={"gateway": 1, "catalog": 1}, users={"pro": 1}, titles=5, settings=wrong
    )
    with open_folder() as folder, running_platform(folder / "home", shape, said) as without:
        [sentence] = without.left_out
        assert sentence.startswith("videos are not rendered: ")
        assert indices(without, "render_worker") == []
        with closing(Client(without)) as client:
            assert client.get("/v1/catalog/titles/5")[0] == 200


def indices(platform: Platform, service: str) -> list[int]:
    return [
        status.index
        for status in platform.services()
        if status.name == service and status.state is ServiceState.READY
    ]


def test_two_platforms_run_side_by_side_and_one_goes_without_the_other(
    platform: Platform,
) -> None:
    shape = PlatformShape(
        replicas={"gateway": 1, "catalog": 1}, users={"pro": 1}, titles=5, render=False
    )
    with open_folder() as folder, running_platform(folder / "home", shape, said) as other:
        ours = {status.port for status in platform.services()}
        assert ours.isdisjoint(status.port for status in other.services())
        assert other.api_keys["pro-0"] != platform.api_keys["pro-0"]
        with closing(Client(other)) as client:
            assert client.get("/v1/catalog/titles/5")[0] == 200
            assert client.get("/v1/catalog/titles/6")[0] == 404
    with closing(Client(platform)) as client:
        assert client.get("/v1/catalog/titles/6")[0] == 200
