"""Cache-aside by version: of two values the later commit's stays, whoever comes first.

    a fill brings    version > what is known                  -> stored
                     version = what is known, and no value    -> stored
                     anything else, or it took too long       -> refused
    an invalidation  version > what is known                  -> a tombstone of that version
                     anything else                            -> what is known is known for longer

The version is the one that the database's commit made, under the row's lock: of two commits of
one key the later has the higher version. A version that a client counts for itself will not do.

A tombstone is a version without a value: nothing older may be filled in. It is what an
invalidation and a delete leave behind. It outlives the longest fill and the furthest lag, so that
a reader who loaded before the commit finds it, or is refused for being late. A plain delete in its
place would let that reader bring the old value back.

It does not mend a writer who dies between commit and invalidation: that ends with the time to
live. It gives no leases: whoever misses loads (``policies.coalescing`` makes that one).

Source: the argument of R. Nishtala et al., "Scaling Memcache at Facebook", NSDI (2013), section
3.2.1, with versions in place of leases; tombstones as in log-structured stores.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from policies.cache import FOREVER_NS, NEVER_YET_NS

STORED: Final = 0
OUTDATED: Final = 1
"""Something newer, or as new, is known already."""

LATE: Final = 2
"""The fill took longer than what is known is remembered for."""

_NO_VALUE: Final = -1


def fill_step(
    version: int, known_version: int, value_version: int, now_ns: int, fill_by_ns: int
) -> int:
    """Return STORED, OUTDATED or LATE for a value that a reader has loaded.

    Args:
        version:       of the loaded value, by the database; 0 to 2^63 - 1.
        known_version: of the value or the tombstone; 0 if nothing is known.
        value_version: of the value; -1 if there is none.
        now_ns:        when the fill arrives.
        fill_by_ns:    what the reader was told when it missed; the first moment too late.
    """
    if now_ns >= fill_by_ns:
        return LATE
    if version >= known_version and version > value_version:
        return STORED
    return OUTDATED


@dataclass(frozen=True, slots=True)
class VersionedLimits:
    """How long values live, loads take, and versions are remembered.

    Raises:
        ValueError: a number is out of its range, or a tombstone could be forgotten while a value
            from before it is on its way.
    """

    ttl_ns: int
    """How long a value lives; 1 or more."""

    fill_max_ns: int
    """How long after a miss its fill is taken; 1 or more."""

    tombstone_ns: int
    """How long a version is remembered; ``fill_max_ns + lag_max_ns`` or more."""

    lag_max_ns: int = 0
    """How far a replica may be behind that fills are loaded from."""

    def __post_init__(self) -> None:
        for name, least in (("ttl_ns", 1), ("fill_max_ns", 1), ("lag_max_ns", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        least = self.fill_max_ns + self.lag_max_ns
        if self.tombstone_ns < least:
            raise ValueError(
                f"tombstone_ns must be at least fill_max_ns + lag_max_ns, {least}, "
                f"got {self.tombstone_ns}"
            )


class Found(NamedTuple):
    """The value is in the cache."""

    version: int
    until_ns: int


class Missing(NamedTuple):
    """The value is not there: load it, and fill it in."""

    floor: int
    """The version of a commit that is known of: what is older is not worth loading."""

    fill_by_ns: int
    """The fill must come before; hand this on to it."""


Lookup: TypeAlias = Found | Missing


class VersionedEntry:
    """What a cache knows of one key."""

    __slots__ = ("_known_until_ns", "_limits", "_value_until_ns", "_version")

    def __init__(self, limits: VersionedLimits) -> None:
        self._limits = limits
        self._version = 0
        self._known_until_ns = NEVER_YET_NS
        self._value_until_ns = NEVER_YET_NS

    def read(self, now_ns: int) -> Lookup:
        """Return the value's version if it is there, else what a fill has to be like."""
        if now_ns < self._value_until_ns:
            return Found(self._version, self._value_until_ns)
        return Missing(self._known_version(now_ns), now_ns + self._limits.fill_max_ns)

    def fill(self, version: int, fill_by_ns: int, now_ns: int) -> int:
        """Store a value of ``version``; return STORED, or OUTDATED or LATE if it is not stored."""
        assert version >= 0, "versions count from 0, which stands for nothing"
        value_version = self._version if now_ns < self._value_until_ns else _NO_VALUE
        verdict = fill_step(version, self._known_version(now_ns), value_version, now_ns, fill_by_ns)
        if verdict == STORED:
            self._version = version
            self._value_until_ns = min(now_ns + self._limits.ttl_ns, FOREVER_NS)
            self._remember_until(self._value_until_ns)
        return verdict

    def invalidate(self, version: int, now_ns: int) -> None:
        """Leave a tombstone, after a commit that made ``version``, be it a change or a delete.

        A value of that version or a higher one stays: it is not from before the commit.
        """
        assert version >= 0, "versions count from 0, which stands for nothing"
        if version > self._known_version(now_ns):
            self._version = version
            self._value_until_ns = now_ns
        self._remember_until(min(now_ns + self._limits.tombstone_ns, FOREVER_NS))

    def _known_version(self, now_ns: int) -> int:
        return self._version if now_ns < self._known_until_ns else 0

    def _remember_until(self, until_ns: int) -> None:
        # Never for less long than was said before: a short-lived value over a tombstone would
        # end what the tombstone is there for.
        self._known_until_ns = max(self._known_until_ns, until_ns)
