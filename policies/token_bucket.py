"""A token bucket in one integer: so many at once, then no faster than a rate.

What is kept is the theoretical arrival time: when the bucket would be full again. In any
closed stretch of ``t`` nanoseconds at most ``burst + t // interval_ns`` requests are
admitted, in whatever order their times come, and a request is refused only if the stretch
that ends with it, and begins when the bucket was last full, holds as many already. Beside a
window of the same rate this lets in up to twice as much at a window's length, on purpose:
``burst`` after a silence, and the rate on top of it.

Source: ITU-T I.371 (2004), annex A, generic cell rate algorithm, as virtual scheduling.
"""

from dataclasses import dataclass
from typing import Final, Self

from policies.rate_limit import Admission, RateLimit

TOLERANCE_MAX_NS: Final = 2**61
"""The longest that a bucket may take to fill: with it, sums of times stay below 2**63."""


@dataclass(frozen=True, slots=True)
class TokenBucketLimit:
    """A rate, and how many may come at once.

    Raises:
        ValueError: a number is below 1, or the bucket takes longer than ``TOLERANCE_MAX_NS``
            to fill.
    """

    interval_ns: int
    """Nanoseconds between requests at the sustained rate; at least 1."""

    burst: int
    """Requests admitted at once after a silence; at least 1."""

    def __post_init__(self) -> None:
        if self.interval_ns < 1:
            raise ValueError(f"interval_ns must be at least 1, got {self.interval_ns}")
        if self.burst < 1:
            raise ValueError(f"burst must be at least 1, got {self.burst}")
        if self.burst * self.interval_ns > TOLERANCE_MAX_NS:
            raise ValueError(
                f"burst must be at most {TOLERANCE_MAX_NS // self.interval_ns} with an "
                f"interval_ns of {self.interval_ns}, got {self.burst}"
            )

    @classmethod
    def at_rate_of(cls, limit: RateLimit, burst: int) -> Self:
        """Return a bucket whose sustained rate is the limit's, or by rounding a little below.

        Raises:
            ValueError: as for the bucket itself.
        """
        return cls(interval_ns=-(-limit.window_ns // limit.requests), burst=burst)

    @property
    def tolerance_ns(self) -> int:
        """How far ahead of the rate a request may come."""
        return (self.burst - 1) * self.interval_ns

    def admitted_max(self, stretch_ns: int) -> int:
        """Return the most that any closed stretch of this length can hold."""
        return self.burst + stretch_ns // self.interval_ns


def gcra_step(tat_ns: int, now_ns: int, interval_ns: int, tolerance_ns: int) -> tuple[int, int]:
    """Decide one arrival.

    Args:
        tat_ns: theoretical arrival time; any time that is over means a full bucket.
        now_ns: when the request arrives. One that is stamped earlier than the last may be
            refused for it, but breaks no bound.
        interval_ns: nanoseconds between requests at the sustained rate.
        tolerance_ns: how far ahead of that rate a request may come.

    Returns:
        The new ``tat_ns``, and the nanoseconds to wait (0: admitted). Where integers have 64
        bits, times must be below 2**61 in size, interval and tolerance at most 2**61.
    """
    earliest_ns = tat_ns - tolerance_ns
    if now_ns < earliest_ns:
        return tat_ns, earliest_ns - now_ns
    return max(tat_ns, now_ns) + interval_ns, 0


class TokenBucket:
    """One bucket, full at first."""

    __slots__ = ("_limit", "_tat_ns")

    def __init__(self, limit: TokenBucketLimit) -> None:
        self._limit = limit
        self._tat_ns: int | None = None

    def admit(self, now_ns: int) -> Admission:
        """Decide on one request that arrives at ``now_ns``."""
        limit = self._limit
        tat_ns = now_ns if self._tat_ns is None else self._tat_ns
        tat_ns, wait_ns = gcra_step(tat_ns, now_ns, limit.interval_ns, limit.tolerance_ns)
        if wait_ns > 0:
            return Admission(admitted=False, retry_after_ns=wait_ns, remaining=0)
        self._tat_ns = tat_ns
        ahead_ns = now_ns + limit.tolerance_ns - tat_ns
        return Admission(
            admitted=True, retry_after_ns=0, remaining=ahead_ns // limit.interval_ns + 1
        )
