"""One request after the other: when it begins at each station, and when it leaves.

Requests come to each station in the order of time, since whoever is on the way to one waits in
a heap until all that come before have been seen to. In that order each gets the place that is
free first. No event tells when: it is known as soon as a request comes.
"""

from typing import Final, NamedTuple

from scenarios.units import SECOND_NS
from sim.compiled.codes import ARRIVALS, FOREVER_NS, NOBODY, REACHED, ROOM
from sim.compiled.draws import draw_ns
from sim.compiled.machine_code import called, compiled, inlined
from sim.compiled.measures import OFFERED
from sim.compiled.recursion.heap import pop, push
from sim.compiled.recursion.layout import State, state_at
from sim.compiled.recursion.order import (
    EARLY,
    GIVEN,
    HURRIED,
    LATE,
    LOITERED,
    SENT,
    SERVED,
    UNCLEAR,
    UNKNOWN,
    WAITED,
    check_tie,
)
from sim.compiled.recursion.places import first_free, next_turn, take
from sim.compiled.recursion.tally import end_second, measure, put_off, returned

UNDECIDED: Final = 5
"""A tie was found that only the event loop can decide; besides the codes that it stops for."""

_REPLICA: Final = 0xFF


class Stay(NamedTuple):
    """A request's stay at a station."""

    group: int
    came_ns: int
    began_ns: int
    ended_ns: int
    """Its service; after that it may wait."""

    free_ns: int
    """Since when its place was free, or from when on; -1: always."""


@compiled
def advance(address: int) -> int:
    """Work off the block of arrivals; without one, all that happens until the end.

    Args:
        address: of the list that :func:`sim.compiled.addresses.addresses_of` returns.

    Returns:
        Why it stops. If for more room, call it again when there is.
    """
    s = state_at(address)
    run = s.run[0]
    if run.is_drawn == 0:
        _draw_first(s)
    while run.row < run.rows:
        if run.free_left <= 1:
            return ROOM
        at_ns = s.arrivals.at_ns[run.row]
        if at_ns >= run.end_ns:
            run.rows = 0
            break
        _catch_up(s, at_ns)
        if run.is_undecided == 1:
            return UNDECIDED
        _send(s, at_ns)
    if run.rows > 0:
        return ARRIVALS
    _catch_up(s, run.end_ns)
    run.now_ns = run.end_ns
    return UNDECIDED if run.is_undecided == 1 else REACHED


@called
def _drawn_ns(s: State, draw: int, draws: int, site: int) -> int:
    """Draw a time; compiled once, not wherever one is drawn."""
    return draw_ns(s.draws, draw, draws, site)


@called
def _draw_first(s: State) -> None:
    """Draw how long each request of a new block is served first.

    Not one by one when each is served: whatever the processor guesses wrong there would have to
    wait for the draw.
    """
    run = s.run[0]
    for row in range(run.rows):
        stop = s.stops[s.starts[s.arrivals.class_index[row]]]
        drawn_ns = 0
        if stop.is_entry == 1 and stop.draw != NOBODY:
            drawn_ns = _drawn_ns(s, stop.draw, s.arrivals.draw_key[row], stop.site)
        s.drawn_ns[row] = drawn_ns
    run.is_drawn = 1


@inlined
def _send(s: State, at_ns: int) -> None:
    """Let a new request come to its first station."""
    run = s.run[0]
    row = run.row
    run.row = row + 1
    class_index = s.arrivals.class_index[row]
    s.rates[run.second * 4 + OFFERED] += 1
    if run.from_ns <= at_ns:
        s.sent[class_index] += 1
    number = s.starts[class_index]
    if s.stops[number].is_entry == 1:
        _enter(s, row, number, at_ns)
    else:
        visitor = _new_visitor(s, row, number, at_ns)
        push(s, at_ns, visitor)
    run.sent_ns = at_ns


@inlined
def _enter(s: State, row: int, stop_number: int, now_ns: int) -> None:
    """Let a new request be served at a station to which nobody else comes."""
    run = s.run[0]
    stop = s.stops[stop_number]
    group = stop.group
    turn = 0
    if stop.turns != NOBODY:
        turn = next_turn(s, stop.turns, stop.groups)
        group += turn
    began_ns = ended_ns = now_ns
    free_ns = NOBODY
    if stop.takes_place == 1:
        place = first_free(s, group)
        free_ns = s.free_ns[place]
        began_ns = max(free_ns, now_ns)
        if began_ns >= run.end_ns:
            return
        ended_ns = began_ns + s.drawn_ns[row]
        take(s, group, place, began_ns, ended_ns)
        measure(s, stop.station, now_ns, began_ns, ended_ns)
        if ended_ns >= run.end_ns:
            return
    next_ns = ended_ns
    if stop.wait_draw != NOBODY:
        draws = s.arrivals.draw_key[row]
        next_ns += _drawn_ns(s, stop.wait_draw, draws, stop.site)
    if next_ns >= run.end_ns:
        return
    if stop.is_last == 1:
        _return(s, stop.class_index, now_ns, next_ns)
        return
    number = _new_visitor(s, row, stop_number, now_ns)
    if stop.own != NOBODY:
        s.visitors[number].callers = turn << stop.own
    _leave(s, number, Stay(group, now_ns, began_ns, ended_ns, free_ns))
    push(s, next_ns, number)


@called
def _return(s: State, class_index: int, at_ns: int, now_ns: int) -> None:
    """Count a request that returns; until then there is a visitor if that is a later second."""
    if not returned(s, class_index, at_ns, now_ns):
        number = _take_row(s)
        put_off(s, number, at_ns, now_ns)


