"""Stories of retries and of the budget that bounds them."""

import re

import pytest

from policies.retry import Backoff, CallFailure, GiveUp, Jitter, RetryAfter, RetryBudget, may_repeat

BACKOFF = Backoff(base_ns=100, cap_ns=350, attempts_max=5)
NEVER_NS = 10**9


def test_the_delay_doubles_with_every_attempt_up_to_the_cap() -> None:
    decisions = [
        BACKOFF.decide(attempt, now_ns=0, deadline_ns=NEVER_NS, uniform=0.5)
        for attempt in (1, 2, 3, 4)
    ]
    assert decisions == [RetryAfter(50), RetryAfter(100), RetryAfter(175), RetryAfter(175)]


def test_a_ceiling_that_is_just_below_the_cap_is_not_lifted_to_it() -> None:
    backoff = Backoff(base_ns=100, cap_ns=201, attempts_max=5)
    decision = backoff.decide(2, now_ns=0, deadline_ns=NEVER_NS, uniform=0.999)
    assert decision == RetryAfter(199)


def test_the_last_attempt_is_not_followed_by_another() -> None:
    decision = BACKOFF.decide(5, now_ns=0, deadline_ns=NEVER_NS, uniform=0.0)
    assert decision == GiveUp("attempts")


def test_a_retry_that_would_start_at_the_deadline_is_not_worth_it() -> None:
    # Half of the ceiling of 100 is a delay of 50.
    in_time = BACKOFF.decide(1, now_ns=1000, deadline_ns=1051, uniform=0.5)
    too_late = BACKOFF.decide(1, now_ns=1000, deadline_ns=1050, uniform=0.5)
    assert in_time == RetryAfter(50)
    assert too_late == GiveUp("deadline")


def test_without_jitter_the_delay_is_the_ceiling_itself() -> None:
    backoff = Backoff(base_ns=100, cap_ns=350, attempts_max=5, jitter="none")
    decisions = [
        backoff.decide(attempt, now_ns=0, deadline_ns=NEVER_NS, uniform=0.0)
        for attempt in (1, 2, 3, 4)
    ]
    assert decisions == [RetryAfter(100), RetryAfter(200), RetryAfter(350), RetryAfter(350)]


def test_doublings_that_end_just_below_the_cap_are_not_lifted_to_it() -> None:
    backoff = Backoff(base_ns=100, cap_ns=201, attempts_max=5, jitter="none")
    assert backoff.decide(2, now_ns=0, deadline_ns=NEVER_NS, uniform=0.0) == RetryAfter(200)
    assert backoff.decide(3, now_ns=0, deadline_ns=NEVER_NS, uniform=0.0) == RetryAfter(201)


def test_an_attempt_that_was_not_made_and_a_wait_into_the_past_are_mistakes() -> None:
    with pytest.raises(AssertionError, match=r"^attempts are counted from 1$"):
        BACKOFF.decide(0, now_ns=0, deadline_ns=NEVER_NS, uniform=0.0)
    with pytest.raises(AssertionError, match=r"^nobody can ask for a retry in the past$"):
        BACKOFF.decide(1, now_ns=0, deadline_ns=NEVER_NS, uniform=0.0, retry_after_ns=-1)


def test_a_jitter_that_nobody_knows_is_refused_with_those_there_are() -> None:
    known = re.escape("jitter must be one of ('none', 'full', 'decorrelated'), got 'half'")
    with pytest.raises(ValueError, match=f"^{known}$"):
        Backoff(base_ns=1, cap_ns=1, attempts_max=2, jitter="half")  # type: ignore[arg-type]  # that is what is tested


def test_a_decorrelated_delay_lies_up_to_three_times_the_one_before() -> None:
    backoff = Backoff(base_ns=100, cap_ns=1000, attempts_max=9, jitter="decorrelated")

    def delay_ns(previous_ns: int, uniform: float) -> int:
        decision = backoff.decide(
            1, now_ns=0, deadline_ns=NEVER_NS, uniform=uniform, previous_ns=previous_ns
        )
        assert isinstance(decision, RetryAfter)
        return decision.delay_ns

    assert (delay_ns(0, 0.0), delay_ns(0, 0.9999)) == (100, 300)
    assert (delay_ns(200, 0.0), delay_ns(200, 0.9999)) == (100, 600)
    # Three times 900 is beyond the cap; what is drawn ends there, and does not pile up there.
    assert (delay_ns(900, 0.5), delay_ns(900, 0.9999)) == (550, 1000)


def test_a_service_that_asks_for_a_pause_gets_it_and_the_back_off_on_top() -> None:
    decision = BACKOFF.decide(1, now_ns=0, deadline_ns=NEVER_NS, uniform=0.5, retry_after_ns=10_000)
    assert decision == RetryAfter(10_050)
    in_vain = BACKOFF.decide(1, now_ns=0, deadline_ns=10_050, uniform=0.5, retry_after_ns=10_000)
    assert in_vain == GiveUp("deadline")


@pytest.mark.parametrize(
    ("failure", "idempotent", "repeated"),
    [
        (CallFailure.NEVER_SENT, False, True),
        (CallFailure.REFUSED, False, True),
        (CallFailure.UNANSWERED, False, False),
        (CallFailure.UNANSWERED, True, True),
        (CallFailure.BROKE_OFF, False, False),
        (CallFailure.BROKE_OFF, True, True),
        (CallFailure.REJECTED, True, False),
    ],
)
def test_a_call_that_may_have_happened_is_repeated_only_if_twice_is_as_good_as_once(
    failure: CallFailure, *, idempotent: bool, repeated: bool
) -> None:
    assert may_repeat(failure, idempotent=idempotent) is repeated


def test_a_jitter_that_nobody_knows_is_refused() -> None:
    unknown: Jitter = "some"  # type: ignore[assignment]  # what a settings file may hold
    with pytest.raises(ValueError, match=r"^jitter must be one of"):
        Backoff(base_ns=1, cap_ns=1, attempts_max=1, jitter=unknown)


@pytest.mark.parametrize(("base_ns", "cap_ns"), [(0, 10), (11, 10), (1, 2**53 + 1)])
def test_delays_that_do_not_ascend_within_bounds_are_refused(base_ns: int, cap_ns: int) -> None:
    with pytest.raises(ValueError, match=r"^base_ns and cap_ns must ascend"):
        Backoff(base_ns=base_ns, cap_ns=cap_ns, attempts_max=1)


def test_a_back_off_without_any_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^attempts_max must be at least 1, got 0"):
        Backoff(base_ns=1, cap_ns=1, attempts_max=0)


def test_ten_percent_pay_for_one_retry_in_ten_first_attempts() -> None:
    budget = RetryBudget(percent=10, reserve=0)
    for _ in range(9):
        budget.earned()
    assert not budget.may_retry()
    budget.earned()
    assert budget.may_retry()
    assert not budget.may_retry()


def test_a_long_calm_does_not_pay_for_more_than_the_reserve() -> None:
    budget = RetryBudget(percent=50, reserve=3)
    for _ in range(1000):
        budget.earned()
    assert [budget.may_retry() for _ in range(5)] == [True, True, True, False, False]


def test_without_percent_and_reserve_nothing_is_ever_retried() -> None:
    budget = RetryBudget(percent=0, reserve=0)
    for _ in range(1000):
        budget.earned()
    assert not budget.may_retry()


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_that_is_none_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match=rf"^percent must be from 0 to 100, got {percent}"):
        RetryBudget(percent=percent, reserve=0)


def test_a_negative_reserve_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^reserve must be at least 0, got -1"):
        RetryBudget(percent=0, reserve=-1)
