"""What an answer says, and what the lack of one leaves open."""

import pytest

from scenarios.history import Outcome
from worlds.load.outcomes import outcome_of, spans_of


@pytest.mark.parametrize(
    ("method", "status", "outcome"),
    [
        ("GET", 200, Outcome.OK),
        ("POST", 202, Outcome.OK),
        ("GET", 304, Outcome.OK),
        ("GET", 429, Outcome.REFUSED),
        ("PUT", 503, Outcome.REFUSED),
        ("GET", 404, Outcome.FAILED),
        ("PUT", 422, Outcome.FAILED),
        ("POST", 500, Outcome.FAILED),
        ("GET", 504, Outcome.FAILED),
    ],
)
def test_an_answer_settles_the_outcome(method: str, status: int, outcome: Outcome) -> None:
    assert outcome_of(method, status) is outcome


@pytest.mark.parametrize("status", [0, 502, 504])
def test_a_write_whose_answer_was_lost_may_have_happened(status: int) -> None:
    assert outcome_of("PUT", status) is Outcome.UNKNOWN


def test_a_read_without_an_answer_is_unknown_too() -> None:
    assert outcome_of("GET", 0) is Outcome.UNKNOWN


def test_a_refused_connection_proves_that_nothing_happened() -> None:
    assert outcome_of("PUT", 0, refused_connection=True) is Outcome.FAILED


def test_server_timing_is_read_part_by_part() -> None:
    spans = spans_of("gateway;dur=0.812, catalog;dur=1.2;desc=x, cache;dur=0.21, cache;dur=0.04")
    assert spans == (("gateway", 812_000), ("catalog", 1_200_000), ("cache", 250_000))


@pytest.mark.parametrize("header", [None, "", "gateway", "gateway;dur=fast", ";dur=1", "a;dur=-1"])
def test_a_server_timing_that_says_nothing_ends_no_run(header: str | None) -> None:
    assert all(span_ns >= 0 for _, span_ns in spans_of(header))
