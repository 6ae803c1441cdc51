"""Objectives: what must hold, and when too little was seen to say."""

import pytest
from pydantic import ValidationError

from scenarios.findings import Finding, Verdict
from scenarios.histogram import HistogramBuilder
from scenarios.history import Outcome
from scenarios.objectives import Objective, judge, wilson_interval
from scenarios.records import ClassOutcome, Provenance, RunRecord

MS = 1_000_000


def outcome(
    *, fast: int = 0, slow: int = 0, refused: int = 0, is_job: bool = False
) -> ClassOutcome:
    """Return so many operations that took 10 ms, 100 ms, or were refused."""
    return ClassOutcome(
        counts={Outcome.OK: fast + slow, Outcome.REFUSED: refused},
        latency_ns=HistogramBuilder([10 * MS] * fast + [100 * MS] * slow).build(),
        is_job=is_job,
    )


def judged(objective: Objective, **classes: ClassOutcome) -> Finding:
    """Judge ten seconds in which these classes had these outcomes."""
    record = RunRecord(
        world="simulated",
        scenario="baseline",
        provenance=Provenance(scenario_sha256="00", seed=1, wavetank="0.1.0", engine="simpy"),
        ended="completed",
        measured_from_ns=0,
        measured_until_ns=10_000 * MS,
        classes=classes,
        stations={},
        series={},
    )
    return judge(objective, record)


P99 = Objective(of="read", p99_ns=50 * MS)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (outcome(fast=1_000), Verdict.HOLDS),
        (outcome(fast=1_000, slow=50), Verdict.BROKEN),
        (outcome(fast=1_000, slow=9), Verdict.UNKNOWN),
        (outcome(fast=20), Verdict.UNKNOWN),
        (outcome(fast=1_000, refused=50), Verdict.BROKEN),
        (outcome(refused=1), Verdict.BROKEN),
        (outcome(), Verdict.UNKNOWN),
    ],
)
def test_a_quantile_is_judged_by_the_share_that_took_longer(
    seen: ClassOutcome, verdict: Verdict
) -> None:
    assert judged(P99, read=seen).verdict is verdict


def test_the_evidence_stands_alone() -> None:
    finding = judged(P99, read=outcome(fast=1_000, slow=9))
    assert finding.claim == "read: p99 at most 50ms"
    assert finding.evidence == ("p99 10 ms of 1009 ok; 9 of 1009 were slower than 50 ms or not ok")
    assert judged(P99).evidence == "nothing of this class was measured"
    assert judged(P99, read=outcome(refused=3)).evidence == "none of 3 ended ok"


def test_other_quantiles_are_judged_by_their_own_shares() -> None:
    seen = outcome(fast=900, slow=100)
    assert judged(Objective(of="read", p50_ns=50 * MS), read=seen).verdict is Verdict.HOLDS
    assert judged(Objective(of="read", p95_ns=50 * MS), read=seen).verdict is Verdict.BROKEN


def test_an_objective_of_nothing_in_particular_is_of_all_requests_and_of_no_job() -> None:
    objective = Objective(availability=0.99)
    requests = {"read": outcome(fast=500), "write": outcome(fast=500)}
    jobs = outcome(refused=500, is_job=True)
    finding = judged(objective, **requests, render=jobs)
    assert finding.verdict is Verdict.HOLDS
    assert finding.claim == "all requests: availability at least 99%"
    assert finding.evidence == "1000 of 1000 ended ok (100.000%)"
    assert judged(objective, **requests, more=outcome(refused=50)).verdict is Verdict.BROKEN
    assert judged(objective, render=jobs).verdict is Verdict.UNKNOWN
    of_jobs = Objective(of="render", availability=0.99)
    assert judged(of_jobs, **requests, render=jobs).verdict is Verdict.BROKEN


@pytest.mark.parametrize(
    ("ok", "verdict"),
    [(1_200, Verdict.HOLDS), (1_000, Verdict.UNKNOWN), (800, Verdict.BROKEN), (1, Verdict.BROKEN)],
)
def test_goodput_is_judged_by_what_chance_allows_a_count(ok: int, verdict: Verdict) -> None:
    finding = judged(Objective(of="read", goodput_per_s=100), read=outcome(fast=ok))
    assert finding.verdict is verdict
    assert finding.claim == "read: goodput at least 100.0/s"


def test_an_objective_says_one_thing() -> None:
    for said in ({}, {"p50_ns": 5, "availability": 0.9}):
        with pytest.raises(ValidationError, match="should state exactly one of"):
            Objective.model_validate({"of": "read", **said})


def test_the_interval_is_the_one_in_the_tables() -> None:
    # Source: R. Newcombe, "Two-sided confidence intervals for the single proportion",
    # Statistics in Medicine 17 (1998), table I, method 3.
    for bad, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)):
        assert wilson_interval(bad, total) == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson_interval(29, 29)[1] == 1
    with pytest.raises(AssertionError, match="a part cannot exceed the whole"):
        wilson_interval(2, 1)
    with pytest.raises(AssertionError, match="nothing has no share"):
        wilson_interval(0, 0)
