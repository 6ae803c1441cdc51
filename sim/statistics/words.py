"""Answers as people read them: ``12.3 ms ± 0.4 (95 %)``."""

import math
from typing import Final

from scenarios.units import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS
from sim.statistics.figures import Unit
from sim.statistics.honest import Answer, Refusal

_DECIMALS_MAX: Final = 6
_DIGITS: Final = 3


def in_words(answer: Answer, unit: Unit) -> str:
    """Return the answer in one line, rounded to what its interval knows.

    Sides that differ are given both: ``99.1 ms -4.2 +6.0 (95 %)``.
    """
    if isinstance(answer, Refusal):
        return f"not quoted: {answer}"
    divisor, name = _scale(answer.value, unit)
    value, below, above = (
        number / divisor
        for number in (answer.value, answer.value - answer.low, answer.high - answer.value)
    )
    decimals = _decimals(value, max(below, above))
    number, minus, plus = (f"{it:.{decimals}f}" for it in (value, below, above))
    spread = f"± {plus}" if minus == plus else f"-{minus} +{plus}"
    return f"{number}{name} {spread} ({100 * answer.confidence:.10g} %)"


def _scale(value: float, unit: Unit) -> tuple[float, str]:
    """Return what to divide by, and the name of the unit then, with a space before it."""
    match unit:
        case "ns":
            for size, name in ((SECOND_NS, " s"), (MILLISECOND_NS, " ms"), (MICROSECOND_NS, " µs")):
                if abs(value) >= size:
                    return size, name
            return 1, " ns"
        case "share":
            return 0.01, " %"
        case "1/s":
            return 1, "/s"
        case "":
            return 1, ""


def _decimals(value: float, half_width: float) -> int:
    """Return how many decimals show the interval's first digit, or three digits of a sure value.

    Of a half-width that begins with 1, the second digit is shown too: half of it may be rounding.
    """
    known = half_width / 2 or abs(value) / 10 ** (_DIGITS - 1)
    if not known:
        return 0
    return min(max(-math.floor(math.log10(known)), 0), _DECIMALS_MAX)
