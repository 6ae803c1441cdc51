"""Places at which frames are served, and the line before each: as ``sim.models.places``."""

from sim.compiled.codes import NOBODY
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
    s.frames[frame].next = NOBODY
    if here.head == NOBODY:
        here.head = frame
    else:
        s.frames[here.tail].next = frame
    here.tail = frame
    return False


@called
def leave(s: State, places: int) -> None:
    """Give a place to the first in line, if there is one."""
    here = s.places[places]
    first = here.head
    if first != NOBODY:
        here.head = s.frames[first].next
        here.waiting -= 1
        schedule_now(s, first)
        return
    here.occupied -= 1
    _count(s, places, -1)


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
