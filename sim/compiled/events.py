"""What happens when: events by their time, and those of one time in the order of scheduling.

This is SimPy's rule, so that both engines break every tie alike. An event that is scheduled
for this very moment comes after all that were scheduled for it before, so a plain line holds
those; the others are in a binary heap. An event is somebody's turn: it is the number of the
frame that goes on.
"""

from typing import Final

from sim.compiled.codes import NOBODY
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined

FRAME_BITS: Final = 24
FRAMES_MAX: Final = 1 << FRAME_BITS
_FRAME: Final = FRAMES_MAX - 1


@called
def schedule(s: State, at_ns: int, frame: int) -> None:
    """Let it be ``frame``'s turn at ``at_ns``, not before now."""
    run = s.run[0]
    if at_ns == run.now_ns:
        schedule_now(s, frame)
        return
    order = (run.order << FRAME_BITS) | frame
    run.order += 1
    at = run.heap
    run.heap = at + 1
    while at > 0:
        above = (at - 1) >> 1
        above_ns = s.heap_ns[above]
        if above_ns < at_ns or (above_ns == at_ns and s.heap_order[above] < order):
            break
        s.heap_ns[at] = above_ns
        s.heap_order[at] = s.heap_order[above]
        at = above
    s.heap_ns[at] = at_ns
    s.heap_order[at] = order


@inlined
def schedule_now(s: State, frame: int) -> None:
    """Let it be ``frame``'s turn when all that is scheduled for now has happened."""
    run = s.run[0]
    s.frames[frame].order = run.order
    run.order += 1
    s.frames[frame].next = NOBODY
    if run.soon_head == NOBODY:
        run.soon_head = frame
    else:
        s.frames[run.soon_tail].next = frame
    run.soon_tail = frame


@called
def schedule_urgent(s: State, frame: int) -> None:
    """Let ``frame`` begin as soon as what happens now has happened."""
    run = s.run[0]
    s.frames[frame].next = NOBODY
    if run.urgent_head == NOBODY:
        run.urgent_head = frame
    else:
        s.frames[run.urgent_tail].next = frame
    run.urgent_tail = frame


@inlined
def next_urgent(s: State) -> int:
    """Take the frame that begins before anything else."""
    run = s.run[0]
    frame = run.urgent_head
    run.urgent_head = s.frames[frame].next
    return frame


@inlined
def next_soon(s: State) -> int:
    """Take the frame whose turn is now."""
    run = s.run[0]
    frame = run.soon_head
    run.soon_head = s.frames[frame].next
    return frame


@called
def next_scheduled(s: State) -> int:
    """Take the frame whose turn is next in the heap, and make its time the time."""
    run = s.run[0]
    frame = s.heap_order[0] & _FRAME
    run.now_ns = s.heap_ns[0]
    last = run.heap - 1
    run.heap = last
    last_ns, last_order = s.heap_ns[last], s.heap_order[last]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= last:
            break
        below_ns = s.heap_ns[below]
        if below + 1 < last:
            right_ns = s.heap_ns[below + 1]
            if right_ns < below_ns or (
                right_ns == below_ns and s.heap_order[below + 1] < s.heap_order[below]
            ):
                below += 1
                below_ns = right_ns
        if last_ns < below_ns or (last_ns == below_ns and last_order < s.heap_order[below]):
            break
        s.heap_ns[at] = below_ns
        s.heap_order[at] = s.heap_order[below]
        at = below
    s.heap_ns[at] = last_ns
    s.heap_order[at] = last_order
    return frame
