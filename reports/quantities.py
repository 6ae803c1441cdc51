"""Numbers as people read them: three significant digits, and the unit they fit."""

import math
from collections.abc import Callable

from scenarios.units import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"
"""Stands for a number that there is not."""

_MINUTES_FROM_NS = 600 * SECOND_NS
_DURATIONS = (
    (60 * SECOND_NS, "min", _MINUTES_FROM_NS),
    (SECOND_NS, "s", SECOND_NS),
    (MILLISECOND_NS, "ms", MILLISECOND_NS),
    (MICROSECOND_NS, "µs", MICROSECOND_NS),
)
"""Length of the unit, its sign, and from where on it is used."""

_PRECISE_BELOW = 0.0995
"""Relative errors below this show a decimal."""


def number(value: float, digits: int = 3) -> str:
    """Return ``value`` with ``digits`` significant digits, and all that stand before the point."""
    if value == 0:
        return "0"
    # Rounding first: 9.996 has one digit before the point, its rounded form two.
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(digits - 1 - math.floor(math.log10(abs(rounded))), 0)
    written = f"{rounded:,.{decimals}f}".replace(",", NBSP)
    return written.replace("-", MINUS)


def count(value: float) -> str:
    """Return a whole number, its thousands set apart."""
    return f"{value:,.0f}".replace(",", NBSP)


def duration(value_ns: float) -> str:
    """Return a duration: ``812 µs``, ``12.3 ms``, ``1.50 s``; nothing takes ``0 s``."""
    if value_ns == 0:
        return f"0{NBSP}s"
    for length_ns, sign, from_ns in _DURATIONS:
        # What rounds up to the next unit is written in it: 1.00 ms, not 1 000 µs.
        if value_ns >= from_ns * 0.9995:
            return f"{number(value_ns / length_ns)}{NBSP}{sign}"
    return f"{number(value_ns)}{NBSP}ns"


def rate(value_per_s: float) -> str:
    """Return a rate: ``39.8 /s``."""
    return f"{number(value_per_s)}{NBSP}/s"


def share(value: float) -> str:
    """Return a share in percent: ``0.12 %``."""
    if value == 0:
        return f"0{NBSP}%"
    return f"{number(100 * value)}{NBSP}%"


def relative(value: float) -> str:
    """Return a relative error with its sign, as in ``+3.2 %``."""
    decimals = 1 if abs(value) < _PRECISE_BELOW else 0
    written = f"{100 * value:+,.{decimals}f}".replace(",", NBSP).replace("-", MINUS)
    if not written.strip(f"+{MINUS}0."):
        return f"0{NBSP}%"
    return f"{written}{NBSP}%"


FORMATS: dict[str, Callable[[float], str]] = {
    "ns": duration,
    "1/s": rate,
    "share": share,
    "jobs": count,
    "replicas": count,
}
"""By a series' unit, how its values are written."""


def written(value: float | None, unit: str) -> str:
    """Return ``value`` in its unit; a dash where there is none."""
    if value is None:
        return MISSING
    if unit in FORMATS:
        return FORMATS[unit](value)
    return f"{number(value)}{NBSP}{unit}".rstrip(NBSP)


def round_value(value: float, unit: str) -> str:
    """Return a value that is round by choice, such as a tick: ``10 ms``, not ``10.0 ms``."""
    if value == 0:
        return "0"
    digits, space, sign = written(value, unit).rpartition(NBSP)
    if not space:
        digits, sign = sign, ""
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}{space}{sign}"
