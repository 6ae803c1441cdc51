"""The work that all are given, in numbers. Needs nothing installed: every program reads it."""

from typing import Final, NamedTuple


class Line(NamedTuple):
    """One line in front of some places: Poisson arrivals, exponential service of 1 ms."""

    places: int
    load: float

    @property
    def rate_per_s(self) -> float:
        """Arrivals in a second."""
        return self.load * self.places / SERVICE_S


SERVICE_S: Final = 0.001
LINES: Final = {"a": Line(places=1, load=0.8), "b": Line(places=8, load=0.9)}


class ThreeTiers(NamedTuple):
    """Requests take turns at the gateway's replicas; some go on to the database's pool."""

    rate_per_s: float = 600.0
    replicas: int = 4
    places: int = 2
    """Of each replica."""

    gateway_s: float = 0.005
    """Mean of the exponential time there."""

    misses: float = 0.3
    """Share of the requests that ask the database."""

    pool: int = 20
    database_s: float = 0.010
    """Mean of the lognormal time there."""

    sigma: float = 0.5
    """Standard deviation of its logarithm."""


TIERS: Final = ThreeTiers()

REQUESTS: Final = {
    "a": 1_000_000,
    "b": 1_000_000,
    "c": 360_000,
    "full": 360_000,
    "day": 600 * 86_400,
}
"""By item, how many a run has, or about how many; at the full scale."""
