"""What clients see when replicas fail, and what the gateway spares them."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_services.gateway.watched_breaker import BREAKER_MOVED
from tests.reference_services.gateway.platform import (
    Answer,
    Platform,
    as_user,
    ask,
    list_upstreams,
    running_platform,
    running_upstream,
)
from tests.servers import free_port, running_service, wait_until

pytestmark = pytest.mark.servers


def get(platform: Platform, path: str = "echo", method: str = "GET") -> Answer:
    return ask(f"{platform.catalog}/{path}", method, as_user("pat"))


@pytest.mark.requirement("stream-10.4")
def test_the_breaker_opens_after_five_failures_and_closes_when_the_replica_is_back(
    valkey: str, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"breaker_cool_down_ms": "1000", "retry_attempts": "1"}
    with running_platform(tmp_path, valkey, replicas=0, **settings) as platform:
        platform.list_upstreams(f"http://127.0.0.1:{port}")
        failures = [get(platform) for _ in range(5)]
        assert [(each.status, each.error) for each in failures] == [(502, "bad_gateway")] * 5
        refused = get(platform)
        assert (refused.status, refused.error) == (503, "breaker_open")
        assert refused.headers["retry-after"] == "1"
        assert 0 < refused.json()["error"]["retry_after_ms"] <= 1000
        metrics = ask(f"{platform.url}/metrics").body.decode()
        assert 'upstream_breaker_open{service="catalog"' in metrics

        upstream = "tests.reference_services.gateway.upstream"
        with running_service(upstream, {"UPSTREAM_PORT": str(port)}, port):
            wait_until(lambda: get(platform).status == 200)
            assert get(platform).status == 200
        told = [json.loads(line) for line in platform.log().splitlines()]
        moves = [each["state"] for each in told if each["event"] == BREAKER_MOVED]
        assert moves[:2] == ["open", "half_open"]
        assert moves[-2:] == ["half_open", "closed"]


def test_answers_that_blame_the_server_count_as_failures_and_others_do_not(
    valkey: str, tmp_path: Path
) -> None:
    with running_platform(tmp_path, valkey, retry_attempts="1") as platform:
        assert [get(platform, "status/404").status for _ in range(7)] == [404] * 7
        assert [get(platform, "status/500").status for _ in range(4)] == [500] * 4
        assert get(platform).status == 200  # which ends the row of failures
        assert [get(platform, "status/500").status for _ in range(5)] == [500] * 5
        assert get(platform).error == "breaker_open"


def test_an_upstream_that_takes_too_long_is_given_up(valkey: str, tmp_path: Path) -> None:
    with running_platform(tmp_path, valkey, upstream_timeout_ms="1000") as platform:
        answer = get(platform, "slow/10000")
        assert (answer.status, answer.error) == (504, "upstream_timeout")
        # Not asked again: nothing is left of the time.
        assert platform.seen() == ["slow"]


def test_what_one_replica_cannot_do_another_does(valkey: str, tmp_path: Path) -> None:
    with running_platform(tmp_path, valkey, replicas=2) as platform:
        assert {get(platform).json()["replica"] for _ in range(4)} == {0, 1}
        next(iter(platform.upstreams.values())).kill()
        answers = [get(platform) for _ in range(10)]
        assert [answer.status for answer in answers] == [200] * 10


def test_a_retry_goes_to_another_replica_whatever_the_balancer_prefers(
    valkey: str, tmp_path: Path
) -> None:
    settings = {"balancing": "least_outstanding", "breaker_failures": "1000"}
    generous = {"retry_budget_percent": "100", "retry_base_ms": "1"}
    with running_platform(tmp_path, valkey, replicas=2, **settings, **generous) as platform:
        next(iter(platform.upstreams.values())).kill()
        # One that fails at once looks idle, and would be chosen half of the time.
        assert [get(platform).status for _ in range(30)] == [200] * 30


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1)])
def test_only_what_may_be_done_twice_is_asked_twice(
    valkey: str, tmp_path: Path, method: str, times: int
) -> None:
    with running_platform(tmp_path, valkey) as platform:
        assert get(platform, "status/503", method).status == 503
        assert platform.seen() == [f"{method} 503"] * times


def test_retries_stay_within_their_budget(valkey: str, tmp_path: Path) -> None:
    with running_platform(
        tmp_path, valkey, retry_budget_percent="0", breaker_failures="1000"
    ) as platform:
        for _ in range(20):
            assert get(platform, "status/503").status == 503
        # Twenty requests, and the ten retries of the reserve.
        assert len(platform.seen()) == 30


def test_replicas_come_and_go_with_their_file(valkey: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        platform = stack.enter_context(running_platform(tmp_path, valkey))
        assert {get(platform).json()["replica"] for _ in range(4)} == {0}
        url, _ = stack.enter_context(running_upstream(replica=7))
        platform.list_upstreams(*platform.upstreams, url)
        assert {get(platform).json()["replica"] for _ in range(4)} == {0, 7}
        platform.list_upstreams(url)
        assert {get(platform).json()["replica"] for _ in range(4)} == {7}
        list_upstreams(tmp_path)
        answer = get(platform)
        assert (answer.status, answer.error) == (503, "no_upstream")
        assert ask(f"{platform.url}/readyz").status == 503


def test_a_connection_that_died_idle_is_no_failure(valkey: str, tmp_path: Path) -> None:
    port = free_port()
    upstream = "tests.reference_services.gateway.upstream"
    settings = {"retry_attempts": "1"}
    with running_platform(tmp_path, valkey, replicas=0, **settings) as platform:
        platform.list_upstreams(f"http://127.0.0.1:{port}")
        for _ in range(2):
            with running_service(upstream, {"UPSTREAM_PORT": str(port)}, port):
                assert get(platform).status == 200


@contextlib.contextmanager
def answering(sent: bytes) -> Iterator[str]:
    """Run a server that answers whatever it is asked with ``sent`` and hangs up; give its URL."""

    class Answering(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(sent)

    with socketserver.TCPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("bytes_sent", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b""])
def test_an_answer_that_is_not_http_is_a_bad_gateway(
    valkey: str, tmp_path: Path, bytes_sent: bytes
) -> None:
    with (
        running_platform(tmp_path, valkey, replicas=0) as platform,
        answering(bytes_sent) as url,
    ):
        platform.list_upstreams(url)
        answer = get(platform, method="POST")
        assert (answer.status, answer.error) == (502, "bad_gateway")
