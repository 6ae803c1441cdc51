"""What is written in a unit is read back as it was."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from scenarios.units import (
    LONGEST_NS,
    parse_duration_ns,
    parse_rate_per_s,
    parse_share,
    write_duration,
    write_rate,
)


@given(st.integers(0, LONGEST_NS))
def test_a_written_duration_reads_back_equal(duration_ns: int) -> None:
    assert parse_duration_ns(write_duration(duration_ns)) == duration_ns


@given(st.integers(0, 10**9), st.sampled_from(["ns", "us", "ms", "s", "m", "h", "d"]))
def test_a_duration_is_its_number_of_units(number: int, unit: str) -> None:
    in_one_ns = parse_duration_ns(f"1{unit}")
    if number * in_one_ns <= LONGEST_NS:
        assert parse_duration_ns(f"{number}{unit}") == number * in_one_ns


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False))
def test_a_written_rate_reads_back_equal(rate_per_s: float) -> None:
    assert parse_rate_per_s(write_rate(rate_per_s)) == rate_per_s


@given(st.floats(0, 1))
def test_a_share_is_itself(share: float) -> None:
    assert parse_share(share) == share


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.text()))
def test_whatever_is_written_is_a_duration_or_a_value_error(written: object) -> None:
    for parse in (parse_duration_ns, parse_rate_per_s, parse_share):
        with suppress(ValueError):
            assert parse(written) >= 0
