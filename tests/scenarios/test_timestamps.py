"""Times of day: every shape in which logs write them means the same moment."""

import pytest

from scenarios.timestamps import parse_epoch_ns, parse_iso_ns, parse_log_time_ns, time_parser

MOMENT_NS = 1_700_158_623_979_960_000
"""2023-11-16, 18:17:03.97996 UTC."""


@pytest.mark.parametrize(
    "written",
    [
        "2023-11-16 18:17:03.9799600",
        "2023-11-16T18:17:03.97996Z",
        "2023-11-16T18:17:03,979960000 UTC",
        "2023/11/16 18:17:03.97996",
        "2023-11-16T20:17:03.97996+02:00",
        " 2023-11-16T13:47:03.97996-0430 ",
    ],
)
def test_iso_8601_is_read_in_its_shapes(written: str) -> None:
    assert parse_iso_ns(written) == MOMENT_NS


@pytest.mark.parametrize(
    "written", ["", "18:17:03", "2023-11-16", "2023-02-30 00:00:00", "2023-11-16 18:17:61", "x"]
)
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_iso_ns(written)


def test_a_log_s_time_is_read_with_its_zone_in_any_language() -> None:
    assert parse_log_time_ns("10/Oct/2000:13:55:36 -0700") == 971_211_336 * 10**9
    with pytest.raises(ValueError, match="has no month"):
        parse_log_time_ns("10/Okt/2000:13:55:36 -0700")


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("time", "1700158623.97996"),
        ("time", "1700158623979.96"),
        ("time", "1700158623979960"),
        ("time", "1700158623979960000"),
        ("at_ns", "1700158623979960000"),
    ],
)
def test_the_unit_of_a_number_shows_in_its_size(column: str, written: str) -> None:
    assert time_parser("auto", column, written)(written) == MOMENT_NS


@pytest.mark.parametrize(
    ("column", "expected"),
    [("at_s", 5 * 10**9), ("at_ms", 5 * 10**6), ("AT_US", 5_000), ("at_ns", 5)],
)
def test_the_unit_of_a_small_number_shows_in_the_column_s_name(column: str, expected: int) -> None:
    assert time_parser("auto", column, "5")("5") == expected


def test_a_named_format_overrules_what_a_number_looks_like() -> None:
    assert time_parser("ms", "time", "5")("5") == 5_000_000
    assert time_parser("iso", "time", "2023-11-16 18:17:03")("2023-11-16 18:17:04") % 10 == 0
    with pytest.raises(ValueError, match="is not ISO 8601"):
        time_parser("iso", "time", "5")
    with pytest.raises(ValueError, match="is not a number of s"):
        parse_epoch_ns("1e9", "s")
