"""Intervals out of one run."""

import pytest

from sim.statistics.batch_means import batch_means, batch_quantile
from sim.statistics.honest import Estimate, Reason, Refusal

MEANS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4]
"""Digits of pi; no correlation to speak of."""


def run_of(means: list[int], size: int = 10) -> list[int]:
    return [mean + way for mean in means for way in (-1, 1) * (size // 2)]


def test_the_batches_of_a_run_stand_in_for_replications() -> None:
    answer = batch_means(run_of(MEANS))
    assert isinstance(answer, Estimate)
    assert answer.value == sum(MEANS) / 20
    # Standard deviation 2.7004, over sqrt(20), times t = 2.0930.
    assert answer.half_width == pytest.approx(1.2638, abs=1e-4)
    assert (answer.replications, answer.method) == (20, "batches, Student's t")


def test_values_that_fill_no_batch_are_left_out_at_the_beginning() -> None:
    answer = batch_means([10**6] * 19 + run_of(MEANS))
    assert isinstance(answer, Estimate)
    assert answer.value == sum(MEANS) / 20


def test_batches_that_climb_are_refused() -> None:
    answer = batch_means(run_of(list(range(20))))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.CORRELATED


def test_batches_that_all_agree_are_no_reason_to_refuse() -> None:
    answer = batch_means([5.0] * 200)
    assert isinstance(answer, Estimate)
    assert (answer.low, answer.high) == (5, 5)


def test_199_values_make_no_20_batches() -> None:
    for answer in (batch_means([1.0] * 199), batch_quantile([1] * 199, 0.5)):
        assert isinstance(answer, Refusal)
        assert answer.reason is Reason.TOO_FEW_SAMPLES


def test_a_quantile_of_one_run_has_an_interval_too() -> None:
    answer = batch_quantile(run_of([mean * 100 for mean in MEANS], size=50), 0.5)
    assert isinstance(answer, Estimate)
    assert answer.low <= 400 <= answer.high


def test_a_quantile_of_batches_that_climb_is_refused() -> None:
    answer = batch_quantile(run_of([100 * step for step in range(1, 21)], size=50), 0.5)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.CORRELATED


def test_a_tail_that_one_run_has_not_seen_is_refused() -> None:
    answer = batch_quantile(run_of(MEANS), 0.99)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.TOO_FEW_SAMPLES
