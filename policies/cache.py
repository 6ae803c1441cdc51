"""Cache-aside without stale fills and without stampedes: leases, for one key.

    ABSENT   nothing is known
             a read                                   -> LEASED, and the reader loads
    LEASED   one reader is loading, the others wait
             a fill with this lease, in time          -> FRESH
             the lease ran out, and a read            -> LEASED anew
             an invalidation                          -> ABSENT
    FRESH    reads hit
             the time to live ran out, and a read     -> LEASED
             an invalidation                          -> ABSENT

A writer commits to the database first and invalidates then. A reader that loaded before the
commit still holds the old lease when it fills, and is turned away; with a plain delete in
place of the revoked lease, the old value would come back and stay for its time to live.

Two things this does not mend, and both end with the time to live: a writer that dies between
commit and invalidation, and a fill loaded from a replica that has not seen the commit. Load
fills from the primary.

Source: R. Nishtala et al., "Scaling Memcache at Facebook", NSDI (2013), section 3.2.1.
"""

from enum import Enum, auto
from typing import Final, NamedTuple, Protocol, TypeAlias

FOREVER_NS: Final = 2**63 - 1
"""A time to live without an end, and the end that never comes."""

NEVER_YET_NS: Final = -(2**63)
"""The end of what has not begun: before every time."""


class Hit(NamedTuple):
    """The value is in the cache."""

    version: int
    """The lease under which the value was filled: tells one value from another."""

    until_ns: int
    """When it stops being fresh."""


class Fill(NamedTuple):
    """The value is not there: load it, and fill it in with this lease."""

    lease: int
    """At least 1; no two of one key are the same."""

    until_ns: int
    """When the lease runs out; a fill must come before."""


class Wait(NamedTuple):
    """Somebody else is loading the value: read again soon."""

    until_ns: int
    """When the lease of the other one runs out: later than this nobody need wait."""


Answer: TypeAlias = Hit | Fill | Wait


class CacheEntry(Protocol):
    """What a cache knows of one key, and tells readers and writers to do about it."""

    def read(self, now_ns: int) -> Answer:
        """Say what a reader is to do at ``now_ns``."""
        ...

    def fill(self, lease: int, now_ns: int, ttl_ns: int) -> bool:
        """Store what was loaded under ``lease``, for ``ttl_ns``; False if it is not stored."""
        ...

    def invalidate(self, now_ns: int) -> None:
        """Forget the value, after a commit that changed it."""
        ...


class _State(Enum):
    ABSENT = auto()
    LEASED = auto()
    FRESH = auto()


class LeasedEntry:
    """What a cache knows of one key.

    Args:
        lease_ns: how long a reader may take to load the value before another one is let in
            to do it; at least 1.

    Raises:
        ValueError: ``lease_ns`` is below 1.
    """

    __slots__ = ("_lease", "_lease_ns", "_state", "_until_ns")

    def __init__(self, lease_ns: int) -> None:
        if lease_ns < 1:
            raise ValueError(f"lease_ns must be at least 1, got {lease_ns}")
        self._lease_ns = lease_ns
        self._lease = 0
        self._until_ns = NEVER_YET_NS
        self._state = _State.ABSENT

    def read(self, now_ns: int) -> Answer:
        """Say what a reader is to do at ``now_ns``; it may be handed the lease."""
        if now_ns < self._until_ns:
            if self._state is _State.FRESH:
                return Hit(version=self._lease, until_ns=self._until_ns)
            return Wait(until_ns=self._until_ns)
        self._state = _State.LEASED
        self._lease += 1
        self._until_ns = now_ns + self._lease_ns
        return Fill(lease=self._lease, until_ns=self._until_ns)

    def fill(self, lease: int, now_ns: int, ttl_ns: int) -> bool:
        """Store what was loaded under ``lease``, for ``ttl_ns``, at least 1.

        Returns:
            False, and nothing is stored, if the lease ran out, was revoked, or was already
            used. The value itself may still be answered to whoever asked for it.
        """
        assert ttl_ns >= 1, "a value lives for a while"
        if self._state is not _State.LEASED or lease != self._lease or now_ns >= self._until_ns:
            return False
        self._state = _State.FRESH
        self._until_ns = min(now_ns + ttl_ns, FOREVER_NS)
        return True

    def invalidate(self, now_ns: int) -> None:
        """Forget the value and revoke the lease, after a commit that changed the value."""
        self._state = _State.ABSENT
        self._until_ns = now_ns


class UnprotectedEntry:
    """Cache-aside as the textbooks have it: no leases, and so every mishap that they prevent.

    Each reader that misses loads, however many are at it already, and each fill is stored,
    however old what it brings. It is here to be compared with, not to be used.
    """

    __slots__ = ("_fills", "_until_ns", "_version")

    def __init__(self) -> None:
        self._fills = 0
        self._version = 0
        self._until_ns = NEVER_YET_NS

    def read(self, now_ns: int) -> Hit | Fill:
        """Return the value's version if it is there, else tell the reader to load it."""
        if now_ns < self._until_ns:
            return Hit(version=self._version, until_ns=self._until_ns)
        self._fills += 1
        return Fill(lease=self._fills, until_ns=FOREVER_NS)

    def fill(self, lease: int, now_ns: int, ttl_ns: int) -> bool:
        """Store what was loaded, whenever that was; always True."""
        self._version = lease
        self._until_ns = min(now_ns + ttl_ns, FOREVER_NS)
        return True

    def invalidate(self, now_ns: int) -> None:
        """Forget the value; a fill that is under way brings it back."""
        self._until_ns = now_ns


def cache_entry(protection: str, *, lease_ns: int) -> CacheEntry:
    """Return a new entry: ``lease`` for a leased one, ``none`` for an unprotected one.

    Raises:
        ValueError: there is no such protection, or ``lease_ns`` is below 1.
    """
    match protection:
        case "lease":
            return LeasedEntry(lease_ns)
        case "none":
            return UnprotectedEntry()
        case _:
            raise ValueError(f"protection must be lease or none, got {protection!r}")
