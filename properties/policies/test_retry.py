"""Laws of retries: bounded in number, in time, and in their share of the traffic."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from policies import Backoff, GiveUp, RetryAfter, RetryBudget
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


@given(percent=st.integers(0, 100), reserve=st.integers(0, 20))
def test_the_reserve_is_there_from_the_start(percent: int, reserve: int) -> None:
    budget = RetryBudget(percent, reserve)
    assert [budget.may_retry() for _ in range(reserve + 1)] == [True] * reserve + [False]
