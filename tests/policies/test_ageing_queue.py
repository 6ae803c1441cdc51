"""The ageing queue, for example: the urgent first, but nobody last for ever."""

from typing import Any

import pytest

from policies.ageing_queue import AgeingLimits, AgeingQueue

LIMITS = AgeingLimits(waiting_max=4, priority_max=9, ageing_ns=10)


def order(queue: AgeingQueue[str]) -> list[str]:
    """Return what is waiting, in the order in which it leaves."""
    return list(iter(queue.pop, None))


def test_the_urgent_go_first_and_equals_in_order_of_arrival() -> None:
    queue: AgeingQueue[str] = AgeingQueue(LIMITS)
    for job, priority in [("a0", 0), ("b5", 5), ("c0", 0), ("d5", 5)]:
        assert queue.push(job, priority, submitted_ns=0)
    assert order(queue) == ["b5", "d5", "a0", "c0"]


def test_one_level_is_worth_its_wait_and_on_the_nanosecond_the_elder_goes_first() -> None:
    queue: AgeingQueue[str] = AgeingQueue(LIMITS)
    queue.push("old", 0, submitted_ns=0)
    queue.push("just in time", 1, submitted_ns=9)
    queue.push("too late", 1, submitted_ns=10)
    assert order(queue) == ["just in time", "old", "too late"]


def test_a_job_that_is_tried_again_keeps_its_age() -> None:
    queue: AgeingQueue[str] = AgeingQueue(LIMITS)
    queue.push("new", 3, submitted_ns=50)
    queue.push("tried again", 3, submitted_ns=40)
    assert [*queue] == ["tried again", "new"]
    assert order(queue) == ["tried again", "new"]


def test_a_full_queue_refuses_even_the_most_urgent() -> None:
    queue: AgeingQueue[str] = AgeingQueue(LIMITS)
    for job in "abcd":
        queue.push(job, 0, submitted_ns=0)
    assert not queue.push("urgent", 9, submitted_ns=0)
    assert len(queue) == 4
    assert order(queue) == [*"abcd"]
    assert queue.pop() is None


def test_jobs_are_never_compared_with_each_other() -> None:
    queue: AgeingQueue[object] = AgeingQueue(LIMITS)
    first, second = object(), object()
    queue.push(first, 0, submitted_ns=0)
    queue.push(second, 0, submitted_ns=0)
    assert queue.pop() is first


@pytest.mark.parametrize("priority", [-1, 10])
def test_a_priority_out_of_range_is_refused(priority: int) -> None:
    with pytest.raises(ValueError, match=rf"^priority must be from 0 to 9, got {priority}"):
        AgeingQueue[str](LIMITS).push("job", priority, submitted_ns=0)


@pytest.mark.parametrize("submitted_ns", [-1, 2**62])
def test_a_time_out_of_range_is_refused(submitted_ns: int) -> None:
    with pytest.raises(ValueError, match=rf"^submitted_ns must be .*, got {submitted_ns}"):
        AgeingQueue[str](LIMITS).push("job", 0, submitted_ns)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"waiting_max": 0}, "waiting_max must be at least 1, got 0"),
        ({"priority_max": -1}, "priority_max must be at least 0, got -1"),
        ({"ageing_ns": 0}, "ageing_ns must be at least 1, got 0"),
        ({"ageing_ns": 2**60}, r"priority_max \* ageing_ns must not exceed"),
    ],
)
def test_nonsensical_limits_are_refused_by_name(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        AgeingLimits(**{"waiting_max": 4, "priority_max": 9, "ageing_ns": 10, **wrong})
