"""The formulas give the numbers that others have printed."""

import math
from collections.abc import Callable

import pytest

from sim.theory.closed_networks import ClosedNetwork, closed_network, mva
from sim.theory.erlang import erlang_b, erlang_c
from sim.theory.laws import mean_number, mean_time_s, throughput_bound_per_s, utilisation
from sim.theory.linear import solve
from sim.theory.many_places import Wait, e_k_m_c, m_m_c, m_m_c_k
from sim.theory.one_place import (
    m_d_1_wait_s,
    m_g_1_ps_number,
    m_g_1_ps_sojourn_s,
    m_g_1_wait_s,
    m_g_1_wait_variance_s2,
    m_m_1,
)
from sim.theory.open_networks import jackson, traffic_per_s
from sim.theory.scalability import Scalability, fit


@pytest.mark.parametrize(
    ("places", "offered", "lost"),
    [
        # Tables of Erlang's first formula, as in ITU-D SG 2, "Teletraffic Engineering
        # Handbook" (2008): the load at which one in a hundred calls is lost.
        (1, 0.0101, 0.01),
        (10, 4.461, 0.01),
        (20, 12.03, 0.01),
        (100, 84.06, 0.01),
        # The worked example of erlang.com's manual.
        (15, 8.108, 0.01),
    ],
)
def test_a_trunk_group_loses_as_many_calls_as_the_tables_say(
    places: int, offered: float, lost: float
) -> None:
    assert erlang_b(offered, places) == pytest.approx(lost, rel=1e-3)


def test_a_call_centre_makes_as_many_wait_as_the_textbook_says() -> None:
    # Two places at half load: 1/3. One place: the utilisation.
    assert erlang_c(1.0, 2) == pytest.approx(1 / 3)
    assert erlang_c(0.8, 1) == pytest.approx(0.8)


def test_eight_places_at_nine_tenths_wait_as_the_textbook_says() -> None:
    assert m_m_c(7.2, 1.0, 8).mean_s == pytest.approx(0.876916, abs=1e-6)


def test_one_place_at_four_fifths() -> None:
    # Per service time: waits 4, is there 5, and one in a hundred stays beyond 23.
    wait = m_m_1(0.8, 1.0)
    assert wait.mean_s == pytest.approx(4)
    assert wait.mean_sojourn_s == pytest.approx(5)
    assert wait.quantile_s(0.99) == pytest.approx(5 * math.log(80))
    assert wait.quantile_s(0.1) == 0
    assert wait.sojourn_quantile_s(0.99) == pytest.approx(5 * math.log(100))


def test_two_places_with_both_rates_alike_have_their_quantiles_too() -> None:
    # Half of the places are free: waits clear as fast as one place serves.
    wait = m_m_c(1.0, 1.0, 2)
    assert wait.clearing_per_s == 1 / wait.service_s
    quantile_s = wait.sojourn_quantile_s(0.9)
    assert math.exp(-quantile_s) * (1 + quantile_s / 3) == pytest.approx(0.1)


def test_four_gateways_in_turns_wait_less_than_by_chance() -> None:
    # 600/s dealt out to four replicas of two places with 5 ms each, and 10 ms more for 30 %.
    # The peers are compared by this number; see benchmarks/peers/simpy_three_tier.py.
    turns, chance = e_k_m_c(150, 0.005, 2, phases=4), m_m_c(150, 0.005, 2)
    assert turns.mean_sojourn_s + 0.3 * 0.010 == pytest.approx(0.00821134, abs=1e-8)
    assert turns.mean_s < 0.3 * chance.mean_s


def test_even_gaps_wait_as_kleinrock_s_root_says() -> None:
    # Very many phases are evenly spaced arrivals: D/M/1, whose root at 0.5 is 0.2032.
    assert e_k_m_c(0.5, 1.0, 1, phases=4000).delayed == pytest.approx(0.2032, abs=1e-4)


