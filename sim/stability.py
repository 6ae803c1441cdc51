"""Whether a scenario can keep up, said before it runs: the utilisation law at every station.

The worst rate is the highest one (the top of a spike or ramp, a trace's busiest minute). What
would be busy then, if nobody were turned away or gave up, is laid beside the places that are
there: a service's replicas at the most that its autoscaler can reach, a database's connections.
Caches hold some of it back: by how much is estimated (:mod:`sim.misses`), and bracketed by all
or none. Stations are judged one by one, as if those before them let everything through.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from policies.autoscale import HpaSpec, PodMetric, recommendation
from scenarios.spec import Scenario, Service
from scenarios.units import SECOND_NS, write_duration
from sim.demands import Assumptions, Demand, Demands, demands
from sim.misses import estimated_misses
from sim.rates import Stretch
from sim.traffic import Traffic, traffic

_ROUNDS = 4
"""Limits and caches behind one another are followed so deep."""


class Verdict(StrEnum):
    """What becomes of a station."""

    STABLE = "stable"
    """It keeps up at the worst rate."""

    FOR_A_WHILE = "overloaded for a while"
    """It does not, but does on average, and when the worst is over."""

    SHEDDING = "overloaded but shedding"
    """It does not, and turns away what it cannot do."""

    SATURATED = "saturated"
    """It does not, so that users wait for it who else would send more."""

    UNSTABLE = "unstable"
    """It does not, and its line grows for as long as the traffic lasts."""


@dataclass(frozen=True, slots=True)
class StationLoad:
    """What one station is asked to do, beside what it can."""

    station: str
    """A service, or ``main.primary`` or ``main.replicas`` of a database ``main``."""

    places: int
    """Requests that it can work on at the same time."""

    rate_per_s: float
    """Visits at the worst rate, those included that a limit refuses."""

    mean: float
    """Utilisation on average over the run."""

    peak: float
    """Utilisation at the worst rate; limits, if there are any, refuse nobody."""

    limited: float
    """The same, if the limits let through what they do in the long run."""

    all_hit: float
    all_miss: float
    """The same as ``peak``, if each look-up in a cache hit, or missed."""

    retried: float
    """The same as ``limited``, if everything is tried again that may be."""

    line: float
    """How many stand in line at the worst time, if nobody is turned away."""

    over_ns: int
    """How long more is asked than can be done."""

    verdict: Verdict
    remedy: str
    """What it would need, if it does not keep up."""

    relief: str
    """Who turns requests away, if somebody does."""

    @property
    def sentence(self) -> str:
        """All of this in a line, without its full stop."""
        start = (
            f"station {self.station} would be {self.peak:.0%} utilised at {self.rate_per_s:.4g}/s"
            f"{self._bracket()}"
        )
        if self.verdict is Verdict.STABLE:
            return start + self._reservation()
        match self.verdict:
            case Verdict.UNSTABLE:
                return f"{start}; it needs {self.remedy} or fewer requests{self._retries()}"
            case Verdict.SATURATED:
                return (
                    f"{start} if users waited for nobody; as they do, it holds them back to "
                    f"{self.rate_per_s / self.peak:.4g}/s{self._retries()}"
                )
            case Verdict.SHEDDING:
                return f"{start}; {self.relief}{self._retries()}"
            case Verdict.FOR_A_WHILE:
                return (
                    f"{start} for {_rounded(self.over_ns)}, in which its line grows to about "
                    f"{self.line:.0f}{self._retries()}"
                )

    def _reservation(self) -> str:
        """Return what may yet overload a station that keeps up."""
        if self.retried >= 1:
            return f", and {self.retried:.0%} once all is retried that may be"
        return "; while they are empty, its line grows" if self.all_miss >= 1 else ""

    @property
    def is_worth_saying(self) -> bool:
        """Whether a user should hear of it before a run."""
        return self.verdict is not Verdict.STABLE or max(self.retried, self.all_miss) >= 1

    def _bracket(self) -> str:
        if self.all_miss <= 1.005 * self.all_hit or self.all_miss < 1:
            return ""
        return f" ({self.all_hit:.0%} to {self.all_miss:.0%}, by what the caches hold)"

    def _retries(self) -> str:
        if self.limited <= 0 or self.retried <= 1.005 * self.limited:
            return ""
        return f"; retries may add up to {self.retried / self.limited - 1:.0%}"


def stability(scenario: Scenario) -> tuple[StationLoad, ...]:
    """Return the load of every station that has places, the most utilised first.

    Raises:
        scenarios.trace.InvalidTrace: the workload is a trace that cannot be read.
        OSError: the trace cannot be opened.
    """
    expected = traffic(scenario)
    peak = _Asked(scenario, expected.peak_per_s)
    mean = _Asked(scenario, expected.mean_per_s)
    found = [
        _load(scenario, station, expected, peak, mean.estimated.stations.get(station, Demand()))
        for station in peak.all_miss.stations
    ]
    return tuple(sorted(found, key=lambda load: (-load.peak, load.station)))


def stability_notes(loads: tuple[StationLoad, ...]) -> tuple[str, ...]:
    """Return what a user should know before a run, in sentences without their full stop."""
    return tuple(load.sentence for load in loads if load.is_worth_saying)


class _Asked:
    """What one traffic asks of the stations, under each assumption."""

    def __init__(self, scenario: Scenario, rates_per_s: Mapping[str, float]) -> None:
        self.all_miss = demands(scenario, rates_per_s, Assumptions())
        none = dict.fromkeys(scenario.caches, 0.0)
        self.all_hit = demands(scenario, rates_per_s, Assumptions(misses=none))
        misses: Mapping[str, float] = {}
        self.estimated = self.all_miss
        for _ in range(_ROUNDS):
            misses = estimated_misses(scenario, self.estimated.look_ups)
            self.estimated = demands(scenario, rates_per_s, Assumptions(misses))
        passes: Mapping[tuple[str, str], float] = {}
        self.limited = self.estimated
        for _ in range(_ROUNDS if self.estimated.limited_per_s else 0):
            passes = _passes(scenario, self.limited)
            self.limited = demands(scenario, rates_per_s, Assumptions(misses, passes))
        self.retried = demands(
            scenario, rates_per_s, Assumptions(misses, passes, with_retries=True)
        )


def _passes(scenario: Scenario, found: Demands) -> dict[tuple[str, str], float]:
    """Return the share of each tier's requests that the limits let through in the long run."""
    shares: dict[tuple[str, str], float] = {}
    for (name, tier), asked_per_s in found.limited_per_s.items():
        limit = scenario.services[name].limits[tier]
        users = scenario.users[tier].count if tier in scenario.users else 1
        allowed_per_s = users * limit.requests / (limit.window_ns / SECOND_NS)
        shares[name, tier] = min(allowed_per_s / asked_per_s, 1.0) if asked_per_s else 1.0
    return shares


