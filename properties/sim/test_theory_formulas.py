"""The formulas agree with what else can be derived: chains solved state by state, other laws.

Nothing is drawn here but parameters, so nothing can be red by chance.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from sim.theory.closed_networks import closed_network, mva
from sim.theory.erlang import erlang_b, erlang_c
from sim.theory.laws import throughput_bound_per_s
from sim.theory.linear import solve
from sim.theory.many_places import Wait, e_k_m_c, m_m_c, m_m_c_k
from sim.theory.one_place import (
    Rank,
    m_g_1_last_come_first_variance_s2,
    m_g_1_priority_waits_s,
    m_g_1_wait_s,
    m_g_1_wait_variance_s2,
    m_m_1,
)
from sim.theory.open_networks import jackson, traffic_per_s
from sim.theory.scalability import Scalability, fit

UTILISATIONS = st.floats(0.02, 0.98)
PLACES = st.integers(1, 60)
TIMES_S = st.floats(1e-4, 100)


def birth_and_death(up_per_s: Sequence[float], down_per_s: Sequence[float]) -> list[float]:
    """Return how likely each state of a chain is that moves by one, by its balance of flows."""
    weights = [Fraction(1)]
    for up, down in zip(up_per_s, down_per_s, strict=True):
        weights.append(weights[-1] * Fraction(up) / Fraction(down))
    total = sum(weights)
    return [float(each / total) for each in weights]


def stationary(rates_per_s: list[list[float]]) -> tuple[float, ...]:
    """Return how likely each state of any chain is, by solving all its balances at once."""
    size = len(rates_per_s)
    balances = [
        [rates_per_s[i][j] - (i == j) * sum(rates_per_s[j]) for i in range(size)]
        for j in range(size)
    ]
    # One balance follows from the others; that the shares add up does not.
    balances[-1] = [1.0] * size
    return solve(balances, [0.0] * (size - 1) + [1.0])


@given(offered=st.floats(0.01, 80), places=st.integers(0, 50))
def test_erlang_s_first_formula_is_the_full_state_of_its_chain(offered: float, places: int) -> None:
    chain = birth_and_death([offered] * places, range(1, places + 1))
    assert erlang_b(offered, places) == pytest.approx(chain[-1], rel=1e-12)


@given(UTILISATIONS, st.integers(1, 25))
def test_erlang_s_second_formula_is_that_of_its_chain(busy: float, places: int) -> None:
    # Cut off where next to nothing is left: above all places the chain is geometric.
    beyond = math.ceil(math.log(1e-14) / math.log(busy))
    assume(beyond < 400)
    states = places + beyond
    down = [min(number, places) for number in range(1, states + 1)]
    chain = birth_and_death([busy * places] * states, down)
    wait = m_m_c(busy * places, 1.0, places)
    assert wait.delayed == pytest.approx(sum(chain[places:]), rel=1e-9)
    in_line = sum(n * share for n, share in enumerate(chain[places:]))
    # Little's law, of the line.
    assert wait.mean_s == pytest.approx(in_line / (busy * places), rel=1e-9)


@given(st.floats(0.01, 3), st.integers(1, 20), st.integers(0, 40), TIMES_S)
def test_a_bounded_line_is_that_of_its_chain(
    busy: float, places: int, line_max: int, service_s: float
) -> None:
    rate_per_s = busy * places / service_s
    states = places + line_max
    down = [min(number, places) / service_s for number in range(1, states + 1)]
    chain = birth_and_death([rate_per_s] * states, down)
    found = m_m_c_k(rate_per_s, service_s, places, line_max)
    assert found.lost == pytest.approx(chain[-1], rel=1e-9)
    busy_places = sum(min(n, places) * share for n, share in enumerate(chain))
    assert found.utilisation == pytest.approx(busy_places / places, rel=1e-9)
    in_line = sum(max(n - places, 0) * share for n, share in enumerate(chain))
    expected_s = in_line / (rate_per_s * (1 - chain[-1]))
    assert found.wait_s == pytest.approx(expected_s, rel=1e-9, abs=1e-15)


@given(UTILISATIONS, PLACES, TIMES_S)
def test_a_long_line_is_an_unbounded_one(busy: float, places: int, service_s: float) -> None:
    rate_per_s = busy * places / service_s
    long = m_m_c_k(rate_per_s, service_s, places, line_max=5_000)
    assert long.wait_s == pytest.approx(m_m_c(rate_per_s, service_s, places).mean_s, rel=1e-8)
    assert long.lost < 1e-12


RANKS = st.lists(
    st.tuples(st.floats(0.01, 1), TIMES_S, st.floats(1, 5)).map(
        lambda it: Rank(it[0], it[1], it[1] ** 2 * it[2])
    ),
    min_size=1,
    max_size=6,
)
"""Who comes with each priority; rates count by their proportions only."""


@given(UTILISATIONS, RANKS)
def test_orders_that_do_not_look_at_service_times_keep_the_work_in_line(
    busy: float, ranks: list[Rank]
) -> None:
    """Of what whoever waits will need there is as much in line in any order.

    Source: L. Kleinrock, "A conservation law for a wide class of queueing disciplines", Naval
    Research Logistics Quarterly 12 (1965).
    """
    offered = math.fsum(rank.rate_per_s * rank.service_s for rank in ranks)
    ranks = [rank._replace(rate_per_s=rank.rate_per_s * busy / offered) for rank in ranks]
    waits_s = m_g_1_priority_waits_s(ranks)
    assert list(waits_s) == sorted(waits_s)
    in_line_s = math.fsum(
        rank.rate_per_s * rank.service_s * wait_s
        for rank, wait_s in zip(ranks, waits_s, strict=True)
    )
    rest_s = math.fsum(rank.rate_per_s * rank.second_s2 for rank in ranks) / 2
    assert in_line_s == pytest.approx(busy * rest_s / (1 - busy), rel=1e-9)


@given(UTILISATIONS, TIMES_S, st.floats(1, 5), st.floats(1, 5))
def test_last_come_first_served_spreads_the_wait_by_the_idle_share(
    busy: float, service_s: float, second: float, third: float
) -> None:
    rate_per_s = busy / service_s
    moments = second * service_s**2, second * third * service_s**3
    spread_s2 = m_g_1_last_come_first_variance_s2(rate_per_s, service_s, *moments)
    in_order_s2 = m_g_1_wait_variance_s2(rate_per_s, service_s, *moments)
    mean_s = m_g_1_priority_waits_s([Rank(rate_per_s, service_s, moments[0])])[0]
    assert (spread_s2 + mean_s**2) * (1 - busy) == pytest.approx(in_order_s2 + mean_s**2)
    # What Takagi has by derivatives, written out.
    idle = 1 - busy
    first = rate_per_s * moments[1] / (3 * idle**2)
    assert spread_s2 + mean_s**2 == pytest.approx(
        first + (rate_per_s * moments[0]) ** 2 / (2 * idle**3)
    )


@given(UTILISATIONS, PLACES, TIMES_S)
def test_gaps_of_one_phase_are_poisson(busy: float, places: int, service_s: float) -> None:
    rate_per_s = busy * places / service_s
    found, expected = (
        e_k_m_c(rate_per_s, service_s, places, phases=1),
        m_m_c(rate_per_s, service_s, places),
    )
    assert found == pytest.approx(expected, rel=1e-9)


@settings(max_examples=scaled(15), deadline=None)
@given(st.floats(0.1, 0.8), st.integers(1, 4), st.integers(1, 5))
def test_gaps_of_phases_wait_as_the_chain_of_phases_says(
    busy: float, places: int, phases: int
) -> None:
    # Each state is a number inside and a phase of the gap; cut off far above the places.
    levels = places + math.ceil(math.log(1e-8) / math.log(busy))
    assume(levels * phases <= 90)
    phase_per_s = busy * places * phases
    states = [*itertools.product(range(levels + 1), range(phases))]
    at = {state: i for i, state in enumerate(states)}
    rates = [[0.0] * len(states) for _ in states]
    for number, phase in states:
        after = (number, phase + 1) if phase + 1 < phases else (min(number + 1, levels), 0)
        rates[at[number, phase]][at[after]] += phase_per_s
        if number:
            rates[at[number, phase]][at[number - 1, phase]] += min(number, places)
    shares = stationary(rates)
    met = [shares[at[number, phases - 1]] for number in range(levels + 1)]
    found = e_k_m_c(busy * places, 1.0, places, phases)
    assert found.delayed == pytest.approx(sum(met[places:]) / sum(met), rel=1e-5)
    in_line = sum(
        max(number - places, 0) * share for (number, _), share in zip(states, shares, strict=True)
    )
    assert found.mean_s == pytest.approx(in_line / (busy * places), rel=1e-5)


@given(UTILISATIONS, PLACES, st.integers(1, 12))
def test_waits_shrink_with_every_phase_and_grow_with_every_request(
    busy: float, places: int, phases: int
) -> None:
    here = e_k_m_c(busy * places, 1.0, places, phases)
    assert e_k_m_c(busy * places, 1.0, places, phases + 1).mean_s <= here.mean_s * (1 + 1e-9)
    assert e_k_m_c(busy * places * 1.01, 1.0, places, phases).mean_s >= here.mean_s * (1 - 1e-9)


@pytest.mark.parametrize("places", [1_000, 10_000])
@pytest.mark.parametrize("busy", [0.5, 0.99, 0.9999])
def test_ten_thousand_places_keep_their_digits(places: int, busy: float) -> None:
    offered = Fraction(busy) * places
    # The recursion in whole numbers, scaled by what a float could not hold.
    inverse, scale = 1 << 400, 1 << 400
    for number in range(1, places + 1):
        inverse = scale + inverse * number * offered.denominator // offered.numerator
    blocked = Fraction(scale, inverse)
    exact = blocked / (1 - offered / places * (1 - blocked))
    # Of 1 less the utilisation, so many digits are left.
    assert erlang_c(float(offered), places) == pytest.approx(float(exact), rel=1e-11)
    four = e_k_m_c(float(offered), 1.0, places, 4)
    assert 0 <= four.delayed <= erlang_c(float(offered), places)
    assert 0 < four.clearing_per_s < math.inf


@given(UTILISATIONS, PLACES, TIMES_S, st.floats(0, 0.9999))
def test_quantiles_are_where_the_distribution_says(
    busy: float, places: int, service_s: float, q: float
) -> None:
    wait = m_m_c(busy * places / service_s, service_s, places)
    sojourn_s = wait.sojourn_quantile_s(q)
    assert wait.sojourn_exceeds(sojourn_s) == pytest.approx(1 - q, rel=1e-6)
    quantile_s = wait.quantile_s(q)
    if quantile_s > 0:
        assert wait.exceeds(quantile_s) == pytest.approx(1 - q, rel=1e-6)
    else:
        assert wait.delayed <= 1 - q


@settings(max_examples=scaled(40))
@given(UTILISATIONS, PLACES, st.integers(1, 4))
def test_means_are_the_areas_under_the_distributions(busy: float, places: int, phases: int) -> None:
    wait = e_k_m_c(busy * places, 1.0, places, phases)
    assert area(wait.exceeds, wait) == pytest.approx(wait.mean_s, rel=1e-4)
    assert area(wait.sojourn_exceeds, wait) == pytest.approx(wait.mean_sojourn_s, rel=1e-4)


def area(exceeds: Callable[[float], float], wait: Wait) -> float:
    """Return the area under a tail, by Simpson's rule on steps that grow."""
    longest_s = 40 * max(wait.service_s, 1 / wait.clearing_per_s)
    points = 800

    def at_s(i: float) -> float:
        return longest_s * (i / points) ** 3

    total = 0.0
    for i in range(points):
        low, high = at_s(i), at_s(i + 1)
        middle = exceeds((low + high) / 2)
        total += (high - low) / 6 * (exceeds(low) + 4 * middle + exceeds(high))
    return total