@inlined
def _take_row(s: State) -> int:
    run = s.run[0]
    number = run.free
    run.free = s.visitors[number].next
    run.free_left -= 1
    return number


@called
def _new_visitor(s: State, row: int, stop: int, at_ns: int) -> int:
    """Return a visitor that is sent now."""
    run = s.run[0]
    number = _take_row(s)
    visitor = s.visitors[number]
    visitor.stop = stop
    visitor.at_ns = at_ns
    visitor.callers = 0
    visitor.scheduled_ns = run.sent_ns
    visitor.kind = SENT
    visitor.manner = EARLY
    visitor.order = run.order
    visitor.draws = s.arrivals.draw_key[row]
    run.order += 1
    return number


@inlined
def _catch_up(s: State, until_ns: int) -> None:
    """Let everybody come who comes before ``until_ns``."""
    run = s.run[0]
    while run.waiting > 0 and s.heap_ns[0] < until_ns:
        _move_on(s)
    while until_ns >= run.cell_end_ns:
        _end_cell(s)


@called
def _move_on(s: State) -> None:
    """Let the next one come to the next station."""
    run = s.run[0]
    now_ns = s.heap_ns[0]
    number = pop(s)
    visitor = s.visitors[number]
    stop = s.stops[visitor.stop]
    if run.tie_ns == now_ns or (run.waiting > 0 and s.heap_ns[0] == now_ns):
        run.tie_ns = now_ns
        check_tie(s, number, stop.station)
    next_ns = _visit(s, number, now_ns)
    if next_ns < run.end_ns and stop.is_last == 0:
        push(s, next_ns, number)
    elif next_ns < run.end_ns and not returned(s, stop.class_index, visitor.at_ns, next_ns):
        put_off(s, number, visitor.at_ns, next_ns)
    else:
        visitor.next = run.free
        run.free = number
        run.free_left += 1


@called
def _end_cell(s: State) -> None:
    """Go on to the next cell, and to the next second if that ends, too."""
    run = s.run[0]
    end_ns = run.cell_end_ns
    run.cell += 1
    run.cell_end_ns = s.ends_ns[run.cell]
    if end_ns % SECOND_NS == 0 or end_ns == run.end_ns:
        end_second(s)


@inlined
def _visit(s: State, number: int, now_ns: int) -> int:
    """Let a visitor be served; return when it comes to its next station, if before the end."""
    run = s.run[0]
    visitor = s.visitors[number]
    stop = s.stops[visitor.stop]
    group = stop.group
    if stop.turns != NOBODY:
        group += _turn_of(s, number)
    began_ns = ended_ns = now_ns
    free_ns = NOBODY
    if stop.takes_place == 1:
        place = first_free(s, group)
        free_ns = s.free_ns[place]
        began_ns = max(free_ns, now_ns)
        if began_ns >= run.end_ns:
            return FOREVER_NS
        if stop.draw != NOBODY:
            ended_ns = _drawn_ns(s, stop.draw, visitor.draws, stop.site)
            ended_ns += began_ns
        else:
            ended_ns = began_ns
        take(s, group, place, began_ns, ended_ns)
        measure(s, stop.station, now_ns, began_ns, ended_ns)
        if ended_ns >= run.end_ns:
            return FOREVER_NS
    next_ns = ended_ns
    if stop.wait_draw != NOBODY:
        next_ns += _drawn_ns(s, stop.wait_draw, visitor.draws, stop.site)
    if stop.is_last == 0:
        _leave(s, number, Stay(group, now_ns, began_ns, ended_ns, free_ns))
    return next_ns


@inlined
def _turn_of(s: State, number: int) -> int:
    """Return which of a station's groups the turn of a visitor's caller falls on."""
    visitor = s.visitors[number]
    stop = s.stops[visitor.stop]
    caller = stop.turns
    if stop.caller != NOBODY:
        caller += (visitor.callers >> stop.caller) & _REPLICA
    turn = next_turn(s, caller, stop.groups)
    if stop.own != NOBODY:
        visitor.callers = (visitor.callers & ~(_REPLICA << stop.own)) | (turn << stop.own)
    return turn


@called
def _leave(s: State, number: int, stay: Stay) -> None:
    """Note by which event a visitor comes to its next station."""
    run = s.run[0]
    visitor = s.visitors[number]
    wait_draw = s.stops[visitor.stop].wait_draw
    visitor.stop += 1
    manner = EARLY if visitor.scheduled_ns < stay.came_ns else LATE
    if stay.free_ns >= stay.came_ns:
        manner = GIVEN if stay.free_ns > stay.came_ns else UNCLEAR
    elif visitor.manner == UNKNOWN:
        manner = UNCLEAR
    if wait_draw == NOBODY and stay.ended_ns == stay.began_ns and manner <= LATE:
        # It goes on at once, in the event by which it came.
        return
    visitor.origin = stay.group
    visitor.order = run.order
    run.order += 1
    visitor.began_ns = stay.began_ns
    visitor.manner = manner
    visitor.scheduled_ns = stay.began_ns
    visitor.kind = SERVED
    if wait_draw != NOBODY:
        visitor.scheduled_ns = stay.ended_ns
        visitor.kind = WAITED if stay.ended_ns > stay.began_ns else LOITERED
    elif stay.ended_ns == stay.began_ns:
        visitor.kind = HURRIED
        visitor.manner = manner if manner == GIVEN else UNKNOWN
