"""A whole rehearsal from the command line, on real servers, and what may happen to it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, monotonic_ns
from scenarios.files import read_record
from scenarios.history import Outcome, read_history
from scenarios.load import load_scenario
from sim.arrivals import arrivals

SHORT = Path(__file__).with_name("short.yaml")
WAVETANK = Path(sys.executable).with_name("wavetank")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one home to all rehearsals, so that its database is made once."""
    return tmp_path_factory.mktemp("platform") / "home"


def command(runs: Path, home: Path, *options: str) -> list[str]:
    return [
        str(WAVETANK),
        "rehearse",
        str(SHORT),
        "--runs",
        str(runs),
        "--home",
        str(home),
        *options,
    ]


def only_run(runs: Path) -> Path:
    [folder] = runs.iterdir()
    return folder


def wait_until(condition: Callable[[], bool], seconds: int = 90) -> None:
    deadline_ns = monotonic_ns() + seconds * NS_PER_S
    while not condition():
        assert monotonic_ns() < deadline_ns, "waited in vain"
        block_ns(50 * NS_PER_MS)


def processes_of(home: Path) -> list[psutil.Process]:
    """Return the processes that belong to the platform of ``home``."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        told = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        if process.pid != os.getpid() and any(str(home) in text for text in told):
            found.append(process)
    return found


@contextmanager
def rehearsing(runs: Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603  # our own command
        command(runs, home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.servers
def test_a_rehearsal_lays_a_real_run_beside_its_simulation(tmp_path: Path, home: Path) -> None:
    done = subprocess.run(  # noqa: S603  # our own command
        command(tmp_path, home, "--json"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    folder = only_run(tmp_path)
    measured = read_record(folder / "processes" / "record.json")
    predicted = read_record(folder / "simulated" / "record.json")
    assert (measured.world, predicted.world) == ("processes", "simulated")
    assert measured.ended == "completed"

    # Every arrival of the plan is in both histories, once, and was answered well.
    planned = list(arrivals(load_scenario(SHORT)))
    for world in ("processes", "simulated"):
        history = list(read_history(folder / world / "history.jsonl"))
        assert sorted(operation.id for operation in history) == [a.index for a in planned]
        assert {operation.outcome for operation in history} == {Outcome.OK}
    assert {n: c.total for n, c in measured.classes.items()} == {
        n: c.total for n, c in predicted.classes.items()
    }

    # The numbers told are the numbers kept, and the report names them.
    figures = {c["name"]: c for c in told["comparison"]["classes"]}
    assert set(figures) == {"read_title", "update_title"}
    assert told["worlds"]["processes"]["findings"][0]["verdict"] == "holds"
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "read_title" in report
    assert measured.provenance.machine is not None

    # Calibration measured every station on the way, under its scenario's name.
    calibrated = load_scenario(folder / "calibrated.yaml")
    times = calibrated.classes["read_title"].times
    assert {"edge", "gateway", "catalog", "titles"} <= set(times)
    assert times["gateway"] != load_scenario(SHORT).classes["read_title"].times.get("gateway")
    assert not processes_of(home)


@pytest.mark.servers
def test_a_service_that_dies_is_in_the_record_and_the_report_is_written(
    tmp_path: Path, home: Path
) -> None:
    with rehearsing(tmp_path, home) as process:
        wait_until(lambda: any(tmp_path.glob("*/processes/plan.jsonl")))
        history = only_run(tmp_path) / "processes" / "history.jsonl"
        wait_until(history.exists)
        block_ns(2 * NS_PER_S)
        kill = [str(WAVETANK), "kill", "catalog/0", "--home", str(home)]
        subprocess.run(kill, check=True)  # noqa: S603  # our own command
        output, _ = process.communicate()
    assert process.returncode == 0, output
    folder = only_run(tmp_path)
    record = read_record(folder / "processes" / "record.json")
    assert record.ended == "degraded"
    assert [event.target for event in record.events if event.kind == "died"] == ["catalog/0"]
    lost = sum(c.total - c.counts[Outcome.OK] for c in record.classes.values())
    assert lost > 0
    assert "catalog/0" in (folder / "report.html").read_text(encoding="utf-8")
    assert not processes_of(home)


@pytest.mark.servers
def test_a_service_that_dies_while_it_is_measured_spoils_no_rehearsal(
    tmp_path: Path, home: Path
) -> None:
    with rehearsing(tmp_path, home) as process:
        wait_until(lambda: any(tmp_path.glob("*/calibration/requests/history.jsonl")))
        block_ns(2 * NS_PER_S)
        kill = [str(WAVETANK), "kill", "catalog/0", "--home", str(home)]
        subprocess.run(kill, check=True)  # noqa: S603  # our own command
        output, _ = process.communicate()
    assert process.returncode == 0, output
    folder = only_run(tmp_path)
    record = read_record(folder / "processes" / "record.json")
    assert record.ended == "degraded"
    [death] = [event for event in record.events if event.kind == "died"]
    assert (death.target, death.at_ns) == ("catalog/0", 0)
    assert "before the run began" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.servers
def test_ctrl_c_during_a_rehearsal_leaves_nothing_running(tmp_path: Path, home: Path) -> None:
    with rehearsing(tmp_path, home) as process:
        wait_until(lambda: any(tmp_path.glob("*/calibration/requests/history.jsonl")))
        assert processes_of(home)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    assert process.returncode == 130, output
    assert "Interrupted" in output
    wait_until(lambda: not processes_of(home))


@pytest.mark.servers
def test_ctrl_c_during_the_run_keeps_what_was_measured(tmp_path: Path, home: Path) -> None:
    with rehearsing(tmp_path, home) as process:
        history = "*/processes/history.jsonl"
        wait_until(lambda: any(tmp_path.glob(history)))
        block_ns(4 * NS_PER_S)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    assert process.returncode == 130, output
    folder = only_run(tmp_path)
    record = read_record(folder / "processes" / "record.json")
    assert record.ended == "interrupted"
    assert record.measured_until_ns < 7 * NS_PER_S
    sent = len(list(read_history(folder / "processes" / "history.jsonl")))
    assert 0 < sent < len(list(arrivals(load_scenario(SHORT))))
    assert "interrupted" in (folder / "report.html").read_text(encoding="utf-8")
    wait_until(lambda: not processes_of(home))


def test_a_simulated_rehearsal_needs_no_servers(tmp_path: Path, home: Path) -> None:
    done = subprocess.run(  # noqa: S603  # our own command
        command(tmp_path, home, "--world", "simulated", "--gate"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "holds" in done.stdout
    assert (only_run(tmp_path) / "report.html").exists()


def test_the_gate_is_shut_by_an_objective_that_is_broken(tmp_path: Path, home: Path) -> None:
    impossible = ["--world", "simulated", "--gate", "--set", "services.gateway.replicas=1"]
    impossible += ["--set", "services.gateway.service_time.constant=500ms"]
    done = subprocess.run(  # noqa: S603  # our own command
        command(tmp_path, home, *impossible), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "broken" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["basline"], "baseline"),
        (["baseline", "--set", "seed=soon"], "--set seed=soon"),
        (["baseline", "--set", "services.gatway.replicas=3"], "gateway"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = subprocess.run(  # noqa: S603  # our own command
        [str(WAVETANK), "rehearse", *arguments, "--runs", str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()
