"""What an answer says, and what the lack of one leaves open."""

import pytest

from scenarios.history import Outcome
from worlds.load.outcomes import acknowledged_job, outcome_of


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


def test_an_answer_names_the_job_that_it_acknowledges() -> None:
    assert acknowledged_job(b'{"id": "j-1", "state": "queued"}') == "j-1"


@pytest.mark.parametrize(
    "body",
    [None, b"", b"accepted", b"[]", b"{}", b'{"id": null}', b'{"id": ""}', b"\xff", b"[" * 100_000],
)
def test_an_answer_that_names_no_job_ends_no_run(body: bytes | None) -> None:
    assert acknowledged_job(body) is None
