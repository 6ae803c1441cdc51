"""``wavetank load``: a scenario's traffic on real servers, and how it ends where it cannot."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.history import Outcome, read_history
from scenarios.load import load_scenario
from sim.arrivals import arrivals
from tests.k6 import needs_k6

SHORT = Path(__file__).with_name("short.yaml")
WAVETANK = Path(sys.executable).with_name("wavetank")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one home to all runs, so that its database is made once."""
    return tmp_path_factory.mktemp("platform") / "home"


def load(runs: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(WAVETANK), "load", *arguments, "--runs", str(runs), "--home", str(home)]
    return subprocess.run(  # noqa: S603  # our own command
        command, capture_output=True, text=True, check=False
    )


@pytest.mark.servers
def test_every_arrival_of_the_plan_is_sent_and_reported(tmp_path: Path, home: Path) -> None:
    done = load(tmp_path, home, str(SHORT), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    [folder] = tmp_path.iterdir()
    assert told["folder"] == str(folder)
    assert Path(told["report"]).exists()
    assert list(told["worlds"]) == ["processes"]
    assert told["worlds"]["processes"]["ended"] == "completed"
    history = list(read_history(folder / "processes" / "history.jsonl"))
    planned = list(arrivals(load_scenario(SHORT)))
    assert sorted(operation.id for operation in history) == [a.index for a in planned]
    assert {operation.outcome for operation in history} == {Outcome.OK}
    # Each answer came through the edge, and says where its time went.
    assert all(dict(operation.spans_ns).get("gateway") for operation in history)


@pytest.mark.servers
@needs_k6
def test_k6_loads_the_real_edge_over_tls(tmp_path: Path, home: Path) -> None:
    done = load(tmp_path, home, str(SHORT), "--with", "k6", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    metrics = told["k6"]["metrics"]
    # 20 a second, for a second of warm-up and six.
    assert 130 <= metrics["http_reqs"]["count"] <= 145
    assert metrics["http_req_tls_handshaking"]["max"] > 0
    assert metrics.get("dropped_iterations", {"count": 0})["count"] == 0


def test_a_taken_port_is_found_before_anything_starts(tmp_path: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = load(tmp_path, home, str(SHORT), "--web", "--web-port", str(port))
    assert done.returncode == 1
    assert f"port {port}, wanted for Locust's web page" in done.stderr
    assert "--web-port" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("other", [["--with", "k6"], ["--json"]])
def test_the_web_page_goes_with_nothing_else(tmp_path: Path, home: Path, other: list[str]) -> None:
    done = load(tmp_path, home, str(SHORT), "--web", *other)
    assert done.returncode == 2
    assert "--web" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_can_only_be_simulated_is_refused(tmp_path: Path, home: Path) -> None:
    text = SHORT.read_text(encoding="utf-8")
    request = '    request: {path: "/v1/catalog/titles/{key}"}\n'
    assert request in text
    mute = tmp_path / "mute.yaml"
    mute.write_text(text.replace(request, ""), encoding="utf-8")
    done = load(tmp_path / "runs", home, str(mute))
    assert done.returncode == 2
    assert "read_title: no request is given" in done.stderr
    assert not (tmp_path / "runs").exists()
