"""Laws of deadlines along a chain of calls."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from policies.timeouts import HopLimits, Proceed, TooLate
from properties.strategies.calls import hop_limits


def times_left_ns() -> st.SearchStrategy[int]:
    """Lengths of time until a deadline: long past, about now, enough, plenty."""
    return st.integers(-5, 90) | st.sampled_from([-(2**62), 2**62])


@given(hop=hop_limits(), now_ns=st.integers(0, 10**18), left_ns=times_left_ns())
def test_a_call_is_made_exactly_when_something_useful_fits_between_now_and_the_reserve(
    hop: HopLimits, now_ns: int, left_ns: int
) -> None:
    decision = hop.decide(now_ns, now_ns + left_ns)
    if left_ns - hop.reserve_ns < hop.useful_min_ns:
        assert isinstance(decision, TooLate)
    else:
        longest_ns = min(left_ns - hop.reserve_ns, hop.hop_max_ns)
        assert decision == Proceed(longest_ns, now_ns + longest_ns)


@given(hop=hop_limits(), left_ns=st.integers(-5, 90), attempts_left=st.integers(1, 5))
def test_a_refused_call_would_be_made_with_the_time_that_was_missing_and_with_no_less(
    hop: HopLimits, left_ns: int, attempts_left: int
) -> None:
    decision = hop.decide(0, left_ns, attempts_left)
    if isinstance(decision, TooLate):
        assert isinstance(hop.decide(0, left_ns + decision.short_by_ns - 1), TooLate)
        assert isinstance(hop.decide(0, left_ns + decision.short_by_ns), Proceed)


@given(hop=hop_limits(), left_ns=st.integers(-5, 90), attempts=st.integers(1, 5))
def test_attempts_one_after_the_other_share_the_time_and_leave_the_reserve(
    hop: HopLimits, left_ns: int, attempts: int
) -> None:
    now_ns = 0
    for attempts_left in range(attempts, 0, -1):
        decision = hop.decide(now_ns, left_ns, attempts_left)
        if isinstance(decision, TooLate):
            assert left_ns - hop.reserve_ns - now_ns < hop.useful_min_ns
            break
        assert decision.timeout_ns >= hop.useful_min_ns
        assert decision.deadline_ns <= left_ns - hop.reserve_ns
        # Each leaves the later ones their fair share, or as many useful ones as there is room.
        fair_ns = min(left_ns - hop.reserve_ns - now_ns, hop.hop_max_ns) // attempts_left
        assert decision.timeout_ns in (fair_ns, hop.useful_min_ns)
        now_ns = decision.deadline_ns
    assert now_ns <= max(0, left_ns - hop.reserve_ns)


@given(hops=st.lists(hop_limits(), min_size=1, max_size=4), left_ns=st.integers(0, 200))
def test_whoever_answers_by_its_deadline_is_heard_by_everybody_before_theirs(
    hops: list[HopLimits], left_ns: int
) -> None:
    for deadlines_ns, ways_ns in tree(hops, left_ns, now_ns=0):
        answered_ns = deadlines_ns[-1]
        for deadline_ns, (_, back_ns) in zip(deadlines_ns[-2::-1], ways_ns[::-1], strict=True):
            answered_ns += back_ns
            assert answered_ns <= deadline_ns


def tree(
    hops: list[HopLimits], left_ns: int, now_ns: int
) -> Iterator[tuple[list[int], list[tuple[int, int]]]]:
    """Give each chain of calls that a request sets off, one call through the limits in turn.

    Each service calls the next at once, after some work, and as late as it may; the ways there
    and back take no time, all of the reserve there, or all of it back. A chain is the deadlines
    from the first caller's on, each as the service itself sees it, and the ways in between.
    """
    deadline_ns = now_ns + left_ns
    yield [deadline_ns], []
    if not hops:
        return
    hop, others = hops[0], hops[1:]
    starts_ns = {now_ns, (now_ns + deadline_ns) // 2, deadline_ns - hop.reserve_ns}
    for start_ns in sorted(start_ns for start_ns in starts_ns if start_ns >= now_ns):
        decision = hop.decide(start_ns, deadline_ns)
        if isinstance(decision, TooLate):
            continue
        for there_ns in {0, hop.reserve_ns}:
            back_ns = hop.reserve_ns - there_ns
            # The callee is told a length of time, and begins to count when it hears of it.
            for deadlines_ns, ways_ns in tree(others, decision.timeout_ns, start_ns + there_ns):
                yield [deadline_ns, *deadlines_ns], [(there_ns, back_ns), *ways_ns]
