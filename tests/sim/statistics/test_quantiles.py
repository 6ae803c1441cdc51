"""Quantiles over a few replications, and when they are refused."""

import pytest

from scenarios.histogram import HistogramBuilder
from sim.statistics.honest import Estimate, Reason, Refusal
from sim.statistics.quantiles import quantile_contributions, quantile_interval


def test_the_median_of_all_is_quoted_with_those_that_the_test_does_not_reject() -> None:
    # Requests that took 100, of 100 each: 55, 45, 52, 48 and 51; 251 of 500, so the median
    # is among them. Their standard deviation is 3.83, that of the sum 8.57, times t = 2.776
    # it is 23.8: the 274th request, which took 200, may be the median, too.
    found = [
        HistogramBuilder([100] * count + [200] * (100 - count)).build()
        for count in (55, 45, 52, 48, 51)
    ]
    answer = quantile_interval(found, 0.5)
    assert isinstance(answer, Estimate)
    assert (answer.value, answer.low, answer.high) == (100, 100, 200)


def test_ends_are_where_the_ranks_are() -> None:
    # All replications have 1 to 100, but the first two are 10 too high and 10 too low.
    spread = list(range(1, 101))
    found = [
        HistogramBuilder(values).build()
        for values in (
            [value + 10 for value in spread],
            [max(value - 10, 0) for value in spread],
            spread,
            spread,
            spread,
        )
    ]
    answer = quantile_interval(found, 0.5)
    assert isinstance(answer, Estimate)
    # At or below 50 are 40, 60, 50, 50 and 50: standard deviation 7.07, of the sum 15.81,
    # times 2.776 is 43.9. Five replications: one more nanosecond takes in 5 requests.
    assert answer.value == 50
    assert answer.low == pytest.approx(50 - 43.9 / 5, abs=1)
    assert answer.high == pytest.approx(50 + 43.9 / 5, abs=1)


def test_replications_that_agree_leave_no_doubt() -> None:
    answer = quantile_interval([HistogramBuilder(range(1, 101)).build()] * 5, 0.9)
    assert isinstance(answer, Estimate)
    assert (answer.value, answer.low, answer.high) == (90, 90, 90)
    assert (
        quantile_contributions([HistogramBuilder(range(100)).build()] * 5, 0.9, answer).each
        == (90,) * 5
    )


def test_a_tail_of_a_few_requests_is_refused_with_what_it_takes() -> None:
    # 5 x 100 requests leave 5 beyond p99; it takes 20.
    answer = quantile_interval([HistogramBuilder(range(1, 101)).build()] * 5, 0.99)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.TOO_FEW_SAMPLES
    assert "lie 5 requests; it takes 20" in answer.because
    assert answer.remedy == "Run 6 times as long, or that many more replications."


def test_a_tail_that_comes_in_one_burst_is_refused_however_many_requests_it_has() -> None:
    calm, burst = [10] * 1000, [10] * 900 + [1_000] * 100
    found = [HistogramBuilder(it).build() for it in (calm, calm, calm, calm, burst)]
    answer = quantile_interval(found, 0.99)
    assert isinstance(answer, Refusal)
    assert "50 requests, all alike; it takes 20, worth 10" in answer.because


def test_a_class_that_nobody_asked_for_has_no_quantile() -> None:
    answer = quantile_interval([HistogramBuilder().build()] * 5, 0.5)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.WITHOUT_VALUE


def test_replications_pull_at_the_quantile_to_the_side_on_which_they_lie() -> None:
    slow, fast, usual = range(12, 112), range(1, 91), range(1, 101)
    found = [HistogramBuilder(it).build() for it in (slow, fast, usual, usual, usual)]
    answer = quantile_interval(found, 0.5)
    assert isinstance(answer, Estimate)
    each = quantile_contributions(found, 0.5, answer).each
    assert each[0] > each[2] > each[1]
    assert sum(each) / 5 == pytest.approx(answer.value)
