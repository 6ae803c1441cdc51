"""Scales: where on an axis a value stands, and which values are worth a tick."""

import math
from statistics import NormalDist
from typing import NamedTuple, Protocol

_STEPS = (1, 2, 5, 10)
_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200)
_DAY_S = 86_400
_LOG_MANTISSAS = ((1, 2, 5), (1, 3), (1,))
_FEW_TICKS = 2
_NORMAL = NormalDist()


class Scale(Protocol):
    """Maps values to positions."""

    def at(self, value: float) -> float:
        """Return the position of ``value``."""


class Linear(NamedTuple):
    """Equal distances are equal differences."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the position of ``value``; ``low`` is at ``start``, ``high`` at ``end``."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


class Logarithmic(NamedTuple):
    """Equal distances are equal ratios; ``low`` is above 0."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the position of ``value``; what is below ``low`` stands at ``start``."""
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


class Probability(NamedTuple):
    """Equal distances are equal numbers of standard deviations of a normal distribution.

    Stretches both tails: the way from p99 to p99.9 is as visible as that from p50 to p80.
    On a logarithmic axis of times, a lognormal distribution is a straight line.
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the position of a probability; it is held between ``low`` and ``high``."""
        low, high = _NORMAL.inv_cdf(self.low), _NORMAL.inv_cdf(self.high)
        held = _NORMAL.inv_cdf(min(max(value, self.low), self.high))
        return self.start + (held - low) / (high - low) * (self.end - self.start)


def nice_ticks(high: float, wanted: int) -> list[float]:
    """Return round, evenly spaced ticks from 0 to the first that is not below ``high``.

    Args:
        high: the largest value; at least 0.
        wanted: about how many ticks above 0.
    """
    if high <= 0:
        return [0.0, 1.0]
    rough = high / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * step for step in _STEPS if power * step >= rough * 0.999)
    last = math.ceil(high / step * 0.999)
    return [step * i for i in range(last + 1)]


def time_ticks(seconds: float, wanted: int) -> list[float]:
    """Return ticks, in seconds, within a time that starts at 0."""
    rough = seconds / wanted
    days = math.ceil(rough / _DAY_S) * _DAY_S
    # Below a second the axis follows the decimal steps.
    if rough < 1 / _FEW_TICKS:
        return [tick for tick in nice_ticks(seconds, wanted) if tick <= seconds]
    step = next((step for step in _SECONDS if step >= rough * 0.999), days)
    return [float(step * i) for i in range(math.floor(seconds / step) + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return ticks within ``low`` to ``high``: the densest round ones that are not too many.

    Args:
        low: above 0.
        high: above ``low``.
        most: how many there may be.
    """
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    within: list[float] = []
    for mantissas in _LOG_MANTISSAS:
        ticks = [mantissa * 10.0**decade for decade in decades for mantissa in mantissas]
        within = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(within) <= most:
            break
    else:
        every = math.ceil(len(within) / most)
        within = within[::every]
    if len(within) < _FEW_TICKS:
        # A narrow range between two round values: even steps serve it better.
        step = nice_ticks(high - low, max(most - 2, 1))[1]
        first = math.ceil(low / step)
        within = [step * i for i in range(first, math.floor(high / step) + 1)]
    return within
