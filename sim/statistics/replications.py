"""Independent runs of one scenario: their seeds, and what they say together."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from scenarios.records import RunRecord
from sim.statistics.collapse import Collapse, collapse, refuse_mixed, refuse_two_clusters
from sim.statistics.figures import Figure, Mean, Number, Quantile, Share
from sim.statistics.honest import (
    CONFIDENCE,
    Answer,
    Reason,
    Refusal,
    too_few_replications,
    without_value,
)
from sim.statistics.intervals import mean_interval, ratio_interval, share_interval
from sim.statistics.quantiles import quantile_interval
from sim.statistics.saturation import refuse_saturated

_SEED_BITS: Final = 53
"""As many as survive in every reader of JSON."""


def replication_seed(first_seed: int, index: int) -> int:
    """Return the seed of one replication; at least 0.

    Hashed: sums and products would give replications of one set to the sets of other seeds.
    """
    text = f"replication {index} of seed {first_seed}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)


@dataclass(frozen=True)
class Replications:
    """Records of independent runs, in the order of their seeds' numbers."""

    first_seed: int
    records: tuple[RunRecord, ...]

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def collapse(self) -> Collapse:
        """Which of the runs collapsed, by the usual rule, and how probable that is."""
        return collapse(self.records)

    def estimate(self, figure: Figure, confidence: float = CONFIDENCE) -> Answer:
        """Return the figure with its interval, or why it is not quoted."""
        return (
            too_few_replications(len(self.records))
            or self._refuse_incomplete
            or refuse_mixed(self.collapse)
            or (self._refuse_saturated if _grows_with_queues(figure) else None)
            or self._interval(figure, confidence)
        )

    def of_kind(self, *, collapsed: bool) -> "Replications":
        """Return only the runs that collapsed, or only those that did not."""
        kinds = zip(self.records, self.collapse.collapsed, strict=True)
        return Replications(
            self.first_seed, tuple(record for record, kind in kinds if kind is collapsed)
        )

    @cached_property
    def _refuse_incomplete(self) -> Refusal | None:
        broken_off = sum(record.ended == "interrupted" for record in self.records)
        if not broken_off:
            return None
        return Refusal(
            Reason.INCOMPLETE,
            f"{broken_off} of {len(self.records)} runs did not come to their end.",
            "Let them finish: give more time, or ask for shorter runs.",
        )

    @cached_property
    def _refuse_saturated(self) -> Refusal | None:
        return refuse_saturated(self.records)

    def _interval(self, figure: Figure, confidence: float) -> Answer:
        match figure:
            case Mean():
                histograms = [figure.histogram(record) for record in self.records]
                means = [it.total / it.count for it in histograms if it.count]
                return refuse_two_clusters(means) or ratio_interval(
                    [it.total for it in histograms], [it.count for it in histograms], confidence
                )
            case Quantile():
                histograms = [figure.histogram(record) for record in self.records]
                own = [it.quantile(figure.q) for it in histograms]
                return refuse_two_clusters([it for it in own if it is not None]) or (
                    quantile_interval(histograms, figure.q, confidence)
                )
            case Share():
                parts = [figure.part(record) for record in self.records]
                wholes = [figure.whole(record) for record in self.records]
                shares = [part / whole for part, whole in zip(parts, wholes, strict=True) if whole]
                return refuse_two_clusters(shares) or share_interval(parts, wholes, confidence)
            case Number():
                return self._number(figure, confidence)

    def _number(self, figure: Number, confidence: float) -> Answer:
        found = [figure.of(record) for record in self.records]
        values = [value for value in found if value is not None]
        if len(values) < len(found):
            lacking = len(found) - len(values)
            return without_value(f"{lacking} of {len(found)} runs have no such number.")
        return refuse_two_clusters(values) or mean_interval(values, confidence)


def _grows_with_queues(figure: Figure) -> bool:
    match figure:
        case Mean() | Quantile():
            return True
        case Share():
            return False
        case Number():
            return figure.grows_with_queues
