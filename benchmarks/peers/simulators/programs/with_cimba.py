"""The work in Cimba: one process for each place, which takes arrivals from a line's store.

A process for each request, as in SimPy, would be ten times as slow: this is its fastest form.
"""

import math
from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import Any

import cimba as cb  # type: ignore[import-not-found]  # installed where this runs
from cimba import random

from benchmarks.peers.simulators.programs.telling import Ran, Run, tell
from benchmarks.peers.simulators.work import LINES, SERVICE_S, TIERS, Line

READY_REQUESTS = 100
MU = math.log(TIERS.database_s) - TIERS.sigma**2 / 2
GAP_S = 1 / TIERS.rate_per_s


def line_model(system: Line) -> type:
    """Return the model of one line; the number of its places is part of the class."""

    class Model(cb.Model):  # type: ignore[misc]  # Cimba has no types where this is checked
        requests: cb.Param[int]
        gap_s: cb.Param[float] = 1 / system.rate_per_s
        service_s: cb.Param[float] = SERVICE_S
        line: cb.Store[float]
        waited_s: float = 0.0
        served: int = 0
        mean_s: cb.Output[float]
        count: cb.Output[int]

        @cb.process  # type: ignore[untyped-decorator]  # as above
        def traffic(self) -> None:
            for _ in range(self.requests):
                cb.hold(random.exponential(self.gap_s))
                self.line.put(cb.now())

        @cb.process(copies=system.places)  # type: ignore[untyped-decorator]  # as above
        def place(self) -> None:
            while True:
                arrived_s = self.line.get()
                self.waited_s += cb.now() - arrived_s
                self.served += 1
                cb.hold(random.exponential(self.service_s))

        @cb.on_end  # type: ignore[untyped-decorator]  # as above
        def sum_up(self) -> None:
            self.mean_s = self.waited_s / self.served
            self.count = self.served

    return Model


class Database(cb.Model):  # type: ignore[misc]  # as above
    """The pool, and what is counted of all requests."""

    line: cb.Store[float]
    latency_s: float = 0.0
    answered: int = 0

    @cb.process(copies=TIERS.pool)  # type: ignore[untyped-decorator]  # as above
    def place(self) -> None:
        """Answer one request after the other."""
        while True:
            arrived_s = self.line.get()
            cb.hold(random.lognormal(MU, TIERS.sigma))
            self.latency_s += cb.now() - arrived_s
            self.answered += 1


class Replica(cb.Model):  # type: ignore[misc]  # as above
    """One replica of the gateway."""

    line: cb.Store[float]
    database: cb.Ref[Database]

    @cb.process(copies=TIERS.places)  # type: ignore[untyped-decorator]  # as above
    def place(self) -> None:
        """Serve one request after the other; some have to ask the database."""
        while True:
            arrived_s = self.line.get()
            cb.hold(random.exponential(TIERS.gateway_s))
            if random.uniform(0.0, 1.0) < TIERS.misses:
                self.database.line.put(arrived_s)
            else:
                self.database.latency_s += cb.now() - arrived_s
                self.database.answered += 1


class ThreeTiers(cb.Model):  # type: ignore[misc]  # as above
    """Traffic, the replicas that take turns, and the database behind them."""

    requests: cb.Param[int]
    database: Database
    replicas: list[Replica]
    mean_s: cb.Output[float]
    count: cb.Output[int]

    def __init__(self) -> None:
        self.database = Database()
        self.replicas = [Replica() for _ in range(TIERS.replicas)]
        for replica in self.replicas:
            replica.database = self.database

    @cb.process  # type: ignore[untyped-decorator]  # as above
    def traffic(self) -> None:
        """Send the requests, to the replicas in turns."""
        for number in range(self.requests):
            cb.hold(random.exponential(GAP_S))
            self.replicas[number % TIERS.replicas].line.put(cb.now())

    @cb.on_end  # type: ignore[untyped-decorator]  # as above
    def sum_up(self) -> None:
        """Note what came of it."""
        self.mean_s = self.database.latency_s / self.database.answered
        self.count = self.database.answered


def run(model: Callable[[], Any], seed: int, requests: int) -> Ran:
    """Let so many requests through a model, on one core."""
    built = model()
    built.requests = requests
    window = cb.Window.until_idle()
    results = cb.Experiment(built, replications=1, window=window, seed=seed).run(workers=1)
    [count], [mean_s] = results[built].count[0], results[built].mean_s[0]
    return Ran(int(count), float(mean_s))


def _ready(model: Callable[[], Any]) -> Callable[[], Run]:
    return lambda: partial(run, model)


if __name__ == "__main__":
    lines = {item: _ready(line_model(system)) for item, system in LINES.items()}
    tell({**lines, "c": _ready(ThreeTiers)}, metadata.version("cimba"), READY_REQUESTS)
