"""Objectives: what must hold of a run, and the judgement whether it did.

A quantile objective is a claim about a proportion: "p99 at most 50 ms" says that no
more than 1 % of the requests take longer. The count of those that did is binomial if
requests are independent, so the claim is judged by the Wilson interval of that share:
it holds when the whole interval is within the claim, is broken when the whole interval
is outside, and is unknown in between. Requests of one run are not quite independent
(they queue behind one another), so the interval is somewhat too narrow.

Source: E. B. Wilson, "Probable inference, the law of succession, and statistical
inference", JASA 22 (1927).
"""

import math
from typing import Self

from pydantic import model_validator

from scenarios.findings import Finding, Verdict
from scenarios.history import Outcome
from scenarios.model import Model, Name
from scenarios.records import ClassOutcome, RunRecord
from scenarios.units import MILLISECOND_NS, SECOND_NS, PositiveDurationNs, RatePerS, Share

_Z_95 = 1.959964
"""Two-sided 95 % of the normal distribution."""

_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class Objective(Model):
    """One thing that must hold: of one class or queue, or of all requests together."""

    of: Name | None = None
    """A request class, or a queue for its jobs. None: all requests; jobs are not requests."""

    p50_ns: PositiveDurationNs | None = None
    p95_ns: PositiveDurationNs | None = None
    p99_ns: PositiveDurationNs | None = None
    availability: Share | None = None
    """The least share of operations that end ``ok``; a refusal counts against it."""

    goodput_per_s: RatePerS | None = None
    """The least rate of operations that end ``ok``."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = self.model_dump(exclude_none=True, exclude={"of"})
        if len(said) != 1:
            raise ValueError("should state exactly one of p50, p95, p99, availability, goodput")
        return self

    def claim(self) -> str:
        """Return the objective in words."""
        [(name, bound)] = self.model_dump(exclude_none=True, exclude={"of"}).items()
        subject = self.of or "all requests"
        if name == "availability":
            return f"{subject}: availability at least {bound * 100:g}%"
        return f"{subject}: {name} at {'least' if name == 'goodput' else 'most'} {bound}"


def judge(objective: Objective, record: RunRecord) -> Finding:
    """Hold ``record`` against ``objective``; a pure function."""
    outcome = _outcome_of(objective, record)
    verdict, evidence = _judged(objective, outcome, record)
    return Finding(claim=objective.claim(), verdict=verdict, evidence=evidence, world=record.world)


def _outcome_of(objective: Objective, record: RunRecord) -> ClassOutcome | None:
    if objective.of is not None:
        return record.classes.get(objective.of)
    requests = [outcome for outcome in record.classes.values() if not outcome.is_job]
    if not requests:
        return None
    merged = requests[0]
    for outcome in requests[1:]:
        merged = merged.merged(outcome)
    return merged


def _judged(
    objective: Objective, outcome: ClassOutcome | None, record: RunRecord
) -> tuple[Verdict, str]:
    if outcome is None or outcome.total == 0:
        return Verdict.UNKNOWN, "nothing of this class was measured"
    ok = outcome.counts.get(Outcome.OK, 0)
    if objective.availability is not None:
        verdict = _share_verdict(outcome.total - ok, outcome.total, 1 - objective.availability)
        return verdict, f"{ok} of {outcome.total} ended ok ({ok / outcome.total:.3%})"
    if objective.goodput_per_s is not None:
        seconds = (record.measured_until_ns - record.measured_from_ns) / 1e9
        verdict = _rate_verdict(ok, objective.goodput_per_s * seconds)
        return verdict, f"{ok} ended ok in {seconds:g} s ({ok / seconds:.2f}/s)"
    bounds_ns = {name: getattr(objective, f"{name}_ns") for name in _QUANTILES}
    [(name, bound_ns)] = [(name, ns) for name, ns in bounds_ns.items() if ns is not None]
    return _quantile_verdict(name, _QUANTILES[name], bound_ns, outcome)


def _quantile_verdict(
    name: str, q: float, bound_ns: int, outcome: ClassOutcome
) -> tuple[Verdict, str]:
    """Judge a latency quantile; what did not end ``ok`` counts as too slow."""
    ok = outcome.counts.get(Outcome.OK, 0)
    measured_ns = outcome.latency_ns.quantile(q)
    slow = outcome.latency_ns.count_above(bound_ns) + outcome.total - ok
    verdict = _share_verdict(slow, outcome.total, 1 - q)
    if measured_ns is None:
        return verdict, f"none of {outcome.total} ended ok"
    evidence = (
        f"{name} {_told(measured_ns)} of {ok} ok; "
        f"{slow} of {outcome.total} were slower than {_told(bound_ns)} or not ok"
    )
    return verdict, evidence


def _told(duration_ns: int) -> str:
    """Return a duration in three digits, and in the unit in which people think of it."""
    if duration_ns >= SECOND_NS:
        return f"{duration_ns / SECOND_NS:.3g} s"
    return f"{duration_ns / MILLISECOND_NS:.3g} ms"


def _share_verdict(bad: int, total: int, allowed: float) -> Verdict:
    low, high = wilson_interval(bad, total)
    if high <= allowed:
        return Verdict.HOLDS
    return Verdict.BROKEN if low > allowed else Verdict.UNKNOWN


def _rate_verdict(ok: int, needed: float) -> Verdict:
    """Judge a count by its Poisson interval, as the normal approximation gives it."""
    margin = _Z_95 * math.sqrt(max(ok, 1))
    if ok - margin >= needed:
        return Verdict.HOLDS
    return Verdict.BROKEN if ok + margin < needed else Verdict.UNKNOWN


def wilson_interval(bad: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of which ``bad`` in ``total`` were seen.

    Args:
        bad: how many; from 0 to ``total``.
        total: out of how many; at least 1.
    """
    assert 0 <= bad <= total, "a part cannot exceed the whole"
    assert total >= 1, "nothing has no share"
    seen = bad / total
    z2 = _Z_95**2
    centre = (seen + z2 / (2 * total)) / (1 + z2 / total)
    spread = seen * (1 - seen) / total + z2 / (4 * total * total)
    margin = _Z_95 * math.sqrt(spread) / (1 + z2 / total)
    # At the ends the formula is exact only up to rounding.
    low = 0.0 if bad == 0 else centre - margin
    return low, 1.0 if bad == total else centre + margin
