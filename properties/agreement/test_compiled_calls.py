"""The steps that decide on calls say the same as machine code, up to the ends of their ranges."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.admission import bulkhead_step
from policies.circuit_breaker import outcome_step, probe_step
from policies.codel import above_step, control_law_ns, restart_step
from policies.concurrency_limit import cut_step, raised_step
from policies.hedging import delay_step
from policies.retry import budget_step, decorrelated_jitter_ns, exponential_ns, full_jitter_ns
from policies.timeouts import timeout_step
from properties.compiled import compiled
from properties.strategies import uniforms
from properties.strategies.calls import QueueHistory, Wish, outcomes, queue_histories, wishes

DELAY_MAX_NS = 2**53

the_first_example_pays_for_the_compiler = settings(deadline=None)


def delays_ns() -> st.SearchStrategy[int]:
    """Delays of every size there may be."""
    return st.integers(1, 8) | st.integers(1, DELAY_MAX_NS) | st.just(DELAY_MAX_NS)


@given(failed=outcomes(), window_calls=st.sampled_from([1, 2, 7, 61, 62]))
@the_first_example_pays_for_the_compiler
def test_a_window_of_outcomes(failed: list[bool], window_calls: int) -> None:
    outcomes, failures = 0, 0
    for this_failed in failed * 4:
        expected = outcome_step(outcomes, failures, window_calls, int(this_failed))
        verdict = compiled(outcome_step)(outcomes, failures, window_calls, int(this_failed))
        assert verdict == expected
        outcomes, failures = expected
        assert failures == outcomes.bit_count()


@given(wish=wishes(), cool_down_ns=st.integers(1, 2**62 - 1), probes_max=st.integers(1, 9))
@the_first_example_pays_for_the_compiler
def test_a_call_to_a_service_whose_breaker_is_not_closed(
    wish: Wish, cool_down_ns: int, probes_max: int
) -> None:
    assert compiled(probe_step)(*wish, cool_down_ns, probes_max) == probe_step(
        *wish, cool_down_ns, probes_max
    )


@given(attempt=st.integers(1, 300), ends_ns=st.tuples(delays_ns(), delays_ns()).map(sorted))
@the_first_example_pays_for_the_compiler
def test_an_exponential_delay(attempt: int, ends_ns: list[int]) -> None:
    base_ns, cap_ns = ends_ns
    expected_ns = exponential_ns(attempt, base_ns, cap_ns)
    assert compiled(exponential_ns)(attempt, base_ns, cap_ns) == expected_ns


@given(
    attempt=st.integers(1, 300),
    ends_ns=st.tuples(delays_ns(), delays_ns()).map(sorted),
    uniform=uniforms(),
)
@the_first_example_pays_for_the_compiler
def test_full_jitter(attempt: int, ends_ns: list[int], uniform: float) -> None:
    base_ns, cap_ns = ends_ns
    expected_ns = full_jitter_ns(attempt, base_ns, cap_ns, uniform)
    assert compiled(full_jitter_ns)(attempt, base_ns, cap_ns, uniform) == expected_ns


@given(
    ends_ns=st.tuples(delays_ns(), delays_ns()).map(sorted),
    draws=st.lists(uniforms(), min_size=1, max_size=20),
)
@the_first_example_pays_for_the_compiler
def test_decorrelated_jitter_from_delay_to_delay(ends_ns: list[int], draws: list[float]) -> None:
    base_ns, cap_ns = ends_ns
    previous_ns = 0
    for uniform in draws:
        expected_ns = decorrelated_jitter_ns(previous_ns, base_ns, cap_ns, uniform)
        drawn_ns = compiled(decorrelated_jitter_ns)(previous_ns, base_ns, cap_ns, uniform)
        assert drawn_ns == expected_ns
        previous_ns = expected_ns


@given(
    tokens=st.integers(0, 400) | st.integers(0, 2**62),
    tokens_max=st.integers(100, 400) | st.just(2**62),
    earned=st.integers(0, 100),
    price=st.sampled_from([0, 100]),
)
@the_first_example_pays_for_the_compiler
def test_a_budget(tokens: int, tokens_max: int, earned: int, price: int) -> None:
    expected = budget_step(tokens, tokens_max, earned, price)
    assert compiled(budget_step)(tokens, tokens_max, earned, price) == expected


@given(
    left_ns=st.integers(-5, 90) | st.sampled_from([-(2**62), 2**62]),
    reserve_ns=st.integers(0, 20) | st.just(2**61),
    ends_ns=st.tuples(st.integers(1, 60), st.integers(1, 60) | st.just(2**61)).map(sorted),
    attempts_left=st.integers(1, 5) | st.just(2**62),
)
@the_first_example_pays_for_the_compiler
def test_the_time_that_an_attempt_gets(
    left_ns: int, reserve_ns: int, ends_ns: list[int], attempts_left: int
) -> None:
    useful_min_ns, hop_max_ns = ends_ns
    drawn = left_ns, reserve_ns, hop_max_ns, useful_min_ns, attempts_left
    assert compiled(timeout_step)(*drawn) == timeout_step(*drawn)


@given(
    in_flight=st.integers(0, 3),
    waiting=st.integers(0, 3),
    in_flight_max=st.integers(1, 3) | st.just(2**63 - 1),
    waiting_max=st.integers(0, 3) | st.just(2**63 - 1),
)
@the_first_example_pays_for_the_compiler
def test_an_arrival_at_a_bulkhead(
    in_flight: int, waiting: int, in_flight_max: int, waiting_max: int
) -> None:
    drawn = in_flight, waiting, in_flight_max, waiting_max
    assert compiled(bulkhead_step)(*drawn) == bulkhead_step(*drawn)


@given(
    ends_ns=st.tuples(delays_ns(), delays_ns()).map(sorted),
    step_ns=delays_ns(),
    slow_percent=st.sampled_from([1, 5, 50, 99]),
    slower=outcomes(),
)
@the_first_example_pays_for_the_compiler
def test_a_hedge_s_delay_from_request_to_request(
    ends_ns: list[int], step_ns: int, slow_percent: int, slower: list[bool]
) -> None:
    bounds_ns = ends_ns[0], ends_ns[1]
    delay_ns = bounds_ns[1]
    for is_slower in slower:
        expected_ns = delay_step(delay_ns, step_ns, slow_percent, bounds_ns, int(is_slower))
        followed_ns = compiled(delay_step)(
            delay_ns, step_ns, slow_percent, bounds_ns, int(is_slower)
        )
        assert followed_ns == expected_ns
        delay_ns = expected_ns


@example(from_ns=0, count=2, interval_ns=1_855_077_841)
@given(
    from_ns=st.integers(0, 2**62),
    count=st.integers(1, 100) | st.integers(1, 2**62),
    interval_ns=st.integers(1, 1000) | st.integers(1, 3 * 10**9) | st.just(3 * 10**9),
)
@the_first_example_pays_for_the_compiler
def test_codel_s_control_law(from_ns: int, count: int, interval_ns: int) -> None:
    expected_ns = control_law_ns(from_ns, count, interval_ns)
    assert compiled(control_law_ns)(from_ns, count, interval_ns) == expected_ns


@given(history=queue_histories(), behind=st.integers(0, 3))
@the_first_example_pays_for_the_compiler
def test_waits_that_are_too_long_for_codel(history: QueueHistory, behind: int) -> None:
    limits_ns = history.limits.target_ns, history.limits.interval_ns
    above_at_ns = 0
    came_ns = 0
    for now_ns, arrives in history.steps:
        came_ns = now_ns if arrives else came_ns
        drawn = above_at_ns, now_ns, now_ns - came_ns, behind, limits_ns
        expected = above_step(*drawn)
        assert compiled(above_step)(*drawn) == expected
        above_at_ns, _ = expected


@given(
    counts=st.tuples(st.integers(0, 5), st.integers(0, 5) | st.just(2**62)).map(sorted),
    now_ns=st.integers(0, 100) | st.just(2**62),
    next_ns=st.integers(0, 100) | st.just(2**62),
    interval_ns=st.sampled_from([1, 2, 3 * 10**9]),
)
@the_first_example_pays_for_the_compiler
def test_the_rate_at_which_codel_begins_again(
    counts: list[int], now_ns: int, next_ns: int, interval_ns: int
) -> None:
    first_count, count = counts
    drawn = count, first_count, now_ns, next_ns, interval_ns
    assert compiled(restart_step)(*drawn) == restart_step(*drawn)


@given(
    limit=st.integers(10**6, 10**8) | st.integers(10**6, 10**12) | st.just(10**12),
    bound=st.integers(10**6, 10**12),
    percent=st.sampled_from([1, 50, 99]),
)
@the_first_example_pays_for_the_compiler
def test_a_limit_on_calls_in_flight(limit: int, bound: int, percent: int) -> None:
    assert compiled(raised_step)(limit, bound) == raised_step(limit, bound)
    assert compiled(cut_step)(limit, bound, percent) == cut_step(limit, bound, percent)
