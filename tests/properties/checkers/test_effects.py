"""The judges of effects, for example: each must object to what it is there for, and to no more."""

import pytest

from properties.checkers.effects import (
    Effect,
    End,
    Reply,
    Submission,
    answers_agree,
    at_most_once,
    conserved,
    every_job_ends,
)
from properties.checkers.verdict import Verdict
from scenarios.history import Outcome

OK, LOST = Outcome.OK, Outcome.UNKNOWN


def test_an_effect_that_happens_twice_is_told_with_those_who_did_it() -> None:
    assert at_most_once([Effect("k", "ada"), Effect("l", "ada")])
    judged = at_most_once([Effect("k", "ada"), Effect("k", "bob")])
    assert judged.verdict is Verdict.BROKEN
    assert judged.evidence == ("k was done 2 times: by ada, then by bob",)


@pytest.mark.parametrize(
    ("outcomes", "ends", "verdict"),
    [
        ([OK], 1, Verdict.HOLDS),
        ([OK, OK, LOST], 1, Verdict.HOLDS),
        ([OK], 2, Verdict.BROKEN),
        ([OK], 0, Verdict.BROKEN),
        ([LOST], 0, Verdict.HOLDS),
        ([LOST], 1, Verdict.HOLDS),
        ([LOST], 2, Verdict.BROKEN),
        ([Outcome.REFUSED], 0, Verdict.HOLDS),
        ([Outcome.REFUSED], 1, Verdict.BROKEN),
        ([Outcome.REFUSED, LOST], 1, Verdict.HOLDS),
        ([], 1, Verdict.BROKEN),
    ],
)
def test_a_job_ends_as_often_as_its_client_may_believe(
    outcomes: list[Outcome], ends: int, verdict: Verdict
) -> None:
    submissions = [Submission("j", outcome) for outcome in outcomes]
    judged = every_job_ends(submissions, ends * [End("j", "done")], settled=True)
    assert judged.verdict is verdict


def test_what_has_not_ended_while_faults_go_on_is_unknown_and_unknown_is_no_pass() -> None:
    judged = every_job_ends([Submission("j", OK)], [], settled=False)
    assert judged.verdict is Verdict.UNKNOWN
    assert not judged


@pytest.mark.parametrize(
    ("replies", "verdict"),
    [
        ([("print", "a"), ("print", "a"), ("other", None)], Verdict.HOLDS),
        ([("print", "a"), ("print", "b")], Verdict.BROKEN),
        ([("print", "a"), ("other", "a")], Verdict.BROKEN),
        ([("print", "a"), ("print", None)], Verdict.BROKEN),
    ],
)
def test_a_key_has_one_fingerprint_and_one_answer(
    replies: list[tuple[str, str | None]], verdict: Verdict
) -> None:
    assert answers_agree(Reply("k", *it) for it in replies).verdict is verdict


@pytest.mark.parametrize(
    ("moments", "told"),
    [
        ([{"queued": ["j"]}, {"leased": ["j"]}, {"done": ["j"]}], None),
        ([{"queued": ["j"]}, {"queued": ["j"], "leased": ["j"]}], "queued and leased"),
        ([{"queued": ["j", "j"]}], "queued and queued"),
        ([{"queued": ["j"]}, {}], "nowhere; it was queued"),
        ([{"done": ["j"]}, {"queued": ["j"]}], "is queued; it was done for good"),
    ],
)
def test_a_job_is_in_one_place_at_a_time(
    moments: list[dict[str, list[str]]], told: str | None
) -> None:
    judged = conserved(moments, final=["done"])
    assert judged.verdict is (Verdict.HOLDS if told is None else Verdict.BROKEN)
    assert told is None or told in str(judged)
