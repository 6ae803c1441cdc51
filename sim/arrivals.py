"""The arrivals of a run: the same for the simulator and for the live services.

Every draw is a function of the seed, of what is drawn, and of the arrival's number. Change
the mix, and the times stay; raise the rate, and the n-th arrival comes earlier but is still
of the same class, from the same user, about the same key.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import NamedTuple, TypeAlias

from scenarios.routes import Cached, Call, Enqueue, RequestClass, Step, Write
from scenarios.spec import Scenario
from scenarios.trace import TraceEntry
from scenarios.trace_check import entries_in_order
from scenarios.units import SECOND_NS
from scenarios.workload import (
    ConstantArrivals,
    PoissonArrivals,
    RampArrivals,
    SpikeArrivals,
    SpikeShape,
    Tier,
    TraceArrivals,
)
from sim.popularity import Weighted, Zipf
from sim.rates import CumulatedRate, Stretch
from sim.streams import request_key, seed_key, stream_key, uniform


class Arrival(NamedTuple):
    """One request that is to be sent."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks an arrival
    """Its number, counted from 0."""

    at_ns: int
    """When, from the run's start; the warm-up is part of the run."""

    class_name: str
    tier: str
    user: str
    """``free-3`` is the fourth user of tier ``free``."""

    key: int
    """What it is about, counted from 1; 0 if its class has no keys."""


def arrivals(scenario: Scenario) -> Iterator[Arrival]:
    """Return the arrivals of warm-up and measured part, ascending in time, made one by one.

    Of a trace, all is read before the first: it is sorted if its lines are not.

    Raises:
        scenarios.trace.InvalidTrace: the workload is a trace that cannot be read, or that
            has a class which the scenario does not have.
        OSError: the trace cannot be opened.
    """
    end_ns = scenario.warm_up_ns + scenario.duration_ns
    match scenario.workload.arrivals:
        case TraceArrivals(trace=trace):
            entries = entries_in_order(scenario, trace)
            return _replayed(entries, trace.speed, end_ns, _Particulars(scenario))
        case _:
            return _drawn(scenario, end_ns)


def _drawn(scenario: Scenario, end_ns: int) -> Iterator[Arrival]:
    seed = seed_key(scenario.seed)
    next_ns = _times(scenario)
    particulars = _Particulars(scenario)
    for index in count():
        key = request_key(seed, index)
        at_ns = next_ns(key)
        if at_ns >= end_ns:
            return
        yield particulars.drawn(index, at_ns, key)


NextNs: TypeAlias = Callable[[int], int]
"""From the key of the next request to the time of its arrival, at least that of the last."""


def _times(scenario: Scenario) -> NextNs:
    """Return what says when requests arrive, one after the other and without end."""
    run_ns = scenario.warm_up_ns + scenario.duration_ns
    match scenario.workload.arrivals:
        case ConstantArrivals(constant=steady):
            return _evenly(steady.rate_per_s)
        case PoissonArrivals(poisson=steady):
            return _poisson([Stretch(run_ns, steady.rate_per_s, steady.rate_per_s)])
        case RampArrivals(ramp=ramp):
            return _poisson([Stretch(run_ns, ramp.start_per_s, ramp.end_per_s)])
        case SpikeArrivals(spike=spike):
            return _poisson(_spike_stretches(spike, scenario.warm_up_ns, run_ns))
        case TraceArrivals():
            raise AssertionError("a trace has its times written down")


def _evenly(rate_per_s: float) -> NextNs:
    numbers = count()
    return lambda _key: int(next(numbers) * SECOND_NS / rate_per_s)


def _poisson(stretches: list[Stretch]) -> NextNs:
    reaches_ns = CumulatedRate(stretches).reaches_ns
    stream = stream_key("arrival gap")
    expected = 0.0

    def next_ns(key: int) -> int:
        nonlocal expected
        expected -= math.log(uniform(key, stream, 0))
        return reaches_ns(expected)

    return next_ns


def _spike_stretches(spike: SpikeShape, warm_up_ns: int, run_ns: int) -> list[Stretch]:
    base, peak = spike.base_per_s, spike.peak_per_s
    return [
        Stretch(warm_up_ns + spike.at_ns, base, base),
        Stretch(spike.rise_ns, base, peak),
        Stretch(spike.hold_ns, peak, peak),
        Stretch(spike.rise_ns, peak, base),
        Stretch(run_ns, base, base),
    ]


