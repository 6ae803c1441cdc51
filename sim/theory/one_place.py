"""One place, Poisson arrivals, any service time: M/M/1, M/D/1, M/G/1, M/G/1-PS."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from sim.theory.erlang import steady
from sim.theory.many_places import Wait, m_m_c


def m_m_1(rate_per_s: float, service_s: float) -> Wait:
    """Return the wait for one place with exponential service, first come, first served.

    Raises:
        ValueError: the place cannot keep up.
    """
    return m_m_c(rate_per_s, service_s, 1)


def m_g_1_wait_s(rate_per_s: float, service_s: float, cv: float) -> float:
    """Return the mean wait for one place, in any order that does not look at service times.

    Args:
        rate_per_s: of the Poisson arrivals.
        service_s: mean service time.
        cv: its coefficient of variation: standard deviation over mean; 0 is constant.

    Raises:
        ValueError: the place cannot keep up.

    Source: F. Pollaczek (1930), A. Khinchine (1932).
    """
    utilisation = steady(rate_per_s * service_s, 1)
    return utilisation / (1 - utilisation) * (1 + cv**2) / 2 * service_s


def m_d_1_wait_s(rate_per_s: float, service_s: float) -> float:
    """Return the mean wait for one place where every service takes ``service_s``.

    Raises:
        ValueError: the place cannot keep up.

    Source: A. K. Erlang (1909).
    """
    return m_g_1_wait_s(rate_per_s, service_s, cv=0.0)


def m_g_1_wait_variance_s2(
    rate_per_s: float, service_s: float, second_s2: float, third_s3: float
) -> float:
    """Return the variance of the wait for one place, first come, first served.

    The mean is the same in every order; the variance tells them apart.

    Args:
        rate_per_s: of the Poisson arrivals.
        service_s: first moment of the service time.
        second_s2: its second moment, in square seconds.
        third_s3: its third moment, in cubic seconds.

    Raises:
        ValueError: the place cannot keep up.

    Source: L. Takacs, "A single-server queue with Poisson input", Operations Research 10
    (1962).
    """
    idle = 1 - steady(rate_per_s * service_s, 1)
    mean_s = rate_per_s * second_s2 / (2 * idle)
    return mean_s**2 + rate_per_s * third_s3 / (3 * idle)


def m_g_1_last_come_first_variance_s2(
    rate_per_s: float, service_s: float, second_s2: float, third_s3: float
) -> float:
    """Return the variance of the wait for one place, last come, first served.

    Nobody who is being served is interrupted. The mean is that of every order.

    Args:
        rate_per_s: of the Poisson arrivals.
        service_s: first moment of the service time.
        second_s2: its second moment, in square seconds.
        third_s3: its third moment, in cubic seconds.

    Raises:
        ValueError: the place cannot keep up.

    Source: J. Riordan, "Stochastic Service Systems" (1962): the second moment of the wait is
    that of first come, first served, over the share of time that the place is idle.
    """
    idle = 1 - steady(rate_per_s * service_s, 1)
    mean_s = rate_per_s * second_s2 / (2 * idle)
    in_order_s2 = m_g_1_wait_variance_s2(rate_per_s, service_s, second_s2, third_s3)
    return (in_order_s2 + mean_s**2) / idle - mean_s**2


class Rank(NamedTuple):
    """Those who come with one priority."""

    rate_per_s: float
    """Of their Poisson arrivals."""

    service_s: float
    """Mean of their service time."""

    second_s2: float
    """Its second moment, in square seconds."""


def m_g_1_priority_waits_s(ranks: Sequence[Rank]) -> tuple[float, ...]:
    """Return the mean wait of each rank for one place that serves the lowest rank first.

    Nobody who is being served is interrupted.

    Args:
        ranks: shape (n,), who is served first comes first.

    Raises:
        ValueError: the place cannot keep up with all of them.

    Source: A. Cobham, "Priority assignment in waiting line problems", Operations Research 2
    (1954).
    """
    steady(math.fsum(rank.rate_per_s * rank.service_s for rank in ranks), 1)
    # What whoever is being served has still to get, seen at a time that nobody chose.
    rest_s = math.fsum(rank.rate_per_s * rank.second_s2 for rank in ranks) / 2
    waits_s = []
    before = 0.0
    for rank in ranks:
        upto = before + rank.rate_per_s * rank.service_s
        waits_s.append(rest_s / ((1 - before) * (1 - upto)))
        before = upto
    return tuple(waits_s)


def m_g_1_ps_sojourn_s(rate_per_s: float, service_s: float, size_s: float | None = None) -> float:
    """Return the mean time from arrival to end where all present share the place equally.

    It depends on the mean of the service time only, whatever its distribution.

    Args:
        rate_per_s: of the Poisson arrivals.
        service_s: mean service time, alone in the place.
        size_s: service time of the request that is asked about. None: of any.

    Raises:
        ValueError: the place cannot keep up.

    Source: M. Sakata, S. Noguchi, J. Oizumi, "An analysis of the M/G/1 queue under
    round-robin scheduling", Operations Research 19 (1971).
    """
    idle = 1 - steady(rate_per_s * service_s, 1)
    return (service_s if size_s is None else size_s) / idle


def m_g_1_ps_number(rate_per_s: float, service_s: float, number: int) -> float:
    """Return how likely it is that ``number`` requests share the place, at least 0.

    Raises:
        ValueError: the place cannot keep up.

    Source: as :func:`m_g_1_ps_sojourn_s`.
    """
    utilisation = steady(rate_per_s * service_s, 1)
    return float((1 - utilisation) * utilisation**number)
