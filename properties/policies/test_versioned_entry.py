"""Laws of versioned entries: no value from before a commit comes in after its invalidation.

The machine's loads show the database as it was up to the lag ago; that they take longer than a
fill may is part of the game. Properties of whole protocols are in ``test_p03_cache_consistency``.
"""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from policies.versioned_entry import (
    LATE,
    OUTDATED,
    STORED,
    Found,
    Missing,
    VersionedEntry,
    VersionedLimits,
    fill_step,
)
from properties.strategies.caching import INT64_MAX, MOMENTS_NS, versioned_limits

VERSIONS = st.one_of(st.integers(0, 4), st.integers(INT64_MAX - 2, INT64_MAX))


@given(
    version=VERSIONS, known=VERSIONS, holds=st.booleans(), now_ns=MOMENTS_NS, fill_by_ns=MOMENTS_NS
)
def test_only_what_is_in_time_and_newer_or_missing_is_stored(
    version: int, known: int, *, holds: bool, now_ns: int, fill_by_ns: int
) -> None:
    verdict = fill_step(version, known, known if holds else -1, now_ns, fill_by_ns)
    assert (verdict == LATE) is (now_ns >= fill_by_ns)
    if verdict != LATE:
        newer = version > known if holds else version >= known
        assert verdict == (STORED if newer else OUTDATED)


@given(fill_max_ns=st.integers(1, 9), lag_max_ns=st.integers(0, 9), tombstone_ns=st.integers(0, 20))
def test_a_tombstone_that_could_be_outlived_is_refused(
    fill_max_ns: int, lag_max_ns: int, tombstone_ns: int
) -> None:
    try:
        VersionedLimits(1, fill_max_ns, tombstone_ns, lag_max_ns)
    except ValueError:
        assert tombstone_ns < fill_max_ns + lag_max_ns
    else:
        assert tombstone_ns >= fill_max_ns + lag_max_ns


class Loading(NamedTuple):
    """A reader who missed, and what the database showed it."""

    fill_by_ns: int
    version: int


class VersionMachine(RuleBasedStateMachine):
    """Commits, invalidations in any order and late, loads from a replica, fills at any time."""

    @initialize(limits=versioned_limits())
    def begin(self, limits: VersionedLimits) -> None:
        """Draw the limits."""
        self.limits = limits
        self.entry = VersionedEntry(limits)
        self.now_ns = 0
        self.commits = [(0, 0)]
        """When each version was committed, first to last."""

        self.due: list[int] = []
        self.invalidated = 0
        self.loading: list[Loading] = []
        self.value: Found | None = None

    @rule(
        name=st.sampled_from(["ttl_ns", "fill_max_ns", "tombstone_ns", "lag_max_ns"]),
        off_ns=st.sampled_from([-1, 0, 1]),
    )
    def time_passes(self, name: str, off_ns: int) -> None:
        """Go on by about as long as something lasts."""
        self.now_ns += max(0, getattr(self.limits, name) + off_ns)

    @rule()
    def a_nanosecond_passes(self) -> None:
        """Go on a bit."""
        self.now_ns += 1

    @rule()
    def somebody_commits(self) -> None:
        """The invalidation comes later, maybe after that of a later commit."""
        version = len(self.commits)
        self.commits.append((self.now_ns, version))
        self.due.append(version)

    @precondition(lambda self: self.due)
    @rule(latest=st.booleans())
    def somebody_invalidates(self, *, latest: bool) -> None:
        """From now on nothing older is there, and nothing as new is thrown away."""
        version = self.due.pop(-1 if latest else 0)
        before = self.entry.read(self.now_ns)
        self.entry.invalidate(version, self.now_ns)
        self.invalidated = max(self.invalidated, version)
        after = self.entry.read(self.now_ns)
        if isinstance(before, Found) and before.version >= version:
            assert after == before
        else:
            assert isinstance(after, Missing)

    @rule(lag_share=st.sampled_from([0, 1, 2]))
    def somebody_reads(self, lag_share: int) -> None:
        """Whoever misses loads from a server that is behind by nothing, by half, by all it may."""
        answer = self.entry.read(self.now_ns)
        if isinstance(answer, Found):
            assert answer.version >= self.invalidated, "older than what was invalidated"
            assert self.now_ns < answer.until_ns <= self.now_ns + self.limits.ttl_ns
        else:
            # Strictly behind by no more than the lag: a commit that old is shown.
            shown_ns = self.now_ns - self.limits.lag_max_ns * lag_share // 2
            version = max(number for at_ns, number in self.commits if at_ns <= max(shown_ns, 0))
            assert answer.fill_by_ns == self.now_ns + self.limits.fill_max_ns
            self.loading.append(Loading(answer.fill_by_ns, version))

    @precondition(lambda self: self.loading)
    @rule(choose=st.integers(0, 5), keep=st.booleans())
    def somebody_fills(self, *, choose: int, keep: bool) -> None:
        """A reader that is loading, early, late, or twice."""
        which = choose % len(self.loading)
        loaded = self.loading[which] if keep else self.loading.pop(which)
        before = self.entry.read(self.now_ns)
        verdict = self.entry.fill(loaded.version, loaded.fill_by_ns, self.now_ns)
        if verdict == STORED:
            assert loaded.version >= self.invalidated, "brought back from before a commit"
            after = self.entry.read(self.now_ns)
            assert after == Found(loaded.version, self.now_ns + self.limits.ttl_ns)
            assert not isinstance(before, Found) or before.version < loaded.version
        elif verdict == OUTDATED:
            floor = before.version + 1 if isinstance(before, Found) else before.floor
            assert loaded.version < floor, "nothing was known that speaks against it"
        else:
            assert self.now_ns >= loaded.fill_by_ns


TestVersions = VersionMachine.TestCase
TestVersions.settings = settings(stateful_step_count=30, deadline=None)
