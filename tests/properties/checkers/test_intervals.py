"""Interval sweeps: what is too much for certain, what may be, and what only touches."""

import pytest

from properties.checkers.intervals import (
    FOREVER_NS,
    Moment,
    Span,
    capacity_kept,
    exact,
    held_by_one,
    most_held,
)
from properties.checkers.verdict import Verdict


def test_what_ends_when_another_begins_does_not_meet_it() -> None:
    spans = [exact("gpu 0", "ada", 10, 0, 5), exact("gpu 0", "bob", 10, 5, 9)]
    assert capacity_kept(spans, {"gpu 0": 10})
    assert held_by_one(spans)


def test_a_nanosecond_in_common_is_too_much_and_the_story_tells_who() -> None:
    spans = [exact("gpu 0", "ada", 10, 0, 6), exact("gpu 0", "bob", 1, 5, 9)]
    judgement = capacity_kept(spans, {"gpu 0": 10})
    assert judgement.verdict is Verdict.BROKEN
    assert judgement.evidence == (
        "at 5 ns 11 of gpu 0 is held, of 10",
        "ada has 10 of gpu 0 from 0 ns to 6 ns",
        "bob has 1 of gpu 0 from 5 ns to 9 ns",
    )


def test_what_stays_within_the_capacity_holds_and_says_how_much_there_was() -> None:
    spans = [exact("gpu 0", "ada", 4, 0, 6), exact("gpu 0", "bob", 6, 5, 9)]
    judgement = capacity_kept(spans, {"gpu 0": 10})
    assert judgement
    assert judgement.evidence == ("at most 10 of gpu 0 was held, by 2 spans",)
    assert most_held(spans) == 10


def test_a_holder_who_was_never_seen_to_end_leaves_it_open_whether_two_met() -> None:
    killed = Span("gpu 0", "ada", 1, Moment(0, 1), Moment(3, FOREVER_NS))
    judgement = held_by_one([killed, exact("gpu 0", "bob", 1, 5, 9)])
    assert judgement.verdict is Verdict.UNKNOWN
    assert "from 0 ns or later, 1 ns at the latest to 3 ns or later, ever at the latest" in str(
        judgement
    )


def test_what_surely_overlaps_is_broken_however_vague_its_ends() -> None:
    vague = Span("gpu 0", "ada", 1, Moment(0, 1), Moment(3, FOREVER_NS))
    assert held_by_one([vague, exact("gpu 0", "bob", 1, 2, 9)]).verdict is Verdict.BROKEN


def test_what_may_never_have_been_held_counts_for_nothing_certain() -> None:
    # It began by 5 at the latest, and ended at 3 at the earliest.
    doubtful = Span("gpu 0", "ada", 1, Moment(0, 5), Moment(3, 9))
    assert most_held([doubtful]) == 0
    assert held_by_one([doubtful])


def test_devices_are_judged_apart() -> None:
    spans = [exact("gpu 0", "ada", 1, 0, 6), exact("gpu 1", "ada", 1, 0, 6)]
    assert held_by_one(spans)


@pytest.mark.parametrize(
    ("span", "complaint"),
    [
        (exact("gpu 1", "ada", 1, 0, 1), "gpu 1 has no capacity"),
        (exact("gpu 0", "ada", -1, 0, 1), "an amount must be at least 0"),
        (exact("gpu 0", "ada", 1, 1, 0), "an end must not be before its begin"),
        (Span("gpu 0", "ada", 1, Moment(2, 1), Moment(3, 3)), "an end must not be before"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(span: Span, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        capacity_kept([span], {"gpu 0": 1})
