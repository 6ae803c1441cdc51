"""What is asked of a run, as a value: which number, in which unit, and out of what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from scenarios.histogram import Histogram
from scenarios.history import Outcome
from scenarios.records import ClassOutcome, RunRecord
from scenarios.units import SECOND_NS

Unit: TypeAlias = Literal["ns", "1/s", "share", ""]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over all requests: a sum of time over a number of requests."""

    subject: str
    """Which class or station."""

    name: str
    histogram: Callable[[RunRecord], Histogram]
    unit: Unit = "ns"


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile over all requests."""

    subject: str
    q: float
    histogram: Callable[[RunRecord], Histogram]
    unit: Unit = "ns"

    @property
    def name(self) -> str:
        """The quantile in per cent: ``p99``, ``p99.9``."""
        return f"p{100 * self.q:.10g}"


@dataclass(frozen=True, slots=True)
class Share:
    """How many of all requests it happened to."""

    subject: str
    name: str
    part: Callable[[RunRecord], int]
    whole: Callable[[RunRecord], int]
    unit: Unit = "share"


@dataclass(frozen=True, slots=True)
class Number:
    """Any number of a run; its mean over runs is what is asked."""

    subject: str
    name: str
    of: Callable[[RunRecord], float | None]
    """None: this run has no such number."""

    unit: Unit = ""
    grows_with_queues: bool = False
    """Whether it has no end where a queue grows without one, as delays do and goodput does not."""


Figure: TypeAlias = Mean | Quantile | Share | Number


def mean_latency(class_name: str) -> Mean:
    """Return the figure: how long the class's ``ok`` operations took on average."""
    return Mean(class_name, "mean", lambda record: _class(record, class_name).latency_ns)


def latency_quantile(class_name: str, q: float) -> Quantile:
    """Return the figure: how long the share ``q`` of the class's ``ok`` operations took at most."""
    return Quantile(class_name, q, lambda record: _class(record, class_name).latency_ns)


def outcome_share(class_name: str, outcome: Outcome) -> Share:
    """Return the figure: which share of the class's operations ended so."""
    return Share(
        class_name,
        outcome.value,
        lambda record: _class(record, class_name).counts.get(outcome, 0),
        lambda record: _class(record, class_name).total,
    )


def goodput(class_name: str) -> Number:
    """Return the figure: operations of the class a second that ended ``ok``."""

    def of(record: RunRecord) -> float:
        seconds = (record.measured_until_ns - record.measured_from_ns) / SECOND_NS
        return _class(record, class_name).counts.get(Outcome.OK, 0) / seconds

    return Number(class_name, "goodput", of, unit="1/s")


def utilisation(station: str) -> Number:
    """Return the figure: which share of its places, over time, was occupied."""

    def of(record: RunRecord) -> float | None:
        found = record.stations.get(station)
        return None if found is None else found.utilisation

    return Number(station, "utilisation", of, unit="share")


def mean_wait(station: str) -> Mean:
    """Return the figure: how long requests waited at the station on average."""

    def histogram(record: RunRecord) -> Histogram:
        found = record.stations.get(station)
        return Histogram() if found is None or found.wait_ns is None else found.wait_ns

    return Mean(station, "mean wait", histogram)


def _class(record: RunRecord, class_name: str) -> ClassOutcome:
    nothing = ClassOutcome(counts={}, latency_ns=Histogram())
    return record.classes.get(class_name, nothing)
