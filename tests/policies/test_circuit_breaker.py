"""Stories of a circuit breaker that opens after two failures, for a hundred nanoseconds."""

import pytest

from policies import BreakerLimits, CircuitBreaker, State

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


@pytest.mark.parametrize("name", ["cool_down_ns", "failures_max"])
def test_limits_below_one_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        BreakerLimits(**{"cool_down_ns": 1, "failures_max": 1, name: 0})
