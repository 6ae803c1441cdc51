"""What a traffic asks of each station: the routes of all classes, followed with pen and paper.

Nothing is simulated. A flow of requests is followed through the steps of its class; where it
comes by a limit, a cache or a retry, it is thinned or multiplied as told.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scenarios.distributions import Distribution
from scenarios.routes import Cached, Call, Enqueue, Read, RequestClass, StationTimes, Step, Write
from scenarios.spec import Scenario, Service
from scenarios.units import SECOND_NS
from scenarios.workload import Tier
from sim.arrivals import cache_of_keys

_IDEMPOTENT = {"GET", "PUT"}


class Keys(NamedTuple):
    """What a flow's requests are about: so many keys, of such popularity."""

    number: int
    zipf: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """How flows are thinned and multiplied on their way."""

    misses: Mapping[str, float] = field(default_factory=dict)
    """By cache: the share of look-ups that misses; 1 for those that are not named."""

    passes: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By service and tier: the share that its limits let through; 1 for those not named."""

    with_retries: bool = False
    """Whether everything fails that may be tried again."""


@dataclass(slots=True)
class Demand:
    """What is asked of one station."""

    rate_per_s: float = 0.0
    """Visits."""

    busy: float = 0.0
    """Places that these keep busy on average, in erlangs."""

    job_busy: float = 0.0
    """Of these: by jobs of queues, which nobody refuses."""

    unguarded_busy: float = 0.0
    """Of these: by requests that no breaker keeps away when answers come too late."""


@dataclass(slots=True)
class LookUps:
    """What comes by one cache, by what the requests are about."""

    asked_per_s: defaultdict[Keys, float] = field(default_factory=lambda: defaultdict(float))
    written_per_s: defaultdict[Keys, float] = field(default_factory=lambda: defaultdict(float))


class Demands(NamedTuple):
    """What is asked of everything."""

    stations: dict[str, Demand]
    """By service, and by ``main.primary`` and ``main.replicas`` for a database ``main``."""

    look_ups: dict[str, LookUps]
    """By cache."""

    limited_per_s: dict[tuple[str, str], float]
    """By service with limits and tier: what asks the limits."""


def demands(
    scenario: Scenario, rates_per_s: Mapping[str, float], assumptions: Assumptions
) -> Demands:
    """Return what requests of these classes, at these rates, ask of every station.

    Args:
        scenario: the platform.
        rates_per_s: by class; classes that the scenario does not have are passed over.
        assumptions: how flows are thinned and multiplied.
    """
    found = Demands(
        stations=defaultdict(Demand),
        look_ups=defaultdict(LookUps),
        limited_per_s=defaultdict(float),
    )
    tiers = tier_shares(scenario)
    for name, rate_per_s in rates_per_s.items():
        request_class = scenario.classes.get(name)
        if request_class is None or not rate_per_s:
            continue
        flow = _Flow({tier: share * rate_per_s for tier, share in tiers.items()}, guarded=False)
        _Follower(scenario, request_class, assumptions, found).enter(flow)
    return found


def tier_shares(scenario: Scenario) -> dict[str, float]:
    """Return the share of the traffic that comes from each tier."""
    users = scenario.users or {"free": Tier()}
    whole = sum(tier.weight for tier in users.values())
    return {name: tier.weight / whole for name, tier in users.items()}


class _Flow(NamedTuple):
    """Requests on their way."""

    per_s: Mapping[str, float]
    """By tier."""

    guarded: bool
    """Whether somebody on the way stops asking when answers come too late."""

    @property
    def whole_per_s(self) -> float:
        return sum(self.per_s.values())

    def times(self, factor: float) -> "_Flow":
        return self._replace(per_s={tier: factor * rate for tier, rate in self.per_s.items()})


class _Follower:
    """Follows the requests of one class."""

    def __init__(
        self,
        scenario: Scenario,
        request_class: RequestClass,
        assumptions: Assumptions,
        found: Demands,
    ) -> None:
        self._scenario = scenario
        self._class = request_class
        self._assumptions = assumptions
        self._found = found
        method = "GET" if request_class.request is None else request_class.request.method
        self._repeatable = method in _IDEMPOTENT
        cache = cache_of_keys(request_class, scenario)
        spec = None if cache is None else scenario.caches[cache]
        self._keys = Keys(1, 0.0) if spec is None else Keys(spec.keys, spec.zipf)

    def enter(self, flow: _Flow) -> None:
        """Follow ``flow`` from the client on."""
        steps: Sequence[Step] = self._class.steps
        for service in reversed(self._class.through):
            steps = [Call(call=service, steps=tuple(steps))]
        self._follow(steps, flow)

    def _follow(self, steps: Sequence[Step], flow: _Flow) -> None:
        for step in steps:
            match step:
                case Call(call=service, steps=inner):
                    self._follow(inner, self._call(service, flow))
                case Cached(cache=cache, miss=miss):
                    self._found.look_ups[cache].asked_per_s[self._keys] += flow.whole_per_s
                    self._follow(miss, flow.times(self._assumptions.misses.get(cache, 1.0)))
                case Read(read=database):
                    spec = self._scenario.databases[database]
                    node = "replicas" if spec.replicas else "primary"
                    time = self._own(database).service_time_ns or spec.read_time_ns
                    self._occupy(f"{database}.{node}", time, flow)
                case Write(write=database, invalidates=cache):
                    spec = self._scenario.databases[database]
                    time = self._own(database).service_time_ns or spec.write_time_ns
                    self._occupy(f"{database}.primary", time, flow)
                    if cache is not None:
                        self._found.look_ups[cache].written_per_s[self._keys] += flow.whole_per_s
                case Enqueue(enqueue=queue):
                    self._enqueue(queue, flow)

    def _call(self, name: str, flow: _Flow) -> _Flow:
        service = self._scenario.services[name]
        if self._assumptions.with_retries and self._repeatable:
            flow = flow.times(attempts_each(service))
        if service.limits:
            flow = self._limited(name, service, flow)
        if service.breaker is not None and service.timeout_ns is not None:
            flow = flow._replace(guarded=True)
        time = self._own(name).service_time_ns or service.service_time_ns
        self._occupy(name, time, flow)
        return flow

    def _limited(self, name: str, service: Service, flow: _Flow) -> _Flow:
        for tier in service.limits:
            self._found.limited_per_s[name, tier] += flow.per_s.get(tier, 0.0)
        passes = self._assumptions.passes
        return flow._replace(
            per_s={tier: rate * passes.get((name, tier), 1.0) for tier, rate in flow.per_s.items()}
        )

    def _enqueue(self, name: str, flow: _Flow) -> None:
        queue = self._scenario.queues[name]
        workers = self._scenario.services[queue.workers]
        job_ns = (self._own(queue.workers).service_time_ns or workers.service_time_ns).expected_ns()
        if queue.results is not None:
            self._found.look_ups[queue.results].asked_per_s[self._keys] += flow.whole_per_s
            found_ns = self._scenario.caches[queue.results].service_time_ns.expected_ns()
            misses = self._assumptions.misses.get(queue.results, 1.0)
            job_ns = misses * job_ns + (1 - misses) * found_ns
        busy = flow.whole_per_s * job_ns / SECOND_NS
        demand = self._found.stations[queue.workers]
        demand.rate_per_s += flow.whole_per_s
        demand.busy += busy
        demand.job_busy += busy
        demand.unguarded_busy += busy

    def _occupy(self, station: str, time: Distribution, flow: _Flow) -> None:
        busy = flow.whole_per_s * time.expected_ns() / SECOND_NS
        demand = self._found.stations[station]
        demand.rate_per_s += flow.whole_per_s
        demand.busy += busy
        demand.unguarded_busy += 0.0 if flow.guarded else busy

    def _own(self, station: str) -> StationTimes:
        return self._class.times.get(station, StationTimes())


def attempts_each(service: Service) -> float:
    """Return how often callers of ``service`` try on average at most, its reserve apart."""
    if service.retry is None:
        return 1.0
    return min(service.retry.attempts, 1 + service.retry.budget_percent / 100)
