"""Histories of a few operations that a person can judge, and what the judges say about them."""

from properties.checkers.staleness import (
    NS_PER_MS,
    Read,
    Write,
    bounded_staleness,
    converges,
    monotonic_reads,
    no_phantoms,
    reads_own_writes,
    staleness,
)
from properties.checkers.verdict import Verdict

MS = NS_PER_MS

SEED = Write("a", "seed", 0, 0, 1)
RENAMED = Write("a", "renamed", 10 * MS, 20 * MS, 2, "ada")


def read(
    version: int, invoked_ms: int, returned_ms: int, session: str = "bob", mark: str = ""
) -> Read:
    mark = mark or {0: "", 1: "seed", 2: "renamed"}[version]
    return Read("a", mark, invoked_ms * MS, returned_ms * MS, version, session)


def test_a_read_of_the_old_value_while_it_is_being_written_is_not_stale() -> None:
    reads = [read(1, 5, 9), read(1, 15, 25), read(2, 12, 18)]
    assert bounded_staleness([SEED, RENAMED], reads[:2])
    assert no_phantoms([SEED, RENAMED], reads)


def test_a_read_of_the_old_value_after_the_write_was_answered_is_stale_by_how_long_ago() -> None:
    late = read(1, 50, 51)
    [stale] = staleness([SEED, RENAMED], [late])
    assert (stale.at_least_ns, stale.by) == (30 * MS, RENAMED)
    assert bounded_staleness([SEED, RENAMED], [late], within_ns=30 * MS)
    judgement = bounded_staleness([SEED, RENAMED], [late], within_ns=30 * MS - 1)
    assert judgement.verdict is Verdict.BROKEN
    assert judgement.evidence == (
        "10.000 ms to 20.000 ms: a written by ada, version 2 (renamed)",
        "50.000 ms to 51.000 ms: a read by bob, version 1 (seed)",
        "stale by 30.000 ms, where 30.000 ms are allowed",
    )


def test_who_has_seen_the_new_value_makes_the_old_one_stale_before_the_write_is_answered() -> None:
    reads = [read(2, 11, 12), read(1, 15, 16)]
    assert bounded_staleness([SEED, RENAMED], reads, within_ns=0).verdict is Verdict.BROKEN
    assert bounded_staleness([SEED, RENAMED], reads, within_ns=3 * MS)
    assert bounded_staleness([SEED, RENAMED], reads, by_reads=False), "no write was answered yet"
    assert bounded_staleness([], reads[1:], by_reads=False), "nor was any written"


def test_how_stale_reads_were_is_told() -> None:
    reads = [read(2, 30, 31)] * 98 + [read(1, 25, 26), read(1, 40, 41)]
    judgement = bounded_staleness([SEED, RENAMED], reads, within_ns=20 * MS)
    assert str(judgement) == (
        "holds\n100 reads, 2 of them stale: "
        "at least p50 0.000 ms, p90 0.000 ms, p99 5.000 ms, max 20.000 ms"
    )


def test_a_write_without_an_answer_may_have_happened_or_not() -> None:
    unsure = RENAMED._replace(returned_ns=None, version=None)
    assert bounded_staleness([SEED, unsure], [read(1, 50, 51)])
    assert no_phantoms([SEED, unsure], [read(1, 50, 51), read(2, 60, 61)])
    back = [read(2, 50, 51), read(1, 60, 61)]
    assert bounded_staleness([SEED, unsure], back).verdict is Verdict.BROKEN


def test_what_nobody_wrote_is_a_phantom() -> None:
    assert not no_phantoms([SEED], [read(2, 1, 2)])
    assert not no_phantoms([SEED, RENAMED._replace(key="b")], [read(2, 21, 22)])
    assert no_phantoms([SEED], [read(0, 1, 2)]), "there may have been nothing"


def test_half_of_one_value_and_half_of_another_is_a_phantom() -> None:
    writes = [SEED, RENAMED]
    assert not no_phantoms(writes, [read(2, 21, 22, mark="seed")]), "the old value as the new one"
    twice = RENAMED._replace(returned_ns=None, version=None)
    reads = [read(2, 21, 22), read(3, 31, 32, mark="renamed")]
    assert not no_phantoms([SEED, twice], reads), "one write became two commits"
    assert not no_phantoms([SEED, RENAMED], [read(1, 21, 22, mark="renamed")])


def test_a_value_read_before_it_was_written_is_a_phantom() -> None:
    assert not no_phantoms([SEED, RENAMED], [read(2, 5, 9)])
    assert no_phantoms([SEED, RENAMED], [read(2, 5, 10)])


def test_versions_that_fall_from_one_write_to_the_next_are_none() -> None:
    later = Write("a", "later", 30 * MS, 40 * MS, 2)
    earlier = Write("a", "earlier", 10 * MS, 20 * MS, 3)
    assert not no_phantoms([SEED, earlier, later], [read(1, 1, 2)])


def test_two_values_of_one_version_are_told() -> None:
    other = Write("a", "other", 10 * MS, None, None)
    reads = [read(2, 30, 31), read(2, 32, 33, mark="other")]
    judgement = no_phantoms([SEED, RENAMED, other], reads)
    assert judgement.evidence[-1] == "one version, and two values"


def test_a_session_sees_what_it_has_written() -> None:
    writes = [SEED, RENAMED]
    assert reads_own_writes(writes, [read(2, 20, 21, "ada")])
    assert reads_own_writes(writes, [read(1, 20, 21, "ada")]).verdict is Verdict.BROKEN
    # While the write is on its way, and for others, there is nothing to compare with.
    assert reads_own_writes(writes, [read(1, 19, 21, "ada")]).verdict is Verdict.UNKNOWN
    assert reads_own_writes(writes, [read(1, 30, 31, "bob")]).verdict is Verdict.UNKNOWN


def test_a_session_does_not_go_back() -> None:
    assert monotonic_reads([read(2, 11, 12), read(2, 12, 13)])
    assert monotonic_reads([read(2, 11, 12), read(1, 12, 13)]).verdict is Verdict.BROKEN
    assert monotonic_reads([read(2, 11, 12), read(1, 11, 13)]).verdict is Verdict.UNKNOWN
    assert monotonic_reads([read(2, 11, 12, "ada"), read(1, 12, 13)]).verdict is Verdict.UNKNOWN


def test_when_all_is_over_everybody_sees_the_last_version() -> None:
    writes = [SEED, RENAMED]
    assert converges(writes, [read(1, 24, 25), read(2, 26, 27)], within_ns=5 * MS)
    stays = converges(writes, [read(2, 26, 27), read(1, 90, 91)], within_ns=5 * MS)
    assert stays.verdict is Verdict.BROKEN
    assert converges(writes, [read(1, 24, 25)], within_ns=5 * MS).verdict is Verdict.UNKNOWN


def test_where_nobody_looked_nobody_can_tell() -> None:
    for judgement in (
        no_phantoms([SEED], []),
        bounded_staleness([SEED], []),
        reads_own_writes([SEED], []),
        monotonic_reads([]),
        converges([SEED], [], 0),
        converges([], [], 0),
    ):
        assert judgement.verdict is Verdict.UNKNOWN
