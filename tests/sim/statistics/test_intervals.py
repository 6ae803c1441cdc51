"""Intervals whose numbers stand in textbooks, or can be worked out by hand."""

import math
import statistics

import pytest

from sim.statistics.beta import t_quantile
from sim.statistics.honest import Estimate, Reason, Refusal
from sim.statistics.intervals import (
    mean_interval,
    probability_interval,
    ratio_interval,
    share_interval,
)


@pytest.mark.parametrize(
    ("degrees", "printed"), [(1, 12.706), (4, 2.776), (9, 2.262), (19, 2.093), (120, 1.980)]
)
def test_student_s_t_is_what_tables_print(degrees: int, printed: float) -> None:
    assert t_quantile(0.95, degrees) == pytest.approx(printed, abs=5e-4)


def test_ten_values_have_the_interval_of_the_textbook() -> None:
    # Law (2015), example 4.26: mean 1.34, and 1.34 +- 0.24 at 90 %.
    values = [1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09]
    answer = mean_interval(values, confidence=0.9)
    assert isinstance(answer, Estimate)
    assert answer.value == pytest.approx(1.34, abs=0.005)
    assert answer.half_width == pytest.approx(0.24, abs=0.005)


def test_five_values_are_divided_by_four_degrees_of_freedom() -> None:
    # Variance 2.5, standard error sqrt(0.5), t with 4 degrees of freedom 2.7764.
    answer = mean_interval([1, 2, 3, 4, 5])
    assert isinstance(answer, Estimate)
    assert (answer.value, answer.replications) == (3, 5)
    assert answer.half_width == pytest.approx(2.7764 * math.sqrt(0.5), abs=1e-4)
    assert answer.high - answer.value == pytest.approx(answer.value - answer.low)


def test_four_values_are_too_few() -> None:
    answer = mean_interval([1, 2, 3, 4])
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.TOO_FEW_REPLICATIONS
    assert answer.remedy == "Run at least 5 replications."


def test_one_value_is_too_few_in_the_singular() -> None:
    assert "1 replication says" in str(mean_interval([1]))


def test_a_ratio_is_that_of_the_sums_and_not_the_mean_of_ratios() -> None:
    answer = ratio_interval([10, 20, 30, 40, 900], [1, 2, 3, 4, 10])
    assert isinstance(answer, Estimate)
    assert answer.value == 1000 / 20
    # Pulls of (part - 50 * whole) / 4: -10, -20, -30, -40 and 100.
    assert answer.half_width == pytest.approx(
        2.7764 * statistics.stdev([-10, -20, -30, -40, 100]) / math.sqrt(5), rel=1e-4
    )


def test_a_ratio_to_nothing_is_no_number() -> None:
    answer = ratio_interval([0] * 5, [0] * 5)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.WITHOUT_VALUE


def test_a_share_stays_between_nothing_and_all() -> None:
    answer = share_interval([1, 1, 1, 1, 60], [100] * 5)
    assert isinstance(answer, Estimate)
    assert answer.value == 64 / 500
    assert answer.low == 0


def test_what_happened_in_few_runs_is_not_said_to_happen_so_often() -> None:
    # Nothing in 20 runs: with 95 % confidence, fewer than 16.8 % of runs see any.
    answer = share_interval([0] * 20, [100] * 20)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.TOO_RARE
    assert "0 of 20 replications: at most 16.8% of runs" in answer.because


def test_what_spared_few_runs_is_not_said_to_happen_so_often() -> None:
    answer = share_interval([100] * 19 + [99], [100] * 20)
    assert isinstance(answer, Refusal)
    assert "There were exceptions in 1 of 20" in answer.because


def test_what_happens_to_everybody_happens_to_everybody() -> None:
    answer = share_interval([100] * 20, [100] * 20)
    assert isinstance(answer, Estimate)
    assert (answer.low, answer.high) == (1, 1)


@pytest.mark.parametrize(
    ("hits", "low", "high"), [(0, 0, 0.1684), (3, 0.0321, 0.3789), (20, 0.8316, 1)]
)
def test_the_probability_of_what_happened_in_some_of_20_runs(
    hits: int, low: float, high: float
) -> None:
    answer = probability_interval(hits, 20)
    assert answer.value == hits / 20
    assert answer.low == pytest.approx(low, abs=5e-5)
    assert answer.high == pytest.approx(high, abs=5e-5)
