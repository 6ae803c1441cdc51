"""A gateway as a process: how it starts, and how it ends."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.reference_services.gateway.platform import (
    Answer,
    as_user,
    ask,
    exchange,
    running_platform,
)
from tests.servers import ROOT, wait_until

pytestmark = pytest.mark.servers


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Try to start a gateway that cannot."""
    return subprocess.run(
        [sys.executable, "-m", "reference_services.gateway"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.requirement("learning-4.5")
def test_every_missing_setting_is_named_at_once() -> None:
    ended = start()
    assert ended.returncode == 2
    assert sorted(ended.stderr.splitlines()) == [
        "GATEWAY_API_KEYS_FILE is missing",
        "GATEWAY_CACHE_URL is missing",
        "GATEWAY_JWT_SECRET_FILE is missing",
        "GATEWAY_LIMITS is missing",
        "GATEWAY_PORT is missing",
        "GATEWAY_UPSTREAMS_FILE is missing",
    ]


def test_files_that_say_nothing_usable_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("too short")
    (tmp_path / "upstreams.json").write_text('{"catalog": ["ftp://nowhere"]}')
    ended = start(
        GATEWAY_PORT="1",
        GATEWAY_CACHE_URL="http://127.0.0.1:1",
        GATEWAY_JWT_SECRET_FILE=str(tmp_path / "short"),
        GATEWAY_LIMITS='{"free": {"requests": 0, "window_ms": 1}}',
        GATEWAY_API_KEYS_FILE=str(tmp_path / "absent"),
        GATEWAY_UPSTREAMS_FILE=str(tmp_path / "upstreams.json"),
    )
    assert ended.returncode == 2
    for variable in ("CACHE_URL", "JWT_SECRET_FILE", "LIMITS", "API_KEYS_FILE", "UPSTREAMS_FILE"):
        assert f"GATEWAY_{variable}: " in ended.stderr
    assert "too short" not in ended.stderr


def test_told_to_stop_a_gateway_answers_what_it_has_and_exits_with_zero(
    valkey: str, tmp_path: Path
) -> None:
    with running_platform(tmp_path, valkey) as platform:
        answers: list[Answer] = []
        url = f"{platform.catalog}/slow/1500"
        client = threading.Thread(target=lambda: answers.append(ask(url, headers=as_user("pat"))))
        client.start()
        wait_until(lambda: platform.seen() == ["slow"])
        platform.gateway.send_signal(signal.SIGTERM)
        assert platform.gateway.wait(timeout=20) == 0
        client.join()
        assert [answer.status for answer in answers] == [200]


def test_told_to_stop_a_gateway_is_unready_while_it_still_accepts(
    valkey: str, tmp_path: Path
) -> None:
    with running_platform(tmp_path, valkey, linger_ms="4000") as platform:
        platform.gateway.send_signal(signal.SIGTERM)
        wait_until(lambda: ask(f"{platform.url}/readyz").status == 503)
        assert ask(f"{platform.catalog}/echo", headers=as_user("pat")).status == 200
        assert platform.gateway.wait(timeout=20) == 0


def test_told_to_stop_a_gateway_ends_streams_and_does_not_wait_for_them(
    valkey: str, tmp_path: Path
) -> None:
    with running_platform(tmp_path, valkey, grace_ms="60000") as platform:
        socket_url = f"ws://127.0.0.1:{platform.gateway_port}/v1/catalog/socket"
        headers = as_user("pat")
        with (
            exchange(f"{platform.catalog}/events", headers=headers) as events,
            connect(socket_url, additional_headers=headers) as socket,
        ):
            assert events.readline() == b"event: progress\n"
            platform.gateway.send_signal(signal.SIGTERM)
            # The stream ends as a whole one does, not as a broken one.
            assert events.read() == b"data: 1\n\n"
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert platform.gateway.wait(timeout=20) == 0


def test_a_killed_gateway_leaves_its_port_free(valkey: str, tmp_path: Path) -> None:
    with running_platform(tmp_path, valkey) as platform:
        platform.gateway.kill()
        platform.gateway.wait()
        with pytest.raises(ConnectionRefusedError):
            ask(f"{platform.url}/healthz")
