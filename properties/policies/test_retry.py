"""Laws of retries: bounded in number, in time, and in their share of the traffic."""

from copy import deepcopy
from dataclasses import replace
from itertools import combinations
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from policies.retry import Backoff, CallFailure, GiveUp, Jitter, RetryAfter, RetryBudget, may_repeat
from properties.strategies import UNIFORM_MAX, uniforms


def backoffs() -> st.SearchStrategy[Backoff]:
    """Back-offs of every size, from a nanosecond up to the longest there may be."""
    sizes_ns = st.integers(1, 8) | st.integers(1, 2**53) | st.just(2**53)
    delays_ns = st.tuples(sizes_ns, sizes_ns).map(sorted)
    return st.builds(
        lambda delays_ns, attempts_max: Backoff(delays_ns[0], delays_ns[1], attempts_max),
        delays_ns=delays_ns,
        attempts_max=st.integers(2, 6) | st.integers(2, 200),
    )


def ceiling_ns(backoff: Backoff, attempt: int) -> int:
    """Return the bound of the delay after an attempt, computed without a care for overflow."""
    bounded: int = min(backoff.cap_ns, backoff.base_ns * 2 ** (attempt - 1))
    return bounded


def delay_ns(backoff: Backoff, attempt: int, uniform: float) -> int:
    """Return the delay that is decided on when there is all the time in the world."""
    decision = backoff.decide(attempt, now_ns=0, deadline_ns=2**62, uniform=uniform)
    assert isinstance(decision, RetryAfter)
    return decision.delay_ns


@given(backoff=backoffs(), data=st.data(), uniform=uniforms())
def test_a_delay_is_the_drawn_share_of_its_ceiling_and_stays_below_it(
    backoff: Backoff, data: st.DataObject, uniform: float
) -> None:
    attempt = data.draw(st.integers(1, backoff.attempts_max - 1))
    ceiling = ceiling_ns(backoff, attempt)
    assert 0 <= delay_ns(backoff, attempt, uniform) < ceiling
    assert abs(delay_ns(backoff, attempt, uniform) - uniform * ceiling) <= 1


@given(backoff=backoffs(), data=st.data())
def test_the_jitter_is_full_from_no_delay_at_all_up_to_the_ceiling(
    backoff: Backoff, data: st.DataObject
) -> None:
    attempt = data.draw(st.integers(1, backoff.attempts_max - 1))
    assert delay_ns(backoff, attempt, 0.0) == 0
    assert delay_ns(backoff, attempt, UNIFORM_MAX) == ceiling_ns(backoff, attempt) - 1


@given(
    backoff=backoffs(),
    attempt=st.integers(1, 6) | st.integers(1, 300),
    now_ns=st.integers(0, 2**53),
    spare_ns=st.integers(-2, 2) | st.integers(-(2**53), 2**53),
    uniform=uniforms(),
)
def test_a_retry_is_given_up_exactly_when_it_is_one_too_many_or_would_start_too_late(
    backoff: Backoff, attempt: int, now_ns: int, spare_ns: int, uniform: float
) -> None:
    if attempt >= backoff.attempts_max:
        decision = backoff.decide(attempt, now_ns=0, deadline_ns=2**62, uniform=uniform)
        assert decision == GiveUp("attempts")
        return
    wait_ns = delay_ns(backoff, attempt, uniform)
    decision = backoff.decide(
        attempt, now_ns=now_ns, deadline_ns=now_ns + wait_ns + spare_ns, uniform=uniform
    )
    assert decision == (RetryAfter(wait_ns) if spare_ns > 0 else GiveUp("deadline"))


@given(backoff=backoffs(), data=st.data(), uniform=uniforms())
def test_without_jitter_the_delay_is_the_ceiling_whatever_chance_says(
    backoff: Backoff, data: st.DataObject, uniform: float
) -> None:
    attempt = data.draw(st.integers(1, backoff.attempts_max - 1))
    assert delay_ns(replace(backoff, jitter="none"), attempt, uniform) == ceiling_ns(
        backoff, attempt
    )


@given(backoff=backoffs(), draws=st.lists(uniforms(), min_size=1, max_size=12))
def test_each_decorrelated_delay_is_within_the_base_and_three_times_the_one_before(
    backoff: Backoff, draws: list[float]
) -> None:
    patient = replace(backoff, jitter="decorrelated", attempts_max=len(draws) + 1)
    previous_ns = 0
    for attempt, uniform in enumerate(draws, start=1):
        decision = patient.decide(
            attempt, now_ns=0, deadline_ns=2**62, uniform=uniform, previous_ns=previous_ns
        )
        assert isinstance(decision, RetryAfter)
        longest_ns = min(backoff.cap_ns, 3 * max(previous_ns, backoff.base_ns))
        assert backoff.base_ns <= decision.delay_ns <= longest_ns
        if uniform == 0:
            assert decision.delay_ns == backoff.base_ns
        if uniform == UNIFORM_MAX:
            assert decision.delay_ns == longest_ns
        previous_ns = decision.delay_ns


