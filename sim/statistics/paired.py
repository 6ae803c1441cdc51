"""What a change is worth: two variants under the same luck, seed by seed.

Draws depend on what they are for (``sim.streams``), so two variants with the same seed meet the
same requests. Most of what makes runs differ is then in both, and leaves their difference.

Source: A. Law, "Simulation Modeling and Analysis", 5th ed. (2015), 10.2 and 11.2.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from sim.statistics.figures import Figure, Mean, Number, Quantile, Share
from sim.statistics.honest import CONFIDENCE, Estimate, Refusal
from sim.statistics.intervals import Contributions, around, ratio_contributions
from sim.statistics.quantiles import quantile_contributions
from sim.statistics.replications import Replications


class Difference(NamedTuple):
    """How much higher a figure is in the second variant than in the first."""

    estimate: Estimate
    first: Estimate
    second: Estimate

    variance_reduction: float
    """How many times more replications independent seeds would have needed; infinite if all
    pairs agree to the bit."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.estimate.low <= 0 <= self.estimate.high


Compared: TypeAlias = Difference | Refusal


def difference(
    first: Replications, second: Replications, figure: Figure, confidence: float = CONFIDENCE
) -> Compared:
    """Return the second variant's figure less the first's, with its interval over pairs.

    Raises:
        ValueError: the two were not replicated with the same seeds.
    """
    seeds = [[record.provenance.seed for record in side.records] for side in (first, second)]
    if seeds[0] != seeds[1]:
        raise ValueError(
            "pairs need the same seeds: replicate both variants equally often, from the same first "
            "seed"
        )
    before, after = (side.estimate(figure, confidence) for side in (first, second))
    if isinstance(before, Refusal):
        return before
    if isinstance(after, Refusal):
        return after
    earlier = contributions(first, figure, before).each
    later = contributions(second, figure, after).each
    each = tuple(b - a for a, b in zip(earlier, later, strict=True))
    paired = Contributions(after.value - before.value, each)
    return Difference(
        around(paired, confidence, "Student's t of pairs"),
        before,
        after,
        _reduction(earlier, later, each),
    )


def contributions(replications: Replications, figure: Figure, estimate: Estimate) -> Contributions:
    """Return what each replication says of a figure that was estimated."""
    records = replications.records
    match figure:
        case Mean():
            histograms = [figure.histogram(record) for record in records]
            return ratio_contributions(
                [it.total for it in histograms], [it.count for it in histograms]
            )
        case Quantile():
            histograms = [figure.histogram(record) for record in records]
            return quantile_contributions(histograms, figure.q, estimate)
        case Share():
            return ratio_contributions(
                [figure.part(record) for record in records],
                [figure.whole(record) for record in records],
            )
        case Number():
            found = [figure.of(record) for record in records]
            values = tuple(value for value in found if value is not None)
            assert len(values) == len(records), "what was estimated has a value in each run"
            return Contributions(estimate.value, values)


def _reduction(earlier: Sequence[float], later: Sequence[float], each: Sequence[float]) -> float:
    apart = statistics.variance(earlier) + statistics.variance(later)
    paired = statistics.variance(each)
    if not paired:
        return math.inf if apart else 1.0
    return apart / paired
