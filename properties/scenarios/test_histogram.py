"""Laws of the histogram: how near it stays, and that merging is adding."""

import math

from hypothesis import given
from hypothesis import strategies as st

from scenarios.histogram import (
    Histogram,
    HistogramBuilder,
    bucket_bounds,
    bucket_of,
    buckets_of,
)

# Values of every magnitude, those at the edges of buckets among them.
values = st.integers(0, 600) | st.integers(0, 2**62) | st.integers(0, 61).map(lambda n: 2**n)
many = st.lists(values, max_size=60)
some = st.lists(values, min_size=1, max_size=60)


def histogram_of(them: list[int]) -> Histogram:
    """Return the histogram of values added one by one."""
    return HistogramBuilder(them).build()


@given(values)
def test_a_bucket_holds_its_values_and_is_narrow(value: int) -> None:
    low, high = bucket_bounds(bucket_of(value))
    assert low <= value <= high
    assert bucket_of(low) == bucket_of(high) == bucket_of(value)
    assert bucket_of(high + 1) == bucket_of(value) + 1
    assert (high - low) * 256 <= low


@given(many)
def test_all_buckets_at_once_are_those_of_one_after_the_other(them: list[int]) -> None:
    assert buckets_of(them) == [bucket_of(value) for value in them]


@given(some, st.floats(0, 1))
def test_a_quantile_is_within_0_2_percent_of_the_exact_one(them: list[int], q: float) -> None:
    exact = sorted(them)[max(math.ceil(q * len(them)), 1) - 1]
    found = histogram_of(them).quantile(q)
    assert found is not None
    assert abs(found - exact) <= 0.002 * exact
    assert min(them) <= found <= max(them)


@given(some, st.floats(0, 1), st.floats(0, 1))
def test_quantiles_ascend(them: list[int], one: float, other: float) -> None:
    histogram = histogram_of(them)
    lower, higher = histogram.quantile(min(one, other)), histogram.quantile(max(one, other))
    assert lower is not None
    assert higher is not None
    assert lower <= higher


@given(many, values)
def test_what_is_above_is_counted_but_for_the_bucket_of_the_value(
    them: list[int], value: int
) -> None:
    low, high = bucket_bounds(bucket_of(value))
    above = histogram_of(them).count_above(value)
    assert sum(one > high for one in them) == above
    assert above <= sum(one > value for one in them) <= sum(one > low for one in them)


@given(many, many)
def test_merging_is_adding(one: list[int], other: list[int]) -> None:
    merged = histogram_of(one).merged(histogram_of(other))
    assert merged == histogram_of(one + other)
    assert merged == histogram_of(other).merged(histogram_of(one))


@given(many, many, many)
def test_merging_does_not_care_in_which_order(
    first: list[int], second: list[int], third: list[int]
) -> None:
    a, b, c = map(histogram_of, (first, second, third))
    assert a.merged(b).merged(c) == a.merged(b.merged(c))


@given(many)
def test_a_histogram_knows_the_sum_and_the_ends_exactly(them: list[int]) -> None:
    histogram = histogram_of(them)
    assert histogram.total == sum(them)
    assert histogram.smallest == min(them, default=0)
    assert histogram.largest == max(them, default=0)
    assert Histogram.model_validate_json(histogram.model_dump_json()) == histogram


@given(many, many)
def test_adding_together_is_adding_one_by_one(before: list[int], them: list[int]) -> None:
    builder = HistogramBuilder(before)
    assert builder.build() == histogram_of(before)
    builder.add_all(them)
    assert builder.build() == histogram_of(before + them)
