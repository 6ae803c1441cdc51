"""How wrong limiters with counters are: their stated bounds, which hold and are reached."""

from collections.abc import Callable
from copy import deepcopy
from itertools import takewhile
from typing import Protocol

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from policies.fixed_window import FixedWindow, fixed_window_step
from policies.rate_limit import Admission, RateLimit
from policies.sliding_counter import SlidingCounter, sliding_counter_step
from properties.strategies.rate_limit import Stream, streams

SEARCH = settings(max_examples=3_000, phases=[Phase.generate], deadline=None)


class Limiter(Protocol):
    """Decides on one stream."""

    def admit(self, now_ns: int) -> Admission:
        """Decide on one request."""
        ...


LIMITERS: list[Callable[[RateLimit], Limiter]] = [FixedWindow, SlidingCounter]


def admitted_of(limiter: Limiter, times_ns: list[int]) -> list[int]:
    """Return the times that are admitted."""
    return [now_ns for now_ns in times_ns if limiter.admit(now_ns).admitted]


def used(admitted: list[int], now_ns: int, window_ns: int) -> int:
    """Count what was admitted in the true window that ends now."""
    return sum(now_ns - window_ns < at_ns <= now_ns for at_ns in admitted)


def worst_window(limiter: Limiter, stream: Stream) -> int:
    """Return the most that any true window holds."""
    admitted = admitted_of(limiter, stream.times_ns)
    windows = (used(admitted, now_ns, stream.limit.window_ns) for now_ns in admitted)
    return max(windows, default=0)


@given(stream=streams())
def test_a_fixed_window_admits_at_most_twice_the_limit_in_a_true_window(stream: Stream) -> None:
    assert worst_window(FixedWindow(stream.limit), stream) <= 2 * stream.limit.requests


def test_a_fixed_window_admits_twice_the_limit_in_a_true_window() -> None:
    find(
        streams(),
        lambda it: (
            it.limit.requests > 1
            and worst_window(FixedWindow(it.limit), it) == 2 * it.limit.requests
        ),
        settings=SEARCH,
    )


