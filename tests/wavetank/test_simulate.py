"""``wavetank simulate``: one run or many, from the command line to the folder they leave."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, monotonic_ns
from reports.quantities import MISSING
from scenarios.files import read_record
from scenarios.history import Outcome, read_history
from scenarios.load import load_scenario
from sim.arrivals import arrivals
from sim.statistics.replications import replication_seed
from wavetank import report_command, simulate_command
from wavetank.replicating import Job, Stopped, replication
from wavetank.stopping import Limits

SHORT = Path(__file__).with_name("short.yaml")
WAVETANK = (sys.executable, "-c", "from wavetank.cli import main; main()")
OVERLOADED = ("--set", "services.gateway.service_time.constant=500ms")


def simulate(runs: Path, *options: str, engine: str = "simpy") -> Result:
    """Return how the command ended; the readable engine is the one that starts at once."""
    return invoke("simulate", str(SHORT), "--runs", str(runs), "--engine", engine, *options)


def report(folder: Path) -> Result:
    return invoke("report", str(folder))


def invoke(*arguments: str) -> Result:
    app = typer.Typer()
    simulate_command.register(app)
    report_command.register(app)
    return CliRunner().invoke(app, arguments)


def told(ended: Result) -> dict[str, object]:
    assert ended.exit_code == 0, ended.output
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def only_run(runs: Path) -> Path:
    [folder] = runs.iterdir()
    return folder


def test_one_run_is_judged_and_leaves_its_record_and_its_report(tmp_path: Path) -> None:
    ended = simulate(tmp_path)
    assert ended.exit_code == 0
    folder = only_run(tmp_path)
    record = read_record(folder / "simulated" / "record.json")
    assert record.ended == "completed"
    assert load_scenario(folder / "scenario.yaml") == load_scenario(SHORT)
    assert not (folder / "simulated" / "history.jsonl").exists()
    assert "read_title" in (folder / "report.html").read_text(encoding="utf-8")
    shown = ended.stdout
    assert "all requests: availability at least 50%" in shown
    assert "✓ holds" in shown
    ok = record.classes["read_title"].counts[Outcome.OK]
    assert any("read_title" in line and f" {ok} " in line for line in shown.splitlines())
    assert any(line.split()[:1] == ["gateway"] and "%" in line for line in shown.splitlines())
    assert shown.splitlines()[-1] == f"Report: {folder / 'report.html'}"
    assert "Note" not in ended.stderr


def test_both_engines_tell_the_same(tmp_path: Path) -> None:
    answers = []
    for engine in ("simpy", "compiled"):
        answer = told(simulate(tmp_path / engine, "--json", engine=engine))
        folder = only_run(tmp_path / engine)
        assert (answer["folder"], answer["report"]) == (str(folder), str(folder / "report.html"))
        answers.append(answer)
    for part in ("classes", "stations", "headline", "notes", "stopped"):
        assert answers[0][part] == answers[1][part]


def test_a_history_has_a_line_for_each_request(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    assert simulate(tmp_path / "runs", "--history", str(path)).exit_code == 0
    planned = [arrival.index for arrival in arrivals(load_scenario(SHORT))]
    assert sorted(operation.id for operation in read_history(path)) == planned


def test_a_seed_takes_the_place_of_the_scenarios(tmp_path: Path) -> None:
    own, given, other = (
        told(simulate(tmp_path / name, "--json", *options))["classes"]
        for name, *options in (["a"], ["b", "--seed", "11"], ["c", "--seed", "12"])
    )
    assert own == given
    assert own != other


def test_a_station_that_cannot_keep_up_is_named_before_the_run_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    ended = simulate(tmp_path, *OVERLOADED)
    assert ended.exit_code == 0
    assert "Note: station gateway would be" in ended.stderr
    assert "it needs 11 replicas or fewer requests" in ended.stderr
    assert ended.stderr.index("Note") < ended.stderr.index("simulating")
    notes = told(simulate(tmp_path / "json", *OVERLOADED, "--json"))["notes"]
    assert isinstance(notes, list)
    assert [note.split(" would")[0] for note in notes] == ["station gateway"]
    gated = simulate(tmp_path / "gated", *OVERLOADED, "--gate")
    assert gated.exit_code == 3
    assert "broken" in gated.stdout


def test_many_runs_give_intervals_whatever_the_number_of_workers(tmp_path: Path) -> None:
    alone, together = (
        told(simulate(tmp_path / workers, "-R", "6", "--workers", workers, "--json"))
        for workers in ("1", "2")
    )
    assert alone["figures"] == together["figures"]
    seeds = [replication_seed(11, index) for index in range(6)]
    assert alone["seeds"] == seeds
    assert alone["objectives"] == {
        "all requests: availability at least 50%": {"holds": 6, "broken": 0, "unknown": 0}
    }
    [goodput] = [
        row["answer"]
        for row in alone["figures"]  # type: ignore[attr-defined]  # a list
        if (row["subject"], row["figure"]) == ("read_title", "goodput")
    ]
    assert goodput["low"] < goodput["value"] < goodput["high"]
    folder = only_run(tmp_path / "1")
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == alone
    # Each replication is a run of its own: its seed makes it again.
    kept = read_record(folder / "replications" / str(seeds[3]) / "simulated" / "record.json")
    assert report(folder / "replications" / str(seeds[3])).exit_code == 0
    again = simulate(tmp_path / "again", "--seed", str(seeds[3]))
    assert again.exit_code == 0
    assert read_record(only_run(tmp_path / "again") / "simulated" / "record.json") == kept


def test_figures_stand_with_their_intervals_and_refusals_in_words(tmp_path: Path) -> None:
    ended = simulate(tmp_path, "--replications", "5")
    assert ended.exit_code == 0
    shown = ended.stdout
    assert "Objectives in 5 runs" in shown
    assert "(95 %)" in shown
    assert f"{MISSING} (1)" in shown
    assert "Not quoted:\n(1) " in shown
    assert "Beyond the 0.99 quantile lie" in shown
    assert shown.splitlines()[-1] == f"Runs: {only_run(tmp_path)}"
    assert simulate(tmp_path / "gate", "-R", "5", "--gate").exit_code == 0
    assert simulate(tmp_path / "shut", "-R", "5", "--gate", *OVERLOADED).exit_code == 3


def test_it_replicates_until_a_figure_is_known_so_well(tmp_path: Path) -> None:
    ended = simulate(tmp_path / "a", "--until", "read_title mean 5%")
    assert ended.exit_code == 0
    assert "known to 5% after 10 runs." in ended.stdout
    assert "not known" not in ended.stdout
    missed = told(simulate(tmp_path / "b", "--until", "read_title p99 0.1%", "-R", "11", "--json"))
    until = missed["until"]
    assert isinstance(until, dict)
    assert (until["ended"], missed["replications"]) == ("out_of_replications", 11)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--until", "read_titel p99 5%"], "did you mean read_title?"),
        (["--until", "gatway utilisation 5%"], "did you mean gateway?"),
        (["--until", "gateway utilization 5%"], "did you mean utilisation?"),
        (["--until", "gateway p99 5%"], "gateway has no figure 'p99'"),
        (["--until", "read_title p0 5%"], "read_title has no figure 'p0'"),
        (["--until", "read_title p99"], "should read like 'read_title p99 5%'"),
        (["--until", "read_title p99 much"], "should be a share such as"),
        (["--until", "read_title p99 0%"], "no number of runs"),
        (["--time-limit", "soon"], "should be a duration such as"),
        (["--memory-limit", "2"], "should be a size such as 500MB"),
        (["--memory-limit", "1kB"], "have series of about"),
        (["--history", "x.jsonl", "-R", "2"], "a history is that of one run"),
        (["--history", "nowhere/x.jsonl"], "the folder nowhere is not there"),
        (["--set", "services.gatway.replicas=3"], "did you mean gateway?"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_a_mistake_is_told_with_its_remedy_before_anything_is_written(
    tmp_path: Path, options: list[str], said: str
) -> None:
    ended = simulate(tmp_path / "runs", *options)
    assert ended.exit_code == 2
    # The box of an error breaks its lines anywhere.
    assert said in " ".join(ended.stderr.replace("│", " ").split())
    assert not (tmp_path / "runs").exists()


def test_a_run_stops_when_its_time_is_over_and_says_so(tmp_path: Path) -> None:
    ended = simulate(tmp_path, "--time-limit", "1ns", "--json")
    assert ended.exit_code == 0
    answer = json.loads(ended.stdout)
    assert answer["stopped"] == "the time limit of 1ns was reached"
    assert "because the time limit of 1ns was reached" in " ".join(ended.stderr.split())
    folder = only_run(tmp_path)
    assert read_record(folder / "simulated" / "record.json").ended == "interrupted"
    assert "interrupted" in (folder / "report.html").read_text(encoding="utf-8")


def test_replications_stop_when_a_limit_is_reached_and_say_after_how_many(tmp_path: Path) -> None:
    ended = simulate(tmp_path, "-R", "5", "--memory-limit", "10MB")
    assert ended.exit_code == 0
    said = " ".join(ended.stderr.split())
    assert "Stopped after 0 of 5 runs, because the memory limit of 10MB was reached." in said
    assert ended.stdout == f"Runs: {only_run(tmp_path)}\n"
    answer = json.loads((only_run(tmp_path) / "summary.json").read_text(encoding="utf-8"))
    assert (answer["replications"], answer["figures"]) == (0, [])


def test_of_replications_that_were_stopped_those_before_the_first_gap_count(tmp_path: Path) -> None:
    # Those behind it are there because they took less time: they speak for the quick ones.
    assert simulate(tmp_path, "-R", "3").exit_code == 0
    folder = only_run(tmp_path) / "replications"
    job = Job(load_scenario(SHORT), folder, "simpy", None, Limits())
    seeds = [replication_seed(11, index) for index in range(3)]
    assert [record.provenance.seed for record in job.done] == seeds
    job.path(seeds[1]).unlink()
    assert [record.provenance.seed for record in job.done] == seeds[:1]


def test_a_replication_that_was_broken_off_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = iter(["", "", "", "enough is enough"])
    monkeypatch.setattr(Limits, "broken", lambda _limits, _more_bytes: next(questions))
    job = Job(load_scenario(SHORT), tmp_path, "simpy", None, Limits())
    with pytest.raises(Stopped, match="enough is enough"):
        replication(job, 5)
    assert not list(tmp_path.iterdir())


def interrupted(runs: Path, *options: str, once: str) -> tuple[int, str]:
    """Interrupt a long simulation once there is such a file; return its exit code and output."""
    command = [*WAVETANK, "simulate", str(SHORT), "--runs", str(runs), "--engine", "simpy"]
    with subprocess.Popen(  # noqa: S603  # our own command
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        deadline_ns = monotonic_ns() + 90 * NS_PER_S
        while not any(runs.glob(once)):
            assert monotonic_ns() < deadline_ns, "waited in vain"
            block_ns(50 * NS_PER_MS)
        block_ns(NS_PER_S)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    return process.returncode, output


def test_ctrl_c_keeps_what_one_run_has_come_to(tmp_path: Path) -> None:
    code, output = interrupted(tmp_path, "--set", "duration=10d", once="*/scenario.yaml")
    assert code == 130, output
    assert "it was interrupted" in " ".join(output.split())
    folder = only_run(tmp_path)
    record = read_record(folder / "simulated" / "record.json")
    assert record.ended == "interrupted"
    assert record.measured_until_ns < 10 * 86_400 * NS_PER_S
    assert (folder / "report.html").exists()


def test_ctrl_c_keeps_the_replications_that_were_done(tmp_path: Path) -> None:
    code, output = interrupted(
        tmp_path, "-R", "100000", once="*/replications/*/simulated/record.json"
    )
    assert code == 130, output
    summary = json.loads((only_run(tmp_path) / "summary.json").read_text(encoding="utf-8"))
    assert summary["stopped"] == "it was interrupted"
    assert 0 < summary["replications"] < 100_000
    assert f"Stopped after {summary['replications']} of 100000 runs" in " ".join(output.split())
