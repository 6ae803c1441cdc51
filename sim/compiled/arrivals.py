"""Arrivals in blocks of arrays: one by one the same as those of ``sim.arrivals``.

What a scenario says of its traffic becomes a table. One compiled function fills block after
block from it, and keeps what it has to remember from one to the next in two small arrays.
Only recorded traffic comes from the readable generator: a trace is text, and read line by line.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scenarios.spec import Scenario
from scenarios.workload import ClosedArrivals, TraceArrivals
from sim import arrivals as readable
from sim import rates
from sim.arrival_rates import (
    STATE_STREAM,
    STAY_STREAM,
    ArrivalRates,
    Even,
    Modulated,
    Planned,
    arrival_rates,
    other_state,
    stay_ns,
    time_shares,
)
from sim.compiled.draws import request_key, uniform
from sim.compiled.machine_code import compiled, inner, scalar, signed, unsigned
from sim.popularity import Weighted, Zipf
from sim.rates import Stretch
from sim.streams import seed_key, stream_key

for _function in (
    readable.evenly_spaced_ns,
    rates.arrivals_in,
    rates.slope_of,
    rates.until_come_ns,
    other_state,
    stay_ns,
):
    scalar(_function)

BLOCK: Final = 4096
"""Rows of a block."""

Reals: TypeAlias = NDArray[np.float64]
Wholes: TypeAlias = NDArray[np.int64]

_GAP: Final = stream_key(readable.GAP_STREAM)
_STATE: Final = stream_key(STATE_STREAM)
_STAY: Final = stream_key(STAY_STREAM)
_CLASS: Final = stream_key(readable.CLASS_STREAM)
_USER: Final = stream_key(readable.USER_STREAM)
_KEY: Final = stream_key(readable.KEY_STREAM)

_EVEN: Final = 0
_PLANNED: Final = 1
_REPEATED: Final = 2
_MODULATED: Final = 3
_CLOSED: Final = 4
"""Nobody knows when: the rows are without times."""

_NO_KEYS: Final = -1

_GUIDES_MAX: Final = 1 << 20


class Block(NamedTuple):
    """Arrivals, a row each; all arrays have the shape (BLOCK,)."""

    at_ns: Wholes
    class_index: Wholes
    tier: Wholes
    user: Wholes
    key: Wholes
    draw_key: NDArray[np.uint64]


class _Traffic(NamedTuple):
    """What arrivals are drawn from."""

    seed: int
    run_ns: int
    kind: int
    rate_per_s: float
    """Of evenly spaced arrivals."""

    lengths_ns: Wholes
    """Of the stretches, none is 0; or the mean lengths of the stays in each state."""

    starts_per_s: Reals
    ends_per_s: Reals
    state_bounds: Reals
    classes: Wholes
    """By their places in the mix."""

    class_bounds: Reals
    tier_bounds: Reals
    users: Wholes
    """How many there are, by tier."""

    popularities: Wholes
    """Shape (classes, 4), of each class: where its part of ``key_bounds`` begins, how many these
    are, where its part of ``guides`` begins, how many cells that has. ``_NO_KEYS`` bounds: it
    asks for no key."""

    key_bounds: Reals
    guides: Wholes
    """The number of bounds that are not above where each of the equal cells of (0, 1) begins,
    and not above 1: the search begins, and ends, in the cell of the draw."""


class _State(NamedTuple):
    """What one block leaves to the next."""

    wholes: Wholes
    reals: Reals


# What the state's places hold. Of the stretch of the last arrival: its place in the table, its
# number from the run's start, and its time.
_INDEX, _STRETCH, _NUMBER, _SINCE_NS, _END_NS = range(5)
# How many arrivals the unit process has brought; how many are to come before the stretch and by
# its end; its rate at first, and how that changes.
_EXPECTED, _COME, _COME_NEXT, _RATE, _SLOPE = range(5)


class ArrivalBlocks:
    """The arrivals of a run, a block at a time.

    Args:
        scenario: whose arrivals.

    Attributes:
        at_ns: int64, shape (BLOCK,): when, from the run's start.
        class_index: int64, shape (BLOCK,): the place of the class in ``scenario.classes``.
        tier: int64, shape (BLOCK,): the place of the tier in ``scenario.users``.
        user: int64, shape (BLOCK,): the user's number within the tier, from 0.
        key: int64, shape (BLOCK,): what it is about, counted from 1; 0 if its class has no keys.
        draw_key: uint64, shape (BLOCK,): from which the request draws.
        first_index: number of the arrival in row 0.

    Raises:
        scenarios.trace.InvalidTrace: as of :func:`sim.arrivals.arrivals`.
        OSError: the trace cannot be opened.
    """

    def __init__(self, scenario: Scenario) -> None:
        block = Block(
            at_ns=np.zeros(BLOCK, np.int64),
            class_index=np.zeros(BLOCK, np.int64),
            tier=np.zeros(BLOCK, np.int64),
            user=np.zeros(BLOCK, np.int64),
            key=np.zeros(BLOCK, np.int64),
            draw_key=np.zeros(BLOCK, np.uint64),
        )
        self.at_ns, self.class_index, self.tier, self.user, self.key, self.draw_key = block
        self.first_index = 0
        self._filled = 0
        self._ended = False
        self._source: _Drawn | _Recorded
        match scenario.workload.arrivals:
            case TraceArrivals():
                self._source = _Recorded(scenario, block)
            case ClosedArrivals():
                self._source = _Drawn(scenario, _Times(_CLOSED), block)
            case drawn:
                times = _times(arrival_rates(drawn, scenario))
                self._source = _Drawn(scenario, times, block)

    def fill(self) -> int:
        """Replace the block by the next one, and return how many of its rows are filled.

        0: there are no more.
        """
        self.first_index += self._filled
        self._filled = 0 if self._ended else self._source.fill()
        self._ended = self._filled < BLOCK
        return self._filled


class _Drawn:
    def __init__(self, scenario: Scenario, times: "_Times", block: Block) -> None:
        self._traffic = _traffic(scenario, times)
        self._state = _State(np.zeros(5, np.int64), np.zeros(5))
        self._block = block

    def fill(self) -> int:
        return int(_fill(self._traffic, self._state, self._block))


class _Recorded:
    def __init__(self, scenario: Scenario, block: Block) -> None:
        self._arrivals = readable.arrivals(scenario)
        self._seed = unsigned(seed_key(scenario.seed))
        self._classes = _places(scenario.classes)
        self._tiers = _places(readable.tiers_of(scenario))
        self._block = block

    def fill(self) -> int:
        block = self._block
        rows = 0
        for row, arrival in enumerate(islice(self._arrivals, BLOCK)):
            block.at_ns[row] = arrival.at_ns
            block.class_index[row] = self._classes[arrival.class_name]
            block.tier[row] = self._tiers[arrival.tier]
            block.user[row] = int(arrival.user.removeprefix(f"{arrival.tier}-"))
            block.key[row] = arrival.key
            block.draw_key[row] = request_key(self._seed, arrival.index)
            rows += 1
        return rows


def _places(names: Iterable[str]) -> Mapping[str, int]:
    return {name: place for place, name in enumerate(names)}


def _traffic(scenario: Scenario, times: "_Times") -> _Traffic:
    """Return the table of a scenario's drawn arrivals."""
    kind, even_per_s, stretches, state_bounds = times
    mix = scenario.workload.mix
    places = _places(scenario.classes)
    tiers = readable.tiers_of(scenario)
    popularities, key_bounds, guides = _popularities(readable.popularity_by_class(scenario))
    return _Traffic(
        seed=unsigned(seed_key(scenario.seed)),
        run_ns=scenario.warm_up_ns + scenario.duration_ns,
        kind=kind,
        rate_per_s=even_per_s,
        lengths_ns=np.array([each.length_ns for each in stretches], np.int64),
        starts_per_s=np.array([each.start_per_s for each in stretches], np.float64),
        ends_per_s=np.array([each.end_per_s for each in stretches], np.float64),
        state_bounds=np.array(state_bounds, np.float64),
        classes=np.array([places[name] for name in mix], np.int64),
        class_bounds=np.array(Weighted(mix).bounds),
        tier_bounds=np.array(Weighted({name: tier.weight for name, tier in tiers.items()}).bounds),
        users=np.array([tier.count for tier in tiers.values()], np.int64),
        popularities=popularities,
        key_bounds=key_bounds,
        guides=guides,
    )


