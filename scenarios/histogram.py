"""Latency histograms: mergeable, of bounded size, the same from every engine.

The buckets are those of a high dynamic range histogram: exact below 512, then 256 to
each power of two, so a value read back is within 0.2 % of the one recorded. The index
is computed with integers alone, in a function of scalars, so that a compiled engine
fills the very same buckets.

Source: G. Tene, HdrHistogram (hdrhistogram.org).
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Self

from pydantic import NonNegativeInt, model_validator

from scenarios.model import RecordModel

_PRECISION_BITS = 8
_EXACT_BELOW = 2 << _PRECISION_BITS


def bucket_of(value: int) -> int:
    """Return the index of the bucket that holds ``value``; at least 0, monotone."""
    if value < _EXACT_BELOW:
        return value
    shift = value.bit_length() - _PRECISION_BITS - 1
    return (shift << _PRECISION_BITS) + (value >> shift)


def buckets_of(values: Iterable[int]) -> list[int]:
    """Return what :func:`bucket_of` says of each, in less than half the time of asking it."""
    return [
        (shift << _PRECISION_BITS) + (value >> shift)
        if (shift := value.bit_length() - _PRECISION_BITS - 1) > 0
        else value
        for value in values
    ]


def bucket_bounds(index: int) -> tuple[int, int]:
    """Return the smallest and the largest value in bucket ``index``."""
    if index < _EXACT_BELOW:
        return index, index
    shift = (index >> _PRECISION_BITS) - 1
    low = (index - (shift << _PRECISION_BITS)) << shift
    return low, low + (1 << shift) - 1


class Histogram(RecordModel):
    """How often which value occurred, in nanoseconds unless its owner says otherwise."""

    count: NonNegativeInt = 0
    total: NonNegativeInt = 0
    """The exact sum of all values."""

    smallest: NonNegativeInt = 0
    largest: NonNegativeInt = 0
    """Exact as well; both 0 when the histogram is empty."""

    buckets: tuple[tuple[NonNegativeInt, NonNegativeInt], ...] = ()
    """Index and count of each bucket that is not empty, ascending."""

    @model_validator(mode="after")
    def _buckets_hold_what_was_counted(self) -> Self:
        if sum(count for _, count in self.buckets) != self.count:
            raise ValueError("the buckets do not add up to the count")
        return self

    @property
    def mean(self) -> float | None:
        """The exact mean, or None of nothing."""
        return self.total / self.count if self.count else None

    def quantile(self, q: float) -> int | None:
        """Return the smallest recorded value that at least a share ``q`` do not exceed.

        Within 0.2 % of that value; exact at the ends. None of an empty histogram.
        """
        rank = max(math.ceil(q * self.count), 1)
        seen = 0
        for index, count in self.buckets:
            seen += count
            if seen >= rank:
                low, high = bucket_bounds(index)
                return min(max((low + high) // 2, self.smallest), self.largest)
        return None

    def count_above(self, value: int) -> int:
        """Return how many recorded values lie above ``value``'s bucket."""
        limit = bucket_of(value)
        return sum(count for index, count in self.buckets if index > limit)

    def merged(self, other: "Histogram") -> "Histogram":
        """Return the histogram of both."""
        if not self.count or not other.count:
            return self if self.count else other
        counts = dict(self.buckets)
        for index, count in other.buckets:
            counts[index] = counts.get(index, 0) + count
        return Histogram(
            count=self.count + other.count,
            total=self.total + other.total,
            smallest=min(self.smallest, other.smallest),
            largest=max(self.largest, other.largest),
            buckets=tuple(sorted(counts.items())),
        )


class HistogramBuilder:
    """Collects values.

    They are put into buckets a thousand at a time, which takes half as long as one by one.
    """

    __slots__ = ("_count", "_counts", "_largest", "_pending", "_smallest", "_total")

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._pending = list(values)
        self._counts: Counter[int] = Counter()
        self._count = 0
        self._total = 0
        self._smallest = 0
        self._largest = 0

    def add(self, value: int) -> None:
        """Count ``value``, at least 0."""
        self._pending.append(value)
        if len(self._pending) >= _PENDING_MAX:
            self._settle()

    def add_all(self, values: Iterable[int]) -> None:
        """Count all of ``values``."""
        self._pending.extend(values)
        self._settle()

    def build(self) -> Histogram:
        """Return what was collected so far."""
        self._settle()
        return Histogram(
            count=self._count,
            total=self._total,
            smallest=self._smallest,
            largest=self._largest,
            buckets=tuple(sorted(self._counts.items())),
        )

    def _settle(self) -> None:
        values = self._pending
        if not values:
            return
        smallest, largest = min(values), max(values)
        assert smallest >= 0, "a duration cannot be negative"
        self._smallest = min(smallest, self._smallest) if self._count else smallest
        self._largest = max(largest, self._largest)
        self._count += len(values)
        self._total += sum(values)
        self._counts.update(buckets_of(values))
        values.clear()


_PENDING_MAX = 1_000
