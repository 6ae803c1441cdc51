"""Laws of CoDel, and the RFC's pseudo code beside it."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from policies.codel import Codel, CodelLimits, control_law_ns
from policies.queue_discipline import CodelQueue
from properties.strategies.calls import (
    QueueHistory,
    codel_limits,
    queue_histories,
    troubles_that_return,
)

ROOT_THAT_FLOATS_ROUND_UP = 1_855_077_841
"""Half of its square is one less than a square, and its root a hair less than an integer."""


class Left(NamedTuple):
    """A request that left the queue."""

    at_ns: int
    came_ns: int
    was_shed: bool


@dataclass
class RfcQueue:
    """The pseudo code of RFC 8289, with roots of floats; all requests are of size 1."""

    target: int
    interval: int
    first_above_time: int = 0
    drop_next: int = 0
    count: int = 0
    lastcount: int = 0
    dropping: bool = False

    def __post_init__(self) -> None:
        self.waiting: deque[int] = deque()
        self.left: list[Left] = []

    def control_law(self, t: int, count: int) -> int:
        """Return the time of the next drop."""
        return t + int(self.interval / sqrt(count))

    def dodequeue(self, now: int) -> tuple[int | None, bool]:
        """Return when the next packet came, and whether it is ok to drop it."""
        if not self.waiting:
            self.first_above_time = 0
            return None, False
        came = self.waiting.popleft()
        if now - came < self.target or len(self.waiting) <= 1:
            self.first_above_time = 0
        elif self.first_above_time == 0:
            self.first_above_time = now + self.interval
        elif now >= self.first_above_time:
            return came, True
        return came, False

    def drop(self, came: int | None, now: int) -> None:
        """Drop a packet."""
        assert came is not None
        self.left.append(Left(now, came, was_shed=True))

    def dequeue(self, now: int) -> None:
        """Drop what is to be dropped, and send one."""
        came, ok_to_drop = self.dodequeue(now)
        if self.dropping:
            if not ok_to_drop:
                self.dropping = False
            while now >= self.drop_next and self.dropping:
                self.drop(came, now)
                self.count += 1
                came, ok_to_drop = self.dodequeue(now)
                if ok_to_drop:
                    self.drop_next = self.control_law(self.drop_next, self.count)
                else:
                    self.dropping = False
        elif ok_to_drop:
            self.drop(came, now)
            came, ok_to_drop = self.dodequeue(now)
            self.dropping = True
            delta = self.count - self.lastcount
            self.count = 1
            if delta > 1 and now - self.drop_next < 16 * self.interval:
                self.count = delta
            self.drop_next = self.control_law(now, self.count)
            self.lastcount = self.count
        if came is not None:
            self.left.append(Left(now, came, was_shed=False))


def left_of(history: QueueHistory) -> list[Left]:
    """Return what leaves our queue, in order."""
    queue = CodelQueue[int](10**6, history.limits)
    left: list[Left] = []
    for at_ns, arrives in history.steps:
        if arrives:
            assert queue.offer(at_ns, at_ns)
            continue
        taken = queue.take(at_ns)
        left += [Left(at_ns, came_ns, was_shed=True) for came_ns in taken.shed]
        if taken.item is not None:
            left.append(Left(at_ns, taken.item, was_shed=False))
    return left


@given(history=queue_histories() | troubles_that_return())
def test_it_sheds_and_serves_the_same_as_the_pseudo_code(history: QueueHistory) -> None:
    rfc = RfcQueue(history.limits.target_ns, history.limits.interval_ns)
    for at_ns, arrives in history.steps:
        if arrives:
            rfc.waiting.append(at_ns)
        else:
            rfc.dequeue(at_ns)
    assert left_of(history) == rfc.left


@given(history=queue_histories())
def test_a_request_is_shed_only_after_an_interval_in_which_each_one_waited_for_too_long(
    history: QueueHistory,
) -> None:
    limits = history.limits
    left = left_of(history)
    for number, shed in enumerate(left):
        if not shed.was_shed:
            continue
        before = [it for it in left[:number] if it.at_ns >= shed.at_ns - limits.interval_ns]
        assert all(it.at_ns - it.came_ns >= limits.target_ns for it in [*before, shed])
        assert left[0].at_ns <= shed.at_ns - limits.interval_ns


@given(history=queue_histories())
def test_after_a_request_that_waited_for_less_than_the_target_none_is_shed_for_an_interval(
    history: QueueHistory,
) -> None:
    left = left_of(history)
    good_ns = [it.at_ns for it in left if it.at_ns - it.came_ns < history.limits.target_ns]
    for shed in left:
        if shed.was_shed:
            assert not any(
                shed.at_ns - history.limits.interval_ns < at_ns < shed.at_ns for at_ns in good_ns
            )


@given(limits=codel_limits(), asked=st.integers(1, 600))
def test_under_lasting_overload_the_sheds_follow_the_interval_over_the_root(
    limits: CodelLimits, asked: int
) -> None:
    codel = Codel(limits)
    shed_ns = [
        now_ns
        for now_ns in range(1, asked)
        if codel.is_shed(now_ns, wait_ns=limits.target_ns, behind=10)
    ]
    if shed_ns:
        assert shed_ns[0] == 1 + limits.interval_ns
    for number, (earlier_ns, later_ns) in enumerate(pairwise(shed_ns), start=1):
        if limits.interval_ns**2 < number:
            return
        # It is asked once a nanosecond, and a gap below one cannot be seen.
        assert later_ns - earlier_ns == max(1, int(limits.interval_ns / sqrt(number)))


@given(
    from_ns=st.integers(0, 2**62),
    count=st.integers(1, 100) | st.integers(1, 2**62),
    interval_ns=st.integers(1, 1000) | st.integers(1, 3 * 10**9),
)
@example(from_ns=0, count=1, interval_ns=3 * 10**9)
@example(from_ns=0, count=10, interval_ns=3)
@example(from_ns=0, count=2, interval_ns=ROOT_THAT_FLOATS_ROUND_UP)
def test_the_root_of_integers_is_exact(from_ns: int, count: int, interval_ns: int) -> None:
    gap_ns = control_law_ns(from_ns, count, interval_ns) - from_ns
    assert gap_ns**2 * count <= interval_ns**2 < (gap_ns + 1) ** 2 * count
