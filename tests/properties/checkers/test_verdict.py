"""Judgements: what passes for true, and what needs a reason."""

import pytest

from properties.checkers.verdict import Verdict, broken, holds, unknown, worst


def test_only_a_claim_that_holds_passes_an_assertion() -> None:
    assert holds()
    assert not broken("read 1 after 2 was written")
    assert not unknown("the search was given up after 10 steps")


def test_the_story_follows_the_verdict_line_by_line() -> None:
    assert str(broken("ada wrote 2", "bob read 1")) == "broken\nada wrote 2\nbob read 1"


def test_nothing_is_called_broken_or_unknown_without_a_reason() -> None:
    with pytest.raises(ValueError, match="needs evidence"):
        broken()
    with pytest.raises(ValueError, match="needs a reason"):
        unknown()


def test_a_broken_key_outweighs_an_unknown_one_and_that_one_outweighs_the_rest() -> None:
    assert worst([holds(), unknown("too long"), broken("stale")]).verdict is Verdict.BROKEN
    assert worst([holds(), unknown("too long"), holds()]) == unknown("too long")
    assert worst([holds("10 reads")]) == holds("10 reads")
