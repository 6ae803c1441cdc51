"""The work in SimPy, by hand: one process for each request, resources for places."""

import math
import random  # noqa: TID251  # as SimPy's users do
from collections.abc import Callable, Generator
from functools import partial
from importlib import metadata
from itertools import cycle

import simpy

from benchmarks.peers.simulators.programs.telling import Ran, Run, mean, tell
from benchmarks.peers.simulators.work import LINES, SERVICE_S, TIERS, Line

Events = Generator[simpy.Event, None, None]


def line(system: Line, seed: int, requests: int) -> Ran:
    """Let so many customers through one line."""
    chance = random.Random(seed)  # noqa: S311  # nothing is secret here
    env = simpy.Environment()
    places = simpy.Resource(env, system.places)
    waits_s: list[float] = []

    def customer() -> Events:
        arrived = env.now
        with places.request() as turn:
            yield turn
            waits_s.append(env.now - arrived)
            yield env.timeout(chance.expovariate(1 / SERVICE_S))

    def traffic() -> Events:
        for _ in range(requests):
            yield env.timeout(chance.expovariate(system.rate_per_s))
            env.process(customer())

    env.process(traffic())
    env.run()
    return Ran(len(waits_s), mean(waits_s))


def three_tiers(seed: int, requests: int) -> Ran:
    """Let about so many requests through a gateway of several replicas and a database."""
    chance = random.Random(seed)  # noqa: S311  # nothing is secret here
    env = simpy.Environment()
    gateways = cycle([simpy.Resource(env, TIERS.places) for _ in range(TIERS.replicas)])
    pool = simpy.Resource(env, TIERS.pool)
    mu = math.log(TIERS.database_s) - TIERS.sigma**2 / 2
    latencies_s: list[float] = []

    def request(gateway: simpy.Resource) -> Events:
        arrived = env.now
        with gateway.request() as turn:
            yield turn
            yield env.timeout(chance.expovariate(1 / TIERS.gateway_s))
        if chance.random() < TIERS.misses:
            with pool.request() as turn:
                yield turn
                yield env.timeout(chance.lognormvariate(mu, TIERS.sigma))
        latencies_s.append(env.now - arrived)

    def traffic() -> Events:
        while True:
            yield env.timeout(chance.expovariate(TIERS.rate_per_s))
            env.process(request(next(gateways)))

    env.process(traffic())
    env.run(until=requests / TIERS.rate_per_s)
    return Ran(len(latencies_s), mean(latencies_s))


def _ready(run: Run) -> Callable[[], Run]:
    return lambda: run


if __name__ == "__main__":
    lines = {item: _ready(partial(line, system)) for item, system in LINES.items()}
    tell({**lines, "c": _ready(three_tiers)}, metadata.version("simpy"))
