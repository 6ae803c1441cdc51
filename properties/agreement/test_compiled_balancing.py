"""Compiled steps of balancing and failover decide as Python does, to the ends of their range."""

from hypothesis import assume, given
from hypothesis import strategies as st

from policies.balancing import two_choices
from policies.consistent_hashing import has_room
from policies.failover import reign_step
from policies.health import health_step
from policies.latency_balancing import (
    PENALTY_MAX,
    TIME_MAX_NS,
    peak_ewma_step,
    penalty_step,
    request_cost,
)
from policies.outlier_ejection import ejection_time_ns, is_rate_outlier, may_eject
from policies.replica_lag import within_lag
from policies.weighted_balancing import WEIGHT_MAX, smooth_step
from properties.compiled import compiled
from properties.strategies import uniforms
from properties.strategies.balancing import checks, edges

INT64_MAX = 2**63 - 1


def up_to(most: int, least: int = 0) -> st.SearchStrategy[int]:
    """Whole numbers of a range, both its ends often among them."""
    return st.integers(least, most) | st.sampled_from([least, least + 1, most - 1, most])


times_ns = up_to(TIME_MAX_NS)
instants_ns = up_to(INT64_MAX)


@given(backends=up_to(10_000, least=2), uniform=uniforms())
def test_two_choices_agree(backends: int, uniform: float) -> None:
    assert compiled(two_choices)(backends, uniform) == two_choices(backends, uniform)


@given(
    average=times_ns, noted_ns=instants_ns, elapsed_ns=instants_ns, value=times_ns, decay=times_ns
)
def test_single_steps_of_the_average_agree(
    average: int, noted_ns: int, elapsed_ns: int, value: int, decay: int
) -> None:
    assume(decay >= 1)
    now_ns = min(noted_ns + elapsed_ns, INT64_MAX)
    step = average, noted_ns, now_ns, value, decay
    assert compiled(peak_ewma_step)(*step) == peak_ewma_step(*step)


@given(
    decay_ns=st.integers(1, 10**6),
    data=st.data(),
    values=st.lists(times_ns, min_size=1, max_size=20),
)
def test_averages_agree_over_whole_histories(
    decay_ns: int, data: st.DataObject, values: list[int]
) -> None:
    by_python = by_machine = (0, 0)
    now_ns = 0
    for value in values:
        now_ns += data.draw(edges(decay_ns))
        by_python = peak_ewma_step(*by_python, now_ns, value, decay_ns)
        by_machine = compiled(peak_ewma_step)(*by_machine, now_ns, value, decay_ns)
        assert by_machine == by_python


@given(time_ns=times_ns, penalty=up_to(PENALTY_MAX, least=16), outstanding=instants_ns)
def test_costs_agree(time_ns: int, penalty: int, outstanding: int) -> None:
    assume(outstanding < INT64_MAX)
    cost = request_cost(time_ns, penalty, outstanding)
    assert compiled(request_cost)(time_ns, penalty, outstanding) == cost


@given(outcomes=st.lists(st.integers(0, 1), max_size=40))
def test_penalties_agree_over_whole_histories(outcomes: list[int]) -> None:
    by_python = by_machine = 16
    for good in outcomes:
        by_python = penalty_step(by_python, good)
        by_machine = compiled(penalty_step)(by_machine, good)
        assert by_machine == by_python


@given(
    credit=up_to(2**62, least=-(2**62)),
    weight=up_to(WEIGHT_MAX),
    most=up_to(2**62, least=-(2**63)),
)
def test_turns_by_weight_agree(credit: int, weight: int, most: int) -> None:
    assert compiled(smooth_step)(credit, weight, most) == smooth_step(credit, weight, most)


@given(
    load=up_to(2**30), more=up_to(2**30), backends=up_to(2**16, least=1), percent=up_to(10**4, 100)
)
def test_room_agrees(load: int, more: int, backends: int, percent: int) -> None:
    step = load, load + more, backends, percent
    assert compiled(has_room)(*step) == has_room(*step)


@given(base_ns=up_to(2**62, least=1), more_ns=up_to(2**62), times=up_to(2**62, least=1))
def test_ejection_times_agree(base_ns: int, more_ns: int, times: int) -> None:
    cap_ns = min(base_ns + more_ns, 2**62)
    step = base_ns, cap_ns, times
    assert compiled(ejection_time_ns)(*step) == ejection_time_ns(*step)


@given(ejected=up_to(2**32), backends=up_to(2**32), percent=up_to(100))
def test_places_for_ejections_agree(ejected: int, backends: int, percent: int) -> None:
    step = min(ejected, backends), backends, percent
    assert compiled(may_eject)(*step) == may_eject(*step)


@given(
    rates=st.lists(up_to(10_000), min_size=1, max_size=20),
    repeated=st.integers(1, 50),
    percent=up_to(500, least=1),
)
def test_outliers_agree(rates: list[int], repeated: int, percent: int) -> None:
    many = rates * repeated
    total, squares = sum(many), sum(rate * rate for rate in many)
    for rate in rates:
        step = rate, total, squares, len(many), percent
        assert compiled(is_rate_outlier)(*step) == is_rate_outlier(*step)


@given(rise=st.integers(1, 4), fall=st.integers(1, 4), data=st.data())
def test_health_agrees_over_whole_histories(rise: int, fall: int, data: st.DataObject) -> None:
    by_python = by_machine = (False, 0)
    for passed in data.draw(checks(rise, fall)):
        by_python, by_machine = (
            step(healthy=healthy, contrary=contrary, passed=passed, rise=rise, fall=fall)
            for step, (healthy, contrary) in (
                (health_step, by_python),
                (compiled(health_step), by_machine),
            )
        )
        assert by_machine == by_python


@given(highest=instants_ns, epoch=instants_ns, is_holder=st.booleans())
def test_reigns_agree(*, highest: int, epoch: int, is_holder: bool) -> None:
    by_machine = compiled(reign_step)(highest, epoch, is_holder=is_holder)
    assert by_machine == reign_step(highest, epoch, is_holder=is_holder)


@given(lag_ns=instants_ns, measured_ns=instants_ns, now_ns=instants_ns, bound_ns=instants_ns)
def test_lags_agree(lag_ns: int, measured_ns: int, now_ns: int, bound_ns: int) -> None:
    step = lag_ns, measured_ns, now_ns, bound_ns
    assert compiled(within_lag)(*step) == within_lag(*step)
