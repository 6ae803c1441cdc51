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
    """Phrases for two devices of ten bytes: small jobs, a large one among them, small ones again.

    Args:
        draw: given by Hypothesis.
        overruns: whether some jobs run for longer than they declared.
        priorities: whether some jobs have a higher priority than others.
    """
    now_ns = 0
    found: list[Arrival] = []
    for large in draw(st.lists(st.booleans(), min_size=1, max_size=8)):
        now_ns += draw(st.sampled_from([0, 1, 7]))
        for _ in range(1 if large else draw(st.integers(1, 4))):
            declared_ns = draw(st.sampled_from([1, 5, 10, 11, 40]))
            ends = [1, declared_ns, declared_ns, *([declared_ns + 3] if overruns else [])]
            found.append(
                Arrival(
                    at_ns=now_ns,
                    size_bytes=draw(st.sampled_from([9, 10] if large else [1, 4, 6])),
                    devices=draw(st.sampled_from([1, 2])) if large else 1,
                    declared_ns=declared_ns,
                    runs_ns=draw(st.sampled_from(ends)),
                    priority=draw(st.sampled_from([0, 0, 2])) if priorities else 0,
                )
            )
    return tuple(found)
