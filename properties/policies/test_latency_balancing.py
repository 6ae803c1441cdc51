"""Laws of what a request costs: peaks are known at once, failing is never a bargain."""

from fractions import Fraction
from math import e, log2

from hypothesis import given
from hypothesis import strategies as st

from policies.latency_balancing import (
    PENALTY_MAX,
    TIME_MAX_NS,
    BackendLatency,
    LatencyLimits,
    peak_ewma_step,
    penalty_step,
    request_cost,
)
from properties.strategies.balancing import Outcome, edges, outcomes

DECAY_NS = 1_000_000
FAILURE_NS = 5_000_000
LIMITS = LatencyLimits(decay_ns=DECAY_NS, failure_ns=FAILURE_NS)

times_ns = st.integers(0, TIME_MAX_NS) | st.sampled_from([0, 1, TIME_MAX_NS])
decays_ns = st.integers(1, TIME_MAX_NS) | st.sampled_from([1, 2, 1000, TIME_MAX_NS])
histories = outcomes(["a"], decay_ns=DECAY_NS, took_most_ns=2 * FAILURE_NS)


def told(history: list[Outcome]) -> BackendLatency:
    """Return a backend of which all this was said."""
    backend = BackendLatency(LIMITS)
    for _, what, took_ns, at_ns in history:
        (backend.answered if what == "good" else backend.failed)(took_ns, at_ns)
    return backend


@given(average=times_ns, value=times_ns, elapsed_ns=times_ns, decay_ns=decays_ns)
def test_the_average_is_never_below_what_it_was_just_told_nor_above_the_peak(
    average: int, value: int, elapsed_ns: int, decay_ns: int
) -> None:
    after, noted_ns = peak_ewma_step(average, 7, 7 + elapsed_ns, value, decay_ns)
    assert value <= after <= max(average, value)
    assert noted_ns in {7, 7 + elapsed_ns}
    if value >= average:
        assert (after, noted_ns) == (value, 7 + elapsed_ns)


@given(average=times_ns, value=times_ns, decays=st.integers(0, 80), decay_ns=decays_ns)
def test_with_each_decay_half_of_the_way_is_gone(
    average: int, value: int, decays: int, decay_ns: int
) -> None:
    after, _ = peak_ewma_step(average, 0, decays * decay_ns, value, decay_ns)
    assert after == max(value, value + (average - value >> decays))


@given(
    average=st.integers(1 << 30, TIME_MAX_NS),
    parts=st.lists(st.integers(1, 400), min_size=1, max_size=60),
)
def test_however_the_time_is_cut_at_most_half_and_at_least_the_eth_part_is_left_of_a_decay(
    average: int, parts: list[int]
) -> None:
    decay_ns = sum(parts)
    left, noted_ns, now_ns = average, 0, 0
    for part_ns in parts:
        now_ns += part_ns
        left, noted_ns = peak_ewma_step(left, noted_ns, now_ns, 0, decay_ns)
    # The weight has 26 bits: each step may take up to one part less than it should.
    slack = Fraction(2 * len(parts), 1 << 26)
    assert 1 / e - slack <= Fraction(left, average) <= Fraction(1, 2) + slack


@given(average=times_ns, first_ns=times_ns, more_ns=times_ns, decay_ns=decays_ns)
def test_fading_goes_on_with_time_and_never_back(
    average: int, first_ns: int, more_ns: int, decay_ns: int
) -> None:
    early, _ = peak_ewma_step(average, 0, first_ns, 0, decay_ns)
    late, _ = peak_ewma_step(average, 0, first_ns + more_ns, 0, decay_ns)
    assert late <= early


@given(average=st.integers(0, 1_000), part_ns=st.integers(1, 9), parts=st.integers(1, 100))
def test_steps_too_short_to_move_the_average_add_up(average: int, part_ns: int, parts: int) -> None:
    left, noted_ns = average, 0
    # A step may lose what is less than one of the average, but not the time that it stood for.
    for step in range(1, 2 * parts + 1):
        left, noted_ns = peak_ewma_step(left, noted_ns, step * part_ns, 0, parts * part_ns)
    assert left <= average / 2 + 1


@given(history=histories, later_ns=edges(DECAY_NS), outstanding=st.integers(0, 5000))
def test_the_cost_is_a_positive_number_of_64_bits_whatever_happened(
    history: list[Outcome], later_ns: int, outstanding: int
) -> None:
    at_ns = history[-1].at_ns if history else 0
    cost = told(history).cost(outstanding, at_ns + later_ns)
    assert 0 <= cost < 2**63
    assert cost > 0 or not (history or outstanding)