class _Places(NamedTuple):
    """What a station has, and what more of it is called."""

    total: int
    each: int
    """Places that one more replica or connection brings."""

    thing: str

    def needed(self, busy: float) -> str:
        """Return how many of the things keep up with ``busy`` erlangs."""
        return f"{int(busy / self.each) + 1} {self.thing}"


def _load(
    scenario: Scenario, station: str, expected: Traffic, asked: _Asked, mean: Demand
) -> StationLoad:
    places = _places(scenario, station)

    def utilisation(found: Demands) -> float:
        return found.stations.get(station, Demand()).busy / places.total

    peak = asked.estimated.stations.get(station, Demand())
    limited = asked.limited.stations.get(station, Demand())
    overflow = _overflow(expected, limited.busy / places.total)
    relief = _relief(scenario, station, peak, limited, places)
    # Nobody waits for jobs: where these alone are too many, users hold nothing back.
    waiting = expected.users if limited.job_busy < places.total else None
    return StationLoad(
        station=station,
        places=places.total,
        rate_per_s=peak.rate_per_s,
        mean=mean.busy / places.total,
        peak=peak.busy / places.total,
        limited=limited.busy / places.total,
        all_hit=utilisation(asked.all_hit),
        all_miss=utilisation(asked.all_miss),
        retried=utilisation(asked.retried),
        line=_line(overflow, limited, expected, waiting),
        over_ns=overflow.over_ns,
        verdict=_verdict(peak.busy / places.total, relief, overflow, waiting),
        remedy=places.needed(limited.busy),
        relief=relief,
    )


