"""Stories of queues that have too much to do."""

import pytest

from policies.codel import CodelLimits
from policies.queue_discipline import (
    AdaptiveQueue,
    CodelQueue,
    Queued,
    QueueLimits,
    Shed,
    StrictPriorityQueue,
    Taken,
)


def test_what_comes_in_order_is_served_in_order() -> None:
    queue = AdaptiveQueue[str](QueueLimits(places=2))
    assert queue.offer("ada", 0)
    assert queue.offer("bob", 1)
    assert not queue.offer("cyd", 2)
    assert queue.take(3) == Taken("ada", [])
    assert queue.take(4) == Taken("bob", [])
    assert queue.take(5) == Taken(None, [])


def test_a_queue_that_has_not_been_empty_for_long_serves_the_newest_first() -> None:
    queue = AdaptiveQueue[str](QueueLimits(places=9, newest_first_after_ns=10))
    for now_ns, name in enumerate(["ada", "bob", "cyd", "dan"]):
        queue.offer(name, now_ns)
    assert queue.take(9).item == "ada"
    assert queue.take(10).item == "dan"
    # It has run empty in between: all is as at the beginning.
    assert [queue.take(11).item, queue.take(12).item] == ["cyd", "bob"]
    queue.offer("eve", 13)
    queue.offer("fay", 14)
    assert queue.take(15).item == "eve"


def test_who_has_waited_too_long_is_told_so_instead_of_being_served() -> None:
    queue = AdaptiveQueue[str](QueueLimits(places=9, wait_max_ns=10))
    for now_ns, name in enumerate(["ada", "bob", "cyd"]):
        queue.offer(name, now_ns)
    assert queue.take(11) == Taken("bob", ["ada"])
    assert queue.take(13) == Taken(None, ["cyd"])


def test_the_least_worthy_makes_place_and_among_equals_the_one_who_came_last() -> None:
    queue = StrictPriorityQueue[str](places=2, priorities=3)
    assert queue.offer("bulk 1", 0) == Queued()
    assert queue.offer("bulk 2", 0) == Queued()
    assert queue.offer("bulk 3", 0) == Shed("bulk 3")
    assert queue.offer("pay", 2) == Shed("bulk 2")
    assert queue.offer("read", 1) == Shed("bulk 1")
    assert queue.offer("bulk 4", 0) == Shed("bulk 4")
    assert [queue.take(), queue.take(), queue.take()] == ["pay", "read", None]


def test_a_queue_by_codel_hands_over_whom_it_sheds() -> None:
    queue = CodelQueue[int](places=9, limits=CodelLimits(target_ns=5, interval_ns=100))
    assert [queue.offer(number, 0) for number in range(10)] == [True] * 9 + [False]
    assert queue.take(50) == Taken(0, [])
    assert queue.take(150) == Taken(2, [1])
    assert queue.take(160) == Taken(3, [])
    # At 150 + 100 / sqrt(1), and at once again at + 100 / sqrt(2), which has passed as well.
    assert queue.take(330) == Taken(6, [4, 5])
    assert [queue.take(331).item, queue.take(332).item] == [7, 8]
    assert queue.take(333) == Taken(None, [])


@pytest.mark.parametrize("name", ["places", "wait_max_ns", "newest_first_after_ns"])
def test_limits_below_one_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be at least 1, got 0"):
        QueueLimits(**{"places": 1, name: 0})


def test_queues_without_a_place_or_a_priority_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^places must be at least 1, got 0"):
        CodelQueue[int](places=0, limits=CodelLimits())
    with pytest.raises(ValueError, match=r"^places must be at least 1, got 0"):
        StrictPriorityQueue[int](places=0, priorities=1)
    with pytest.raises(ValueError, match=r"^priorities must be at least 1, got 0"):
        StrictPriorityQueue[int](places=1, priorities=0)


@pytest.mark.parametrize("priority", [-1, 3])
def test_a_priority_that_is_none_is_a_mistake_of_the_caller(priority: int) -> None:
    with pytest.raises(AssertionError, match=r"^there is no such priority"):
        StrictPriorityQueue[int](places=1, priorities=3).offer(1, priority)