@given(time_ns=times_ns, penalty=st.integers(16, PENALTY_MAX), outstanding=st.integers(0, 2000))
def test_a_cost_grows_with_all_that_it_is_made_of(
    time_ns: int, penalty: int, outstanding: int
) -> None:
    cost = request_cost(time_ns, penalty, outstanding)
    assert 1 <= cost <= 2**59 * 2
    assert request_cost(min(time_ns + 1, TIME_MAX_NS), penalty, outstanding) >= cost
    assert request_cost(time_ns, min(penalty + 1, PENALTY_MAX), outstanding) >= cost
    busier = request_cost(time_ns, penalty, outstanding + 1)
    assert busier > cost or outstanding >= 1023


@given(penalty=st.integers(16, PENALTY_MAX))
def test_a_failure_doubles_the_penalty_and_an_answer_halves_what_it_exceeds_one_by(
    penalty: int,
) -> None:
    assert penalty_step(penalty, 0) == min(2 * penalty, PENALTY_MAX)
    assert penalty_step(penalty, 1) == 16 + (penalty - 16) // 2


@given(history=histories, took_ns=st.integers(0, FAILURE_NS), later_ns=edges(DECAY_NS))
def test_a_failure_never_makes_a_backend_cheaper_however_fast_it_was(
    history: list[Outcome], took_ns: int, later_ns: int
) -> None:
    backend = told(history)
    at_ns = (history[-1].at_ns if history else 0) + later_ns
    before = backend.cost(0, at_ns)
    backend.failed(took_ns, at_ns)
    assert backend.cost(0, at_ns) > before or before >= TIME_MAX_NS * PENALTY_MAX // 16


@given(
    data=st.data(),
    time_ns=st.integers(0, FAILURE_NS),
    history=histories,
    later_ns=edges(DECAY_NS),
)
def test_of_two_that_answer_equally_fast_the_one_that_fails_is_never_cheaper(
    data: st.DataObject, time_ns: int, history: list[Outcome], later_ns: int
) -> None:
    well = told([each._replace(what="good", took_ns=time_ns) for each in history])
    ill = told(
        [
            each._replace(took_ns=time_ns if each.what == "good" else data.draw(st.integers(0, 9)))
            for each in history
        ]
    )
    now_ns = (history[-1].at_ns if history else 0) + later_ns
    outstanding = data.draw(st.integers(0, 5))
    assert ill.cost(outstanding, now_ns) >= well.cost(outstanding, now_ns)


@given(
    time_ns=st.integers(1_000, FAILURE_NS),
    open_elsewhere=st.integers(0, 1_000),
    gaps_ns=st.lists(
        st.integers(0, DECAY_NS // 50) | st.just(DECAY_NS // 3), min_size=1, max_size=12
    ),
)
def test_one_that_only_fails_is_tried_a_bounded_number_of_times(
    time_ns: int, open_elsewhere: int, gaps_ns: list[int]
) -> None:
    # Every request would go to the failing one if that were cheaper than each of the others,
    # which have been as busy for so long that nothing of their times has faded.
    others = request_cost(time_ns, 16, open_elsewhere)
    ill = told([Outcome("a", "good", time_ns, 0)])
    now_ns, sent_ns = 0, [0]
    for gap_ns in gaps_ns * 12:
        now_ns += gap_ns
        if ill.cost(0, now_ns) <= others:
            sent_ns.append(now_ns)
            ill.failed(0, now_ns)
    for start_ns in sent_ns:
        within = sum(start_ns <= at_ns < start_ns + DECAY_NS for at_ns in sent_ns[1:])
        assert within <= 4 + log2(open_elsewhere + 1)


@given(history=histories)
def test_one_that_is_well_again_is_forgiven_in_time(history: list[Outcome]) -> None:
    backend = told(history)
    now_ns = history[-1].at_ns if history else 0
    for _ in range(40):
        now_ns += DECAY_NS
        backend.answered(1_000, now_ns)
    assert backend.cost(0, now_ns) == request_cost(1_000, 16, 0)


@given(failures=st.integers(1, 40), busy_elsewhere=st.integers(0, 9))
def test_one_that_failed_is_tried_again_in_time(failures: int, busy_elsewhere: int) -> None:
    other = request_cost(1_000, 16, busy_elsewhere)
    ill = told([Outcome("a", "good", 1_000, 0)] + [Outcome("a", "bad", 0, 0)] * failures)
    # The penalty is 2**12 at most, and fades by half, like the time, with each decay.
    assert ill.cost(0, 13 * DECAY_NS) <= other


@given(outstanding=st.integers(1, 10**6), history=histories.filter(bool), others=st.integers(0, 99))
def test_an_unknown_backend_gets_one_request_before_and_none_until_there_is_word(
    outstanding: int, history: list[Outcome], others: int
) -> None:
    known = told(history).cost(others, history[-1].at_ns)
    assert BackendLatency(LIMITS).cost(0, 0) < known < BackendLatency(LIMITS).cost(outstanding, 0)