def _line(overflow: "_Overflow", limited: Demand, expected: Traffic, waiting: int | None) -> float:
    line = overflow.requests * limited.rate_per_s / max(expected.whole_peak_per_s, 1e-300)
    return line if waiting is None else min(line, waiting)


def _verdict(peak: float, relief: str, overflow: "_Overflow", waiting: int | None) -> Verdict:
    if peak < 1:
        return Verdict.STABLE
    if relief:
        return Verdict.SHEDDING
    if waiting is not None:
        return Verdict.SATURATED
    return Verdict.FOR_A_WHILE if overflow.passes else Verdict.UNSTABLE


def _places(scenario: Scenario, station: str) -> _Places:
    service = scenario.services.get(station)
    if service is not None:
        return _Places(
            replicas_reached(service) * service.concurrency, service.concurrency, "replicas"
        )
    name, _, node = station.rpartition(".")
    database = scenario.databases[name]
    if node == "primary":
        return _Places(database.pool, 1, "connections")
    return _Places(database.pool * database.replicas, database.pool, "replicas")


def replicas_reached(service: Service) -> int:
    """Return how many replicas a service has at the most: as many as its autoscaler calls for.

    An autoscaler whose target full replicas do not exceed calls for none, whatever its maximum.
    """
    scaler = service.autoscaler
    if scaler is None:
        return service.replicas
    rule = HpaSpec(scaler.min_replicas, scaler.max_replicas, scaler.target_percent)
    full = [PodMetric(100, ready=True)] * service.replicas
    called_for = recommendation(rule, service.replicas, full)
    grows = called_for is not None and called_for > service.replicas
    return scaler.max_replicas if grows else service.replicas


def _relief(
    scenario: Scenario, station: str, peak: Demand, limited: Demand, places: _Places
) -> str:
    """Return who turns requests away before the line grows without bound; "" if nobody does.

    A time-out by itself does not: callers go, but their work stays in line.
    """
    if limited.busy < places.total <= peak.busy:
        return "limits refuse what is too much"
    service = scenario.services.get(station)
    if service is not None and service.queue_max is not None and limited.job_busy < places.total:
        return f"whoever finds {service.queue_max} in line is refused"
    if limited.unguarded_busy < places.total:
        return "breakers keep away what is answered too late"
    return ""


class _Overflow(NamedTuple):
    """What a station cannot do, if nobody is turned away."""

    requests: float
    """Of the whole traffic, how many are behind at the worst time."""

    over_ns: int
    """How long more comes than can be done."""

    passes: bool
    """Whether less comes in the end than can be done, and on average."""


_STEPS = 100


def _overflow(expected: Traffic, utilisation: float) -> _Overflow:
    """Let the traffic run like water into a station that is this utilised at the peak."""
    if utilisation < 1:
        return _Overflow(0.0, 0, passes=True)
    done_per_s = expected.whole_peak_per_s / utilisation
    behind = most = 0.0
    over_ns = 0
    last_per_s = 0.0
    for step_ns, rate_per_s in _steps(expected.stretches, recurs=expected.recurs):
        behind = max(behind + (rate_per_s - done_per_s) * step_ns / SECOND_NS, 0.0)
        most = max(most, behind)
        over_ns += step_ns * (rate_per_s > done_per_s)
        last_per_s = rate_per_s
    lasting_per_s = sum(expected.mean_per_s.values())
    if not expected.recurs:
        lasting_per_s = max(lasting_per_s, last_per_s)
    return _Overflow(most, over_ns, passes=lasting_per_s < done_per_s)


def _steps(stretches: tuple[Stretch, ...], *, recurs: bool) -> list[tuple[int, float]]:
    """Return pieces of all stretches, and the rate in the middle of each.

    What recurs is in pieces already.
    """
    found = []
    for each in stretches:
        count = 1 if recurs or each.start_per_s == each.end_per_s else _STEPS
        for i in range(count):
            length_ns = each.length_ns * (i + 1) // count - each.length_ns * i // count
            change = (each.end_per_s - each.start_per_s) * (i + 0.5) / count
            found.append((length_ns, each.start_per_s + change))
    return found


def _rounded(duration_ns: int) -> str:
    """Return a duration without digits that nobody asked for."""
    unit_ns = SECOND_NS if duration_ns >= SECOND_NS else SECOND_NS // 1_000
    return write_duration(max(round(duration_ns / unit_ns), 1) * unit_ns)