@given(UTILISATIONS, TIMES_S)
def test_exponential_service_is_one_of_all_distributions(busy: float, service_s: float) -> None:
    one = m_m_1(busy / service_s, service_s)
    assert one.mean_s == pytest.approx(m_g_1_wait_s(busy / service_s, service_s, cv=1.0))


@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=4), st.floats(0, 20), st.integers(1, 40))
def test_mean_values_and_convolution_agree(
    demands_s: list[float], think_s: float, customers: int
) -> None:
    means = mva(demands_s, think_s, customers)
    convolved = closed_network(demands_s, [1] * len(demands_s), think_s, customers)
    for one, other in zip(means, convolved, strict=True):
        assert one == pytest.approx(other, rel=1e-9)
    bound = throughput_bound_per_s(demands_s, think_s, customers)
    assert means.throughput_per_s <= bound * (1 + 1e-12)
    # Little's law, of everybody.
    everybody = sum(means.numbers) + means.throughput_per_s * think_s
    assert everybody == pytest.approx(customers)


@given(st.floats(0.05, 5), st.integers(1, 8), st.floats(0.1, 50), st.integers(1, 60))
def test_machines_and_repairmen_are_those_of_their_chain(
    demand_s: float, places: int, think_s: float, customers: int
) -> None:
    up = [(customers - number) / think_s for number in range(customers)]
    down = [min(number, places) / demand_s for number in range(1, customers + 1)]
    chain = birth_and_death(up, down)
    found = closed_network([demand_s], [places], think_s, customers)
    thinking = sum((customers - n) * share for n, share in enumerate(chain))
    assert found.throughput_per_s == pytest.approx(thinking / think_s, rel=1e-9)
    assert found.numbers == pytest.approx((customers - thinking,), rel=1e-9)


