"""Staleness: how old what readers were told was, from nothing but when they asked and were told.

The values of a key carry the versions that the database's commits gave them. When a commit
happened nobody saw; but version v had been committed, at the latest, when a write of v or of a
later version was answered, or a read that brought one was:

    known(v) = min { returned(o) : o brought or wrote a version >= v }

A read of v that began after known(v + 1) was stale, by at least ``invoked - known(v + 1)``. If
no read is stale by more than D, there are moments at which the commits could have happened, in
the order of their versions, each within its write, such that every read brought what was current
at some moment in [invoked - D, returned]: what is claimed here is never more than what was seen.
With D = 0 that is linearizability, for registers whose order of writes is known.

Each judge sorts and sweeps: n log n for n operations. A history in which nothing could have gone
wrong, because nobody looked, is ``unknown``.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from properties.checkers.verdict import Judgement, broken, holds, unknown

NS_PER_MS = 1_000_000


class Write(NamedTuple):
    """A write as its writer saw it. What was there at the start was written before the start."""

    key: str
    mark: str
    """What was written; no two writes write the same."""

    invoked_ns: int
    returned_ns: int | None
    """None: it may have happened, or may yet."""

    version: int | None
    """None: nobody said; reads that bring its mark do."""

    session: str = ""

    def __str__(self) -> str:
        version = "a version unknown" if self.version is None else f"version {self.version}"
        end = "no answer" if self.returned_ns is None else _ms(self.returned_ns)
        who = f" by {self.session}" if self.session else ""
        return f"{_ms(self.invoked_ns)} to {end}: {self.key} written{who}, {version} ({self.mark})"


class Read(NamedTuple):
    """A read that was answered. Version 0 and an empty mark: there was nothing."""

    key: str
    mark: str
    invoked_ns: int
    returned_ns: int
    version: int
    session: str = ""

    def __str__(self) -> str:
        who = f" by {self.session}" if self.session else ""
        span = f"{_ms(self.invoked_ns)} to {_ms(self.returned_ns)}"
        return f"{span}: {self.key} read{who}, version {self.version} ({self.mark})"


Known: TypeAlias = Write | Read
"""An operation by whose return a version had been committed."""


class Stale(NamedTuple):
    """A read, how stale it was at least, and by whose word."""

    read: Read
    at_least_ns: int
    by: Known | None
    """None where it was not stale for all that is known."""


def no_phantoms(writes: Sequence[Write], reads: Sequence[Read]) -> Judgement:
    """Judge whether every value read had been written, as a whole, and in the versions' order."""
    if not reads:
        return unknown("nothing was read")
    written = {write.mark: write for write in writes}
    version_of = {write.mark: write.version for write in writes if write.version is not None}
    mark_of = {(write.key, write.version): write.mark for write in writes}
    for read in reads:
        if (read.version, read.mark) == (0, ""):
            continue
        write = written.get(read.mark)
        if write is None or write.key != read.key:
            return broken(str(read), "nobody wrote that")
        if version_of.setdefault(read.mark, read.version) != read.version:
            return broken(str(write), str(read), "one write, and two versions")
        other = mark_of.setdefault((read.key, read.version), read.mark)
        if other != read.mark:
            return broken(str(written[other]), str(read), "one version, and two values")
    return _in_order([_versioned(write, version_of) for write in writes], reads)


def staleness(
    writes: Sequence[Write], reads: Sequence[Read], *, by_reads: bool = True
) -> Iterator[Stale]:
    """Yield each read, with how stale it was at least.

    Args:
        writes:   of all keys.
        reads:    of all keys.
        by_reads: whether a version counts as known once it was read; if not, once a write of it,
            or of a later one, was answered.
    """
    known = _known_of(writes, reads if by_reads else ())
    keys = {key: _Versions(operations) for key, operations in known.items()}
    for read in reads:
        by = keys[read.key].above(read.version) if read.key in keys else None
        if by is None or _returned_ns(by) >= read.invoked_ns:
            yield Stale(read, 0, None)
        else:
            yield Stale(read, read.invoked_ns - _returned_ns(by), by)


def bounded_staleness(
    writes: Sequence[Write],
    reads: Sequence[Read],
    within_ns: int = 0,
    *,
    by_reads: bool = True,
) -> Judgement:
    """Judge whether no read was stale by more than ``within_ns``; say how stale they were.

    With ``by_reads`` as ``staleness`` takes it. Without, and with 0: every read that began after
    a write was answered brings that write or a later one.
    """
    if not reads:
        return unknown("nothing was read")
    found = sorted(staleness(writes, reads, by_reads=by_reads), key=attrgetter("at_least_ns"))
    stalest = found[-1]
    if stalest.at_least_ns > within_ns:
        return broken(
            str(stalest.by),
            str(stalest.read),
            f"stale by {_ms(stalest.at_least_ns)}, where {_ms(within_ns)} are allowed",
        )
    return holds(distribution([each.at_least_ns for each in found]))


