"""Arrivals come when the cumulated rate says, whatever the rates are."""

import math
import statistics
from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from properties.strategies.traffic import RUN_MAX_NS, diurnals, mmpps, piecewises, traffic
from scenarios.spec import Scenario
from scenarios.workload import DiurnalArrivals, MmppArrivals, PiecewiseArrivals
from sim.arrival_rates import Modulated, State, modulated_rates, planned_rates, stretches_of
from sim.rates import NEVER_NS, CumulatedRate, Stretch
from sim.streams import seed_key

RATE_MAX = 1000.0


def come_by(at_ns: int, stretches: list[Stretch]) -> float:
    """Return how many arrivals are expected by ``at_ns``, from the areas below the lines."""
    come = 0.0
    for length_ns, start_per_s, end_per_s in stretches:
        inside_ns = min(at_ns, length_ns)
        reached_per_s = start_per_s + (end_per_s - start_per_s) * inside_ns / max(length_ns, 1)
        come += (start_per_s + reached_per_s) / 2 * inside_ns / 1e9
        at_ns -= inside_ns
    return come


rates = st.sampled_from([0.0, 1.0, 1e-9, RATE_MAX]) | st.floats(0, RATE_MAX)
stretches = st.lists(
    st.builds(Stretch, st.sampled_from([0, 1, 10**9]) | st.integers(0, RUN_MAX_NS), rates, rates),
    min_size=1,
    max_size=8,
)


@given(stretches=stretches, gaps=st.lists(st.floats(1e-12, 5000), min_size=1, max_size=30))
def test_the_time_of_so_many_arrivals_is_when_so_many_have_come(
    stretches: list[Stretch], gaps: list[float]
) -> None:
    rate = CumulatedRate(stretches, NEVER_NS)
    end_ns = sum(stretch.length_ns for stretch in stretches)
    expected, before_ns = 0.0, 0
    for gap in gaps:
        expected += gap
        at_ns = rate.reaches_ns(expected)
        assert at_ns >= before_ns
        before_ns = at_ns
        if at_ns == NEVER_NS:
            assert expected >= come_by(end_ns, stretches) - 1e-6
            continue
        # Times are whole nanoseconds, and rounding moves a root by some parts in 10**16.
        slack = 1e-9 * RATE_MAX + 1e-9 * expected
        assert abs(come_by(at_ns, stretches) - expected) <= slack


@given(scenario=traffic(diurnals()), at_ns=st.integers(0, 2 * RUN_MAX_NS))
def test_a_diurnal_rate_is_the_cosine_that_it_is_said_to_be(scenario: Scenario, at_ns: int) -> None:
    arrivals = scenario.workload.arrivals
    assert isinstance(arrivals, DiurnalArrivals)
    shape = arrivals.diurnal
    period_ns = shape.period_ns
    peak_at_ns = period_ns // 2 if shape.peak_at_ns is None else shape.peak_at_ns
    phase = (at_ns - scenario.warm_up_ns - peak_at_ns) % period_ns / period_ns
    swing = shape.amplitude * math.cos(2 * math.pi * phase)
    planned = planned_rates(arrivals, scenario)
    assert sum(each.length_ns for each in planned.stretches) == period_ns
    found = rate_at(at_ns % period_ns, list(planned.stretches))
    error = 4e-5 * shape.amplitude * shape.base_per_s
    assert abs(found - shape.base_per_s * (1 + swing)) <= error + 1e-9 * shape.base_per_s
    come = sum(each.arrivals for each in planned.stretches)
    assert math.isclose(come, shape.base_per_s * period_ns / 1e9, rel_tol=1e-6)


def rate_at(at_ns: int, stretches: list[Stretch]) -> float:
    for length_ns, start_per_s, end_per_s in stretches:
        if at_ns < length_ns:
            return start_per_s + (end_per_s - start_per_s) * at_ns / length_ns
        at_ns -= length_ns
    return stretches[-1].end_per_s


@given(scenario=traffic(piecewises()), data=st.data())
def test_at_each_point_the_rate_is_the_one_given(scenario: Scenario, data: st.DataObject) -> None:
    arrivals = scenario.workload.arrivals
    assert isinstance(arrivals, PiecewiseArrivals)
    points = arrivals.piecewise
    planned = list(planned_rates(arrivals, scenario).stretches)
    for number, point in enumerate(points):
        # Of a step, the later side is the one that begins at its time.
        if number + 1 == len(points) or points[number + 1].at_ns > point.at_ns:
            at_ns = scenario.warm_up_ns + point.at_ns
            assert math.isclose(rate_at(at_ns, planned), point.rate_per_s, abs_tol=1e-6)
    for earlier, later in pairwise(points):
        if later.at_ns > earlier.at_ns:
            into = data.draw(st.floats(0, 1, exclude_max=True))
            between_ns = int(into * (later.at_ns - earlier.at_ns))
            share = between_ns / (later.at_ns - earlier.at_ns)
            expected = earlier.rate_per_s + share * (later.rate_per_s - earlier.rate_per_s)
            at_ns = scenario.warm_up_ns + earlier.at_ns + between_ns
            assert math.isclose(rate_at(at_ns, planned), expected, abs_tol=1e-6)


@given(arrivals=mmpps(), seed=st.integers(0, 2**64 - 1))
def test_each_state_is_followed_by_another(arrivals: MmppArrivals, seed: int) -> None:
    modulated = modulated_rates(arrivals.mmpp)
    # Told apart by rates of their own.
    told = Modulated(
        tuple(state._replace(rate_per_s=i) for i, state in enumerate(modulated.states))
    )
    found = [each.start_per_s for each in islice(stretches_of(told, seed), 200)]
    assert all(one != other for one, other in pairwise(found))
    assert set(found) == set(range(len(told.states)))


def test_states_last_as_long_as_they_say_and_come_equally_often() -> None:
    states = (State(0.0, 5 * 10**9), State(1.0, 10**9), State(2.0, 20 * 10**9), State(3.0, 10**9))
    count = 20_000
    stays = list(islice(stretches_of(Modulated(states), seed_key(1)), count))
    for state in states:
        of_state = [each.length_ns for each in stays if each.start_per_s == state.rate_per_s]
        share = len(of_state) / count
        # Five standard deviations; those of an exponential distribution are as long as its mean.
        assert abs(share - 1 / 4) < 5 * math.sqrt(1 / 4 * 3 / 4 / count)
        mean_ns = statistics.fmean(of_state)
        assert abs(mean_ns / state.mean_stay_ns - 1) < 5 / math.sqrt(len(of_state))
        spread = statistics.stdev(of_state) / mean_ns
        assert abs(spread - 1) < 0.1


def test_a_run_begins_in_a_state_by_its_share_of_the_time() -> None:
    states = (State(0.0, 10**9), State(1.0, 9 * 10**9), State(2.0, 30 * 10**9))
    runs = 4000
    first = [
        next(stretches_of(Modulated(states), seed_key(seed))).start_per_s for seed in range(runs)
    ]
    for state, share in zip(states, (1 / 40, 9 / 40, 30 / 40), strict=True):
        found = first.count(state.rate_per_s) / runs
        assert abs(found - share) < 5 * math.sqrt(share * (1 - share) / runs)