def test_a_full_line_loses_as_the_textbook_says() -> None:
    # M/M/1/K: (1 - r) r**K / (1 - r**(K + 1)).
    assert m_m_c_k(0.8, 1.0, 1, line_max=4).lost == pytest.approx(0.2 * 0.8**5 / (1 - 0.8**6))
    # As many come as one place can do: all rooms are equally likely to be taken.
    even = m_m_c_k(1.0, 1.0, 1, line_max=3)
    assert even.lost == pytest.approx(1 / 5)
    assert even.wait_s == pytest.approx((1 + 2 + 3) / 4)
    assert even.utilisation == pytest.approx(4 / 5)


def test_no_room_to_wait_is_erlang_s_first_formula() -> None:
    found = m_m_c_k(8.108, 1.0, 15, line_max=0)
    assert found.lost == pytest.approx(0.01, rel=1e-3)
    assert found.wait_s == 0


def test_constant_service_waits_half_as_long_as_exponential() -> None:
    assert m_d_1_wait_s(0.8, 1.0) == pytest.approx(2)
    assert m_g_1_wait_s(0.8, 1.0, cv=1.0) == pytest.approx(m_m_1(0.8, 1.0).mean_s)
    assert m_g_1_wait_s(0.5, 0.010 * 100, cv=1.5) == pytest.approx(1.625)


def test_the_spread_of_the_wait_is_that_of_the_exponential_line() -> None:
    # The moments of an exponential time of mean 1 are 1, 2, 6.
    assert m_g_1_wait_variance_s2(0.8, 1, 2, 6) == pytest.approx(m_m_1(0.8, 1).variance_s2)
    assert m_m_1(0.8, 1).variance_s2 == pytest.approx(24)


def test_who_shares_the_place_is_slowed_by_the_same_factor_whatever_the_size() -> None:
    assert m_g_1_ps_sojourn_s(0.8, 1.0) == pytest.approx(5)
    assert m_g_1_ps_sojourn_s(0.8, 1.0, size_s=0.1) == pytest.approx(0.5)
    shares = [m_g_1_ps_number(0.8, 1.0, n) for n in range(400)]
    assert sum(shares) == pytest.approx(1)
    # Little's law, between the two.
    assert sum(n * it for n, it in enumerate(shares)) == pytest.approx(mean_number(0.8, 5))


def test_a_circle_brings_as_much_as_its_geometric_series() -> None:
    # A third comes back each time.
    assert traffic_per_s([10.0], [[1 / 3]]) == pytest.approx((15,))
    # Two thirds go on to the disk, all of which come back.
    assert traffic_per_s([10.0, 0.0], [[0, 2 / 3], [1, 0]]) == pytest.approx((30, 20))


def test_a_tandem_s_time_is_the_sum_of_its_stations() -> None:
    found = jackson([0.5, 0.0], [[0, 1], [0, 0]], [1.0, 1.5], [1, 2])
    assert found.sojourn_s == pytest.approx(2 + m_m_c(0.5, 1.5, 2).mean_sojourn_s)


def test_two_customers_of_a_processor_and_a_disk_take_two_seconds() -> None:
    # An exercise of SENG 533, University of Calgary: 0.5 s and 1 s, a thought of 1 s.
    found = mva([0.5, 1.0], think_s=1.0, customers=2)
    assert found.response_s == pytest.approx(2.0)
    assert found.throughput_per_s == pytest.approx(2 / 3)
    assert mva([0.5, 1.0], think_s=1.0, customers=1).throughput_per_s == pytest.approx(0.4)


def test_one_repairman_is_as_busy_as_palm_s_formula_says() -> None:
    # Engset's and Palm's machines: all places free for everybody, so nobody waits.
    free = closed_network([2.0], places=[5], think_s=8.0, customers=5)
    assert free.response_s == pytest.approx(2.0)
    assert free.throughput_per_s == pytest.approx(0.5)
    assert free.utilisations == pytest.approx((0.2,))


