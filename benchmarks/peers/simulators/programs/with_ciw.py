"""The work in Ciw: nodes, and a record of each visit."""

import math
from collections.abc import Callable
from functools import partial
from importlib import metadata

import ciw  # type: ignore[import-not-found]  # installed where this runs, not where it is checked

from benchmarks.peers.simulators.programs.telling import Ran, Run, mean, tell
from benchmarks.peers.simulators.work import LINES, SERVICE_S, TIERS, Line


def line(system: Line, seed: int, requests: int) -> Ran:
    """Let so many customers through one node."""
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=system.rate_per_s)],
        service_distributions=[ciw.dists.Exponential(rate=1 / SERVICE_S)],
        number_of_servers=[system.places],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(requests, method="Finish")
    records = simulation.get_all_records()
    return Ran(len(records), mean([record.waiting_time for record in records]))


def three_tiers(seed: int, requests: int) -> Ran:
    """Let about so many requests through a gateway of several replicas and a database.

    The first node only deals requests out; after it come the replicas, then the database.
    """
    ciw.seed(seed)
    replicas = list(range(2, 2 + TIERS.replicas))
    database = 2 + TIERS.replicas
    mu = math.log(TIERS.database_s) - TIERS.sigma**2 / 2
    may_miss = ciw.routing.Probabilistic(destinations=[database], probs=[TIERS.misses])
    network = ciw.create_network(
        arrival_distributions=[
            ciw.dists.Exponential(rate=TIERS.rate_per_s),
            *[None] * (TIERS.replicas + 1),
        ],
        service_distributions=[
            ciw.dists.Deterministic(value=0.0),
            *[ciw.dists.Exponential(rate=1 / TIERS.gateway_s) for _ in replicas],
            ciw.dists.Lognormal(mean=mu, sd=TIERS.sigma),
        ],
        number_of_servers=[float("inf"), *[TIERS.places] * TIERS.replicas, TIERS.pool],
        routing=ciw.routing.NetworkRouting(
            routers=[
                ciw.routing.Cycle(cycle=replicas),
                *[may_miss for _ in replicas],
                ciw.routing.Leave(),
            ]
        ),
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(requests / TIERS.rate_per_s)
    arrived_s: dict[int, float] = {}
    left_s: dict[int, float] = {}
    for record in simulation.get_all_records():
        customer = record.id_number
        arrived_s[customer] = min(record.arrival_date, arrived_s.get(customer, math.inf))
        left_s[customer] = max(record.exit_date, left_s.get(customer, 0.0))
    return Ran(len(left_s), mean([left_s[each] - arrived_s[each] for each in left_s]))


def _ready(run: Run) -> Callable[[], Run]:
    return lambda: run


if __name__ == "__main__":
    lines = {item: _ready(partial(line, system)) for item, system in LINES.items()}
    tell({**lines, "c": _ready(three_tiers)}, metadata.version("ciw"))