class _Times(NamedTuple):
    kind: int
    even_per_s: float = 0.0
    stretches: Sequence[Stretch] = ()
    state_bounds: Sequence[float] = ()


def _times(rates: ArrivalRates) -> _Times:
    match rates:
        case Even(rate_per_s=rate_per_s):
            return _Times(_EVEN, even_per_s=rate_per_s)
        case Planned(stretches=stretches, again=again):
            some = [each for each in stretches if each.length_ns > 0]
            return _Times(_REPEATED if again else _PLANNED, stretches=some)
        case Modulated(states=states):
            stays = [Stretch(mean_ns, rate, rate) for rate, mean_ns in states]
            return _Times(_MODULATED, stretches=stays, state_bounds=time_shares(states))


def _popularities(by_class: Mapping[str, Zipf | None]) -> tuple[Wholes, Reals, Wholes]:
    """Return the rows of the classes, and the bounds and the guides that they refer to."""
    rows: list[tuple[int, int, int, int]] = []
    known: dict[Zipf, tuple[int, int, int, int]] = {}
    bounds: list[Reals] = [np.empty(0)]
    guides: list[Wholes] = [np.empty(0, np.int64)]
    for zipf in by_class.values():
        if zipf is None:
            rows.append((0, _NO_KEYS, 0, 0))
            continue
        if zipf not in known:
            own = np.array(zipf.bounds)
            cells = min(1 << (2 * own.size).bit_length(), _GUIDES_MAX)
            begins = np.arange(cells + 1) / cells
            starts = sum(each.size for each in bounds), sum(each.size for each in guides)
            known[zipf] = starts[0], own.size, starts[1], cells
            bounds.append(own)
            guides.append(np.searchsorted(own, begins, side="right"))
        rows.append(known[zipf])
    return np.array(rows, np.int64), np.concatenate(bounds), np.concatenate(guides)