@given(
    backoff=backoffs(),
    jitter=st.sampled_from(get_args(Jitter)),
    uniform=uniforms(),
    asked_ns=st.integers(0, 2**53),
    spare_ns=st.integers(-2, 2),
)
def test_what_the_service_asked_for_is_waited_for_in_full_and_the_back_off_after_it(
    backoff: Backoff, jitter: Jitter, uniform: float, asked_ns: int, spare_ns: int
) -> None:
    patient = replace(backoff, jitter=jitter)
    unasked_ns = delay_ns(patient, 1, uniform)
    deadline_ns = asked_ns + unasked_ns + spare_ns
    decision = patient.decide(
        1, now_ns=0, deadline_ns=deadline_ns, uniform=uniform, retry_after_ns=asked_ns
    )
    if spare_ns <= 0:
        assert decision == GiveUp("deadline")
    else:
        assert decision == RetryAfter(asked_ns + unasked_ns)


@given(failure=st.sampled_from(CallFailure), idempotent=st.booleans())
def test_what_may_have_happened_is_never_repeated_unless_it_is_idempotent(
    failure: CallFailure, *, idempotent: bool
) -> None:
    may_have_happened = failure in (CallFailure.UNANSWERED, CallFailure.BROKE_OFF)
    if may_repeat(failure, idempotent=idempotent):
        assert idempotent or not may_have_happened
        assert failure is not CallFailure.REJECTED
    else:
        assert failure is CallFailure.REJECTED or (may_have_happened and not idempotent)


def budget_histories() -> st.SearchStrategy[list[str]]:
    """Phrases of calm, in which all goes well, and of storm, in which nothing does."""
    calm = st.integers(1, 25).map(lambda attempts: ["first"] * attempts)
    storm = st.integers(1, 12).map(lambda attempts: ["first", "retry"] * attempts)
    knock = st.integers(1, 8).map(lambda attempts: ["retry"] * attempts)
    phrases = st.lists(calm | storm | knock, max_size=6)
    return phrases.map(lambda drawn: [step for phrase in drawn for step in phrase])


@given(percent=st.integers(0, 100), reserve=st.integers(0, 3), steps=budget_histories())
def test_retries_of_any_stretch_are_within_the_reserve_and_the_share_of_first_attempts(
    percent: int, reserve: int, steps: list[str]
) -> None:
    budget = RetryBudget(percent, reserve)
    firsts, retries = [0], [0]
    for step in steps:
        if step == "first":
            budget.earned()
        granted = step == "retry" and budget.may_retry()
        firsts.append(firsts[-1] + (step == "first"))
        retries.append(retries[-1] + granted)
    for start, end in combinations(range(len(firsts)), 2):
        earned = percent * (firsts[end] - firsts[start])
        assert 100 * (retries[end] - retries[start]) <= 100 * max(reserve, 1) + earned
    assert 100 * retries[-1] <= 100 * reserve + percent * firsts[-1]


@given(percent=st.integers(1, 100), reserve=st.integers(0, 3), steps=budget_histories())
def test_a_spent_budget_lets_one_retry_through_as_soon_as_it_is_earned(
    percent: int, reserve: int, steps: list[str]
) -> None:
    budget = RetryBudget(percent, reserve)
    for step in steps:
        if step == "first":
            budget.earned()
        else:
            budget.may_retry()
    while budget.may_retry():
        pass
    for _ in range(-(-100 // percent)):
        budget.earned()
    assert budget.may_retry()


@given(percent=st.integers(1, 100), reserve=st.integers(0, 3), steps=budget_histories())
def test_a_refused_retry_costs_nothing(percent: int, reserve: int, steps: list[str]) -> None:
    budget = RetryBudget(percent, reserve)
    for step in steps:
        if step == "first":
            budget.earned()
            continue
        unasked = deepcopy(budget)
        if budget.may_retry():
            continue
        asked = deepcopy(budget)
        for _ in range(-(-100 // percent)):
            asked.earned()
            unasked.earned()
            assert deepcopy(asked).may_retry() == deepcopy(unasked).may_retry()


@given(percent=st.integers(0, 100), reserve=st.integers(0, 20))
def test_the_reserve_is_there_from_the_start(percent: int, reserve: int) -> None:
    budget = RetryBudget(percent, reserve)
    assert [budget.may_retry() for _ in range(reserve + 1)] == [True] * reserve + [False]
