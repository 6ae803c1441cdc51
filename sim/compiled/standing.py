"""Places at which frames are served, and the line before each: as ``sim.models.places``."""

from sim.compiled.codes import FIFO, JOB_TURN, NOBODY, PRIORITY
from sim.compiled.events import schedule_now
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined


@inlined
def enter(s: State, places: int, frame: int) -> bool:
    """Let ``frame`` take a place; False: there is none, and it stands in line."""
    here = s.places[places]
    if here.occupied < here.capacity:
        here.occupied += 1
        _count(s, places, 1)
        return True
    here.waiting += 1
    if here.discipline != FIFO:
        _stand_in_line(s, places, frame)
        return False
    s.frames[frame].next = NOBODY
    if here.head == NOBODY:
        here.head = frame
    else:
        s.frames[here.tail].next = frame
    here.tail = frame
    return False


@called
def leave(s: State, places: int) -> None:
    """Give a place to who is next in line, if somebody waits."""
    here = s.places[places]
    first = here.head
    if first != NOBODY:
        here.head = s.frames[first].next
        here.waiting -= 1
        if here.discipline == PRIORITY:
            last = here.lasts + _rank(s, first)
            if s.lasts[last] == first:
                s.lasts[last] = NOBODY
        schedule_now(s, first)
        return
    here.occupied -= 1
    _count(s, places, -1)


@called
def _stand_in_line(s: State, places: int, number: int) -> None:
    """Let a frame wait where the order in line is not that of coming."""
    here = s.places[places]
    frame = s.frames[number]
    before = NOBODY
    if here.discipline == PRIORITY:
        rank = _rank(s, number)
        before = last_before(s, here.lasts, rank)
        s.lasts[here.lasts + rank] = number
    if before == NOBODY:
        frame.next = here.head
        here.head = number
    else:
        frame.next = s.frames[before].next
        s.frames[before].next = number


@inlined
def _rank(s: State, number: int) -> int:
    """Return the rank of the class that a frame waits for: a request's, or a worker's job's."""
    frame = s.frames[number]
    op = s.jobs[frame.job].op if frame.state == JOB_TURN else frame.op
    return s.program[op].rank


@inlined
def last_before(s: State, lasts: int, rank: int) -> int:
    """Return the last in line of this rank or, if there is none, of the next lower; -1: nobody."""
    while rank >= 0 and s.lasts[lasts + rank] == NOBODY:
        rank -= 1
    return s.lasts[lasts + rank] if rank >= 0 else NOBODY


@inlined
def _count(s: State, places: int, change: int) -> None:
    """Keep the occupied time, less so many times now as places are taken."""
    here = s.places[places]
    shift_ns = change * s.run[0].now_ns
    here.busy_ns -= shift_ns
    if here.service != NOBODY:
        service = s.services[here.service]
        service.busy_ns -= shift_ns
        service.occupied += change