@given(
    st.lists(st.floats(0.1, 5), min_size=3, max_size=3),
    st.lists(st.lists(st.floats(0, 0.3), min_size=3, max_size=3), min_size=3, max_size=3),
)
def test_traffic_is_what_comes_from_outside_and_from_everywhere(
    external_per_s: list[float], routing: list[list[float]]
) -> None:
    rates = traffic_per_s(external_per_s, routing)
    for j, rate in enumerate(rates):
        inside = sum(rates[i] * routing[i][j] for i in range(3))
        assert rate == pytest.approx(external_per_s[j] + inside)
    # As many leave as come.
    left = sum(rate * (1 - sum(row)) for rate, row in zip(rates, routing, strict=True))
    assert left == pytest.approx(sum(external_per_s))


@settings(max_examples=scaled(10), deadline=None)
@given(st.floats(0.05, 0.25), st.floats(0.05, 0.25), st.floats(0, 0.5))
def test_two_stations_in_a_circle_are_those_of_their_chain(
    busy: float, other_busy: float, back: float
) -> None:
    # From outside to the first, on to the second; from there ``back`` to the first.
    size = 9
    once = busy * (1 - back)
    other_s = other_busy / busy
    states = [*itertools.product(range(size), repeat=2)]
    at = {state: i for i, state in enumerate(states)}
    rates = [[0.0] * len(states) for _ in states]
    for one, two in states:
        moves = [((one + 1, two), once)]
        if one:
            moves.append(((one - 1, two + 1), 1.0))
        if two:
            moves += [((one, two - 1), (1 - back) / other_s), ((one + 1, two - 1), back / other_s)]
        for after, rate in moves:
            if after in at:
                rates[at[one, two]][at[after]] += rate
    shares = stationary(rates)
    found = jackson([once, 0.0], [[0, 1], [back, 0]], [1.0, other_s], [1, 1])
    inside = sum((one + two) * share for (one, two), share in zip(states, shares, strict=True))
    # The chain is cut off where both are full, which takes a little from the mean.
    assert found.sojourn_s * once == pytest.approx(inside, rel=1e-3)


@given(st.floats(1, 1e5), st.floats(0, 0.5), st.floats(0, 0.01))
def test_a_law_is_found_again_in_what_it_says(
    alone_per_s: float, contention: float, coherency: float
) -> None:
    law = Scalability(alone_per_s, contention, coherency)
    counts = [1, 2, 4, 8, 16, 32, 64]
    found = fit([(n, law.throughput_per_s(n)) for n in counts])
    for n in counts:
        assert found.throughput_per_s(n) == pytest.approx(law.throughput_per_s(n), rel=1e-6)


@given(st.floats(0, 0.5), st.floats(1e-5, 0.01))
def test_no_number_of_workers_does_more_than_the_best(contention: float, coherency: float) -> None:
    law = Scalability(100, contention, coherency)
    best = law.throughput_per_s(max(law.best_workers, 1))
    assert all(law.throughput_per_s(n) <= best * (1 + 1e-12) for n in range(1, 400, 7))
