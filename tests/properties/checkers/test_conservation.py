"""The judge of sums: what its stories look like, on histories one can count by hand."""

from properties.checkers.conservation import conserved, jobs_conserved
from scenarios.history import Operation, Outcome

OFFERED = [(0, "read"), (1, "read"), (2, "film")]


def ended(number: int, class_name: str, outcome: Outcome = Outcome.OK) -> Operation:
    return Operation(number, class_name, 0, 0, 1, outcome)


def test_the_sums_are_told_by_class() -> None:
    history = [ended(0, "read"), ended(1, "read", Outcome.REFUSED), ended(2, "film")]
    assert conserved(OFFERED, history).evidence == (
        "film: 1 offered = 1 ok + 0 refused + 0 failed + 0 unknown",
        "read: 2 offered = 1 ok + 1 refused + 0 failed + 0 unknown",
    )


def test_one_lost_and_one_invented_do_not_make_up_for_each_other() -> None:
    history = [ended(0, "read"), ended(7, "read"), ended(2, "film")]
    assert conserved(OFFERED, history).evidence == (
        "invented: read 7 ended ok, which nobody had asked for",
        "lost: read 1 was offered and never ended",
    )


def test_a_long_story_is_cut_short() -> None:
    offered = [(number, "read") for number in range(9)]
    assert conserved(offered, []).evidence[-1] == "and 4 more"


def test_a_job_whose_acknowledgement_was_lost_may_be_done_and_a_refused_one_may_not() -> None:
    unknown, refused = Outcome.UNKNOWN, Outcome.REFUSED
    assert jobs_conserved([ended(1, "film", unknown)], [ended(1, "render")])
    assert jobs_conserved([ended(1, "film", unknown)], [])
    assert jobs_conserved([ended(1, "film", refused)], [ended(1, "render")]).evidence == (
        "invented: job 1 was done, and its submission was not taken",
    )
    assert jobs_conserved([ended(1, "film")], []).evidence == (
        "lost: job 1 was acknowledged and never ended",
    )
