"""Who comes next: a binary heap of visitors, by when they come."""

from sim.compiled.machine_code import called, inlined
from sim.compiled.recursion.layout import State
from sim.compiled.recursion.order import FIRST, UNDECIDED, compared


@called
def _is_first(s: State, one: int, other: int) -> bool:
    """Whether one of two that come at the same time is to be taken first."""
    which = compared(s, s.visitors[one], s.visitors[other])
    if which == UNDECIDED:
        # Any order, but always the same: if it matters, the run is given up.
        return bool(s.visitors[one].order < s.visitors[other].order)
    return which == FIRST


@called
def push(s: State, at_ns: int, number: int) -> None:
    """Let a visitor come at ``at_ns``."""
    run = s.run[0]
    at = run.waiting
    run.waiting = at + 1
    while at > 0:
        above = (at - 1) >> 1
        above_ns = s.heap_ns[above]
        if above_ns < at_ns or (above_ns == at_ns and _is_first(s, s.heap_visitor[above], number)):
            break
        s.heap_ns[at] = above_ns
        s.heap_visitor[at] = s.heap_visitor[above]
        at = above
    s.heap_ns[at] = at_ns
    s.heap_visitor[at] = number


@inlined
def pop(s: State) -> int:
    """Take who comes next."""
    run = s.run[0]
    first = s.heap_visitor[0]
    last = run.waiting - 1
    run.waiting = last
    if last > 0:
        _put_first(s, s.heap_ns[last], s.heap_visitor[last])
    return first


@inlined
def _put_first(s: State, at_ns: int, number: int) -> None:
    """Put a visitor in the place of the first, and then where it belongs."""
    waiting = s.run[0].waiting
    at = 0
    while True:
        below = 2 * at + 1
        if below >= waiting:
            break
        below_ns = s.heap_ns[below]
        if below + 1 < waiting:
            right_ns = s.heap_ns[below + 1]
            if right_ns < below_ns or (
                right_ns == below_ns
                and _is_first(s, s.heap_visitor[below + 1], s.heap_visitor[below])
            ):
                below += 1
                below_ns = right_ns
        if at_ns < below_ns or (at_ns == below_ns and _is_first(s, number, s.heap_visitor[below])):
            break
        s.heap_ns[at] = below_ns
        s.heap_visitor[at] = s.heap_visitor[below]
        at = below
    s.heap_ns[at] = at_ns
    s.heap_visitor[at] = number
