"""Intervals at 95 % hold the truth in 93 to 97 of 100 cases, where the truth is known.

Every seed is fixed, so a red run is red again. Bounds are those that a rate at the end of the
allowed range would leave in one of 10,000 such counts: of the versions of this file that other
seeds would make, fewer than one in 500 would be red although nothing is wrong.
``benchmarks/statistics_coverage.py`` looks at more cases, and longer.
"""

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc, chdtri  # type: ignore[import-untyped]  # ships no types

from properties.profiles import scaled
from scenarios import units
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.run import simulate
from sim.statistics.batch_means import batch_means, batch_quantile
from sim.statistics.figures import Figure, latency_quantile, mean_latency
from sim.statistics.honest import Answer, Estimate, Reason, Refusal
from sim.statistics.paired import Difference, difference
from sim.statistics.replicate import replicate
from sim.statistics.replications import Replications, replication_seed
from sim.statistics.yardstick import (
    record,
    sojourns_ns,
    true_mean_ns,
    true_quantile_ns,
    true_variance_of_mean_wait,
    waits_ns,
)

RARE = 1e-4
EXPERIMENTS = scaled(250)
LOAD = 0.5
REQUESTS = 4_000
ASK = "ask"

QUESTIONS: list[tuple[Figure, float]] = [
    (mean_latency(ASK), true_mean_ns(LOAD)),
    *((latency_quantile(ASK, q), true_quantile_ns(LOAD, q)) for q in (0.5, 0.95, 0.99)),
]


@cache
def experiment(number: int) -> Replications:
    return replicate(partial(record, LOAD, REQUESTS), 20, first_seed=number)


def covers_as_promised(answers: list[Answer], truth: float) -> None:
    quoted = [it for it in answers if isinstance(it, Estimate)]
    assert len(quoted) > 0.9 * len(answers)
    held = sum(it.low <= truth <= it.high for it in quoted)
    assert bdtr(held, len(quoted), 0.93) > RARE, f"held in {held} of {len(quoted)}"
    assert bdtrc(held - 1, len(quoted), 0.97) > RARE, f"held in {held} of {len(quoted)}"


@pytest.mark.parametrize("size", [5, 20])
@pytest.mark.parametrize(("figure", "truth"), QUESTIONS, ids=["mean", "p50", "p95", "p99"])
def test_over_replications(figure: Figure, truth: float, size: int) -> None:
    answers = []
    for number in range(EXPERIMENTS):
        some = Replications(number, experiment(number).records[:size])
        answers.append(some.estimate(figure))
    covers_as_promised(answers, truth)


@pytest.mark.parametrize(
    ("estimate", "truth"),
    [
        (batch_means, true_mean_ns(LOAD)),
        (partial(batch_quantile, q=0.95), true_quantile_ns(LOAD, 0.95)),
    ],
    ids=["mean", "p95"],
)
def test_over_batches_of_one_run(estimate: Callable[[list[int]], Answer], truth: float) -> None:
    answers = []
    for number in range(EXPERIMENTS // 3):
        seed = replication_seed(number, 0)
        answers.append(estimate(sojourns_ns(LOAD, 20_000, seed).tolist()))
    covers_as_promised(answers, truth)


def test_over_pairs_under_the_same_luck() -> None:
    # The second variant's load is higher; its requests are served in the same times.
    truth = true_quantile_ns(0.55, 0.95) - true_quantile_ns(LOAD, 0.95)
    held = 0
    reductions = []
    for number in range(EXPERIMENTS // 3):
        busier = replicate(partial(record, 0.55, REQUESTS), 20, first_seed=number)
        found = difference(experiment(number), busier, latency_quantile(ASK, 0.95))
        assert isinstance(found, Difference)
        held += found.estimate.low <= truth <= found.estimate.high
        reductions.append(found.variance_reduction)
    assert bdtr(held, len(reductions), 0.93) > RARE
    assert bdtrc(held - 1, len(reductions), 0.97) > RARE
    assert np.median(reductions) > 3


def test_runs_that_settle_are_hardly_ever_called_saturated() -> None:
    refused = 0
    for number in range(EXPERIMENTS):
        answer = experiment(number).estimate(mean_latency(ASK))
        refused += isinstance(answer, Refusal) and answer.reason is Reason.SATURATED
    # Promised is one in 1000 sets for each series; growth must be large besides.
    assert refused <= 3


def varies_as_theory_says(values: list[float], variance: float) -> None:
    """Hold the spread over seeds to theory; chi-squared, and 5 % for the finite run."""
    degrees = len(values) - 1
    found = float(np.var(values, ddof=1)) * degrees / variance
    assert chdtri(degrees, 1 - RARE) / 1.05 < found < chdtri(degrees, RARE) * 1.05


def test_means_of_replications_spread_as_theory_says() -> None:
    means = [
        float(waits_ns(LOAD, REQUESTS, replication_seed(1, index)).mean())
        for index in range(EXPERIMENTS)
    ]
    varies_as_theory_says(means, true_variance_of_mean_wait(LOAD, REQUESTS))


def test_means_of_replicated_simulations_spread_as_theory_says() -> None:
    # 500/s at 1 ms for 3 s: M/M/1 at load 0.5 with 1500 requests, give or take. The queue
    # forgets in some 12 ms, so the warm-up is long enough.
    done = replicate(_door, 40, first_seed=1)
    waits = [it.stations["door"].wait_ns for it in done.records]
    means = [it.mean for it in waits if it is not None and it.mean is not None]
    varies_as_theory_says(means, true_variance_of_mean_wait(LOAD, 1_500))


def _door(seed: int) -> RunRecord:
    data = {
        "name": "door",
        "seed": seed,
        "warm_up": "200ms",
        "duration": "3s",
        "workload": {"arrivals": {"poisson": {"rate": "500/s"}}, "mix": {"ask": 1}},
        "services": {"door": {"service_time": {"exponential": {"mean": "1ms"}}}},
        "classes": {"ask": {"through": ["door"]}},
    }
    return simulate(Scenario.model_validate(data, context=units.FILE))


def test_the_truth_is_that_of_an_exponential_distribution() -> None:
    assert true_quantile_ns(LOAD, 1 - math.exp(-1)) == pytest.approx(true_mean_ns(LOAD))
