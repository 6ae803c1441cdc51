"""The comparison with other simulators: what it says is so, and whoever is missing is named."""

import sys
from pathlib import Path

import pytest

from benchmarks.peers.simulators.contest import CONTESTANTS, Outcome, Run, Told, contest
from benchmarks.peers.simulators.environments import (
    PEERS,
    LeftOut,
    Peer,
    Ready,
    complaint,
    environment,
)
from benchmarks.peers.simulators.page import Setting, page
from benchmarks.peers.simulators.platforms import exact_s
from benchmarks.peers.simulators.programs import with_simpy, with_wavetank
from benchmarks.peers.simulators.summary import rows
from benchmarks.peers.simulators.work import LINES
from sim.run import EngineName

OURS = Ready(Path(sys.executable))
SETTING = Setting("the command", "a day", "a machine", "3", "a commit", "idle")


def silent(_what: str) -> None:
    """Say nothing."""


def told(requests: int, cpu_s: float) -> Told:
    """Return what a program might tell."""
    return Told("1", 0.1, 0.2, cpu_s, 50.0, requests, 0.004, "")


def written(outcome: Outcome) -> str:
    """Return the page of a contest."""
    return page(SETTING, rows(outcome.runs), outcome.left_out, (), ())


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize("item", ["a", "b", "c"])
def test_our_items_are_what_theory_speaks_of(item: str, engine: EngineName) -> None:
    # Short runs: at these sizes a run of the lines is off by some percent, by chance.
    ran = with_wavetank.simulated(item, engine, seed=3, requests=30_000)
    assert ran.requests == pytest.approx(30_000, rel=0.02)
    assert ran.mean_s == pytest.approx(exact_s(item), rel=0.03 if item == "c" else 0.2)


def test_simpy_s_items_are_what_theory_speaks_of() -> None:
    for item, system in LINES.items():
        assert with_simpy.line(system, 3, 20_000).mean_s == pytest.approx(exact_s(item), rel=0.25)
    assert with_simpy.three_tiers(3, 20_000).mean_s == pytest.approx(exact_s("c"), rel=0.03)


def test_the_features_are_at_work_and_most_requests_are_served() -> None:
    ran = with_wavetank.simulated("full", "compiled", seed=3, requests=120_000)
    served, _, rest = ran.note.partition("% ok")
    assert 95 < float(served) < 100, "what is refused costs less than what is served"
    assert " 0 scalings" not in rest


def test_a_day_of_the_crowd_is_mostly_served() -> None:
    ran = with_wavetank.simulated("day", "compiled", seed=3, requests=18_000)
    assert float(ran.note.partition("%")[0]) > 95


def test_programs_tell_of_their_runs_and_ratios_are_of_the_same_round() -> None:
    requests = {"a": 300, "c": 600}
    outcome = contest(["simpy"], requests, rounds=2, say=silent, environment_of=lambda _: OURS)
    assert [(run.item, run.round) for run in outcome.runs] == [
        ("a", 0),
        ("c", 0),
        ("a", 1),
        ("c", 1),
    ]
    assert {run.told.requests for run in outcome.runs if run.item == "a"} == {300}
    # SimPy needs less than pytest, which started it.
    assert all(run.told.peak_mb < 40 for run in outcome.runs)
    assert all(row.to_simpy == 1 and row.to_cimba is None for row in rows(outcome.runs))
    assert "| simpy 4." in written(outcome)


def test_what_no_peer_can_do_is_compared_with_the_bare_work_of_its_round() -> None:
    runs = (
        Run("simpy", "c", 0, told(100, 1.0)),
        Run("wavetank", "full", 0, told(100, 0.1)),
        Run("simpy", "c", 1, told(100, 2.0)),
        Run("wavetank", "full", 1, told(100, 0.2)),
    )
    [_, full] = rows(runs)
    assert full.contestant == "wavetank"
    assert full.to_simpy == pytest.approx(10)
    assert full.exact_s is None


def test_a_peer_that_is_missing_is_named_with_the_reason() -> None:
    nobody = LeftOut("could not be installed: no network")
    outcome = contest(["cimba"], {"a": 100}, 1, silent, environment_of=lambda _: nobody)
    assert not outcome.runs
    assert "- cimba: could not be installed: no network" in written(outcome)


def test_a_program_that_fails_is_named_once_with_its_last_words() -> None:
    # Cimba's program, in an environment without Cimba.
    outcome = contest(["cimba"], {"a": 100}, 3, silent, environment_of=lambda _: OURS)
    assert outcome.left_out == {"cimba on a": "ModuleNotFoundError: No module named 'cimba'"}
    assert "ModuleNotFoundError" in written(outcome)


def test_a_peer_for_a_later_python_says_so(tmp_path: Path) -> None:
    peer = Peer("tomorrow", "1.0", (), "unknown", python_min=(3, 90))
    found = environment(peer, tmp_path)
    assert found == LeftOut("needs Python 3.90 or later, and none is here")


def test_complaints_name_no_server_and_no_folder() -> None:
    stderr = "Looking in indexes\nERROR: nothing at https://host.example/simple/x in /home/me/y\n"
    assert complaint(stderr) == "ERROR: nothing at ... in ..."
    assert complaint("") == "without a word"


def test_each_peer_has_a_program_and_a_pin() -> None:
    for name, peer in PEERS.items():
        assert CONTESTANTS[name].peer == name
        assert all("==" in pin for pin in peer.requirements)
