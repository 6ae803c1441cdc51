"""Open networks of stations: how much each gets, and how long a request takes through them."""

from collections.abc import Sequence
from typing import NamedTuple

from sim.theory.linear import solve
from sim.theory.many_places import Wait, m_m_c


def traffic_per_s(
    external_per_s: Sequence[float], routing: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    """Return how many requests come to each station in a second, whoever sends them.

    Args:
        external_per_s: shape (n,), from outside to each station.
        routing: shape (n, n), the share of station i's requests that goes on to station j;
            what a row lacks to 1 leaves the network. Circles are allowed.

    Returns:
        Shape (n,), per second.

    Raises:
        ValueError: shapes differ, a share is negative, a row sums to more than 1, or some
            requests never leave.

    Source: J. R. Jackson, "Networks of waiting lines", Operations Research 5 (1957).
    """
    size = len(external_per_s)
    if len(routing) != size or any(len(row) != size for row in routing):
        raise ValueError("the routing needs a row and a column for each station")
    if any(share < 0 for row in routing for share in row) or any(
        sum(row) > 1 + 1e-12 for row in routing
    ):
        raise ValueError("each row of the routing needs shares of at most 1 in all")
    rows = [[(i == j) - routing[i][j] for i in range(size)] for j in range(size)]
    try:
        found = solve(rows, external_per_s)
    except ValueError as error:
        raise ValueError("some requests never leave the network") from error
    return tuple(max(each, 0.0) for each in found)


class OpenNetwork(NamedTuple):
    """What an open network does in its steady state."""

    rates_per_s: tuple[float, ...]
    """Requests that come to each station."""

    waits: tuple[Wait, ...]
    """The wait for each visit to each station."""

    sojourn_s: float
    """Mean time from entering the network to leaving it, over all visits."""


def jackson(
    external_per_s: Sequence[float],
    routing: Sequence[Sequence[float]],
    service_s: Sequence[float],
    places: Sequence[int],
) -> OpenNetwork:
    """Return what a network of M/M/c stations does.

    Each station behaves as if it were alone under Poisson arrivals, which its arrivals need
    not be: requests may come back.

    Args:
        external_per_s: shape (n,), Poisson arrivals from outside at each station.
        routing: shape (n, n), as in :func:`traffic_per_s`.
        service_s: shape (n,), means of the exponential service times.
        places: shape (n,), at least 1 each.

    Raises:
        ValueError: a station cannot keep up, or the routing is not one.

    Source: J. R. Jackson, "Jobshop-like queueing systems", Management Science 10 (1963).
    """
    rates = traffic_per_s(external_per_s, routing)
    waits = tuple(
        m_m_c(rate, each_s, count)
        for rate, each_s, count in zip(rates, service_s, places, strict=True)
    )
    inside = sum(rate * wait.mean_sojourn_s for rate, wait in zip(rates, waits, strict=True))
    return OpenNetwork(rates, waits, inside / sum(external_per_s))
