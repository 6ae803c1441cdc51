"""What every service answers beside its own routes, asked of a real one in its own process."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference_services.gateway.platform import ask
from tests.servers import free_port, running_service

pytestmark = pytest.mark.servers

SERVICE = "tests.reference_services.runtime.lantern"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lantern") / "log"


@pytest.fixture(scope="module")
def url(log: Path) -> Iterator[str]:
    port = free_port()
    with running_service(
        SERVICE, {"LANTERN_PORT": str(port), "LANTERN_REPLICA": "3"}, port, log=log
    ):
        yield f"http://127.0.0.1:{port}"


def test_a_process_is_alive_even_if_it_cannot_work(url: str) -> None:
    assert ask(f"{url}/healthz").status == 200


def test_a_service_that_cannot_work_says_what_is_in_the_way(url: str) -> None:
    answer = ask(f"{url}/readyz")
    assert answer.status == 503
    assert answer.json() == {
        "ready": False,
        "checks": {
            "lamp": "ok",
            "oil": "LookupError: there is none",
            "wick": "no answer within 0.1 s",
        },
    }


def test_every_error_has_the_one_form(url: str) -> None:
    answer = ask(f"{url}/busy", headers={"X-Request-Id": "mine"})
    assert answer.status == 429
    assert answer.headers["retry-after"] == "2"
    assert answer.json() == {
        "error": {
            "code": "overloaded",
            "message": "come back later",
            "request_id": "mine",
            "retry_after_ms": 1_001,
        }
    }
    assert ask(f"{url}/nowhere").error == "not_found"
    assert ask(f"{url}/busy", "POST").error == "method_not_allowed"
    assert ask(f"{url}/lamps/seven").error == "invalid_request"
    assert "lamp_id" in ask(f"{url}/lamps/seven").json()["error"]["message"]


def test_a_bug_is_answered_without_its_secrets_and_logged_with_the_request(
    url: str, log: Path
) -> None:
    answer = ask(f"{url}/bug", headers={"X-Request-Id": "the-one-with-the-bug"})
    assert (answer.status, answer.error) == (500, "internal")
    assert "ZeroDivisionError" not in answer.body.decode()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    [line] = [line for line in lines if line["event"] == "request_failed"]
    assert line["request_id"] == "the-one-with-the-bug"
    assert (line["service"], line["replica"], line["level"]) == ("lantern", 3, "error")
    assert "ZeroDivisionError" in line["exception"]


def test_requests_are_counted_by_route_and_not_by_path(url: str) -> None:
    for number in range(3):
        assert ask(f"{url}/lamps/{number}").status == 200
        assert ask(f"{url}/nowhere/{number}").status == 404
    metrics = ask(f"{url}/metrics").body.decode().splitlines()
    assert 'requests_total{method="GET",route="/lamps/{lamp_id}",status="200"} 3.0' in metrics
    assert "requests_in_flight 1.0" in metrics
    assert not [line for line in metrics if "/nowhere" in line or "/lamps/1" in line]
    assert [line for line in metrics if line.startswith("process_cpu_seconds_total ")]


def test_an_overlong_request_id_is_replaced(url: str) -> None:
    assert ask(f"{url}/healthz", headers={"X-Request-Id": "x" * 129}).headers["x-request-id"] != (
        "x" * 129
    )