@compiled
def _fill(traffic: _Traffic, state: _State, block: Block) -> int:
    """Fill the block, and return how many rows of it."""
    first = state.wholes[_INDEX]
    for row in range(BLOCK):
        key = request_key(traffic.seed, first + row)
        if traffic.kind == _EVEN:
            at_ns = readable.evenly_spaced_ns(first + row, traffic.rate_per_s)
        elif traffic.kind == _CLOSED:
            at_ns = 0
        else:
            at_ns = _next_ns(traffic, state, key)
        if at_ns >= traffic.run_ns:
            return row
        class_index = _class(traffic, key)
        tier, user = _user(traffic, key)
        block.at_ns[row] = at_ns
        block.class_index[row] = class_index
        block.tier[row] = tier
        block.user[row] = user
        block.key[row] = _key(traffic, class_index, key)
        block.draw_key[row] = key
    state.wholes[_INDEX] = first + BLOCK
    return BLOCK


@inner
def _next_ns(traffic: _Traffic, state: _State, key: int) -> int:
    """Return when the next request arrives, as :class:`sim.rates.CumulatedRate` does."""
    reals = state.reals
    reals[_EXPECTED] -= math.log(uniform(key, unsigned(_GAP), 0))
    expected = reals[_EXPECTED]
    while expected > reals[_COME_NEXT]:
        if not _go_on(traffic, state):
            return rates.NEVER_NS
    into_ns = rates.until_come_ns(expected - reals[_COME], reals[_RATE], reals[_SLOPE])
    since_ns, end_ns = state.wholes[_SINCE_NS], state.wholes[_END_NS]
    return signed(since_ns + signed(into_ns) if into_ns < end_ns - since_ns else end_ns)


