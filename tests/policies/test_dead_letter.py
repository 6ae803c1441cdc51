"""Redelivery, for example: later and later, and then among the dead letters."""

from typing import Any

import pytest

from policies.dead_letter import (
    DeadLetter,
    Deliveries,
    Failure,
    Redeliver,
    RedeliveryLimits,
    failure_of_status,
)

LIMITS = RedeliveryLimits(attempts_max=3, base_ns=10, cap_ns=15, silent_max=2)


def begun(attempts: int) -> Deliveries:
    return Deliveries(attempts=attempts)


def test_waits_double_up_to_a_cap_and_then_the_job_is_dead() -> None:
    assert LIMITS.after(begun(1), Failure.TRANSIENT, 0.0) == Redeliver(10, begun(1))
    assert LIMITS.after(begun(2), Failure.TRANSIENT, 0.0) == Redeliver(15, begun(2))
    assert LIMITS.after(begun(3), Failure.TRANSIENT, 0.0) == DeadLetter("attempts")


def test_jitter_only_ever_adds_to_the_wait() -> None:
    limits = RedeliveryLimits(attempts_max=3, base_ns=100, cap_ns=100, jitter_percent=50)
    assert limits.after(begun(1), Failure.TRANSIENT, 0.0) == Redeliver(100, begun(1))
    assert limits.after(begun(1), Failure.TRANSIENT, 0.5) == Redeliver(125, begun(1))


def test_an_attempt_counts_from_its_beginning_and_one_too_many_does_not_begin() -> None:
    deliveries = begun(0)
    for attempt in (1, 2, 3):
        after = LIMITS.begin(deliveries)
        assert after == begun(attempt)
        assert isinstance(after, Deliveries)
        deliveries = after
    assert LIMITS.begin(deliveries) == DeadLetter("attempts")


def test_what_can_never_succeed_is_not_tried_again() -> None:
    assert LIMITS.after(begun(1), Failure.PERMANENT, 0.0) == DeadLetter("permanent")


def test_a_job_that_silences_its_workers_is_poison_before_its_attempts_run_out() -> None:
    first = LIMITS.after(begun(1), Failure.SILENT, 0.0)
    assert first == Redeliver(10, Deliveries(attempts=1, silent=1))
    assert LIMITS.after(Deliveries(attempts=2, silent=1), Failure.SILENT, 0.0) == DeadLetter(
        "poison"
    )


def test_where_nobody_asks_for_poison_silence_is_an_attempt_like_any_other() -> None:
    limits = RedeliveryLimits(attempts_max=2, base_ns=1, cap_ns=1)
    assert limits.after(begun(1), Failure.SILENT, 0.0) == Redeliver(1, Deliveries(1, silent=1))
    assert limits.after(begun(2), Failure.SILENT, 0.0) == DeadLetter("attempts")


def test_a_requeue_starts_the_count_again_and_remembers_that_it_did() -> None:
    again = LIMITS.requeue(Deliveries(attempts=3, silent=1))
    assert again == Deliveries(attempts=0, silent=0, requeues=1, earlier_attempts=3)
    assert again is not None
    assert LIMITS.requeue(again) is None


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.PERMANENT),
        (404, Failure.PERMANENT),
        (409, Failure.PERMANENT),
        (408, Failure.TRANSIENT),
        (422, Failure.PERMANENT),
        (429, Failure.TRANSIENT),
        (499, Failure.PERMANENT),
        (500, Failure.TRANSIENT),
        (501, Failure.PERMANENT),
        (503, Failure.TRANSIENT),
        (599, Failure.PERMANENT),
    ],
)
def test_a_status_says_whether_asking_again_makes_sense(status: int, failure: Failure) -> None:
    assert failure_of_status(status) is failure


@pytest.mark.parametrize("status", [-1, 200, 302, 399, 600])
def test_a_status_that_is_no_failure_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match=rf"^status must be from 400 to 599, got {status}"):
        failure_of_status(status)


def test_the_longest_schedule_there_is_does_not_overflow() -> None:
    limits = RedeliveryLimits(10**6, base_ns=2**53, cap_ns=2**53, jitter_percent=100)
    decided = limits.after(begun(10**6 - 1), Failure.TRANSIENT, 1 - 2**-53)
    assert isinstance(decided, Redeliver)
    assert 2**53 <= decided.delay_ns <= 2**54


def test_nothing_follows_an_attempt_that_never_began() -> None:
    with pytest.raises(AssertionError, match=r"begins before it ends"):
        LIMITS.after(begun(0), Failure.TRANSIENT, 0.0)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"attempts_max": 0}, "attempts_max must be at least 1, got 0"),
        ({"base_ns": 0}, "base_ns and cap_ns must ascend"),
        ({"cap_ns": 9}, "base_ns and cap_ns must ascend"),
        ({"cap_ns": 2**53 + 1}, "base_ns and cap_ns must ascend"),
        ({"jitter_percent": -1}, "jitter_percent must be from 0 to 100, got -1"),
        ({"jitter_percent": 101}, "jitter_percent must be from 0 to 100, got 101"),
        ({"silent_max": 0}, "silent_max must be from 1 to 3, got 0"),
        ({"silent_max": 4}, "silent_max must be from 1 to 3, got 4"),
        ({"requeues_max": -1}, "requeues_max must be at least 0, got -1"),
    ],
)
def test_nonsensical_limits_are_refused_by_name(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        RedeliveryLimits(**{"attempts_max": 3, "base_ns": 10, "cap_ns": 20, **wrong})
