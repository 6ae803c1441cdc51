"""Units at the border: what people write, and what code computes with."""

import pytest

from scenarios.units import (
    parse_duration_ns,
    parse_rate_per_s,
    parse_share,
    write_duration,
    write_rate,
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("250ms", 250_000_000),
        ("1.5h", 5_400_000_000_000),
        (" 7 us ", 7_000),
        ("0ns", 0),
        (0, 0),
        ("20000d", 1_728_000_000_000_000_000),
        ("0.000000001s", 1),
    ],
)
def test_a_duration_is_whole_nanoseconds(written: object, expected: int) -> None:
    assert parse_duration_ns(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (5, "should be a duration such as 250ms"),
        (False, "should be a duration such as 250ms"),
        ("-1s", "should be a duration such as 250ms"),
        ("1 minute", "should be a duration such as 250ms"),
        ("٣s", "should be a duration such as 250ms"),
        ("0.5ns", "should be a whole number of nanoseconds"),
        ("1.0000000000000000000000000001s", "should be a whole number of nanoseconds"),
        ("20001d", "should be at most 20000d"),
        (f"{'9' * 31}s", "should have at most 30 digits"),
    ],
)
def test_what_is_no_duration_is_refused(written: object, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_duration_ns(written)


def test_a_duration_is_written_in_its_largest_whole_unit() -> None:
    assert [write_duration(d) for d in (0, 1, 1_000, 90_000_000_000, 86_400_000_000_000)] == [
        "0ns",
        "1ns",
        "1us",
        "90s",
        "1d",
    ]


def test_a_rate_is_per_second_whatever_it_is_written_in() -> None:
    assert parse_rate_per_s("60/s") == 60
    assert parse_rate_per_s("90/min") == parse_rate_per_s("90 / m") == 1.5
    assert parse_rate_per_s("1800/h") == 0.5
    assert write_rate(1e-7) == "0.0000001/s"
    for wrong in (60, "60", "-1/s", "60/d"):
        with pytest.raises(ValueError, match="should be a rate"):
            parse_rate_per_s(wrong)


def test_a_share_is_a_percentage_or_a_fraction() -> None:
    assert parse_share("99.9%") == parse_share(0.999) == 0.999
    assert parse_share(1) == parse_share("100%") == 1
    for wrong in (1.5, True, "99.9", "101%", -0.1):
        with pytest.raises(ValueError, match="should be a share"):
            parse_share(wrong)
