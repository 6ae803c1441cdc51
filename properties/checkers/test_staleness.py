"""Laws of the judges of staleness: they say no less and no more than what was seen.

The other telling of the truth goes through all moments at which commits could have happened.
"""

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from properties.checkers.staleness import (
    Read,
    Write,
    bounded_staleness,
    monotonic_reads,
    no_phantoms,
    reads_own_writes,
    staleness,
)
from properties.checkers.verdict import Verdict

SEED = Write("a", "mark-0", 0, 0, 0)
LATEST = 9


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    """Two moments of a small world, the first not after the second."""
    first, second = sorted((draw(st.integers(1, LATEST)), draw(st.integers(1, LATEST))))
    return first, second


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Write], list[Read]]:
    """Up to three writes of one key, some without an answer, and reads that bring anything."""
    writes = [SEED]
    for version in range(1, draw(st.integers(0, 3)) + 1):
        invoked_ns, returned_ns = draw(spans())
        answered = draw(st.booleans())
        writes.append(
            Write("a", f"mark-{version}", invoked_ns, returned_ns if answered else None, version)
        )
    reads = []
    for invoked_ns, returned_ns in draw(st.lists(spans(), min_size=1, max_size=4)):
        version = draw(st.integers(0, len(writes) - 1))
        reads.append(Read("a", f"mark-{version}", invoked_ns, returned_ns, version))
    return writes, reads


def can_be_explained(writes: list[Write], reads: list[Read], within_ns: int) -> bool:
    """Say whether some moments of commits, in their order, explain what every read brought."""
    never = 10 * LATEST
    choices = [
        range(write.invoked_ns, write.returned_ns + 1)
        if write.returned_ns is not None
        else [*range(write.invoked_ns, LATEST + 1), never]
        for write in writes
    ]
    return any(
        all(one <= other for one, other in pairwise(commits))
        and all(_current(commits, read, within_ns) for read in reads)
        for commits in product(*choices)
    )


def _current(commits: tuple[int, ...], read: Read, within_ns: int) -> bool:
    """Say whether the version was current at a moment of the read, or shortly before it."""
    replaced_ns = (*commits, 100 * LATEST)[read.version + 1]
    return commits[read.version] <= read.returned_ns and replaced_ns >= read.invoked_ns - within_ns


@given(history=histories(), within_ns=st.integers(0, 4))
def test_a_history_holds_exactly_if_some_moments_of_commits_explain_it(
    history: tuple[list[Write], list[Read]], within_ns: int
) -> None:
    writes, reads = history
    judged = [no_phantoms(writes, reads), bounded_staleness(writes, reads, within_ns)]
    assert all(judged) is can_be_explained(writes, reads, within_ns)


@given(history=histories())
def test_each_read_s_staleness_is_the_least_that_explains_it(
    history: tuple[list[Write], list[Read]],
) -> None:
    writes, reads = history
    worst_ns = max(each.at_least_ns for each in staleness(writes, reads))
    assert bounded_staleness(writes, reads, worst_ns)
    if worst_ns:
        assert bounded_staleness(writes, reads, worst_ns - 1).verdict is Verdict.BROKEN


@given(history=histories(), sessions=st.lists(st.sampled_from("xyz"), min_size=8, max_size=8))
def test_sessions_are_judged_as_if_each_pair_were_looked_at(
    history: tuple[list[Write], list[Read]], sessions: list[str]
) -> None:
    writes, reads = history
    mine = [it._replace(session=who) for it, who in zip(writes, sessions, strict=False)]
    ours = [it._replace(session=who) for it, who in zip(reads, sessions[4:], strict=False)]

    def verdict(before: list[Write] | list[Read]) -> Verdict:
        pairs = [
            (one.version or 0, other.version)
            for one in before
            for other in ours
            if one.returned_ns is not None
            and one.returned_ns <= other.invoked_ns
            and one.session == other.session
        ]
        if not pairs:
            return Verdict.UNKNOWN
        return Verdict.HOLDS if all(one <= other for one, other in pairs) else Verdict.BROKEN

    assert reads_own_writes(mine, ours).verdict is verdict(mine)
    assert monotonic_reads(ours).verdict is verdict(ours)
