"""Request coalescing: of those who want the same at once, one fetches it, the others share it.

    nobody is at it           -> the caller leads
    a leader is at it         -> the caller follows, for a bounded time
    the leader succeeded      -> all followers share the outcome
    the leader failed         -> the oldest follower leads, or all share the failure
    no word of the leader     -> the first follower who looks, or the next caller, leads

Callers are told by the number that they got when they came. A leader of whom nothing was heard for
``lead_max_ns`` leads no longer: what it brings then is its own, and nobody else is told.

A follower waits for ``wait_max_ns`` at the most, whatever becomes of the leaders. It is told when
to look by itself, ``until_ns``, so that a word that gets lost costs time but nobody is left to
wait for ever. A leader looks too, if it is not sure that it leads.

Source: duplicate suppression as in ``golang.org/x/sync/singleflight``; the bounds, and the
promotion of a follower, are ours.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from policies.cache import FOREVER_NS

Key = TypeVar("Key", bound=Hashable)

WAIT: Final = 0
LEAD: Final = 1
LEAVE: Final = 2


def follower_step(now_ns: int, leave_at_ns: int, leader_until_ns: int) -> tuple[int, int]:
    """Decide what a follower who looks at ``now_ns`` is to do.

    Returns:
        LEAVE, LEAD or WAIT, and until when it may wait: the sooner of both ends.
    """
    if now_ns >= leave_at_ns:
        return LEAVE, leave_at_ns
    if now_ns >= leader_until_ns:
        return LEAD, now_ns
    return WAIT, min(leave_at_ns, leader_until_ns)


@dataclass(frozen=True, slots=True)
class CoalescingLimits:
    """How long leaders and followers take, and how often it is tried.

    Raises:
        ValueError: a number is below 1.
    """

    lead_max_ns: int
    """How long a leader of whom nothing is heard leads; 1 or more."""

    wait_max_ns: int
    """How long a follower waits; 1 or more."""

    leaders_max: int = 1
    """How many leaders may fail before their followers share the failure; 1: the first."""

    def __post_init__(self) -> None:
        for name in ("lead_max_ns", "wait_max_ns", "leaders_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class Lead(NamedTuple):
    """Fetch it, and say what came of it."""

    caller: int
    until_ns: int
    """From then on somebody else may lead."""


class Follow(NamedTuple):
    """Wait to be told, and look again at ``until_ns``."""

    caller: int
    until_ns: int


class Leave(NamedTuple):
    """Wait no longer: fetch it for yourself, or fail."""

    caller: int


Part: TypeAlias = Lead | Follow | Leave


class Shared(NamedTuple):
    """Who gets the outcome that was brought, good or bad."""

    callers: tuple[int, ...]


class _Flight:
    """What is under way for one key: its leader, and who follows, oldest first."""

    __slots__ = ("failures", "followers", "leader", "leader_until_ns", "wanted_ns")

    def __init__(self, now_ns: int) -> None:
        self.leader = 0
        self.leader_until_ns = now_ns
        self.wanted_ns = now_ns
        """When somebody last joined, or was made the leader."""

        self.failures = 0
        self.followers: dict[int, int] = {}
        """When each leaves at the latest."""


class Coalescer(Generic[Key]):
    """Says who fetches and who waits.

    Memory is for keys that somebody wanted, or began to lead, within the longer of the two times:
    by then the leader leads no longer and the last follower has left, whether or not they said so.
    The others are forgotten when the next caller comes.
    """

    __slots__ = ("_callers", "_flights", "_limits", "_remembered_ns")

    def __init__(self, limits: CoalescingLimits) -> None:
        self._limits = limits
        self._callers = 0
        self._remembered_ns = max(limits.lead_max_ns, limits.wait_max_ns)
        # In the order in which they were wanted, so that those to forget are in front.
        self._flights: dict[Key, _Flight] = {}

    def __len__(self) -> int:
        """Return for how many keys something is under way."""
        return len(self._flights)

    def join(self, key: Key, now_ns: int) -> Lead | Follow:
        """Say what the next caller is to do, who wants ``key``."""
        self._callers += 1
        caller = self._callers
        self._forget_what_is_over(now_ns)
        flight = self._flights.get(key) or _Flight(now_ns)
        if now_ns >= flight.leader_until_ns:
            return self._appoint(key, flight, caller, now_ns)
        self._want(key, flight, now_ns)
        leave_at_ns = min(now_ns + self._limits.wait_max_ns, FOREVER_NS)
        flight.followers[caller] = leave_at_ns
        return Follow(caller, min(leave_at_ns, flight.leader_until_ns))

    def look(self, key: Key, caller: int, now_ns: int) -> Part:
        """Say what ``caller``, to whom nothing was told, is to do now.

        Leave also says that it was told in the meantime, or is not known.
        """
        flight = self._flights.get(key)
        if flight is None:
            return Leave(caller)
        if caller == flight.leader and now_ns < flight.leader_until_ns:
            return Lead(caller, flight.leader_until_ns)
        leave_at_ns = flight.followers.get(caller, now_ns)
        verdict, until_ns = follower_step(now_ns, leave_at_ns, flight.leader_until_ns)
        if verdict == WAIT:
            return Follow(caller, until_ns)
        flight.followers.pop(caller, None)
        if verdict == LEAD:
            return self._appoint(key, flight, caller, now_ns)
        self._forget_if_over(key, flight, now_ns)
        return Leave(caller)

    def succeeded(self, key: Key, caller: int, now_ns: int) -> Shared:
        """Return who shares what the leader brought; nobody, if ``caller`` leads no longer."""
        if not self._leads(key, caller, now_ns):
            return Shared(())
        return Shared(tuple(self._flights.pop(key).followers))

    def failed(self, key: Key, caller: int, now_ns: int) -> Shared | Lead:
        """Return who leads now that the leader has failed, or who shares its failure.

        A leader who is cancelled has failed.
        """
        if not self._leads(key, caller, now_ns):
            return Shared(())
        flight = self._flights[key]
        flight.failures += 1
        if flight.failures < self._limits.leaders_max:
            for follower, leave_at_ns in flight.followers.items():
                if now_ns < leave_at_ns:
                    del flight.followers[follower]
                    return self._appoint(key, flight, follower, now_ns)
        return Shared(tuple(self._flights.pop(key).followers))

    def left(self, key: Key, caller: int, now_ns: int) -> None:
        """Take note that a follower waits no longer, on its own account."""
        flight = self._flights.get(key)
        if flight is not None:
            flight.followers.pop(caller, None)
            self._forget_if_over(key, flight, now_ns)

    def _leads(self, key: Key, caller: int, now_ns: int) -> bool:
        flight = self._flights.get(key)
        return flight is not None and caller == flight.leader and now_ns < flight.leader_until_ns

    def _want(self, key: Key, flight: _Flight, now_ns: int) -> None:
        self._flights.pop(key, None)
        self._flights[key] = flight
        flight.wanted_ns = now_ns

    def _appoint(self, key: Key, flight: _Flight, caller: int, now_ns: int) -> Lead:
        self._want(key, flight, now_ns)
        flight.leader = caller
        flight.leader_until_ns = min(now_ns + self._limits.lead_max_ns, FOREVER_NS)
        return Lead(caller, flight.leader_until_ns)

    def _forget_if_over(self, key: Key, flight: _Flight, now_ns: int) -> None:
        if not flight.followers and now_ns >= flight.leader_until_ns:
            del self._flights[key]

    def _forget_what_is_over(self, now_ns: int) -> None:
        while self._flights:
            key, flight = next(iter(self._flights.items()))
            if now_ns - flight.wanted_ns < self._remembered_ns:
                return
            del self._flights[key]
