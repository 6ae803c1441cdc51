"""Who comes first of those that come to a station in the same nanosecond.

Events of one time happen in the order in which they were scheduled. A request comes to a
station by an event that was scheduled when it began to be served, or to wait, at the one
before; or, if it is new, when the request before it was sent. So whoever was scheduled earlier
comes first. Only if that, too, was the same nanosecond, one has to look further back, and only
as far as here is written down: further back the answer is that nobody knows.
"""

from typing import Final, Protocol

from sim.compiled.machine_code import called, inlined
from sim.compiled.recursion.layout import State

# How a visitor comes.
SENT: Final = 0
"""It is new: scheduled when the one before was sent."""
SERVED: Final = 1
"""By the end of its service: scheduled at its start."""
WAITED: Final = 2
"""By the end of its waiting, scheduled at the end of its service."""
LOITERED: Final = 3
"""By the end of its waiting, scheduled as it came: it was not served, or in no time."""
HURRIED: Final = 4
"""By being given a place and served in no time."""

# How it began, at the station that it comes from.
EARLY: Final = 0
"""At once, in an event that was scheduled earlier than that."""
LATE: Final = 1
"""At once, in an event that was scheduled then."""
GIVEN: Final = 2
"""It waited for a place until it was given one, by an event of its own, scheduled then."""
UNCLEAR: Final = 3
"""A place became free just then: it began at once or was given it."""
UNKNOWN: Final = 4
"""Nor is it known when its event was scheduled."""

FIRST: Final = -1
SECOND: Final = 1
UNDECIDED: Final = 0


class Coming(Protocol):
    """What orders who comes at one time: of a visitor, or of the last one at a station."""

    scheduled_ns: int
    began_ns: int
    kind: int
    manner: int
    origin: int
    order: int


@called
def compared(s: State, one: Coming, other: Coming) -> int:
    """Return which of two that come at the same time comes first."""
    if UNKNOWN in (one.manner, other.manner):
        return UNDECIDED
    if one.scheduled_ns != other.scheduled_ns:
        return _lower(one.scheduled_ns, other.scheduled_ns)
    if one.kind != other.kind or one.kind == HURRIED:
        return UNDECIDED
    if one.kind == SENT:
        return _lower(one.order, other.order)
    if s.groups[one.origin].station != s.groups[other.origin].station:
        return UNDECIDED
    return _by_start(one, other)


@called
def _by_start(one: Coming, other: Coming) -> int:
    """Return which of two comes first that were scheduled at one station in one nanosecond."""
    if one.began_ns != other.began_ns:
        return _lower(one.began_ns, other.began_ns)
    at_once = one.manner <= LATE and other.manner <= LATE
    same_line = one.manner == GIVEN and other.manner == GIVEN and one.origin == other.origin
    if at_once or same_line:
        return _lower(one.order, other.order)
    if one.manner == EARLY and other.manner == GIVEN:
        return FIRST
    if one.manner == GIVEN and other.manner == EARLY:
        return SECOND
    return UNDECIDED


@inlined
def _lower(one: int, other: int) -> int:
    return FIRST if one < other else SECOND


@called
def check_tie(s: State, number: int, station_number: int) -> None:
    """Compare a visitor with who came to the same station just before, and remember it."""
    now_ns = s.run[0].tie_ns
    visitor = s.visitors[number]
    station = s.stations[station_number]
    if station.came_ns == now_ns and compared(s, station, visitor) != FIRST:
        s.run[0].is_undecided = 1
    station.came_ns = now_ns
    station.scheduled_ns = visitor.scheduled_ns
    station.began_ns = visitor.began_ns
    station.kind = visitor.kind
    station.manner = visitor.manner
    station.origin = visitor.origin
    station.order = visitor.order
