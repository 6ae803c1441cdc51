"""Laws of queues under overload: nobody is lost, and the right ones are told no."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from policies.queue_discipline import (
    AdaptiveQueue,
    CodelQueue,
    Queued,
    QueueLimits,
    Shed,
    StrictPriorityQueue,
)
from properties.strategies.calls import QueueHistory, queue_histories

WAIT_MAX_NS = 30
OVERLOAD_NS = 20


class AdaptiveMachine(RuleBasedStateMachine):
    """Keeps its own list of who waits since when, and since when somebody does."""

    limits: QueueLimits
    queue: AdaptiveQueue[int]

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.line: list[tuple[int, int]] = []
        self.busy_since_ns = 0
        self.offered = self.served = self.shed = 0

    @initialize(
        limits=st.builds(
            QueueLimits,
            places=st.integers(1, 8),
            wait_max_ns=st.sampled_from([1, WAIT_MAX_NS, 10**6]),
            newest_first_after_ns=st.sampled_from([1, OVERLOAD_NS, 10**6]),
        )
    )
    def a_queue_begins_empty(self, limits: QueueLimits) -> None:
        """Choose its limits."""
        self.limits = limits
        self.queue = AdaptiveQueue(limits)

    @rule(
        step_ns=st.sampled_from(
            [1, OVERLOAD_NS - 1, OVERLOAD_NS, WAIT_MAX_NS - 1, WAIT_MAX_NS, WAIT_MAX_NS + 1]
        )
    )
    def time_passes(self, step_ns: int) -> None:
        """Go on to about where something turns."""
        self.now_ns += step_ns

    @rule(arrivals=st.integers(1, 6))
    def some_come(self, arrivals: int) -> None:
        """They get a place as long as there is one."""
        for _ in range(arrivals):
            self.offered += 1
            had_place = len(self.line) < self.limits.places
            assert self.queue.offer(self.offered, self.now_ns) is had_place
            if not had_place:
                self.shed += 1
                continue
            if not self.line:
                self.busy_since_ns = self.now_ns
            self.line.append((self.now_ns, self.offered))

    @rule()
    def one_is_to_be_served(self) -> None:
        """The newest under overload, the oldest otherwise; whoever waited too long is told."""
        busy_ns = self.now_ns - self.busy_since_ns
        overloaded = bool(self.line) and busy_ns >= self.limits.newest_first_after_ns
        assert self.queue.is_overloaded(self.now_ns) is overloaded
        taken = self.queue.take(self.now_ns)
        too_long = [it for it in self.line if self.now_ns - it[0] > self.limits.wait_max_ns]
        assert taken.shed == [item for _, item in too_long], "not those were told who must be"
        self.shed += len(too_long)
        self.line = self.line[len(too_long) :]
        if not self.line:
            assert taken.item is None
            return
        _, expected = self.line.pop(-1 if overloaded else 0)
        assert taken.item == expected, "the wrong one was served"
        self.served += 1

    @invariant()
    def whoever_came_was_served_or_told_no_or_waits(self) -> None:
        """Nobody is lost, nobody is there twice, and no more wait than there are places."""
        if hasattr(self, "queue"):
            assert self.offered == self.served + self.shed + len(self.queue)
            assert len(self.queue) <= self.limits.places


TestAdaptiveQueue = AdaptiveMachine.TestCase


class PriorityMachine(RuleBasedStateMachine):
    """Keeps a list for each priority."""

    queue: StrictPriorityQueue[int]

    def __init__(self) -> None:
        super().__init__()
        self.places = 1
        self.lines: list[list[int]] = [[], [], []]
        self.offered = self.served = self.shed = 0

    @initialize(places=st.integers(1, 5))
    def a_queue_begins_empty(self, places: int) -> None:
        """Choose its places."""
        self.places = places
        self.queue = StrictPriorityQueue(places, priorities=3)

    @rule(arrivals=st.integers(1, 4), priority=st.integers(0, 2))
    def some_come(self, arrivals: int, priority: int) -> None:
        """When all places are taken, nobody of more worth than another is sent away."""
        for _ in range(arrivals):
            self.offered += 1
            was_full = sum(map(len, self.lines)) == self.places
            self.lines[priority].append(self.offered)
            outcome = self.queue.offer(self.offered, priority)
            if isinstance(outcome, Shed):
                assert was_full, "somebody was sent away though there was a place"
                lowest = next(line for line in self.lines if line)
                assert outcome.item == lowest.pop(), "not the least worthy was sent away"
                self.shed += 1
            else:
                assert outcome == Queued()
                assert not was_full, "there are more than there are places"

    @rule()
    def one_is_to_be_served(self) -> None:
        """The one of the highest priority who came first."""
        item = self.queue.take()
        waiting = list(chain.from_iterable(reversed(self.lines)))
        assert item == (waiting[0] if waiting else None), "the wrong one was served"
        if item is not None:
            next(line for line in reversed(self.lines) if line).pop(0)
            self.served += 1

    @invariant()
    def whoever_came_was_served_or_told_no_or_waits(self) -> None:
        """Nobody is lost, and nobody is there twice."""
        if hasattr(self, "queue"):
            assert self.offered == self.served + self.shed + len(self.queue)
            assert len(self.queue) == sum(map(len, self.lines)) <= self.places


TestStrictPriorityQueue = PriorityMachine.TestCase


@given(history=queue_histories(), places=st.integers(1, 30))
def test_a_queue_that_sheds_by_codel_loses_nobody_and_keeps_the_order(
    history: QueueHistory, places: int
) -> None:
    queue = CodelQueue[int](places, history.limits)
    came: list[int] = []
    left: list[int] = []
    for number, (at_ns, arrives) in enumerate(history.steps):
        if arrives:
            has_place = len(queue) < places
            assert queue.offer(number, at_ns) is has_place
            came += [number] * has_place
            continue
        taken = queue.take(at_ns)
        left += taken.shed
        if taken.item is None:
            assert len(queue) == 0
        else:
            left.append(taken.item)
    assert left == came[: len(left)]
    assert len(came) == len(left) + len(queue)


@given(requests=st.integers(40, 80))
def test_under_lasting_overload_the_newest_first_serves_in_time_and_in_order_nobody_is(
    requests: int,
) -> None:
    in_time = {}
    for turns_after_ns in (10, 10**9):
        queue = AdaptiveQueue[int](QueueLimits(50, newest_first_after_ns=turns_after_ns))
        waits_ns = []
        # Two come for each that is served.
        for now_ns in range(requests * 2):
            queue.offer(now_ns, now_ns)
            if now_ns % 2:
                item = queue.take(now_ns).item
                assert item is not None
                waits_ns.append(now_ns - item)
        in_time[turns_after_ns] = sum(wait_ns <= 5 for wait_ns in waits_ns[10:])
    assert in_time[10] == requests - 10
    assert in_time[10**9] == 0
