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

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._ahead = [each for each in stretches if each.length_ns > 0][::-1]
        self._since_ns = 0
        self._come = 0.0
        self._final_per_s = stretches[-1].end_per_s

    def reaches_ns(self, expected: float) -> int:
        """Return when ``expected`` arrivals are expected to have come; never less than before."""
        while self._ahead and expected > self._come + self._ahead[-1].arrivals:
            passed = self._ahead.pop()
            self._come += passed.arrivals
            self._since_ns += passed.length_ns
        rest = max(expected - self._come, 0.0)
        if not self._ahead:
            return self._since_ns + int(rest / self._final_per_s * _NS_PER_S)
        stretch = self._ahead[-1]
        return self._since_ns + min(into_ns(rest, stretch), stretch.length_ns)


def into_ns(expected: float, stretch: Stretch) -> int:
    """Return how far into ``stretch`` so many arrivals are expected to have come.

    With rate ``a`` at the start and slope ``b``, this solves ``a t + b t**2 / 2 = expected``
    in the form that does not subtract nearly equal numbers.
    """
    start = stretch.start_per_s
    slope_per_s2 = (stretch.end_per_s - start) / (stretch.length_ns / _NS_PER_S)
    # Rounding may take the root of a falling rate at its end just below zero.
    root = math.sqrt(max(start * start + 2 * slope_per_s2 * expected, 0.0))
    return int(2 * expected / (start + root) * _NS_PER_S)
