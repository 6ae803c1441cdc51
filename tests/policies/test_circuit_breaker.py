"""Stories of a circuit breaker that opens after two failures, for a hundred nanoseconds."""

from dataclasses import replace
from typing import Any

import pytest

from policies.circuit_breaker import (
    BreakerLimits,
    CircuitBreaker,
    FailureRate,
    State,
    outcome_step,
    probe_step,
)

LIMITS = BreakerLimits(cool_down_ns=100, failures_max=2)


def open_at(now_ns: int) -> CircuitBreaker:
    """Return a breaker whose last call failed at ``now_ns`` and opened it."""
    breaker = CircuitBreaker(LIMITS)
    for _ in range(LIMITS.failures_max):
        fail(breaker, now_ns)
    assert breaker.state is State.OPEN
    return breaker


def ticket_of(breaker: CircuitBreaker, now_ns: int) -> int:
    """Return the ticket of a call that goes out."""
    ticket = breaker.admit(now_ns)
    assert ticket is not None
    return ticket


def fail(breaker: CircuitBreaker, now_ns: int) -> None:
    """Send out a call that fails."""
    breaker.failed(ticket_of(breaker, now_ns), now_ns)


def state_of(breaker: CircuitBreaker) -> State:
    """Return the state as it is now; a type checker takes an attribute's for unchanging."""
    return breaker.state


def test_a_window_of_outcomes_holds_no_more_than_its_calls() -> None:
    outcomes, failures = 0, 0
    for failed in (1, 0, 1, 1, 1, 0):
        outcomes, failures = outcome_step(outcomes, failures, 3, failed)
        assert outcomes < 2**3
    assert (outcomes, failures) == (0b110, 2)


def test_a_step_of_a_breaker_that_is_not_closed_says_what_may_go_out() -> None:
    assert probe_step(2, 50, 40, 100, 3) == (1, 1, 140)
    assert probe_step(0, 50, 49, 100, 3) == (0, 0, 50)
    assert probe_step(0, 50, 50, 100, 3) == (2, 2, 150)


def test_after_it_has_closed_again_the_share_of_failures_is_judged_from_nothing() -> None:
    limits = BreakerLimits(100, failures_max=9, rate=FailureRate(50, calls_min=3, window_calls=62))
    breaker = CircuitBreaker(limits)
    for _ in range(3):
        fail(breaker, 0)
    assert state_of(breaker) is State.OPEN
    breaker.succeeded(ticket_of(breaker, 100))
    assert state_of(breaker) is State.CLOSED
    for _ in range(2):
        fail(breaker, 200)
    assert state_of(breaker) is State.CLOSED, "two of two are too few to tell"
    breaker = CircuitBreaker(replace(limits, rate=FailureRate(50, calls_min=4, window_calls=4)))
    for _ in range(4):
        fail(breaker, 0)
    breaker.succeeded(ticket_of(breaker, 100))
    breaker.succeeded(ticket_of(breaker, 100))
    breaker.succeeded(ticket_of(breaker, 100))
    breaker.succeeded(ticket_of(breaker, 100))
    fail(breaker, 200)
    assert state_of(breaker) is State.CLOSED, "one of the latest four failed"


def test_failures_that_are_not_in_a_row_do_not_open_it() -> None:
    breaker = CircuitBreaker(LIMITS)
    for now_ns in range(10):
        fail(breaker, now_ns)
        breaker.succeeded(ticket_of(breaker, now_ns))
    assert breaker.state is State.CLOSED
    assert breaker.retry_after_ns(10) == 0


def test_an_open_breaker_refuses_until_it_has_cooled_down() -> None:
    breaker = open_at(0)
    assert breaker.admit(99) is None
    assert breaker.retry_after_ns(60) == 40
    assert breaker.retry_after_ns(200) == 0
    assert breaker.admit(100) is not None
    assert breaker.state is State.HALF_OPEN


def test_a_probe_goes_out_alone_and_its_success_closes_the_breaker() -> None:
    breaker = open_at(0)
    probe = ticket_of(breaker, 100)
    assert breaker.admit(100) is None
    breaker.succeeded(probe)
    assert breaker.state is State.CLOSED
    assert breaker.admit(100) is not None


def test_a_probe_that_fails_opens_the_breaker_for_another_cool_down() -> None:
    breaker = open_at(0)
    breaker.failed(ticket_of(breaker, 100), 130)
    assert breaker.state is State.OPEN
    assert breaker.retry_after_ns(130) == 100


