"""Several places with exponential service: M/M/c, E_k/M/c, M/M/c/K."""

import math
from collections.abc import Callable
from typing import NamedTuple

from sim.theory.erlang import erlang_c, steady


class Wait(NamedTuple):
    """The wait for a place, first come, first served: nothing, or exponential.

    This form it has wherever service is exponential and arrivals renew themselves.

    Source: L. Kleinrock, "Queueing Systems", volume 1 (1975), chapters 3 and 6.
    """

    service_s: float
    """Mean service time."""

    utilisation: float
    """Share of the places that is busy."""

    delayed: float
    """Share of arrivals that has to wait."""

    clearing_per_s: float
    """Those who wait do so for an exponential time of this rate."""

    @property
    def mean_s(self) -> float:
        """Mean wait, of those who do not have to included."""
        return self.delayed / self.clearing_per_s

    @property
    def variance_s2(self) -> float:
        """Variance of the wait, in square seconds."""
        return self.delayed * (2 - self.delayed) / self.clearing_per_s**2

    @property
    def mean_sojourn_s(self) -> float:
        """Mean time from arrival to end of service."""
        return self.mean_s + self.service_s

    def exceeds(self, wait_s: float) -> float:
        """Return the share of arrivals that waits for longer than ``wait_s``, at least 0."""
        return self.delayed * math.exp(-self.clearing_per_s * wait_s)

    def quantile_s(self, q: float) -> float:
        """Return the wait that a share ``q``, from 0 to below 1, does not exceed."""
        beyond = 1 - q
        return math.log(self.delayed / beyond) / self.clearing_per_s if self.delayed > beyond else 0

    def sojourn_exceeds(self, sojourn_s: float) -> float:
        """Return the share that takes longer than ``sojourn_s`` from arrival to end."""
        served_per_s = 1 / self.service_s
        slow_per_s, fast_per_s = sorted((served_per_s, self.clearing_per_s))
        apart_per_s = fast_per_s - slow_per_s
        # Both rates may be equal; the quotient is then its limit.
        spread_s = -math.expm1(-apart_per_s * sojourn_s) / apart_per_s if apart_per_s else sojourn_s
        in_line_s = math.exp(-slow_per_s * sojourn_s) * spread_s
        return math.exp(-served_per_s * sojourn_s) + self.delayed * served_per_s * in_line_s

    def sojourn_quantile_s(self, q: float) -> float:
        """Return the time from arrival to end that a share ``q`` does not exceed."""
        # Those who wait at worst take two exponential times, one after the other.
        slowest_s = self.service_s + 1 / self.clearing_per_s
        longest_s = slowest_s * (2 - 2 * math.log1p(-q))
        return _root(lambda time_s: self.sojourn_exceeds(time_s) - (1 - q), longest_s)


def m_m_c(rate_per_s: float, service_s: float, places: int) -> Wait:
    """Return the wait for one of several places, with Poisson arrivals.

    Args:
        rate_per_s: of the arrivals.
        service_s: mean of the exponential service time.
        places: at least 1.

    Raises:
        ValueError: the places cannot keep up.

    Source: A. K. Erlang (1917).
    """
    offered = rate_per_s * service_s
    return Wait(
        service_s=service_s,
        utilisation=steady(offered, places),
        delayed=erlang_c(offered, places),
        clearing_per_s=(places - offered) / service_s,
    )


def e_k_m_c(rate_per_s: float, service_s: float, places: int, phases: int) -> Wait:
    """Return the wait for one of several places, with Erlang-distributed gaps.

    Of Poisson arrivals that are dealt out in turns to ``phases`` stations, each station sees
    these: every gap is a sum of so many exponentials.

    Args:
        rate_per_s: of the arrivals at this station, above 0.
        service_s: mean of the exponential service time, above 0.
        places: at least 1.
        phases: of each gap; 1 is Poisson.

    Raises:
        ValueError: the places cannot keep up.

    Source: L. Takacs, "Introduction to the Theory of Queues" (1962), chapter 2, for the
    geometric number met by arrivals. The states below that are eliminated one by one, from
    the fullest down, which subtracts nothing but in one place: M. Neuts, "Matrix-Geometric
    Solutions in Stochastic Models" (1981), with a rate matrix of one row.
    """
    utilisation = steady(rate_per_s * service_s, places)
    # Rates in units of one phase of a gap.
    served = 1 / (service_s * phases * rate_per_s)
    thins = _thinning(places * served, phases)
    step = 1 / (1 + places * served * thins)
    entered = [step ** (i + 1) for i in range(phases)]
    # Of all arrivals at a level or above: the share that arrives at the level, and the share
    # that finds all places taken.
    here, delayed = thins, 1.0
    for level in range(places - 1, -1, -1):
        upward = entered[-1]
        delayed *= upward / (here + upward)
        here /= here + upward
        if level:
            entered = _entered(entered, level * served, (level + 1) * served)
    return Wait(service_s, utilisation, delayed, clearing_per_s=places * thins / service_s)


def _entered(above: list[float], leaves: float, comes_down: float) -> list[float]:
    """Return the time spent in each phase of a level for each time it is entered from below.

    Args:
        above: the same of the next level.
        leaves: rate at which somebody is done at this level, in units of a phase.
        comes_down: the same of the next level.
    """
    alone, returned = 0.0, 0.0
    direct: list[float] = []
    by_return: list[float] = []
    for i, visited in enumerate(above):
        alone = (alone + (i == 0)) / (1 + leaves)
        returned = (returned + comes_down * visited) / (1 + leaves)
        direct.append(alone)
        by_return.append(returned)
    last = alone / (1 - returned)
    return [one + last * other for one, other in zip(direct, by_return, strict=True)]


def _thinning(served: float, phases: int) -> float:
    """Return by how much each number above the places is less likely to be met than the last.

    Solves ``1 - x = (1 + served * x) ** -phases`` for x between 0 and 1, both excluded.
    """
    return _root(lambda x: -math.expm1(-phases * math.log1p(served * x)) - x, 1.0)


class Loss(NamedTuple):
    """What becomes of arrivals where only so many may wait."""

    lost: float
    """Share of arrivals that finds no room."""

    wait_s: float
    """Mean wait of those who find room."""

    utilisation: float
    """Share of the places that is busy."""


def m_m_c_k(rate_per_s: float, service_s: float, places: int, line_max: int) -> Loss:
    """Return what becomes of Poisson arrivals where only ``line_max`` may wait.

    Kendall's K is ``places + line_max``. There is a steady state under any load.

    Args:
        rate_per_s: of the arrivals, above 0.
        service_s: mean of the exponential service time.
        places: at least 1.
        line_max: at least 0.

    Source: the birth-death chain, as in D. Gross, C. Harris, "Fundamentals of Queueing
    Theory" (1985), section 2.5, room by room as Erlang's first formula: every number is a
    share, so neither a light nor a crushing load overflows.
    """
    offered = rate_per_s * service_s
    lost, waiting = 1.0, 0.0
    for number in range(1, places + line_max + 1):
        more = offered / min(number, places) * lost
        lost = more / (1 + more)
        waiting += lost * (max(number - places, 0) - waiting)
    admitted = 1 - lost
    return Loss(lost, waiting / (rate_per_s * admitted), offered * admitted / places)


def _root(falls: Callable[[float], float], high: float) -> float:
    """Return where ``falls``, positive from just above 0 on, falls below 0 before ``high``."""
    low = 0.0
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return middle
        if falls(middle) > 0:
            low = middle
        else:
            high = middle
