"""Pools of devices, asks that just fit and just do not, and jobs that come in a bad order."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from policies.device_room import Ask, Device, Strategy

LEASE_NS = 10

TIMES_NS = st.sampled_from([1, LEASE_NS - 1, LEASE_NS, LEASE_NS + 1])
"""Stretches of about a lease, or of hardly anything."""


def devices(slices: Sequence[int] = (1, 2, 7)) -> st.SearchStrategy[tuple[Device, ...]]:
    """One to three small devices, alike or not."""
    one = st.builds(Device, memory_bytes=st.sampled_from([8, 12]), slices=st.sampled_from(slices))
    return st.lists(one, min_size=1, max_size=3).map(tuple)


def asks(slices_max: int = 4) -> st.SearchStrategy[Ask]:
    """Asks that fill such a device, half of it or hardly anything, and some that are too much."""
    return st.builds(
        Ask,
        memory_bytes=st.sampled_from([1, 4, 5, 8, 12, 13]),
        slices=st.sampled_from([0, 0, *range(slices_max + 1)]),
        devices=st.sampled_from([1, 1, 1, 2, 3]),
    )


def strategies() -> st.SearchStrategy[Strategy]:
    """Each way to choose a device."""
    return st.sampled_from(list(Strategy))


class Arrival(NamedTuple):
    """One job, as it comes to the queue."""

    at_ns: int
    size_bytes: int
    devices: int
    declared_ns: int
    runs_ns: int
    priority: int


@st.composite
def arrivals(
    draw: st.DrawFn, *, overruns: bool = False, priorities: bool = False
) -> tuple[Arrival, ...]:
    """Phrases for two devices of ten bytes: small jobs, a large one, and one that is in the way.

    Args:
        draw: given by Hypothesis.
        overruns: whether some jobs run for longer than they declared.
        priorities: whether some jobs have a higher priority than others.
    """
    now_ns = 0
    found: list[Arrival] = []
    for phrase in draw(st.lists(st.sampled_from([_SMALL, _LARGE, _IN_THE_WAY]), max_size=5)):
        now_ns += draw(st.sampled_from([0, 1, 7]))
        for size_bytes, devices, declared_ns in draw(phrase):
            ends = [1, declared_ns, declared_ns, *([declared_ns + 3] if overruns else [])]
            runs_ns = draw(st.sampled_from(ends))
            priority = draw(st.sampled_from([0, 0, 2])) if priorities else 0
            found.append(Arrival(now_ns, size_bytes, devices, declared_ns, runs_ns, priority))
    return tuple(found)


def _jobs(
    sizes_bytes: Sequence[int],
    durations_ns: Sequence[int],
    devices: Sequence[int] = (1,),
    *,
    count_max: int = 4,
) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    one = st.tuples(*map(st.sampled_from, (sizes_bytes, devices, durations_ns)))
    return st.lists(one, min_size=1, max_size=count_max)


_SMALL = _jobs((1, 4, 6), (1, 5, 10, 11, 40))
_LARGE = _jobs((9, 10), (1, 5, 10), (1, 2), count_max=1)

# Both devices are busy for ten nanoseconds, a job needs nearly all of them then, and those behind
# it last about as long: just until it can start, or a nanosecond longer.
_IN_THE_WAY = st.tuples(_LARGE, _jobs((1, 1, 4), (9, 10, 11), count_max=4)).map(
    lambda parts: [(6, 1, 10), (6, 1, 10), *parts[0], *parts[1]]
)
