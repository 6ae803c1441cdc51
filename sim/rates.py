"""Rates that change over time, in straight lines, and the time by which so much has come.

A Poisson process of any rate is one of rate 1 on a stretched time axis: its n-th arrival
comes when the cumulated rate reaches the n-th arrival of the unit process. Drawn this way
the arrivals of two rates are coupled: where a rate is higher, each arrival comes earlier.

Source: E. Cinlar, "Introduction to Stochastic Processes" (1975), chapter 4.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

_NS_PER_S = 1e9

NEVER_NS: Final = 1 << 62
"""The time of what does not happen: after the end of every run."""


class Stretch(NamedTuple):
    """A time in which the rate moves linearly."""

    length_ns: int
    start_per_s: float
    end_per_s: float

    @property
    def arrivals(self) -> float:
        """How many arrivals are expected in all of it."""
        return arrivals_in(self.length_ns, self.start_per_s, self.end_per_s)

    @property
    def slope(self) -> float:
        """How much the rate changes in a second."""
        return slope_of(self.length_ns, self.start_per_s, self.end_per_s)


def arrivals_in(length_ns: int, start_per_s: float, end_per_s: float) -> float:
    """Return how many arrivals are expected in a stretch."""
    return (start_per_s + end_per_s) / 2 * length_ns / _NS_PER_S


def slope_of(length_ns: int, start_per_s: float, end_per_s: float) -> float:
    """Return how much the rate changes in a second of a stretch of at least a nanosecond."""
    return (end_per_s - start_per_s) / (length_ns / _NS_PER_S)


def until_come_ns(arrivals: float, rate_per_s: float, slope: float) -> float:
    """Return after how many nanoseconds so many arrivals are expected; maybe infinity.

    In scalars and branches only, so that ``sim.compiled`` can hand this very function to Numba.

    Args:
        arrivals: above 0.
        rate_per_s: the rate at first, at least 0.
        slope: how much it changes in a second.
    """
    if slope == 0:
        return arrivals / rate_per_s * _NS_PER_S
    # Solves rate * t + slope * t**2 / 2 = arrivals in the form that does not subtract nearly
    # equal numbers. Rounding may take the root of a falling rate just below zero.
    root = math.sqrt(max(rate_per_s * rate_per_s + 2 * slope * arrivals, 0.0))
    return 2 * arrivals / (rate_per_s + root) * _NS_PER_S


class CumulatedRate:
    """Says when a given number of arrivals is expected to have come.

    Answers ascending questions only, which makes it fast. After the last stretch nothing comes.

    Args:
        stretches: one after the other from time 0; looked at only as far as is asked.
        until_ns: those that begin at this time or later are not looked at.
    """

    __slots__ = (
        "_ahead",
        "_come",
        "_come_next",
        "_end_ns",
        "_rate",
        "_since_ns",
        "_slope",
        "_until_ns",
    )

    def __init__(self, stretches: Iterable[Stretch], until_ns: int) -> None:
        self._ahead = (each for each in stretches if each.length_ns > 0)
        self._until_ns = until_ns
        # Of the stretch that is asked about: when it begins, how many have come by then,
        # its rate at that time, and how much the rate changes in a second.
        self._since_ns = 0
        self._come = 0.0
        self._rate = 0.0
        self._slope = 0.0
        # How many will have come by its end, and when that is.
        self._come_next = 0.0
        self._end_ns = 0

    def reaches_ns(self, expected: float) -> int:
        """Return when ``expected`` arrivals are expected to have come; never less than before."""
        while expected > self._come_next:
            if not self._go_on():
                return NEVER_NS
        into_ns = until_come_ns(expected - self._come, self._rate, self._slope)
        # Rounding may carry the last ones beyond the end of the stretch.
        left_ns = self._end_ns - self._since_ns
        return self._since_ns + int(into_ns) if into_ns < left_ns else self._end_ns

    def _go_on(self) -> bool:
        """Turn to the next stretch, and say whether there is one."""
        stretch = next(self._ahead, None) if self._end_ns < self._until_ns else None
        if stretch is None:
            return False
        self._since_ns = self._end_ns
        self._come = self._come_next
        self._rate = stretch.start_per_s
        self._slope = stretch.slope
        self._come_next += stretch.arrivals
        self._end_ns += stretch.length_ns
        return True
