"""Which replica a caller asks: what :class:`sim.models.calls.View` does."""

from typing import Final

from policies.balancing import two_choices
from policies.latency_balancing import (
    TIME_MAX_NS,
    LatencyLimits,
    peak_ewma_step,
    penalty_step,
    request_cost,
)
from sim.compiled.breaker import count_tripped, may_go_out
from sim.compiled.codes import (
    CLOSED,
    LATENCY_AWARE,
    LEAST_OUTSTANDING,
    LIMITED,
    NOBODY,
    OK,
    ROUND_ROBIN,
)
from sim.compiled.draws import uniform
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined, scalar, signed

for _function in (two_choices, peak_ewma_step, penalty_step, request_cost):
    scalar(_function)

_DECAY_NS: Final = LatencyLimits().decay_ns
_FAILURE_NS: Final = LatencyLimits().failure_ns
_NO_PENALTY: Final = 16
_UNKNOWN: Final = 1 << 62
_RESERVE_TOKENS: Final = 1_000


@inlined
def view_of(s: State, replica: int, service: int) -> int:
    """Return what a caller knows of a service; -1 if it never asked."""
    return s.views_of[replica * s.run[0].services + service]


@called
def new_view(s: State, replica: int, service: int) -> int:
    """Return a view of which nothing is known yet."""
    run = s.run[0]
    number = run.view_used
    run.view_used += 1
    view = s.views[number]
    view.service = service
    view.replica = replica
    view.version = NOBODY
    view.count = 0
    view.base = run.slot_used
    view.turn = 0
    view.tripped = 0
    view.tokens = _RESERVE_TOKENS
    run.slot_used += s.services[service].ready_max
    s.views_of[replica * s.run[0].services + service] = number
    if (
        run.view_used + run.margin >= run.views_max
        or run.slot_used + run.margin * run.scratch >= run.slots_max
    ):
        run.is_short = 1
    return number


@called
def follow(s: State, number: int) -> None:
    """Take note of replicas that came or went; those that stay are still known."""
    run = s.run[0]
    view = s.views[number]
    service = s.services[view.service]
    known = view.count
    for at in range(known):
        s.scratch[at] = s.slots[view.base + at]
    for at in range(service.ready):
        replica = s.slots[service.ready_base + at]
        found = NOBODY
        for old in range(known):
            if s.seen[s.scratch[old]].replica == replica:
                found = s.scratch[old]
        if found == NOBODY:
            found = _new_seen(s, number, replica)
        s.slots[view.base + at] = found
    view.count = service.ready
    view.version = service.version
    count_tripped(s, number)
    if run.seen_used + run.margin * run.scratch >= run.seen_max:
        run.is_short = 1


@called
def _new_seen(s: State, view: int, replica: int) -> int:
    run = s.run[0]
    number = run.seen_used
    run.seen_used += 1
    seen = s.seen[number]
    seen.replica = replica
    seen.outlook = view
    seen.outstanding = 0
    seen.breaker = CLOSED
    seen.ticket = 1
    seen.failures = 0
    seen.places = 0
    seen.wait_until_ns = 0
    seen.probe = NOBODY
    seen.time_ns = 0
    seen.noted_ns = NOBODY
    seen.excess = 0
    seen.judged_ns = NOBODY
    return number


@inlined
def next_turn(s: State, number: int, among: int) -> int:
    """Return whose turn it is, by round robin."""
    view = s.views[number]
    turn = view.turn
    if turn >= among:
        turn = 0
    view.turn = turn + 1
    return turn


@called
def choose(s: State, frame: int, path: int, site: int) -> int:
    """Return the replica for the next attempt of the frame's call, as its caller sees it.

    Returns:
        Its row in ``seen``; -1 if there is none that may be asked.
    """
    asks = s.frames[frame]
    view = s.views[asks.outlook]
    service = s.services[view.service]
    if view.version != service.version:
        follow(s, asks.outlook)
    well = _well(s, asks.outlook, asks.failures)
    if well == 0:
        return NOBODY
    if service.balancing == ROUND_ROBIN:
        return s.scratch[next_turn(s, asks.outlook, well)]
    chance = uniform(s.visits[asks.visit].draws, service.balancing_stream, path + site)
    if service.balancing == LEAST_OUTSTANDING:
        return _idlest(s, well, chance)
    if well == 1:
        return s.scratch[0]
    first, second = two_choices(well, chance)
    one, other = s.scratch[first], s.scratch[second]
    if _load(s, one, service.balancing) <= _load(s, other, service.balancing):
        return one
    return other


@called
def _well(s: State, number: int, failures: int) -> int:
    """Put those that may be asked into ``scratch``, and return how many there are."""
    view = s.views[number]
    well = 0
    for at in range(view.base, view.base + view.count):
        seen = s.slots[at]
        if view.tripped == 0 or may_go_out(s, seen):
            s.scratch[well] = seen
            well += 1
    if failures == NOBODY:
        return well
    others = 0
    for at in range(well):
        if not _is_among(s, s.scratch[at], failures):
            others += 1
    if others == 0:
        return well
    kept = 0
    for at in range(well):
        seen = s.scratch[at]
        if not _is_among(s, seen, failures):
            s.scratch[kept] = seen
            kept += 1
    return kept


@called
def _is_among(s: State, seen: int, failures: int) -> bool:
    while failures != NOBODY:
        if s.failures[failures].seen == seen:
            return True
        failures = s.failures[failures].next
    return False


@called
def _idlest(s: State, well: int, chance: float) -> int:
    fewest = s.seen[s.scratch[0]].outstanding
    equal = 0
    for at in range(well):
        outstanding = s.seen[s.scratch[at]].outstanding
        if outstanding < fewest:
            fewest = outstanding
            equal = 0
        if outstanding == fewest:
            equal += 1
    wanted = signed(chance * equal)
    for at in range(well):
        if s.seen[s.scratch[at]].outstanding == fewest:
            if wanted == 0:
                return s.scratch[at]
            wanted -= 1
    return NOBODY


@called
def _load(s: State, number: int, balancing: int) -> int:
    """Return what the balancer compares: requests open, or what one more costs."""
    seen = s.seen[number]
    if balancing != LATENCY_AWARE:
        return seen.outstanding
    if seen.judged_ns == NOBODY:
        return _UNKNOWN + seen.outstanding if seen.outstanding > 0 else 0
    now_ns = s.run[0].now_ns
    time_ns, _ = peak_ewma_step(seen.time_ns, seen.noted_ns, now_ns, 0, _DECAY_NS)
    excess, _ = peak_ewma_step(seen.excess, seen.judged_ns, now_ns, 0, _DECAY_NS)
    return request_cost(time_ns, _NO_PENALTY + excess, seen.outstanding)


@called
def weigh(s: State, number: int, took_ns: int, reply: int) -> None:
    """Take into the costs how an attempt ended: :class:`policies.latency_balancing`."""
    seen = s.seen[number]
    now_ns = s.run[0].now_ns
    good = 1 if reply in (OK, LIMITED) else 0
    if good == 0:
        took_ns = max(took_ns, _FAILURE_NS if seen.judged_ns == NOBODY else seen.time_ns)
    took_ns = min(took_ns, TIME_MAX_NS)
    seen.time_ns, seen.noted_ns = peak_ewma_step(
        seen.time_ns, seen.noted_ns, now_ns, took_ns, _DECAY_NS
    )
    excess, _ = peak_ewma_step(seen.excess, seen.judged_ns, now_ns, 0, _DECAY_NS)
    seen.excess = penalty_step(_NO_PENALTY + excess, good) - _NO_PENALTY
    seen.judged_ns = now_ns
