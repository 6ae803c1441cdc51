"""Numbers as people read them."""

import pytest

from reports.quantities import count, duration, number, rate, relative, round_value, share, written


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize(
    ("value_ns", "expected"),
    [
        (0, "0 s"),
        (7, "7.00 ns"),
        (999.4, "999 ns"),
        (999.6, "1.00 µs"),
        (812_345, "812 µs"),
        (999_600, "1.00 ms"),
        (12_345_678, "12.3 ms"),
        (1_500_000_000, "1.50 s"),
        (599_000_000_000, "599 s"),
        (600_000_000_000, "10.0 min"),
    ],
)
def test_a_duration_has_three_digits_and_the_unit_they_fit(value_ns: float, expected: str) -> None:
    assert _plain(duration(value_ns)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (9.996, "10.0"), (-2.5, "-2.50"), (12_345.0, "12 300"), (0.012_34, "0.0123")],
)
def test_a_number_is_rounded_to_three_digits(value: float, expected: str) -> None:
    assert _plain(number(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0 %"),
        (-0.0001, "0 %"),
        (0.032, "+3.2 %"),
        (-0.0994, "-9.9 %"),
        (-0.0996, "-10 %"),
        (0.25, "+25 %"),
        (12.0, "+1 200 %"),
    ],
)
def test_a_relative_error_has_its_sign_and_a_decimal_only_when_small(
    value: float, expected: str
) -> None:
    assert _plain(relative(value)) == expected


def test_rates_shares_and_counts_have_their_units() -> None:
    assert _plain(rate(39.84)) == "39.8 /s"
    assert _plain(share(0.001234)) == "0.123 %"
    assert _plain(share(0)) == "0 %"
    assert _plain(count(1_234_567)) == "1 234 567"


def test_a_value_that_is_not_there_is_a_dash() -> None:
    assert written(None, "ns") == "\N{EN DASH}"


def test_a_unit_without_a_form_of_its_own_stands_behind_the_number() -> None:
    assert _plain(written(3.5, "bytes")) == "3.50 bytes"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(0, "ns", "0"), (10_000_000, "ns", "10 ms"), (2.5, "1/s", "2.5 /s"), (100, "jobs", "100")],
)
def test_a_round_value_has_no_zeros_behind_its_point(
    value: float, unit: str, expected: str
) -> None:
    assert _plain(round_value(value, unit)) == expected
