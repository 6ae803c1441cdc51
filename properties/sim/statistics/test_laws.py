"""What follows by arithmetic, for all values; SciPy is the second opinion."""

import math
import statistics
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import bdtr, betainc, betaincinv, stdtrit  # type: ignore[import-untyped]  # ships no types

from properties.profiles import scaled
from scenarios.histogram import HistogramBuilder
from sim.statistics.beta import beta_quantile, regularised_beta, t_quantile
from sim.statistics.collapse import modes
from sim.statistics.honest import Estimate, Refusal
from sim.statistics.intervals import (
    mean_interval,
    probability_interval,
    ratio_interval,
)
from sim.statistics.quantiles import quantile_contributions, quantile_interval
from sim.statistics.replications import replication_seed
from sim.statistics.warm_up import BATCH, WarmUp, mser_5
from sim.statistics.yardstick import histogram_of

numbers = st.floats(-1e6, 1e6).map(lambda it: round(it, 3))
samples = st.lists(numbers, min_size=5, max_size=50)
latencies = st.lists(st.integers(0, 10**9), min_size=30, max_size=60)


@given(st.floats(0.01, 0.999), st.integers(1, 10_000))
def test_student_s_t_is_scipy_s(confidence: float, degrees: int) -> None:
    expected = stdtrit(degrees, 0.5 + confidence / 2)
    assert t_quantile(confidence, degrees) == pytest.approx(expected, rel=1e-7)


parameters = st.floats(0.2, 2_000)


@given(st.floats(0.0005, 0.9995), parameters, parameters)
def test_the_beta_distribution_is_scipy_s(probability: float, a: float, b: float) -> None:
    x = float(betaincinv(a, b, probability))
    assert regularised_beta(x, a, b) == pytest.approx(float(betainc(a, b, x)), abs=1e-9)
    assume(1e-12 < x < 1 - 1e-12)
    assert beta_quantile(probability, a, b) == pytest.approx(x, rel=1e-6)


@given(samples, st.floats(0.5, 0.999))
def test_a_mean_has_student_s_interval(values: list[float], confidence: float) -> None:
    answer = mean_interval(values, confidence)
    assert isinstance(answer, Estimate)
    t = stdtrit(len(values) - 1, 0.5 + confidence / 2)
    expected = t * np.std(values, ddof=1) / math.sqrt(len(values))
    assert answer.value == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert answer.high - answer.value == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(samples, st.integers(1, 100))
def test_a_ratio_to_equal_wholes_is_a_mean(values: list[float], whole: int) -> None:
    ratio = ratio_interval(values, [whole] * len(values))
    mean = mean_interval([value / whole for value in values])
    assert isinstance(ratio, Estimate)
    assert isinstance(mean, Estimate)
    assert ratio[:3] == pytest.approx(mean[:3], rel=1e-9, abs=1e-6)


