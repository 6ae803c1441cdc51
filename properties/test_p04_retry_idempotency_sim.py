"""P4, retry idempotency, in the simulator; the statement is in ``test_p04_retry_idempotency``.

Whole platforms, as they are drawn, run with workers that are killed and paused at any time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim.models.platform
from properties.checkers.effects import (
    End,
    Submission,
    at_most_once,
    conserved,
    every_job_ends,
)
from properties.checkers.verdict import Verdict
from properties.profiles import scaled
from properties.sim.mortal_queue import LEASE_NS, LIMITS, Fault, MortalQueue
from properties.sim.platforms import scenarios
from scenarios import units
from scenarios.history import Operation, Outcome
from scenarios.spec import Scenario
from sim.run import simulate

SECOND_NS = 1_000_000_000

PAUSES = st.sampled_from([1, LEASE_NS - 1, LEASE_NS, LEASE_NS + 1, 3 * LEASE_NS])

FAULTS = st.lists(
    st.builds(
        Fault,
        at_ns=st.integers(0, 5 * SECOND_NS),
        worker=st.integers(0, 3),
        pause_ns=st.none() | PAUSES,
    ),
    max_size=30,
).map(lambda faults: tuple(sorted(faults, key=lambda fault: fault.at_ns)))


class Run:
    """A scenario that ran with these faults, and what came of its jobs."""

    def __init__(self, scenario: Scenario, faults: tuple[Fault, ...], *, keyed: bool) -> None:
        made: list[MortalQueue] = []

        class Struck(MortalQueue):
            def __init__(self, *arguments: Any) -> None:  # noqa: ANN401  # those of JobQueue
                self.faults, self.keyed = faults, keyed
                made.append(self)
                super().__init__(*arguments)

        self.operations: list[Operation] = []
        with _queues_of(Struck):
            simulate(scenario, history=self.operations.append)
        [self.queue] = made

    def submissions(self) -> list[Submission]:
        """Return the jobs as their clients saw them submitted."""
        return [
            Submission(str(it.id), it.outcome) for it in self.operations if it.class_name == "film"
        ]

    def ends(self) -> list[End]:
        """Return how the jobs ended, as the history tells it."""
        hows = {Outcome.OK: "done", Outcome.FAILED: "dead"}
        return [
            End(str(it.id), hows[it.outcome])
            for it in self.operations
            if it.class_name == "render" and it.outcome in hows
        ]


@contextmanager
def _queues_of(kind: type[MortalQueue]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim.models.platform, "JobQueue", kind)
        yield


@given(scenario=scenarios(), faults=FAULTS)
@settings(max_examples=scaled(20), deadline=None)
def test_whatever_befalls_the_workers_each_job_is_done_once_or_dead(
    scenario: Scenario, faults: tuple[Fault, ...]
) -> None:
    run = Run(scenario, faults, keyed=True)
    queue = run.queue
    # In a run without jobs there is nothing to judge.
    assert not queue.effects or at_most_once(queue.effects)
    assert not run.submissions() or conserved(queue.moments, final=["done", "dead"])
    assert run.ends() == [End(*it) for it in queue.ends]
    done = {end.job for end in run.ends() if end.how == "done"}
    assert done <= {effect.key for effect in queue.effects}
    attempts = [it.attempts for it in queue.deliveries.values()]
    assert all(1 <= it <= LIMITS.attempts_max for it in attempts)
    # What has not ended is still somewhere, and only then may nobody know.
    acknowledged = {it.job for it in run.submissions() if it.outcome is Outcome.OK}
    open_jobs = acknowledged - {end.job for end in run.ends()}
    assert open_jobs <= queue.unfinished_ids()
    judged = every_job_ends(run.submissions(), run.ends(), settled=False)
    nobody_knows = open_jobs or not run.submissions()
    assert judged.verdict is (Verdict.UNKNOWN if nobody_knows else Verdict.HOLDS), str(judged)


def studio() -> Scenario:
    """Return a platform on which every job can end before the run does."""
    worker = {"service_time": {"constant": "100ms"}, "replicas": 3}
    data = {
        "name": "studio",
        "seed": 7,
        "duration": "5s",
        "drain": "60s",
        "users": {"free": {"count": 3}},
        "workload": {"arrivals": {"poisson": {"rate": "10/s"}}, "mix": {"film": 1}},
        "services": {"edge": {"service_time": {"constant": "1ms"}}, "worker": worker},
        "queues": {"render": {"workers": "worker"}},
        "classes": {
            "film": {
                "request": {"method": "POST", "path": "/"},
                "through": ["edge"],
                "steps": [{"enqueue": "render"}],
            }
        },
    }
    return Scenario.model_validate(data, context=units.FILE)


STRUCK_OFTEN = tuple(
    Fault(at_ns=number * SECOND_NS // 20, worker=number, pause_ns=pause_ns)
    for number, pause_ns in enumerate([None, 3 * LEASE_NS, None, LEASE_NS // 2] * 30)
)


@pytest.mark.requirement("learning-7.2")
def test_once_faults_stop_every_acknowledged_job_ends_and_most_of_them_well() -> None:
    run = Run(studio(), STRUCK_OFTEN, keyed=True)
    assert run.queue.struck > 50
    assert at_most_once(run.queue.effects)
    assert every_job_ends(run.submissions(), run.ends(), settled=True)
    ends = [end.how for end in run.ends()]
    assert ends.count("done") > len(ends) // 2, "a platform that gives up is no platform"
    assert max(it.attempts for it in run.queue.deliveries.values()) == LIMITS.attempts_max


def test_a_sink_that_cannot_tell_is_caught_in_the_simulator_too() -> None:
    run = Run(studio(), STRUCK_OFTEN, keyed=False)
    assert at_most_once(run.queue.effects).verdict is Verdict.BROKEN


def test_without_faults_the_queue_of_mortals_is_the_simulator_s_own() -> None:
    operations: list[Operation] = []
    simulate(studio(), history=operations.append)
    assert Run(studio(), (), keyed=True).operations == operations
