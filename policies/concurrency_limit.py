"""A limit on calls in flight that finds out by itself how many a service can take.

Each success while the limit is in use lifts it a little, by one for as many successes as it
allows calls; each overload (a timeout, a refusal) cuts it to a share of itself:

    success         limit += 1 / limit
    overload        limit *= back_off_percent / 100

What was in flight when the limit was cut says nothing about the lower one: of all calls that
began before a cut, none cuts again. Otherwise one hiccup, by which all calls in flight time out,
would take the limit to its minimum at once.

Sources: D.-M. Chiu and R. Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
Avoidance in Computer Networks" (1989); RFC 5681 (2009), one cut for each window; for services
instead of packets: Netflix' concurrency-limits (2018), ``AIMDLimit``.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

SCALE: Final = 1_000_000
"""Limits are counted in millionths, so that a share of a call can be gained."""

_LIMIT_MAX: Final = 10**6
"""Above it, what a success gains would be less than a millionth, which is nothing."""

_PERCENT_MAX: Final = 100


class Ending(Enum):
    """What the end of a call says about the load."""

    SUCCESS = "success"
    """The service could take it."""

    OVERLOAD = "overload"
    """It timed out, or was refused: too much."""

    NEITHER = "neither"
    """It was cancelled, or failed for reasons of its own."""


@dataclass(frozen=True, slots=True)
class ConcurrencyLimits:
    """Where the limit may go, and how fast it comes down.

    Raises:
        ValueError: a number is out of its range.
    """

    limit_min: int = 1
    """The limit is never lower; from 1 to ``limit_start``."""

    limit_start: int = 20
    """Where it begins."""

    limit_max: int = 200
    """The limit is never higher; from ``limit_start`` to 10**6."""

    back_off_percent: int = 90
    """What an overload leaves of the limit; 1 to 99."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit_min <= self.limit_start <= self.limit_max <= _LIMIT_MAX:
            raise ValueError(
                f"limit_min, limit_start and limit_max must ascend from 1 to {_LIMIT_MAX},"
                f" got {self.limit_min}, {self.limit_start} and {self.limit_max}"
            )
        if not 1 <= self.back_off_percent < _PERCENT_MAX:
            raise ValueError(f"back_off_percent must be from 1 to 99, got {self.back_off_percent}")


def raised_step(limit: int, limit_max: int) -> int:
    """Return the limit after a success.

    Args:
        limit: in millionths, at least a million.
        limit_max: in millionths, up to 10**12.
    """
    return min(limit + SCALE * SCALE // limit, limit_max)


def cut_step(limit: int, limit_min: int, back_off_percent: int) -> int:
    """Return the limit after an overload.

    Args:
        limit: in millionths, up to 10**12.
        limit_min: in millionths.
        back_off_percent: what is left; 1 to 99.
    """
    return max(limit * back_off_percent // 100, limit_min)


class ConcurrencyLimit:
    """Admits calls to one service, as many at a time as it has shown to bear."""

    __slots__ = ("_cut_at", "_in_flight", "_limit", "_limits", "_ticket")

    def __init__(self, limits: ConcurrencyLimits) -> None:
        self._limits = limits
        self._limit = limits.limit_start * SCALE
        self._ticket = 0
        self._in_flight: set[int] = set()
        # Tickets up to this one were given out before the last cut.
        self._cut_at = 0

    @property
    def limit(self) -> int:
        """How many may be in flight."""
        return self._limit // SCALE

    @property
    def in_flight(self) -> int:
        """How many are."""
        return len(self._in_flight)

    def admit(self) -> int | None:
        """Return the ticket, at least 1, of a call that may go out now; None if it may not."""
        if self.in_flight >= self.limit:
            return None
        self._ticket += 1
        self._in_flight.add(self._ticket)
        return self._ticket

    def ended(self, ticket: int, ending: Ending) -> None:
        """Take back a ticket; one that came back before changes nothing."""
        if ticket not in self._in_flight:
            return
        # A limit that is not used has not been shown to be borne.
        is_used = 2 * self.in_flight >= self.limit
        self._in_flight.remove(ticket)
        if ending is Ending.SUCCESS and is_used:
            self._limit = raised_step(self._limit, self._limits.limit_max * SCALE)
        if ending is Ending.OVERLOAD and ticket > self._cut_at:
            self._limit = cut_step(
                self._limit, self._limits.limit_min * SCALE, self._limits.back_off_percent
            )
            self._cut_at = self._ticket
