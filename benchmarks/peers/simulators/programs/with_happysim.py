"""The work in happysim: its servers, its load balancer, its sink."""

import math
import random  # noqa: TID251  # happysim draws from it
from collections.abc import Callable
from functools import partial
from importlib import metadata

import happysimulator as hs  # type: ignore[import-not-found]  # installed where this runs
from happysimulator.components import (  # type: ignore[import-not-found]  # as above
    load_balancer,
)
from happysimulator.distributions import (  # type: ignore[import-not-found]  # as above
    latency_distribution,
)

from benchmarks.peers.simulators.programs.telling import Ran, Run, mean, tell
from benchmarks.peers.simulators.work import LINES, SERVICE_S, TIERS, Line

MU = math.log(TIERS.database_s) - TIERS.sigma**2 / 2
DRAIN_S = 10.0


class LognormalLatency(latency_distribution.LatencyDistribution):  # type: ignore[misc]  # has no types here
    """The one distribution of the work that happysim does not bring along."""

    def get_latency(self, current_time: object) -> object:  # noqa: ARG002  # happysim's interface
        """Draw one time."""
        return hs.Duration.from_seconds(random.lognormvariate(MU, TIERS.sigma))


class MayMiss(hs.Entity):  # type: ignore[misc]  # has no types here
    """Sends some requests on to the database, and the others to where they are counted."""

    def __init__(self, database: object, sink: object) -> None:
        super().__init__("MayMiss")
        self._database = database
        self._sink = sink

    def handle_event(self, event: object) -> list[object]:
        """Send one request on."""
        misses = random.random() < TIERS.misses  # noqa: S311  # no secret
        return [self.forward(event, self._database if misses else self._sink)]


def line(system: Line, seed: int, requests: int) -> Ran:
    """Let about so many customers through one server."""
    random.seed(seed)
    sink = hs.Sink()
    door = hs.Server(
        "Door",
        concurrency=system.places,
        service_time=hs.ExponentialLatency(SERVICE_S),
        downstream=sink,
    )
    _simulate(requests / system.rate_per_s, system.rate_per_s, door, [door, sink])
    # It knows what was served and what it took, not what was waited for.
    return Ran(len(sink.latencies_s), mean(sink.latencies_s) - door.average_service_time)


def three_tiers(seed: int, requests: int) -> Ran:
    """Let about so many requests through a gateway of several replicas and a database."""
    random.seed(seed)
    sink = hs.Sink()
    database = hs.Server(
        "Database",
        concurrency=TIERS.pool,
        service_time=LognormalLatency(TIERS.database_s),
        downstream=sink,
    )
    fork = MayMiss(database, sink)
    replicas = [
        hs.Server(
            f"Gateway{number}",
            concurrency=TIERS.places,
            service_time=hs.ExponentialLatency(TIERS.gateway_s),
            downstream=fork,
        )
        for number in range(TIERS.replicas)
    ]
    gateway = load_balancer.LoadBalancer("Gateway", backends=replicas)
    entities = [gateway, *replicas, fork, database, sink]
    _simulate(requests / TIERS.rate_per_s, TIERS.rate_per_s, gateway, entities)
    return Ran(len(sink.latencies_s), mean(sink.latencies_s))


def _simulate(length_s: float, rate_per_s: float, first: object, entities: list[object]) -> None:
    source = hs.Source.poisson(rate=rate_per_s, target=first, stop_after=length_s)
    hs.Simulation(
        start_time=hs.Instant.Epoch,
        end_time=hs.Instant.from_seconds(length_s + DRAIN_S),
        sources=[source],
        entities=entities,
    ).run()


def _ready(run: Run) -> Callable[[], Run]:
    return lambda: run


if __name__ == "__main__":
    lines = {item: _ready(partial(line, system)) for item, system in LINES.items()}
    tell({**lines, "c": _ready(three_tiers)}, metadata.version("happysim"))
