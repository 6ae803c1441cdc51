"""Units at the border: what people write in files, and what code computes with.

Files say ``250ms``, ``60/s``, ``99.9%``; code holds whole nanoseconds, requests per
second and fractions. Each is converted here, once, in both directions.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema

FILE = "file"
"""Validation context of values that a person wrote: there, a bare number has no unit."""

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000

LONGEST_NS = 20_000 * 86_400 * SECOND_NS
"""The longest duration: half a century, and the sum of a few still fits into 64 bits."""

_DIGITS_MAX = 30
_NS_PER_UNIT = {
    "ns": 1,
    "us": MICROSECOND_NS,
    "ms": MILLISECOND_NS,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
}
_SECONDS_PER_UNIT = {"s": 1, "min": 60, "m": 60, "h": 3_600}

_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
_DURATION = re.compile(rf"{_NUMBER}\s*(?P<unit>{'|'.join(_NS_PER_UNIT)})")
_RATE = re.compile(rf"{_NUMBER}\s*/\s*(?P<unit>{'|'.join(_SECONDS_PER_UNIT)})")
_SHARE = re.compile(rf"{_NUMBER}\s*%")


def parse_duration_ns(written: object) -> int:
    """Return the whole nanoseconds that ``written`` stands for.

    Args:
        written: a number and a unit, such as ``"250ms"`` or ``"1.5h"``; or 0.

    Raises:
        ValueError: it is neither, or not a whole number of nanoseconds.
    """
    if written == 0 and not isinstance(written, bool):
        return 0
    found = _DURATION.fullmatch(written.strip()) if isinstance(written, str) else None
    if found is None:
        raise ValueError(
            f"should be a duration such as 250ms, 10s or 2h, not {written!r} "
            f"(units: {', '.join(_NS_PER_UNIT)})"
        )
    if len(found["number"]) > _DIGITS_MAX:
        raise ValueError(f"should have at most {_DIGITS_MAX} digits, not {written!r}")
    duration_ns = Fraction(found["number"]) * _NS_PER_UNIT[found["unit"]]
    if duration_ns.denominator != 1:
        raise ValueError(f"should be a whole number of nanoseconds, not {written!r}")
    if duration_ns > LONGEST_NS:
        raise ValueError(f"should be at most {write_duration(LONGEST_NS)}, not {written!r}")
    return int(duration_ns)


def write_duration(duration_ns: int) -> str:
    """Return ``duration_ns`` in the largest unit that keeps it a whole number."""
    for unit in ("d", "h", "m", "s", "ms", "us"):
        if duration_ns and duration_ns % _NS_PER_UNIT[unit] == 0:
            return f"{duration_ns // _NS_PER_UNIT[unit]}{unit}"
    return f"{duration_ns}ns"


def parse_rate_per_s(written: object) -> float:
    """Return the requests per second that ``written``, such as ``"60/s"``, stands for.

    Raises:
        ValueError: it is not a number, a slash and a unit of time.
    """
    found = _RATE.fullmatch(written.strip()) if isinstance(written, str) else None
    if found is None:
        raise ValueError(f"should be a rate such as 60/s or 500/min, not {written!r}")
    return float(found["number"]) / _SECONDS_PER_UNIT[found["unit"]]


def write_rate(rate_per_s: float) -> str:
    """Return ``rate_per_s`` as people write it."""
    # Decimal of the shortest repr, in plain digits: files hold no exponents.
    return f"{Decimal(repr(rate_per_s)):f}/s"


def parse_share(written: object) -> float:
    """Return the fraction between 0 and 1 that ``written``, such as ``"99.9%"``, stands for.

    Raises:
        ValueError: it is neither a percentage nor a number between 0 and 1.
    """
    if isinstance(written, int | float) and not isinstance(written, bool) and 0 <= written <= 1:
        return float(written)
    found = _SHARE.fullmatch(written.strip()) if isinstance(written, str) else None
    share = float(Decimal(found["number"]) / 100) if found else math.inf
    if share > 1:
        raise ValueError(f"should be a share such as 99.9% or 0.999, not {written!r}")
    return share


def _duration_ns(value: object, info: ValidationInfo) -> object:
    """Code passes nanoseconds as they are; files must name the unit."""
    return value if _built_in_code(value, info) else parse_duration_ns(value)


def _rate_per_s(value: object, info: ValidationInfo) -> object:
    return value if _built_in_code(value, info) else parse_rate_per_s(value)


def _built_in_code(value: object, info: ValidationInfo) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and info.context != FILE


DurationNs = Annotated[
    int,
    BeforeValidator(_duration_ns),
    Field(ge=0, le=LONGEST_NS),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ns|us|ms|s|m|h|d)$"},
                {"const": 0},
            ],
            "examples": ["250ms", "10s"],
        }
    ),
]
"""Whole nanoseconds; ``250ms`` in files. May be zero."""

PositiveDurationNs = Annotated[DurationNs, Field(gt=0)]
"""Whole nanoseconds, at least one."""

RateOrZeroPerS = Annotated[
    float,
    BeforeValidator(_rate_per_s),
    PlainSerializer(write_rate, return_type=str),
    Field(ge=0, allow_inf_nan=False),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d+(\.\d+)?\s*/\s*(s|min|m|h)$",
            "examples": ["60/s", "500/min"],
        }
    ),
]
"""Requests per second; ``60/s`` in files. May be zero."""

RatePerS = Annotated[RateOrZeroPerS, Field(gt=0)]
"""Requests per second, above zero."""

Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
            ],
            "examples": ["99.9%"],
        }
    ),
]
"""A fraction between 0 and 1; ``99.9%`` or ``0.999`` in files."""