def distribution(staleness_ns: Sequence[int]) -> str:
    """Say how stale reads were; ``staleness_ns`` in rising order, not empty."""
    last = len(staleness_ns) - 1
    stale = len(staleness_ns) - bisect_right(staleness_ns, 0)
    percentiles = (f"p{p} {_ms(staleness_ns[last * p // 100])}" for p in (50, 90, 99))
    return (
        f"{len(staleness_ns)} reads, {stale} of them stale: at least "
        f"{', '.join(percentiles)}, max {_ms(staleness_ns[last])}"
    )


def converges(writes: Sequence[Write], reads: Sequence[Read], within_ns: int) -> Judgement:
    """Judge whether every read brings the last version, from ``within_ns`` after it was known.

    ``unknown`` unless each key that was written was also read after that.
    """
    keys = {key: _Versions(known) for key, known in _known_of(writes, reads).items()}
    late: dict[str, int] = defaultdict(int)
    for read in reads:
        versions = keys[read.key]
        by = versions.above(versions.last - 1)
        assert by is not None
        if read.invoked_ns <= _returned_ns(by) + within_ns:
            continue
        late[read.key] += 1
        if read.version != versions.last:
            return broken(str(by), str(read), f"more than {_ms(within_ns)} later")
    unseen = sorted({write.key for write in writes} - late.keys())
    if unseen or not late:
        return unknown(f"not read when all was over: {', '.join(unseen) or 'anything'}")
    return holds(f"{sum(late.values())} reads of {len(late)} keys came when all was over")


def reads_own_writes(writes: Sequence[Write], reads: Sequence[Read]) -> Judgement:
    """Judge whether no session reads a version from before a write of its own was answered."""
    answered = [
        each for each in writes if each.returned_ns is not None and each.version is not None
    ]
    return _never_back(answered, reads, "a session's reads of what it had written itself")


def monotonic_reads(reads: Sequence[Read]) -> Judgement:
    """Judge whether no session reads a version from before one that it had read already."""
    return _never_back(reads, reads, "a session's reads of what it had read already")


def _never_back(seen: Iterable[Known], reads: Sequence[Read], what: str) -> Judgement:
    """Judge whether each read brings no less than what its session had seen when it began."""
    seen_by: dict[tuple[str, str], list[Known]] = defaultdict(list)
    for operation in seen:
        seen_by[operation.session, operation.key].append(operation)
    by_session = {who: _Versions(known).at for who, known in seen_by.items()}
    compared = 0
    for read in reads:
        at = by_session.get((read.session, read.key))
        before = None if at is None else at(read.invoked_ns)
        if before is None:
            continue
        compared += 1
        assert before.version is not None
        if read.version < before.version:
            return broken(str(before), str(read))
    if not compared:
        return unknown(f"there were none of {what}")
    return holds(f"{compared} of {what}")


def _in_order(writes: Sequence[Write], reads: Sequence[Read]) -> Judgement:
    """Judge whether no version was known before it, or an earlier one, was asked for."""
    keys = {key: _Versions(known) for key, known in _known_of(writes, reads).items()}
    for write in writes:
        if write.version is None or write.key not in keys:
            continue
        by = keys[write.key].above(write.version - 1)
        if by is not None and _returned_ns(by) < write.invoked_ns:
            return broken(str(by), str(write), "known before it was written")
    return holds(f"{len(reads)} reads brought what had been written")


def _versioned(write: Write, version_of: dict[str, int]) -> Write:
    return write._replace(version=version_of.get(write.mark))


def _known_of(writes: Sequence[Write], reads: Sequence[Read]) -> dict[str, list[Known]]:
    """Return by key the operations by whose return a version had been committed."""
    known: dict[str, list[Known]] = defaultdict(list)
    operations: list[Known] = [*writes, *reads]
    for operation in operations:
        if operation.returned_ns is not None and operation.version is not None:
            known[operation.key].append(operation)
    return known


class _Versions:
    """What was known when, of the versions of one key."""

    def __init__(self, known: Sequence[Known]) -> None:
        by_version = sorted(known, key=_version)
        self._numbers = [_version(each) for each in by_version]
        # From the highest down: the first by which this version or a higher one was known.
        downwards = accumulate(reversed(by_version), _earlier)
        self._first = [*downwards][::-1]
        by_return = sorted(known, key=_returned_ns)
        self._returns = [_returned_ns(each) for each in by_return]
        self._highest = [*accumulate(by_return, _higher)]

    @property
    def last(self) -> int:
        """The highest version there was."""
        return self._numbers[-1]

    def above(self, version: int) -> Known | None:
        """Return the operation by which a higher one than ``version`` was known first."""
        index = bisect_right(self._numbers, version)
        return self._first[index] if index < len(self._first) else None

    def at(self, moment_ns: int) -> Known | None:
        """Return the operation of the highest version among those that ended by then."""
        index = bisect_right(self._returns, moment_ns)
        return self._highest[index - 1] if index else None


def _version(operation: Known) -> int:
    assert operation.version is not None
    return operation.version


def _returned_ns(operation: Known) -> int:
    assert operation.returned_ns is not None
    return operation.returned_ns


def _earlier(one: Known, other: Known) -> Known:
    return min(one, other, key=_returned_ns)


def _higher(one: Known, other: Known) -> Known:
    return max(one, other, key=_version)


def _ms(time_ns: int) -> str:
    return f"{time_ns / NS_PER_MS:.3f} ms"