def test_a_probe_that_is_never_heard_of_again_is_followed_by_another() -> None:
    breaker = open_at(0)
    lost = ticket_of(breaker, 100)
    assert breaker.admit(199) is None
    second = ticket_of(breaker, 200)
    # Word from the lost one comes after all; it is not the one that decides any more.
    breaker.failed(lost, 210)
    assert breaker.retry_after_ns(210) == 90
    breaker.succeeded(second)
    assert breaker.state is State.CLOSED


def test_calls_that_fail_after_the_breaker_opened_do_not_keep_it_open() -> None:
    breaker = CircuitBreaker(LIMITS)
    slow = [ticket_of(breaker, 0) for _ in range(5)]
    breaker.failed(slow[0], 0)
    breaker.failed(slow[1], 0)
    for ticket in slow[2:]:
        breaker.failed(ticket, 90)
    assert breaker.retry_after_ns(90) == 10


def test_every_second_call_failing_opens_a_breaker_that_looks_at_shares() -> None:
    rate = FailureRate(percent=50, calls_min=4, window_calls=10)
    breaker = CircuitBreaker(BreakerLimits(cool_down_ns=100, failures_max=5, rate=rate))
    fail(breaker, 0)
    breaker.succeeded(ticket_of(breaker, 1))
    fail(breaker, 2)
    # Two of three failed, and three calls are too few to say anything.
    assert state_of(breaker) is State.CLOSED
    fail(breaker, 3)
    assert state_of(breaker) is State.OPEN


def test_failures_that_have_left_the_window_are_forgotten() -> None:
    rate = FailureRate(percent=50, calls_min=2, window_calls=4)
    breaker = CircuitBreaker(BreakerLimits(cool_down_ns=100, rate=rate))
    fail(breaker, 0)
    for now_ns in range(4):
        breaker.succeeded(ticket_of(breaker, now_ns))
    fail(breaker, 5)
    assert state_of(breaker) is State.CLOSED


def test_an_answer_that_took_too_long_is_a_failure() -> None:
    breaker = CircuitBreaker(BreakerLimits(cool_down_ns=100, failures_max=1, slow_ns=50))
    breaker.answered(ticket_of(breaker, 0), now_ns=50, took_ns=50)
    assert state_of(breaker) is State.CLOSED
    breaker.answered(ticket_of(breaker, 50), now_ns=101, took_ns=51)
    assert breaker.retry_after_ns(101) == 100


def test_it_takes_three_good_probes_to_close_it_of_which_two_may_be_out() -> None:
    limits = BreakerLimits(cool_down_ns=100, failures_max=1, probes_max=2, successes_min=3)
    breaker = CircuitBreaker(limits)
    fail(breaker, 0)
    first, second = ticket_of(breaker, 100), ticket_of(breaker, 100)
    assert breaker.admit(100) is None
    breaker.succeeded(first)
    # Said twice, it still is one success and one free place.
    breaker.succeeded(first)
    third = ticket_of(breaker, 110)
    assert breaker.admit(110) is None
    breaker.succeeded(second)
    assert state_of(breaker) is State.HALF_OPEN
    breaker.succeeded(third)
    assert state_of(breaker) is State.CLOSED


@pytest.mark.parametrize(
    "name", ["cool_down_ns", "failures_max", "probes_max", "successes_min", "slow_ns"]
)
def test_limits_below_one_are_refused_by_name(name: str) -> None:
    limits: dict[str, Any] = {"cool_down_ns": 1, "failures_max": 1, name: 0}
    with pytest.raises(ValueError, match=rf"^{name} must be at least 1, got 0"):
        BreakerLimits(**limits)


@pytest.mark.parametrize(
    ("rate", "complaint"),
    [
        ({"percent": 0}, "percent must be from 1 to 100, got 0"),
        ({"percent": 101}, "percent must be from 1 to 100, got 101"),
        ({"window_calls": 0}, "window_calls must be from 1 to 62, got 0"),
        ({"window_calls": 63}, "window_calls must be from 1 to 62, got 63"),
        ({"calls_min": 0}, "calls_min must be from 1 to window_calls .10., got 0"),
        ({"calls_min": 11}, "calls_min must be from 1 to window_calls .10., got 11"),
    ],
)
def test_a_rate_that_cannot_be_judged_is_refused(rate: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        FailureRate(**{"percent": 50, "calls_min": 5, "window_calls": 10, **rate})
