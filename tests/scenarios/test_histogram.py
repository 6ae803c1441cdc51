"""The histogram: exact where it can be, and refuses what does not add up."""

import pytest
from pydantic import ValidationError

from scenarios.histogram import Histogram, HistogramBuilder, bucket_bounds, bucket_of


def test_buckets_are_exact_below_512_and_then_256_to_each_power_of_two() -> None:
    assert [bucket_bounds(bucket_of(value)) for value in (0, 511, 512, 514, 1023, 1024)] == [
        (0, 0),
        (511, 511),
        (512, 513),
        (514, 515),
        (1022, 1023),
        (1024, 1027),
    ]


def test_quantiles_are_values_that_a_share_does_not_exceed() -> None:
    histogram = HistogramBuilder(range(1, 101)).build()
    assert [histogram.quantile(q) for q in (0, 0.5, 0.501, 0.99, 1)] == [1, 50, 51, 99, 100]
    assert histogram.mean == 50.5
    assert histogram.count_above(98) == 2


def test_the_largest_value_is_exact_although_its_bucket_is_wide() -> None:
    histogram = HistogramBuilder([1_000_000_007]).build()
    assert histogram.quantile(1) == 1_000_000_007
    assert histogram.largest == histogram.smallest == 1_000_000_007


def test_an_empty_histogram_has_no_quantiles_and_changes_nothing_when_merged() -> None:
    empty = Histogram()
    full = HistogramBuilder([5, 9]).build()
    assert empty.quantile(0.5) is None
    assert empty.mean is None
    assert empty.merged(full) == full.merged(empty) == full
    assert empty.merged(empty) == empty


def test_buckets_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValidationError, match="the buckets do not add up to the count"):
        Histogram(count=2, total=5, buckets=((5, 1),))


def test_negative_values_are_a_bug_of_the_caller() -> None:
    # They are noticed when values are settled, which adding puts off.
    builder = HistogramBuilder()
    builder.add(-1)
    with pytest.raises(AssertionError, match="cannot be negative"):
        builder.build()
    with pytest.raises(AssertionError, match="cannot be negative"):
        HistogramBuilder().add_all([5, -1])


def test_values_added_together_count_as_if_added_one_by_one() -> None:
    together = HistogramBuilder([7])
    together.add_all([5, 9, 5, 70_000])
    assert together.build() == HistogramBuilder([7, 5, 9, 5, 70_000]).build()
    first = HistogramBuilder()
    first.add_all([5])
    assert first.build() == HistogramBuilder([5]).build()


def test_adding_nothing_changes_nothing() -> None:
    builder = HistogramBuilder([5])
    builder.add_all([])
    assert builder.build() == HistogramBuilder([5]).build()
