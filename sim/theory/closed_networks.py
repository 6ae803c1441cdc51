"""Closed networks: so many customers who think, ask, wait for the answer, and think again."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class ClosedNetwork(NamedTuple):
    """What a closed network does in its steady state."""

    throughput_per_s: float
    """Answers in a second."""

    response_s: float
    """Mean time from asking to the answer; thinking apart."""

    utilisations: tuple[float, ...]
    """Share of each station's places that is busy."""

    numbers: tuple[float, ...]
    """Customers at each station on average, waiting or in service."""


def mva(demands_s: Sequence[float], think_s: float, customers: int) -> ClosedNetwork:
    """Return what stations of one place do for a fixed number of customers.

    Args:
        demands_s: shape (n,): mean service time each customer needs of each station between
            two thoughts: visits times time of one.
        think_s: mean time between an answer and the next question; the delay station.
        customers: at least 1.

    Service is exponential and first come, first served, or of any distribution and shared.

    Raises:
        ValueError: there is no customer, or nothing takes time.

    Source: M. Reiser, S. Lavenberg, "Mean-value analysis of closed multichain queuing
    networks", Journal of the ACM 27 (1980).
    """
    _require(customers, [*demands_s, think_s])
    numbers = [0.0] * len(demands_s)
    throughput = response_s = 0.0
    for present in range(1, customers + 1):
        # Who arrives finds the stations as they are with one customer less.
        stays_s = [it * (1 + met) for it, met in zip(demands_s, numbers, strict=True)]
        response_s = math.fsum(stays_s)
        throughput = present / (think_s + response_s)
        numbers = [throughput * stay_s for stay_s in stays_s]
    utilisations = tuple(throughput * demand_s for demand_s in demands_s)
    return ClosedNetwork(throughput, response_s, utilisations, tuple(numbers))


def closed_network(
    demands_s: Sequence[float], places: Sequence[int], think_s: float, customers: int
) -> ClosedNetwork:
    """Return what stations of several places do for a fixed number of customers.

    Args:
        demands_s: shape (n,), as in :func:`mva`.
        places: shape (n,), at least 1 each.
        think_s: as in :func:`mva`.
        customers: at least 1; the work grows with its square.

    Raises:
        ValueError: as :func:`mva`.

    Source: J. Buzen, "Computational algorithms for closed queueing networks with
    exponential servers", Communications of the ACM 16 (1973), with logarithms, for sums of
    powers that neither overflow nor cancel.
    """
    _require(customers, [*demands_s, think_s])
    alone = [
        _log_weights(demand_s, count, customers)
        for demand_s, count in zip(demands_s, places, strict=True)
    ]
    thinking = _log_weights(think_s, customers, customers)
    together = thinking
    for weights in alone:
        together = _log_convolved(together, weights)
    throughput = math.exp(together[customers - 1] - together[customers])
    numbers: list[float] = []
    for at, weights in enumerate(alone):
        others = thinking
        for each in alone[:at] + alone[at + 1 :]:
            others = _log_convolved(others, each)
        numbers.append(
            math.fsum(
                n * math.exp(weights[n] + others[customers - n] - together[customers])
                for n in range(1, customers + 1)
            )
        )
    utilisations = tuple(
        throughput * demand_s / count for demand_s, count in zip(demands_s, places, strict=True)
    )
    response_s = math.fsum(numbers) / throughput
    return ClosedNetwork(throughput, response_s, utilisations, tuple(numbers))


def _require(customers: int, times_s: Sequence[float]) -> None:
    if customers < 1:
        raise ValueError(f"a closed network needs at least 1 customer, not {customers}")
    if not any(times_s):
        raise ValueError("in a closed network something has to take time")


def _log_weights(demand_s: float, places: int, customers: int) -> list[float]:
    """Return the logarithm of a station's weight with 0 to ``customers`` at it."""
    weights = [0.0]
    for present in range(1, customers + 1):
        ratio = demand_s / min(present, places)
        weights.append(weights[-1] + math.log(ratio) if ratio else -math.inf)
    return weights


def _log_convolved(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Return the logarithms of the convolution of two sequences of weights."""
    return [_log_sum([one[i] + other[n - i] for i in range(n + 1)]) for n in range(len(one))]


def _log_sum(logarithms: Sequence[float]) -> float:
    largest = max(logarithms)
    if largest == -math.inf:
        return largest
    return largest + math.log(math.fsum(math.exp(each - largest) for each in logarithms))