@settings(max_examples=scaled(30))
@given(st.lists(latencies, min_size=8, max_size=12), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_quantile_is_that_of_all_requests_and_inside_its_interval(
    replications: list[list[int]], q: float
) -> None:
    histograms = [HistogramBuilder(it).build() for it in replications]
    answer = quantile_interval(histograms, q)
    assume(isinstance(answer, Estimate))
    assert isinstance(answer, Estimate)
    everything = HistogramBuilder([value for it in replications for value in it]).build()
    assert answer.value == everything.quantile(q)
    assert everything.smallest <= answer.low <= answer.value <= answer.high <= everything.largest
    assert quantile_interval(histograms[::-1], q) == answer
    each = quantile_contributions(histograms, q, answer).each
    assert statistics.fmean(each) == pytest.approx(answer.value, rel=1e-6, abs=1)


@settings(max_examples=scaled(30))
@given(st.lists(latencies, min_size=5, max_size=12))
def test_more_confidence_takes_a_wider_interval(replications: list[list[int]]) -> None:
    histograms = [HistogramBuilder(it).build() for it in replications]
    narrow, wide = (quantile_interval(histograms, 0.5, it) for it in (0.8, 0.99))
    assume(isinstance(narrow, Estimate))
    assert isinstance(narrow, Estimate)
    assert isinstance(wide, Estimate)
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@given(st.integers(1, 40), st.floats(0, 1))
def test_a_probability_s_interval_never_covers_too_rarely(trials: int, truth: float) -> None:
    """Exactly: add up the chances of the counts whose interval holds the truth."""
    counts = np.arange(trials + 1)
    below = bdtr(counts, trials, truth)
    chances = np.diff(below, prepend=0.0)
    holding = [
        answer.low <= truth <= answer.high
        for answer in (probability_interval(int(hits), trials) for hits in counts)
    ]
    assert chances[holding].sum() >= 0.95 - 1e-9


@given(st.lists(st.integers(0, 10**6), min_size=50, max_size=200), st.integers(1, 1000))
def test_the_cut_depends_on_neither_unit_nor_origin(values: list[int], factor: int) -> None:
    plain = mser_5(values)
    moved = mser_5([value * factor + 7 for value in values])
    if isinstance(plain, Refusal):
        assert isinstance(moved, Refusal)
    else:
        assert isinstance(moved, WarmUp)
        assert moved.values == plain.values
        assert moved.standard_error == pytest.approx(factor * plain.standard_error, rel=1e-6)


@given(st.lists(st.integers(0, 10**6), min_size=50, max_size=300))
def test_the_cut_is_the_one_with_the_smallest_error_of_all(values: list[int]) -> None:
    batches = np.array(values[: len(values) // BATCH * BATCH]).reshape(-1, BATCH).mean(axis=1)
    errors = [
        float(((rest - rest.mean()) ** 2).sum()) / len(rest) ** 2
        for rest in (batches[at:] for at in range(len(batches) - 4))
    ]
    answer = mser_5(values)
    if isinstance(answer, Refusal):
        assert min(errors[len(batches) // 2 + 1 :]) <= min(errors[: len(batches) // 2 + 1])
    else:
        assert answer.standard_error**2 == pytest.approx(min(errors), rel=1e-6, abs=1e-9)
        assert errors[answer.values // BATCH] == pytest.approx(min(errors), rel=1e-6, abs=1e-9)


@given(st.integers(0, 2**53), st.integers(0, 2**53), st.integers(0, 500), st.integers(0, 500))
def test_no_two_replications_share_a_seed(one: int, other: int, index: int, another: int) -> None:
    assume((one, index) != (other, another))
    assert replication_seed(one, index) != replication_seed(other, another)


def test_sets_with_neighbouring_seeds_have_no_replication_in_common() -> None:
    seeds = [replication_seed(first, index) for first in range(100) for index in range(100)]
    assert len(set(seeds)) == len(seeds)


@given(st.lists(st.integers(0, 2**52), min_size=1, max_size=100))
def test_the_yardstick_s_histogram_is_the_usual_one(values: list[int]) -> None:
    assert histogram_of(np.array(values, dtype=np.int64)) == HistogramBuilder(values).build()


@pytest.mark.parametrize(
    "draw",
    [
        partial(np.random.Generator.normal),
        partial(np.random.Generator.exponential),
        partial(np.random.Generator.lognormal, sigma=1.0),
        partial(np.random.Generator.uniform),
    ],
    ids=["normal", "exponential", "lognormal", "uniform"],
)
@pytest.mark.parametrize(("size", "promised"), [(10, 0.008), (20, 0.002)])
def test_values_of_one_cluster_are_hardly_ever_called_two(
    draw: "partial[np.ndarray]", size: int, promised: float
) -> None:
    """At most as often as promised, but for luck in one of 10,000 such counts."""
    chance = np.random.default_rng(1)
    found = sum(modes(draw(chance, size=size).tolist()) is not None for _ in range(4_000))
    assert bdtr(max(found - 1, 0), 4_000, promised) < 1 - 1e-4


def test_a_retry_storm_in_half_of_20_runs_is_two_clusters() -> None:
    """Goodput near what was offered, or anywhere in the lowest quarter."""
    chance = np.random.default_rng(1)
    found = 0
    for _ in range(1_000):
        storms = chance.random(20) < 0.475
        goodput = np.where(storms, chance.uniform(0, 0.25, 20), chance.normal(0.98, 0.01, 20))
        found += modes(goodput.tolist()) is not None
    assert found >= 990