@given(stream=streams())
def test_a_fixed_window_refuses_exactly_when_the_clock_s_window_has_had_its_requests(
    stream: Stream,
) -> None:
    limiter = FixedWindow(stream.limit)
    window_ns = stream.limit.window_ns
    admitted: list[int] = []
    for now_ns in stream.times_ns:
        same = sum(at_ns // window_ns == now_ns // window_ns for at_ns in admitted)
        verdict = limiter.admit(now_ns)
        assert verdict.admitted is (same < stream.limit.requests)
        if verdict.admitted:
            admitted.append(now_ns)


@given(stream=streams())
def test_a_sliding_counter_is_less_than_one_limit_over_in_a_true_window(stream: Stream) -> None:
    assert worst_window(SlidingCounter(stream.limit), stream) < 2 * stream.limit.requests


@given(requests=st.integers(1, 50), spare_ns=st.integers(0, 10**9))
def test_a_sliding_counter_is_over_by_all_but_one_where_the_window_before_came_late(
    requests: int, spare_ns: int
) -> None:
    window_ns = 2 * requests + spare_ns
    limit = RateLimit(requests=requests, window_ns=window_ns)
    last_ns = 2 * window_ns - 1
    stream = Stream(limit, [last_ns] * requests + [last_ns + window_ns - 1] * requests)
    assert worst_window(SlidingCounter(limit), stream) == 2 * requests - 1


@given(stream=streams())
def test_a_sliding_counter_is_over_by_no_more_than_the_window_before_was_uneven(
    stream: Stream,
) -> None:
    window_ns, limiter = stream.limit.window_ns, SlidingCounter(stream.limit)
    admitted: list[int] = []
    for now_ns in stream.times_ns:
        if not limiter.admit(now_ns).admitted:
            continue
        admitted.append(now_ns)
        before = [at_ns for at_ns in admitted if at_ns // window_ns == now_ns // window_ns - 1]
        covered_ns = window_ns - now_ns % window_ns
        beyond_share = used(before, now_ns, window_ns) * window_ns - len(before) * covered_ns
        over = used(admitted, now_ns, window_ns) - stream.limit.requests
        assert over * window_ns <= beyond_share


@given(stream=streams())
def test_a_sliding_counter_refuses_only_what_follows_a_full_limit_within_two_windows(
    stream: Stream,
) -> None:
    limiter = SlidingCounter(stream.limit)
    admitted: list[int] = []
    for now_ns in stream.times_ns:
        if limiter.admit(now_ns).admitted:
            admitted.append(now_ns)
        else:
            held = used(admitted, now_ns, 2 * stream.limit.window_ns)
            assert held >= stream.limit.requests


def test_a_sliding_counter_refuses_although_the_true_window_is_empty() -> None:
    def refuses_for_nothing(stream: Stream) -> bool:
        limiter = SlidingCounter(stream.limit)
        admitted: list[int] = []
        for now_ns in stream.times_ns:
            if limiter.admit(now_ns).admitted:
                admitted.append(now_ns)
            elif used(admitted, now_ns, stream.limit.window_ns) == 0:
                return True
        return False

    find(streams(), refuses_for_nothing, settings=SEARCH)


@pytest.mark.parametrize("make", LIMITERS)
@given(stream=streams())
def test_a_refused_request_is_admitted_when_it_was_told_to_return_and_no_sooner(
    make: Callable[[RateLimit], Limiter], stream: Stream
) -> None:
    limiter = make(stream.limit)
    for now_ns in stream.times_ns:
        verdict = limiter.admit(now_ns)
        if verdict.admitted:
            assert verdict.retry_after_ns == 0
            continue
        assert verdict.retry_after_ns >= 1
        assert not deepcopy(limiter).admit(now_ns + verdict.retry_after_ns - 1).admitted
        assert deepcopy(limiter).admit(now_ns + verdict.retry_after_ns).admitted


@pytest.mark.parametrize("make", LIMITERS)
@given(stream=streams())
def test_exactly_what_is_remaining_is_admitted_at_the_same_moment(
    make: Callable[[RateLimit], Limiter], stream: Stream
) -> None:
    limiter = make(stream.limit)
    for now_ns in stream.times_ns:
        verdict = limiter.admit(now_ns)
        copy = deepcopy(limiter)
        verdicts = (copy.admit(now_ns) for _ in range(verdict.remaining + 2))
        assert sum(1 for _ in takewhile(lambda one: one.admitted, verdicts)) == verdict.remaining


@pytest.mark.parametrize("make", LIMITERS)
@given(stream=streams(), back_ns=st.integers(1, 10**10))
def test_a_clock_that_is_set_back_frees_nothing_and_the_wait_stays_honest(
    make: Callable[[RateLimit], Limiter], stream: Stream, back_ns: int
) -> None:
    limiter = make(stream.limit)
    for now_ns in stream.times_ns:
        limiter.admit(now_ns)
        copy = deepcopy(limiter)
        held_back = deepcopy(limiter)
        # At the beginning of the newest window, as a copy decides that is asked just then.
        start_ns = now_ns - now_ns % stream.limit.window_ns
        early, at_start = copy.admit(start_ns - back_ns), held_back.admit(start_ns)
        assert early.admitted is at_start.admitted
        assert early.remaining == at_start.remaining
        if not early.admitted:
            again_ns = start_ns - back_ns + early.retry_after_ns
            assert again_ns == start_ns + at_start.retry_after_ns
            assert copy.admit(again_ns).admitted


@given(stream=streams())
def test_a_refusal_changes_no_counter(stream: Stream) -> None:
    requests, window_ns = stream.limit.requests, stream.limit.window_ns
    start_ns = previous = current = 0
    for now_ns in stream.times_ns:
        start_ns, previous, current, _ = sliding_counter_step(
            start_ns, previous, current, now_ns, requests, window_ns
        )
        again = sliding_counter_step(start_ns, previous, current, now_ns, requests, window_ns)
        if again[-1] > 0:
            assert again[:-1] == (start_ns, previous, current)
    start_ns = count = 0
    for now_ns in stream.times_ns:
        start_ns, count, _ = fixed_window_step(start_ns, count, now_ns, requests, window_ns)
        assert count <= requests
