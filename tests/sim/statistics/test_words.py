"""Answers as people read them."""

import pytest

from sim.statistics.figures import Unit
from sim.statistics.honest import Estimate, Reason, Refusal, as_json
from sim.statistics.words import in_words


def estimate(low: float, value: float, high: float, confidence: float = 0.95) -> Estimate:
    return Estimate(value, low, high, confidence, 20, "by hand")


@pytest.mark.parametrize(
    ("low", "value", "high", "unit", "words"),
    [
        (11.9e6, 12.3e6, 12.7e6, "ns", "12.3 ms ± 0.4 (95 %)"),
        (95e6, 99.1e6, 105.2e6, "ns", "99 ms -4 +6 (95 %)"),
        (1.31e9, 1.5e9, 1.69e9, "ns", "1.50 s ± 0.19 (95 %)"),
        (450, 500, 550, "ns", "500 ns ± 50 (95 %)"),
        (4_900, 5_000, 5_100, "ns", "5.00 µs ± 0.10 (95 %)"),
        (0.61, 0.62, 0.63, "share", "62.0 % ± 1.0 (95 %)"),
        (0.0, 0.0, 0.1684, "share", "0 % -0 +17 (95 %)"),
        (598, 600.4, 602.8, "1/s", "600/s ± 2 (95 %)"),
        (4.0, 4.0, 4.0, "", "4.00 ± 0.00 (95 %)"),
        (0.0, 0.0, 0.0, "", "0 ± 0 (95 %)"),
        (12345678, 12345678, 12345678, "1/s", "12345678/s ± 0 (95 %)"),
    ],
)
def test_a_number_is_rounded_to_what_its_interval_knows(
    low: float, value: float, high: float, unit: Unit, words: str
) -> None:
    assert in_words(estimate(low, value, high), unit) == words


def test_another_confidence_is_said() -> None:
    assert in_words(estimate(9, 10, 11, confidence=0.999), "") == "10.0 ± 1.0 (99.9 %)"


def test_a_refusal_says_why_and_what_to_do() -> None:
    refusal = Refusal(Reason.SATURATED, "The queue grew.", "Shed load.")
    assert in_words(refusal, "ns") == "not quoted: The queue grew. Shed load."
    assert as_json(refusal) == {
        "reason": "saturated",
        "because": "The queue grew.",
        "remedy": "Shed load.",
    }


def test_an_unsure_zero_is_known_to_no_share_of_itself() -> None:
    assert estimate(-1, 0, 1).relative_half_width == float("inf")
    assert estimate(0, 0, 0).relative_half_width == 0
    assert estimate(-11, -10, -9.5).relative_half_width == 0.1
