"""Places and turns: which replica is asked, and which of its places is free first."""

from typing import Final

from sim.compiled.machine_code import called, inlined
from sim.compiled.recursion.layout import State

FEW_PLACES: Final = 16
"""Of so many the one that is free first is looked for; more are a heap, whose first it is."""


@inlined
def next_turn(s: State, caller: int, groups: int) -> int:
    """Return which of ``groups`` is next for a caller."""
    turn = s.turns[caller]
    s.turns[caller] = turn + 1 if turn + 1 < groups else 0
    return turn


@inlined
def first_free(s: State, group: int) -> int:
    """Return the place of a group that is free first."""
    base, capacity = s.groups[group].base, s.groups[group].capacity
    first = base
    if 1 < capacity <= FEW_PLACES:
        first_ns = s.free_ns[base]
        for place in range(base + 1, base + capacity):
            free_ns = s.free_ns[place]
            first = place if free_ns < first_ns else first
            first_ns = min(free_ns, first_ns)
    return first


@inlined
def take(s: State, group: int, place: int, began_ns: int, ended_ns: int) -> None:
    """Let somebody be served at the place that is free first.

    Who is served in no time leaves a place that was free as it was.
    """
    if ended_ns == began_ns and s.free_ns[place] < began_ns:
        return
    if s.groups[group].capacity <= FEW_PLACES:
        s.free_ns[place] = ended_ns
    else:
        _replace_first(s, place, s.groups[group].capacity, ended_ns)


@called
def _replace_first(s: State, base: int, capacity: int, end_ns: int) -> None:
    """Let the place of a large group that is free first be taken until ``end_ns``."""
    at = 0
    while True:
        below = 2 * at + 1
        if below >= capacity:
            break
        below_ns = s.free_ns[base + below]
        if below + 1 < capacity and s.free_ns[base + below + 1] < below_ns:
            below += 1
            below_ns = s.free_ns[base + below]
        if end_ns <= below_ns:
            break
        s.free_ns[base + at] = below_ns
        at = below
    s.free_ns[base + at] = end_ns
