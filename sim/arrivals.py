"""The arrivals of a run: the same for the simulator and for the live services.

Every draw is a function of the seed, of what is drawn, and of the arrival's number. Change
the mix, and the times stay; raise the rate, and the n-th arrival comes earlier but is still
of the same class, from the same user, about the same key.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Final, NamedTuple, TypeAlias, TypeVar

from scenarios.routes import Cached, Call, Enqueue, RequestClass, Step, Write
from scenarios.spec import Scenario
from scenarios.trace import TraceEntry
from scenarios.trace_check import entries_in_order
from scenarios.workload import ClosedArrivals, Tier, TraceArrivals
from sim.arrival_rates import (
    ArrivalRates,
    Even,
    Modulated,
    Planned,
    arrival_rates,
    stretches_of,
)
from sim.popularity import Weighted, Zipf
from sim.rates import NEVER_NS, CumulatedRate
from sim.streams import request_key, seed_key, stream_key, uniform

GAP_STREAM: Final = "arrival gap"
CLASS_STREAM: Final = "arrival class"
USER_STREAM: Final = "arrival user"
KEY_STREAM: Final = "arrival key"

_Item = TypeVar("_Item")


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


class UnknownBefore(ValueError):
    """When requests are sent depends on the answers to those before, as of closed arrivals."""


def arrivals(scenario: Scenario) -> Iterator[Arrival]:
    """Return the arrivals of warm-up and measured part, ascending in time, made one by one.

    Of a trace, all is read before the first: it is sorted if its lines are not.

    Raises:
        scenarios.trace.InvalidTrace: the workload is a trace that cannot be read, or that
            has a class which the scenario does not have.
        OSError: the trace cannot be opened.
        UnknownBefore: they are closed.
    """
    end_ns = scenario.warm_up_ns + scenario.duration_ns
    match scenario.workload.arrivals:
        case TraceArrivals(trace=trace):
            entries = entries_in_order(scenario, trace)
            return _replayed(entries, trace.speed, end_ns, Particulars(scenario))
        case ClosedArrivals():
            raise UnknownBefore(
                "workload.arrivals.closed: when users send depends on their answers, so that "
                "nobody can list their requests before a run; use open arrivals, such as poisson"
            )
        case drawn:
            return _drawn(scenario, arrival_rates(drawn, scenario), end_ns)


def _drawn(scenario: Scenario, rates: ArrivalRates, end_ns: int) -> Iterator[Arrival]:
    seed = seed_key(scenario.seed)
    next_ns = _times(rates, seed, end_ns)
    particulars = Particulars(scenario)
    for index in count():
        key = request_key(seed, index)
        at_ns = next_ns(key)
        if at_ns >= end_ns:
            return
        yield particulars.drawn(index, at_ns, key)


NextNs: TypeAlias = Callable[[int], int]
"""From the key of the next request to the time of its arrival, at least that of the last."""


def _times(rates: ArrivalRates, seed: int, end_ns: int) -> NextNs:
    """Return what says when requests arrive, one after the other."""
    match rates:
        case Even(rate_per_s=rate_per_s):
            return _evenly(rate_per_s)
        case Planned() | Modulated():
            return _by_chance(CumulatedRate(stretches_of(rates, seed), end_ns))


def _evenly(rate_per_s: float) -> NextNs:
    numbers = count()
    return lambda _key: evenly_spaced_ns(next(numbers), rate_per_s)


def evenly_spaced_ns(index: int, rate_per_s: float) -> int:
    """Return when arrival number ``index`` comes, at the latest ``NEVER_NS``.

    In scalars and branches only, so that ``sim.compiled`` can hand this very function to Numba.
    """
    return int(min(index * 1e9 / rate_per_s, NEVER_NS))


def _by_chance(rate: CumulatedRate) -> NextNs:
    stream = stream_key(GAP_STREAM)
    expected = 0.0

    def next_ns(key: int) -> int:
        nonlocal expected
        expected -= math.log(uniform(key, stream, 0))
        return rate.reaches_ns(expected)

    return next_ns


def _replayed(
    entries: Iterable[TraceEntry], speed: float, end_ns: int, particulars: "Particulars"
) -> Iterator[Arrival]:
    for index, entry in enumerate(entries):
        at_ns = int(entry.at_ns / speed)
        if at_ns >= end_ns:
            return
        yield particulars.recorded(index, at_ns, entry)


class Particulars:
    """Draws what a request is: its class, its user, its key."""

    def __init__(self, scenario: Scenario) -> None:
        tiers = tiers_of(scenario)
        self._classes = Weighted(scenario.workload.mix)
        self._tiers = Weighted({name: tier.weight for name, tier in tiers.items()})
        self._popularity = popularity_by_class(scenario)
        self._keys = _keys_by_class(scenario)
        self._users = {
            name: [f"{name}-{i}" for i in range(tier.count)] for name, tier in tiers.items()
        }
        # Where there is but one, chance has nothing to say, and is not asked.
        self._only_class = _only(list(scenario.workload.mix))
        self._only_user = _only(
            [(tier, user) for tier, users in self._users.items() for user in users]
        )
        self._seed = seed_key(scenario.seed)
        self._class_stream = stream_key(CLASS_STREAM)
        self._user_stream = stream_key(USER_STREAM)
        self._key_stream = stream_key(KEY_STREAM)
        self._recorded_keys = stream_key("recorded key")

    def drawn(self, index: int, at_ns: int, key: int) -> Arrival:
        """Return arrival number ``index``, which draws from ``key``."""
        class_name = self._only_class or self._classes.pick(uniform(key, self._class_stream, 0))
        tier, user = self._only_user or self._user_at(uniform(key, self._user_stream, 0))
        popularity = self._popularity[class_name]
        about = 0 if popularity is None else popularity.key(uniform(key, self._key_stream, 0))
        return Arrival(index, at_ns, class_name, tier, user, about)

    def asked(self, index: int, at_ns: int, tier: str, user: str) -> Arrival:
        """Return request number ``index`` of a user who is known."""
        arrival = self.drawn(index, at_ns, request_key(self._seed, index))
        return arrival._replace(tier=tier, user=user)

    def spread(self, users: int) -> tuple[tuple[str, str], ...]:
        """Return tier and name of each of so many users, by the tiers' weights."""
        return tuple(self._user_at((number + 0.5) / users) for number in range(users))

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
        tier, user = self._user_at(draw)
        return arrival._replace(tier=tier, user=user)

    def _user_at(self, draw: float) -> tuple[str, str]:
        """Return the tier and the user that ``draw`` from (0, 1) stands for."""
        tier, rest = self._tiers.pick_and_rest(draw)
        users = self._users[tier]
        return tier, users[int(rest * len(users))]


def _only(names: Sequence[_Item]) -> _Item | None:
    """Return the only one of ``names``, or None if there are more."""
    return names[0] if len(names) == 1 else None


def tiers_of(scenario: Scenario) -> dict[str, Tier]:
    """Return who sends the traffic, in the order of the draws."""
    return scenario.users or {"free": Tier()}


def popularity_by_class(scenario: Scenario) -> dict[str, Zipf | None]:
    """Return how the keys of each class are chosen; None if it has none."""
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
