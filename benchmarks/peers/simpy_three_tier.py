"""How much the simulator's parts and figures cost, beside SimPy with nothing around it.

Ten simulated minutes at 600 requests/s: Poisson arrivals take turns at 4 replicas with 2
places each (exponential, 5 ms); 30 % go on to a pool of 20 connections (lognormal, 10 ms,
sigma 0.5). Once as a scenario, with policies, histograms, series and draws by name; once
as SimPy's users write it by hand, with the mean latency as its only figure.

The two take turns in one process, and processor time is what counts, so that a busy
machine slows both alike. Run it with ``python -m benchmarks.peers.simpy_three_tier``.
"""

import argparse
import math
import random  # noqa: TID251  # what is compared against does as SimPy's users do
import statistics
import time
from collections.abc import Callable, Generator
from itertools import cycle
from typing import NamedTuple

import simpy
from rich.console import Console
from rich.table import Table

from scenarios.distributions import Exponential, Lognormal, Mean, MeanAndSpread
from scenarios.routes import Read, RequestClass
from scenarios.spec import Database, Scenario, Service
from scenarios.units import MILLISECOND_NS, SECOND_NS
from scenarios.workload import PoissonArrivals, Steady, Workload
from sim.run import simulate

RATE_PER_S = 600.0
REPLICAS = 4
PLACES = 2
GATEWAY_S = 0.005
MISSES = 0.3
POOL = 20
DATABASE_S = 0.010
SIGMA = 0.5
EXACT_MEAN_MS = 8.2113
"""Solved numerically: each replica sees every fourth arrival, which makes it GI/M/2."""


class Answer(NamedTuple):
    """What one run of one contestant came to."""

    requests: int
    mean_ms: float
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Requests for each second of processor time."""
        return self.requests / self.cpu_s


def scenario(seed: int, seconds: int) -> Scenario:
    """Return the three tiers as a scenario."""
    cv = math.sqrt(math.exp(SIGMA**2) - 1)
    gateway_ns, database_ns = int(GATEWAY_S * SECOND_NS), int(DATABASE_S * SECOND_NS)
    database_time = Lognormal(lognormal=MeanAndSpread(mean_ns=database_ns, cv=cv))
    return Scenario(
        name="three_tier",
        seed=seed,
        duration_ns=seconds * SECOND_NS,
        drain_ns=SECOND_NS,
        workload=Workload(
            arrivals=PoissonArrivals(poisson=Steady(rate_per_s=RATE_PER_S)),
            mix={"hit": 1 - MISSES, "miss": MISSES},
        ),
        services={
            "gateway": Service(
                replicas=REPLICAS,
                concurrency=PLACES,
                service_time_ns=Exponential(exponential=Mean(mean_ns=gateway_ns)),
            )
        },
        databases={
            "main": Database(pool=POOL, read_time_ns=database_time, write_time_ns=database_time)
        },
        classes={
            "hit": RequestClass(through=("gateway",)),
            "miss": RequestClass(through=("gateway",), steps=(Read(read="main"),)),
        },
    )


def ours(seed: int, seconds: int) -> tuple[int, float]:
    """Return requests and mean latency in milliseconds."""
    record = simulate(scenario(seed, seconds))
    requests = sum(outcome.total for outcome in record.classes.values())
    total_ns = sum(outcome.latency_ns.total for outcome in record.classes.values())
    return requests, total_ns / requests / MILLISECOND_NS


def bare(seed: int, seconds: int) -> tuple[int, float]:
    """Return requests and mean latency in milliseconds."""
    chance = random.Random(seed)  # noqa: S311  # nothing is secret here
    env = simpy.Environment()
    gateways = cycle([simpy.Resource(env, PLACES) for _ in range(REPLICAS)])
    pool = simpy.Resource(env, POOL)
    mu = math.log(DATABASE_S) - SIGMA**2 / 2
    latencies: list[float] = []

    def request(gateway: simpy.Resource) -> Generator[simpy.Event, None, None]:
        arrived = env.now
        with gateway.request() as turn:
            yield turn
            yield env.timeout(chance.expovariate(1 / GATEWAY_S))
        if chance.random() < MISSES:
            with pool.request() as turn:
                yield turn
                yield env.timeout(chance.lognormvariate(mu, SIGMA))
        latencies.append(env.now - arrived)

    def traffic() -> Generator[simpy.Event, None, None]:
        while True:
            yield env.timeout(chance.expovariate(RATE_PER_S))
            env.process(request(next(gateways)))

    env.process(traffic())
    env.run(until=float(seconds))
    return len(latencies), statistics.fmean(latencies) * 1e3


def timed(contestant: Callable[[int, int], tuple[int, float]], seed: int, seconds: int) -> Answer:
    """Let one contestant run once."""
    began_s = time.process_time()
    requests, mean_ms = contestant(seed, seconds)
    return Answer(requests, mean_ms, time.process_time() - began_s)


def compare(rounds: int, seconds: int) -> dict[str, list[Answer]]:
    """Let the contestants take turns, and the turns take turns."""
    answers: dict[str, list[Answer]] = {}
    for seed in range(rounds):
        contestants = [("bare SimPy", bare), ("wavetank", ours)]
        for name, contestant in contestants if seed % 2 else contestants[::-1]:
            answers.setdefault(name, []).append(timed(contestant, seed, seconds))
    return answers


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=600, help="of simulated time")
    options = parser.parse_args()
    answers = compare(options.rounds, options.seconds)
    table = Table(
        *("engine", "requests per CPU-second", "(least to most)", "mean latency", "error"),
        title=f"three tiers, {options.seconds} simulated seconds, median of {options.rounds}",
    )
    for name, runs in answers.items():
        speeds = sorted(run.per_cpu_s for run in runs)
        mean_ms = statistics.fmean(run.mean_ms for run in runs)
        table.add_row(
            name,
            f"{statistics.median(speeds):,.0f}",
            f"{speeds[0]:,.0f} to {speeds[-1]:,.0f}",
            f"{mean_ms:.3f} ms",
            f"{mean_ms / EXACT_MEAN_MS - 1:+.2%}",
        )
    Console().print(table)
    ratio = statistics.median(
        one.per_cpu_s / other.per_cpu_s
        for one, other in zip(answers["wavetank"], answers["bare SimPy"], strict=True)
    )
    Console().print(f"wavetank to bare SimPy: {ratio:.2f}")


if __name__ == "__main__":
    main()
