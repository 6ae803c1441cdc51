"""The steps that decide on calls say the same as machine code, up to the ends of their ranges."""

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.circuit_breaker import outcome_step, probe_step
from policies.retry import budget_step, decorrelated_jitter_ns, exponential_ns, full_jitter_ns
from properties.compiled import compiled
from properties.strategies import uniforms
from properties.strategies.calls import Wish, outcomes, wishes

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
        expected = outcome_step(outcomes, failures, window_calls, failed=this_failed)
        verdict = compiled(outcome_step)(outcomes, failures, window_calls, failed=this_failed)
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
