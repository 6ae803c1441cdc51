"""Where nothing happened nothing can be told: an empty history never passes."""

from collections.abc import Callable

import pytest

from policies.rate_limit import RateLimit
from properties.checkers import conservation, effects, fairness, intervals, rate_limit, scaling
from properties.checkers.linearizability import linearizable
from properties.checkers.staleness import (
    bounded_staleness,
    converges,
    monotonic_reads,
    no_phantoms,
    reads_own_writes,
)
from properties.checkers.verdict import Judgement, Verdict, worst

LIMIT = RateLimit(requests=1, window_ns=10)

JUDGES: dict[str, Callable[[], Judgement]] = {
    "worst": lambda: worst([]),
    "at_most_once": lambda: effects.at_most_once([]),
    "every_job_ends": lambda: effects.every_job_ends([], [], settled=True),
    "every_job_ends, not settled": lambda: effects.every_job_ends([], [], settled=False),
    "answers_agree": lambda: effects.answers_agree([]),
    "conserved, no moment": lambda: effects.conserved([]),
    "conserved, no job": lambda: effects.conserved([{"queued": []}, {"queued": []}]),
    "linearizable": lambda: linearizable([]),
    "capacity_kept": lambda: intervals.capacity_kept([], {"gpu 0": 1}),
    "held_by_one": lambda: intervals.held_by_one([]),
    "requests conserved": lambda: conservation.conserved([], []),
    "jobs conserved": lambda: conservation.jobs_conserved([], []),
    "share": lambda: fairness.judge_share("a", 0, 0, most=1),
    "evenness of nobody": lambda: fairness.judge_evenness({}),
    "evenness of nothing": lambda: fairness.judge_evenness({"a": 0, "b": 0}),
    "starvation, no choice": lambda: fairness.judge_starvation([], ["a"], within=1),
    "starvation of nobody": lambda: fairness.judge_starvation([None], [], within=1),
    "allocation": lambda: fairness.judge_allocation([], [], [], slack=0),
    "enforced": lambda: rate_limit.enforced([], {}),
    "no_window_too_full": lambda: rate_limit.no_window_too_full([], LIMIT),
    "no_refusal_unjust": lambda: rate_limit.no_refusal_unjust([], LIMIT),
    "no_phantoms": lambda: no_phantoms([], []),
    "bounded_staleness": lambda: bounded_staleness([], []),
    "converges": lambda: converges([], [], within_ns=0),
    "reads_own_writes": lambda: reads_own_writes([], []),
    "monotonic_reads": lambda: monotonic_reads([]),
    "is_in_time": lambda: scaling.is_in_time([], [], within_ns=1, until_ns=1),
    "is_steady": lambda: scaling.is_steady([], turns_max=0, variation_max=0),
    "is_within": lambda: scaling.is_within([], 0, 1),
    "keeps_pace": lambda: scaling.keeps_pace([], lambda replicas: replicas, period_ns=1),
    "rests_after_rises": lambda: scaling.rests_after_rises([], window_ns=1),
}


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES.keys())
def test_nothing_at_all_is_unknown_and_says_why(judge: Callable[[], Judgement]) -> None:
    judged = judge()
    assert judged.verdict is Verdict.UNKNOWN
    assert not judged
    assert all(judged.evidence)
