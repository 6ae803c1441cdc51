"""Times of day as logs write them, in nanoseconds since 1970.

Only differences matter to a trace, so a time without a zone is taken for UTC.
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from scenarios.units import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS

TimeFormat = Literal["auto", "iso", "s", "ms", "us", "ns"]

_ISO = re.compile(
    r"(?P<whole>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_NUMBER = re.compile(r"\d{1,19}(?:\.\d{1,9})?", re.ASCII)
_UNITS_NS = {"s": SECOND_NS, "ms": MILLISECOND_NS, "us": MICROSECOND_NS, "ns": 1}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def parse_iso_ns(written: str) -> int:
    """Return the time that ``written``, such as ``2023-11-16 18:17:03.9799600``, stands for.

    Raises:
        ValueError: it is not a date and a time of day.
    """
    found = _ISO.fullmatch(written.strip())
    if found is None:
        raise ValueError(f"the time {written[:40]!r} is not ISO 8601")
    fraction = found["fraction"]
    fraction_ns = int(fraction.ljust(9, "0")) if fraction else 0
    return _seconds(found["whole"], found["zone"] or "") * SECOND_NS + fraction_ns


def parse_epoch_ns(written: str, unit: str) -> int:
    """Return the time that ``written``, a number of ``unit`` since 1970, stands for.

    Raises:
        ValueError: it is not a number.
    """
    if not _NUMBER.fullmatch(written.strip()):
        raise ValueError(f"the time {written[:40]!r} is not a number of {unit}")
    return int(Decimal(written) * _UNITS_NS[unit])


@lru_cache(maxsize=1_024)
def parse_log_time_ns(written: str) -> int:
    """Return the time that ``written``, such as ``10/Oct/2000:13:55:36 -0700``, stands for.

    Raises:
        ValueError: it is not in the form of an access log.
    """
    # strptime reads month names in the language of the machine.
    day, month, rest = written.split("/", 2)
    if month not in _MONTHS:
        raise ValueError(f"the time {written[:40]!r} has no month")
    year, clock = rest.split(":", 1)
    time, zone = clock.split(" ")
    return _seconds(f"{year}-{_MONTHS.index(month) + 1:02}-{day} {time}", zone) * SECOND_NS


def time_parser(form: TimeFormat, column: str, example: str) -> Callable[[str], int]:
    """Return what reads the times of a column.

    Args:
        form: how they are written; ``auto`` goes by the column's name, such as ``at_ms``,
            and by the example.
        column: its name.
        example: the first value.

    Raises:
        ValueError: the example is no time.
    """
    if form == "auto":
        form = _form_of(column, example)
    if form == "iso":
        parse_iso_ns(example)
        return parse_iso_ns
    parse_epoch_ns(example, form)
    return lambda written: parse_epoch_ns(written, form)


def looks_like_time(written: str) -> bool:
    """Whether this is a time by itself; a bare number is not."""
    return _ISO.fullmatch(written.strip()) is not None


def _form_of(column: str, example: str) -> TimeFormat:
    if not _NUMBER.fullmatch(example.strip()):
        return "iso"
    units: tuple[TimeFormat, ...] = ("ns", "us", "ms", "s")
    for unit in units:
        if column.lower().endswith(f"_{unit}"):
            return unit
    # Any day from 1973 to 5138 tells its unit by its size.
    number = Decimal(example)
    for unit, least in zip(units, (10**17, 10**14, 10**11), strict=False):
        if number >= least:
            return unit
    return "s"


@lru_cache(maxsize=1_024)
def _seconds(whole: str, zone: str) -> int:
    """Return whole seconds since 1970; cached, because lines of one second are many."""
    moment = dt.datetime.fromisoformat(whole.replace("/", "-"))
    offset = dt.timedelta()
    if zone not in ("", "Z", "UTC"):
        sign = -1 if zone[0] == "-" else 1
        offset = sign * dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return (moment.replace(tzinfo=dt.UTC) - offset - _EPOCH) // dt.timedelta(seconds=1)
