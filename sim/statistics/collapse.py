"""Runs that end well or badly, and nothing between: how likely, and how to tell.

A retry storm happens in some runs and not in others. The mean of both kinds describes neither,
so it is not quoted: the share of runs that collapse is, and figures for each kind apart.

A run has collapsed by a rule that is stated (``Rule``). Figures that fall into two clusters for
any other reason are found by their widest gap: it must be twice as wide as all the values above
it are apart, and as all below. Among 20 values of one cluster that happens in fewer than 2 of
1000 sets, be they normal, exponential, or lognormal with a variation of 1.3; among 10 in fewer
than 8.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from scenarios.records import RunRecord, Series
from sim.statistics.honest import (
    CONFIDENCE,
    Answer,
    Estimate,
    Reason,
    Refusal,
    too_few_replications,
)
from sim.statistics.intervals import probability_interval

REPLICATIONS_MIN: Final = 10
"""With fewer values a wide gap says nothing."""

_MODE_MIN: Final = 3
_MODE_SHARE_MIN: Final = 0.1
"""Fewer values far from the others are outliers, of which heavy tails have many."""

_GAP_MIN: Final = 2.0
"""How many times wider than each cluster the gap between two has to be."""

_ROUNDING: Final = 1e-9


class Rule(NamedTuple):
    """When a run counts as collapsed: most of its last requests did not end ``ok``."""

    ok_below: float = 0.5
    """The share of requests, in the last part, below which it has."""

    last: float = 0.25
    """How much of the measured time is the last part."""


RULE: Final = Rule()


class Modes(NamedTuple):
    """Two clusters of values, with nothing between ``below`` and ``above``."""

    below: float
    above: float
    low_count: int
    high_count: int


class Collapse(NamedTuple):
    """How many of a set of replications collapsed."""

    collapsed: tuple[bool, ...]
    """By the rule, in the order of the replications."""

    probability: Answer
    rule: Rule

    @property
    def mixed(self) -> bool:
        """Whether there are runs of both kinds."""
        return 0 < sum(self.collapsed) < len(self.collapsed)


def collapse(
    records: Sequence[RunRecord], rule: Rule = RULE, confidence: float = CONFIDENCE
) -> Collapse:
    """Return which of the runs collapsed, and how probable it is that one does."""
    collapsed = tuple(has_collapsed(record, rule) for record in records)
    probability = too_few_replications(len(records)) or probability_interval(
        sum(collapsed), len(collapsed), confidence
    )
    return Collapse(collapsed, probability, rule)


def has_collapsed(record: RunRecord, rule: Rule = RULE) -> bool:
    """Return whether too few of the requests in the last part of the measured time ended ``ok``.

    A run to which nothing was sent then has not collapsed.
    """
    measured_ns = record.measured_until_ns - record.measured_from_ns
    last_from_ns = record.measured_until_ns - math.floor(rule.last * measured_ns)
    offered, ok = (
        _sum(record.series[name], last_from_ns, record.measured_until_ns)
        for name in ("offered", "ok")
    )
    return ok < rule.ok_below * offered


def refuse_mixed(outcome: Collapse) -> Refusal | None:
    """Refuse figures over runs of both kinds."""
    if not outcome.mixed:
        return None
    probability = outcome.probability
    interval = (
        f", {probability.low:.0%} to {probability.high:.0%} ({probability.confidence:.0%}) of all,"
        if isinstance(probability, Estimate)
        else ""
    )
    return Refusal(
        Reason.BIMODAL,
        f"{sum(outcome.collapsed)} of {len(outcome.collapsed)} runs{interval} collapsed: under "
        f"{outcome.rule.ok_below:.0%} of their last requests ended ok; a mean over both kinds "
        "describes neither.",
        "Read the figures of each kind apart, and shed load before it collapses.",
    )


def refuse_two_clusters(values: Sequence[float]) -> Refusal | None:
    """Refuse the mean of values that fall into two clusters."""
    found = modes(values)
    if found is None:
        return None
    return Refusal(
        Reason.BIMODAL,
        f"The runs fall into two clusters, {found.low_count} up to {found.below:.4g} and "
        f"{found.high_count} from {found.above:.4g}; a mean over both describes neither.",
        "Look at one run of each cluster; their seeds are in the records.",
    )


def modes(values: Sequence[float]) -> Modes | None:
    """Return the two clusters into which the values fall, or None if they are one."""
    if len(values) < REPLICATIONS_MIN:
        return None
    ordered = sorted(values)
    gaps = [above - below for below, above in pairwise(ordered)]
    fewest = max(_MODE_MIN, math.ceil(_MODE_SHARE_MIN * len(ordered)))
    at = max(range(fewest - 1, len(ordered) - fewest), key=gaps.__getitem__)
    spread = max(ordered[at] - ordered[0], ordered[-1] - ordered[at + 1])
    # Values that agree but for rounding are one cluster, however they divide.
    least = _GAP_MIN * spread + _ROUNDING * max(abs(ordered[0]), abs(ordered[-1]))
    if gaps[at] <= least:
        return None
    return Modes(ordered[at], ordered[at + 1], at + 1, len(ordered) - at - 1)


def _sum(series: Series, from_ns: int, until_ns: int) -> float:
    """Add up the steps that begin in the given time."""
    first, end = -(-from_ns // series.step_ns), -(-until_ns // series.step_ns)
    return math.fsum(value for value in series.values[first:end] if value is not None)