@inner
def _go_on(traffic: _Traffic, state: _State) -> bool:
    """Turn to the next stretch, and say whether there is one."""
    wholes, reals = state.wholes, state.reals
    number = wholes[_NUMBER]
    if wholes[_END_NS] >= traffic.run_ns:
        return False
    if traffic.kind == _PLANNED and number == traffic.lengths_ns.size:
        return False
    stretch = _next_stretch(traffic, wholes[_STRETCH], number)
    length_ns = traffic.lengths_ns[stretch]
    start_per_s, end_per_s = traffic.starts_per_s[stretch], traffic.ends_per_s[stretch]
    if traffic.kind == _MODULATED:
        key = request_key(traffic.seed, number)
        length_ns = stay_ns(length_ns, uniform(key, unsigned(_STAY), 0))
    wholes[_STRETCH] = stretch
    wholes[_NUMBER] += 1
    wholes[_SINCE_NS] = wholes[_END_NS]
    wholes[_END_NS] += length_ns
    reals[_COME] = reals[_COME_NEXT]
    reals[_COME_NEXT] += rates.arrivals_in(length_ns, start_per_s, end_per_s)
    reals[_RATE] = start_per_s
    # A stay may be over within a nanosecond, and none has a slope.
    reals[_SLOPE] = rates.slope_of(max(length_ns, 1), start_per_s, end_per_s)
    return True


@inner
def _next_stretch(traffic: _Traffic, stretch: int, number: int) -> int:
    """Return the place of stretch ``number``, which follows on ``stretch``."""
    if traffic.kind != _MODULATED:
        return signed(number % traffic.lengths_ns.size)
    u = uniform(request_key(traffic.seed, number), unsigned(_STATE), 0)
    if number == 0:
        return _place(traffic.state_bounds, u)
    return other_state(stretch, traffic.lengths_ns.size, u)


@inner
def _class(traffic: _Traffic, key: int) -> int:
    if traffic.class_bounds.size == 0:
        return signed(traffic.classes[0])
    u = uniform(key, unsigned(_CLASS), 0)
    return signed(traffic.classes[_place(traffic.class_bounds, u)])


@inner
def _user(traffic: _Traffic, key: int) -> tuple[int, int]:
    """Return the tier, and the user's number in it."""
    bounds = traffic.tier_bounds
    if bounds.size == 0 and traffic.users[0] == 1:
        return 0, 0
    u = uniform(key, unsigned(_USER), 0)
    tier = _place(bounds, u)
    low = bounds[tier - 1] if tier else 0.0
    high = bounds[tier] if tier < bounds.size else 1.0
    rest = min((u - low) / (high - low), 1 - 2**-53)
    return tier, signed(rest * traffic.users[tier])


@inner
def _place(bounds: Reals, u: float) -> int:
    """Return how many bounds are not above ``u``; there are few."""
    place = 0
    while place < bounds.size and bounds[place] <= u:
        place += 1
    return place


@inner
def _key(traffic: _Traffic, class_index: int, key: int) -> int:
    """Return what the request is about, as :class:`sim.popularity.Zipf` does."""
    count = traffic.popularities[class_index, 1]
    if count <= 0:
        return 0 if count == _NO_KEYS else 1
    u = uniform(key, unsigned(_KEY), 0)
    # The cells are a power of 2: multiplied by them, a draw is still exact.
    cell = traffic.popularities[class_index, 2] + signed(u * traffic.popularities[class_index, 3])
    low, high = traffic.guides[cell], traffic.guides[cell + 1]
    start = traffic.popularities[class_index, 0]
    while low < high:
        middle = (low + high) >> 1
        if traffic.key_bounds[start + middle] <= u:
            low = middle + 1
        else:
            high = middle
    return signed(low + 1)