def test_ten_thousand_customers_do_what_the_narrowest_station_lets_them() -> None:
    found = mva([0.2, 0.5], think_s=10.0, customers=10_000)
    assert found.throughput_per_s == pytest.approx(2.0)
    assert throughput_bound_per_s([0.2, 0.5], 10.0, 10_000) == 2.0
    assert throughput_bound_per_s([0.2, 0.5], 10.0, 1) == pytest.approx(1 / 10.7)


def test_little_s_law_goes_both_ways() -> None:
    assert mean_time_s(mean_number(3.0, 0.25), 3.0) == pytest.approx(0.25)
    assert utilisation(900, 0.010, places=6) == pytest.approx(1.5)


# B. Schwartz, E. Fortune, "Practical Scalability Analysis with the Universal Scalability Law"
# (2015): the Cisco benchmark, transactions per second with 1 to 32 workers.
CISCO = [
    *(955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08),
    *(7219.8, 7867.61, 8278.71, 8646.7, 9047.84, 9426.55, 9645.37, 9897.24),
    *(10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806.0, 12089.37),
    *(12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39),
]


def test_the_law_of_scalability_fits_as_published() -> None:
    law = fit([(n, x) for n, x in enumerate(CISCO, start=1)])
    assert law.contention == pytest.approx(0.02671591, rel=1e-5)
    assert law.coherency == pytest.approx(7.690945e-4, rel=1e-5)
    assert law.alone_per_s == pytest.approx(995.6486, rel=1e-6)
    assert math.floor(law.best_workers) == 35
    assert law.throughput_per_s(35) == pytest.approx(12341, abs=1)


def test_perfect_scaling_has_no_best_number_of_workers() -> None:
    assert Scalability(100, 0.0, 0.0).best_workers == math.inf
    assert Scalability(100, 0.0, 0.0).throughput_per_s(40) == 4000


@pytest.mark.parametrize("line", [[200.0, 410.0, 640.0, 800.0], [100.0, 190.0, 300.0, 380.0]])
def test_a_fit_has_no_negative_costs(line: list[float]) -> None:
    # The first scales better than in proportion, which the law has no words for.
    law = fit([(n, x) for n, x in enumerate(line, start=1)])
    assert law.contention >= 0
    assert law.coherency >= 0


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda: erlang_c(2.0, 2), "2 erlangs are offered, 2 can be done"),
        (lambda: m_m_c(10, 1, 5), "10 erlangs are offered, 5 can be done"),
        (lambda: e_k_m_c(9, 1, 5, 4), "9 erlangs are offered, 5 can be done"),
        (lambda: m_g_1_wait_s(1, 1, 0), "1 erlangs are offered, 1 can be done"),
        (lambda: m_g_1_ps_sojourn_s(2, 1), "2 erlangs are offered, 1 can be done"),
        (lambda: jackson([3.0], [[0]], [1.0], [3]), "3 erlangs are offered, 3 can be done"),
        (lambda: traffic_per_s([1, 0], [[0, 1], [1, 0]]), "some requests never leave"),
        (lambda: traffic_per_s([1], [[0.5, 0.5]]), "a row and a column for each station"),
        (lambda: traffic_per_s([1], [[1.5]]), "shares of at most 1"),
        (lambda: traffic_per_s([1], [[-0.5]]), "each row of the routing"),
        (lambda: mva([1.0], 0.0, 0), "at least 1 customer, not 0"),
        (lambda: closed_network([0.0], [1], 0.0, 1), "something has to take time"),
        (lambda: fit([(1, 10), (2, 20), (2, 21)]), "three different numbers of workers"),
        (lambda: fit([(1, 10), (2, 20), (3, 0)]), "a throughput above 0"),
        (lambda: solve([[1, 1], [2, 2]], [1, 2]), "no single solution"),
    ],
)
def test_what_has_no_answer_gets_none(
    ask: Callable[[], float | Wait | ClosedNetwork | Scalability], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        ask()
