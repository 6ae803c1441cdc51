"""``--until 'read_title p99 5%'``: what is to be known, and how well."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from scenarios.errors import remedy
from scenarios.spec import Scenario
from scenarios.units import parse_share
from sim.statistics.figures import (
    Figure,
    goodput,
    latency_quantile,
    mean_latency,
    mean_wait,
    utilisation,
)

_QUANTILE: Final = re.compile(r"p(?P<percent>[0-9]{1,2}(?:\.[0-9]{1,6})?)")

_OF_CLASSES: Final[Mapping[str, Callable[[str], Figure]]] = {
    "mean": mean_latency,
    "goodput": goodput,
}
_OF_STATIONS: Final[Mapping[str, Callable[[str], Figure]]] = {
    "utilisation": utilisation,
    "wait": mean_wait,
}


class Until(NamedTuple):
    """A figure, and how narrow its interval is to be."""

    figure: Figure
    relative_half_width: float


def parse_until(written: str, scenario: Scenario) -> Until:
    """Return what ``written`` asks for: a class or station, a figure of it, and a share of that.

    Raises:
        ValueError: it does not read so, or the scenario has no such class, station or figure.
    """
    match written.split():
        case [name, figure, share]:
            within = parse_share(share)
            if within == 0:
                raise ValueError("no number of runs makes an interval of 0%")
            return Until(_figure(name, figure, scenario), within)
        case _:
            raise ValueError(f"should read like 'read_title p99 5%', not {written!r}")


def _figure(name: str, written: str, scenario: Scenario) -> Figure:
    classes = {*scenario.classes, *scenario.queues}
    stations = {*scenario.services, *scenario.databases, *scenario.caches, *scenario.queues}
    if name not in classes | stations:
        known = sorted(classes) + sorted(stations - classes)
        raise ValueError(f"there is no class or station {name!r}; {remedy(name, known)}")
    figures = {
        **(_OF_CLASSES if name in classes else {}),
        **(_OF_STATIONS if name in stations else {}),
    }
    quantile = _QUANTILE.fullmatch(written)
    if quantile is not None and name in classes:
        q = float(quantile["percent"]) / 100
        if q > 0:
            return latency_quantile(name, q)
    if written not in figures:
        known = ["p50", "p95", "p99", *figures] if name in classes else list(figures)
        raise ValueError(f"{name} has no figure {written!r}; {remedy(written, known)}")
    return figures[written](name)