def _replayed(
    entries: Iterable[TraceEntry], speed: float, end_ns: int, particulars: "_Particulars"
) -> Iterator[Arrival]:
    for index, entry in enumerate(entries):
        at_ns = int(entry.at_ns / speed)
        if at_ns >= end_ns:
            return
        yield particulars.recorded(index, at_ns, entry)


class _Particulars:
    """Draws what a request is: its class, its user, its key."""

    def __init__(self, scenario: Scenario) -> None:
        tiers = scenario.users or {"free": Tier()}
        self._classes = Weighted(scenario.workload.mix)
        self._tiers = Weighted({name: tier.weight for name, tier in tiers.items()})
        self._popularity = _popularity_by_class(scenario)
        self._keys = _keys_by_class(scenario)
        self._users = {
            name: [f"{name}-{i}" for i in range(tier.count)] for name, tier in tiers.items()
        }
        self._seed = seed_key(scenario.seed)
        self._class_stream = stream_key("arrival class")
        self._user_stream = stream_key("arrival user")
        self._key_stream = stream_key("arrival key")
        self._recorded_keys = stream_key("recorded key")

    def drawn(self, index: int, at_ns: int, key: int) -> Arrival:
        """Return arrival number ``index``, which draws from ``key``."""
        class_name = self._classes.pick(uniform(key, self._class_stream, 0))
        tier, rest = self._tiers.pick_and_rest(uniform(key, self._user_stream, 0))
        users = self._users[tier]
        popularity = self._popularity[class_name]
        about = 0 if popularity is None else popularity.key(uniform(key, self._key_stream, 0))
        return Arrival(index, at_ns, class_name, tier, users[int(rest * len(users))], about)

    def recorded(self, index: int, at_ns: int, entry: TraceEntry) -> Arrival:
        """Return arrival number ``index`` as it was recorded; what was not is drawn.

        Recorded users and keys are not ours: one of theirs is always the same one of ours.
        A key that we have stands for itself; a class without keys stays without.
        """
        arrival = self.drawn(index, at_ns, request_key(self._seed, index))
        if entry.class_name:
            arrival = self._of_class(arrival, entry.class_name)
        if entry.user:
            arrival = self._from_user(arrival, entry.user)
        if entry.key and arrival.key:
            arrival = arrival._replace(key=self._our_key(arrival.class_name, entry.key))
        return arrival

    def _of_class(self, arrival: Arrival, class_name: str) -> Arrival:
        popularity = self._popularity[class_name]
        key = request_key(self._seed, arrival.index)
        about = 0 if popularity is None else popularity.key(uniform(key, self._key_stream, 0))
        return arrival._replace(class_name=class_name, key=about)

    def _our_key(self, class_name: str, recorded: int) -> int:
        keys = self._keys[class_name]
        if recorded <= keys:
            return recorded
        # Of no seed: what was one title is the same title in every run.
        return 1 + request_key(self._recorded_keys, recorded) % keys

    def _from_user(self, arrival: Arrival, name: str) -> Arrival:
        draw = uniform(request_key(self._seed, stream_key(name)), self._user_stream, 0)
        tier, rest = self._tiers.pick_and_rest(draw)
        users = self._users[tier]
        return arrival._replace(tier=tier, user=users[int(rest * len(users))])


def _popularity_by_class(scenario: Scenario) -> dict[str, Zipf | None]:
    popularity = {name: Zipf(cache.keys, cache.zipf) for name, cache in scenario.caches.items()}
    found: dict[str, Zipf | None] = {}
    for name, request_class in scenario.classes.items():
        cache = cache_of_keys(request_class, scenario)
        found[name] = None if cache is None else popularity[cache]
    return found


def _keys_by_class(scenario: Scenario) -> dict[str, int]:
    """Return how many keys each class has to ask for; 0 if none."""
    found: dict[str, int] = {}
    for name, request_class in scenario.classes.items():
        cache = cache_of_keys(request_class, scenario)
        found[name] = 0 if cache is None else scenario.caches[cache].keys
    return found


def cache_of_keys(request_class: RequestClass, scenario: Scenario) -> str | None:
    """Return the cache whose keys the requests of a class are about, or None."""
    return request_class.keys or _first_cache(request_class.steps, scenario)


def _first_cache(steps: tuple[Step, ...], scenario: Scenario) -> str | None:
    for step in steps:
        match step:
            case Cached(cache=name) | Write(invalidates=str(name)):
                return name
            case Call(steps=inner):
                found = _first_cache(inner, scenario)
            case Enqueue(enqueue=queue):
                found = scenario.queues[queue].results
            case _:
                found = None
        if found is not None:
            return found
    return None
