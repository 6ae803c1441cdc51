"""Figures that theory knows of a system, and how each is read off a record."""

import math
from collections.abc import Callable
from typing import NamedTuple

from scenarios.histogram import Histogram, bucket_bounds
from scenarios.history import Outcome
from scenarios.records import RunRecord
from sim.theory.many_places import Wait

_NS_PER_S = 1e9


class Figure(NamedTuple):
    """One number that theory knows of a system."""

    name: str
    """Such as ``mean wait``."""

    unit: str
    """``s``, ``s2`` (square seconds), ``share`` or ``per_s``."""

    exact: float
    """What theory says."""

    read: Callable[[RunRecord], float]
    """What a run says."""


def mean_wait(station: str, exact_s: float) -> Figure:
    """Return the mean time before a place was free."""

    def read(record: RunRecord) -> float:
        return seconds(_waits(record, station).mean)

    return Figure(_named("mean wait", station), "s", exact_s, read)


def squared_wait(station: str, wait: Wait) -> Figure:
    """Return the mean square of the wait that theory gives by mean and variance."""
    return second_moment(station, wait.variance_s2 + wait.mean_s**2)


def second_moment(station: str, exact_s2: float) -> Figure:
    """Return the mean square of the wait, which tells orders of service apart.

    Unlike the variance it is as right in short runs as in long ones, on average.
    """

    def read(record: RunRecord) -> float:
        waits = _waits(record, station)
        squares = math.fsum(
            count * (sum(bucket_bounds(index)) / 2) ** 2 for index, count in waits.buckets
        )
        return squares / waits.count / _NS_PER_S**2

    return Figure(_named("mean squared wait", station), "s2", exact_s2, read)


def utilisation(station: str, exact: float) -> Figure:
    """Return the share of a station's places that is taken."""

    def read(record: RunRecord) -> float:
        found = record.stations[station].utilisation
        assert found is not None, "stations with places measure it"
        return found

    return Figure(_named("utilisation", station), "share", exact, read)


def throughput(exact_per_s: float) -> Figure:
    """Return the requests of a second."""

    def read(record: RunRecord) -> float:
        sent = sum(outcomes.total for outcomes in record.classes.values())
        return sent * _NS_PER_S / (record.measured_until_ns - record.measured_from_ns)

    return Figure("throughput", "per_s", exact_per_s, read)


def refused(exact: float) -> Figure:
    """Return the share of requests that is turned away."""

    def read(record: RunRecord) -> float:
        outcomes = record.classes["ask"]
        return outcomes.counts[Outcome.REFUSED] / outcomes.total

    return Figure("lost", "share", exact, read)


def mean_latency(exact_s: float, class_name: str | None = None) -> Figure:
    """Return the mean latency of one class, or of all."""

    def read(record: RunRecord) -> float:
        if class_name is None:
            return seconds(_latencies(record).mean)
        return seconds(record.classes[class_name].latency_ns.mean)

    name = "mean latency" if class_name is None else f"mean latency ({class_name})"
    return Figure(name, "s", exact_s, read)


def latency_quantile(q: float, exact_s: float) -> Figure:
    """Return a quantile of all latencies."""

    def read(record: RunRecord) -> float:
        return seconds(_latencies(record).quantile(q))

    return Figure(f"p{q * 100:g} latency", "s", exact_s, read)


def _named(figure: str, station: str) -> str:
    return figure if station in {"door", "jobs", "worker"} else f"{figure} ({station})"


def _waits(record: RunRecord, station: str) -> Histogram:
    waits = record.stations[station].wait_ns
    assert waits is not None, "the simulator measures waits"
    return waits


def _latencies(record: RunRecord) -> Histogram:
    """Return the latencies of all classes together."""
    together = Histogram()
    for outcome in record.classes.values():
        together = together.merged(outcome.latency_ns)
    return together


def seconds(value_ns: float | None) -> float:
    """Return nanoseconds that were measured as seconds."""
    assert value_ns is not None, "something was measured"
    return value_ns / _NS_PER_S
