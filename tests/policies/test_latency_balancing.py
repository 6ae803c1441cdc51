"""Stories of backends that answer slowly, quickly, or quickly with failures."""

import pytest

from policies.balancing import PowerOfTwoChoices
from policies.latency_balancing import (
    TIME_MAX_NS,
    BackendLatency,
    LatencyLimits,
    peak_ewma_step,
)

MS = 1_000_000
S = 1_000 * MS


def seen(*outcomes: tuple[str, int, int]) -> BackendLatency:
    """Return a backend with these outcomes: what, after how many ms, at which ms."""
    backend = BackendLatency(LatencyLimits(decay_ns=S, failure_ns=5 * S))
    for what, took_ms, at_ms in outcomes:
        note = backend.answered if what == "good" else backend.failed
        note(took_ms * MS, at_ms * MS)
    return backend


def test_a_slow_answer_is_known_at_once_and_half_forgotten_after_the_decay() -> None:
    backend = seen(("good", 10, 0), ("good", 200, 0))
    assert backend.cost(0, now_ns=0) == 200 * MS + 1
    assert backend.cost(0, now_ns=S) == 100 * MS + 1
    assert backend.cost(0, now_ns=2 * S) == 50 * MS + 1


def test_better_answers_bring_the_average_down_as_time_passes_not_as_they_come() -> None:
    backend = seen(("good", 200, 0), *[("good", 10, 1)] * 100)
    assert backend.cost(0, now_ns=MS) > 199 * MS
    later = seen(("good", 200, 0), ("good", 10, 1000))
    assert later.cost(0, now_ns=S) == 105 * MS + 1


def test_each_open_request_adds_to_the_cost() -> None:
    backend = seen(("good", 10, 0))
    assert [backend.cost(n, now_ns=0) // MS for n in range(3)] == [10, 20, 30]


def test_a_failure_that_takes_no_time_doubles_the_cost_and_an_answer_takes_half_of_that_back() -> (
    None
):
    backend = seen(("good", 10, 0), ("bad", 0, 0))
    assert backend.cost(0, now_ns=0) == 2 * (10 * MS + 1)
    assert backend.cost(0, now_ns=S) == (5 * MS + 1) * 3 // 2
    backend.answered(10 * MS, now_ns=0)
    assert backend.cost(0, now_ns=0) == (10 * MS + 1) * 3 // 2


def test_a_timeout_counts_as_as_long_as_it_took() -> None:
    assert seen(("good", 10, 0), ("bad", 700, 0)).cost(0, now_ns=0) == 2 * (700 * MS + 1)


def test_one_that_never_answered_well_is_taken_to_be_slow() -> None:
    assert seen(("bad", 1, 0)).cost(0, now_ns=0) == 2 * (5 * S + 1)


def test_a_newcomer_gets_one_request_and_no_other_until_there_is_word_of_it() -> None:
    newcomer, slow = seen(), seen(*[("bad", 60_000, 0)] * 20)
    assert newcomer.cost(0, now_ns=0) == 0
    assert newcomer.cost(1, now_ns=0) > slow.cost(2_000, now_ns=0)


def test_of_two_backends_the_one_that_fails_fast_gets_what_it_needs_to_show_it_is_back() -> None:
    good, bad = seen(("good", 10, 0)), seen(("good", 10, 0))
    chooser = PowerOfTwoChoices()
    got = [0, 0]
    for at_ms in range(10_000):
        costs = [good.cost(0, at_ms * MS), bad.cost(0, at_ms * MS)]
        chosen = chooser.choose(costs, uniform=at_ms % 2 / 2)
        got[chosen] += 1
        if chosen == 0:
            good.answered(10 * MS, at_ms * MS)
        else:
            bad.failed(0, at_ms * MS)
    # In ten seconds, about once in each: not the half that chance alone would give.
    assert 5 <= got[1] <= 15


def test_times_beyond_a_minute_count_as_one() -> None:
    assert seen(("good", 10**9, 0)).cost(0, now_ns=0) == TIME_MAX_NS + 1


def test_a_step_too_short_to_be_seen_leaves_the_time_of_the_last_one() -> None:
    assert peak_ewma_step(100, 0, 5, 0, decay_ns=10_000) == (100, 0)
    assert peak_ewma_step(100, 0, 200, 0, decay_ns=10_000) == (99, 200)


@pytest.mark.parametrize("name", ["decay_ns", "failure_ns"])
@pytest.mark.parametrize("value", [0, -1, TIME_MAX_NS + 1])
def test_nonsense_times_are_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be from 1 to {TIME_MAX_NS}, got {value}"):
        LatencyLimits(**{name: value})


def test_time_that_runs_backwards_is_a_mistake_of_the_caller() -> None:
    backend = seen(("good", 10, 1))
    with pytest.raises(AssertionError, match=r"time ran backwards"):
        backend.cost(0, now_ns=0)
    with pytest.raises(AssertionError, match=r"time ran backwards"):
        backend.failed(0, now_ns=0)
    with pytest.raises(AssertionError, match=r"before its request"):
        backend.answered(-1, now_ns=2 * MS)


@pytest.mark.parametrize("apart_ns", [30_365, 33_000, 1_000_000])
def test_many_answers_close_together_forget_half_of_a_peak_as_one_does(apart_ns: int) -> None:
    left, noted_ns, now_ns = 5 * S, 0, 0
    while now_ns < S:
        now_ns += apart_ns
        left, noted_ns = peak_ewma_step(left, noted_ns, now_ns, 0, S)
    assert 5 * S // 2.72 <= left <= 5 * S // 2
