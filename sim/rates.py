"""Rates that change over time, in straight lines, and the time by which so much has come.

A Poisson process of any rate is one of rate 1 on a stretched time axis: its n-th arrival
comes when the cumulated rate reaches the n-th arrival of the unit process. Drawn this way
the arrivals of two rates are coupled: where a rate is higher, each arrival comes earlier.

Source: E. Cinlar, "Introduction to Stochastic Processes" (1975), chapter 4.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

_NS_PER_S = 1e9


class Stretch(NamedTuple):
    """A time in which the rate moves linearly."""

    length_ns: int
    start_per_s: float
    end_per_s: float

    @property
    def arrivals(self) -> float:
        """How many arrivals are expected in all of it."""
        return (self.start_per_s + self.end_per_s) / 2 * self.length_ns / _NS_PER_S


class CumulatedRate:
    """Says when a given number of arrivals is expected to have come.

    Answers ascending questions only, which makes it fast. After the last stretch its end
    rate goes on.

    Args:
        stretches: one after the other from time 0; at least one, and rates above 0.
    """

    __slots__ = (
        "_ahead",
        "_come",
        "_come_next",
        "_end_ns",
        "_final_rate",
        "_rate",
        "_since_ns",
        "_slope",
    )

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._ahead = [each for each in stretches if each.length_ns > 0][::-1]
        # Of the stretch that is asked about: when it begins, how many have come by then,
        # its rate at that time, and how much the rate changes in a second.
        self._since_ns = 0
        self._come = 0.0
        self._rate = self._final_rate = stretches[-1].end_per_s
        self._slope = 0.0
        # How many will have come by its end, and when that is.
        self._come_next = 0.0
        self._end_ns = 0

    def reaches_ns(self, expected: float) -> int:
        """Return when ``expected`` arrivals are expected to have come; never less than before."""
        while expected > self._come_next:
            self._go_on()
        rest = expected - self._come
        if not self._slope:
            return self._since_ns + int(rest / self._rate * _NS_PER_S)
        # Solves rate * t + slope * t**2 / 2 = rest in the form that does not subtract nearly
        # equal numbers. Rounding may take the root of a falling rate just below zero.
        root = math.sqrt(max(self._rate * self._rate + 2 * self._slope * rest, 0.0))
        into_ns = int(2 * rest / (self._rate + root) * _NS_PER_S)
        return min(self._since_ns + into_ns, self._end_ns)

    def _go_on(self) -> None:
        """Turn to the next stretch, or to the time after the last."""
        self._since_ns = self._end_ns
        self._come = self._come_next
        if not self._ahead:
            self._rate = self._final_rate
            self._slope = 0.0
            self._come_next = math.inf
            return
        stretch = self._ahead.pop()
        self._rate = stretch.start_per_s
        change_per_s = stretch.end_per_s - stretch.start_per_s
        self._slope = change_per_s / (stretch.length_ns / _NS_PER_S)
        self._come_next = self._come + stretch.arrivals
        self._end_ns = self._since_ns + stretch.length_ns
