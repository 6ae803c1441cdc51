"""Leases with fencing tokens: one holder at a time, and no power left to those who were one.

A lease ends by itself, so that a holder who dies holds nothing for ever. The price is that a
holder who merely slept may believe in a lease that has gone. No clock can tell it in time:
between the look at the clock and the write there is always room for another pause. Therefore
each lease comes with a token greater than all before it, and whatever the lease protects
(``Fence``) remembers the greatest token it has seen and refuses lesser ones.

Bounds: tokens rise strictly, over renewals, releases and restarts of the table alike; at any
time at most one token is live; a lease that nobody renews is free after ``lease_ns``.

Source: C. Gray, D. Cheriton, "Leases: an efficient fault-tolerant mechanism for distributed
file cache consistency", SOSP (1989); M. Kleppmann, "How to do distributed locking" (2016).
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

TOKEN_MAX: Final = 2**63 - 1
"""The last token there is; a hundred leases a nanosecond would not use them up in a year."""

_LEASE_MAX_NS: Final = 2**62


class Lease(NamedTuple):
    """What a holder holds."""

    token: int
    """Goes with every write to what the lease protects."""

    expires_at_ns: int
    """From then on it holds nothing."""


class Held(NamedTuple):
    """Somebody else has the lease."""

    retry_after_ns: int
    """When it runs out, if it is not renewed; at least 1."""


class Lost(NamedTuple):
    """The lease has gone: it ran out, was given back, or is another one's by now."""


Claim: TypeAlias = Lease | Held
Renewal: TypeAlias = Lease | Lost


def lease_is_live(live_token: int, expires_at_ns: int, token: int, now_ns: int) -> bool:
    """Say whether ``token`` still holds the lease that ``live_token`` was given last.

    Written in scalars and branches, so that a compiler can take it as it is.

    Args:
        live_token: the latest token that was given; 0: none so far.
        expires_at_ns: when that lease runs out.
        token: what somebody shows; any 64-bit number.
        now_ns: the time. On the very nanosecond of the end, the lease has ended.
    """
    return token == live_token and now_ns < expires_at_ns


def fence_step(greatest_token: int, token: int) -> tuple[int, bool]:
    """Decide one write at what the lease protects.

    Args:
        greatest_token: the greatest token that was seen there; 0: none so far.
        token: that of the write; from 1 up. The same token may write again.

    Returns:
        The greatest token seen from now on, and whether the write may happen.
    """
    if token < greatest_token or token < 1:
        return greatest_token, False
    return token, True


@dataclass(frozen=True, slots=True)
class LeaseState:
    """All that has to outlive a restart of whoever gives the leases."""

    token: int = 0
    """The latest token that was given."""

    expires_at_ns: int = 0


class LeaseTable:
    """Gives the lease of one thing to one holder at a time.

    A lease that has run out cannot be renewed, even if nobody else has it: whoever was told
    that it was over, and acted on that, has to be right.

    Args:
        lease_ns: how long a lease lasts without renewal.
        state: what an earlier table left behind; None: the first one.

    Raises:
        ValueError: ``lease_ns`` is not from 1 to 2**62, or the state is none that a table has.
    """

    __slots__ = ("_expires_at_ns", "_lease_ns", "_now_ns", "_token")

    def __init__(self, lease_ns: int, state: LeaseState | None = None) -> None:
        if not 1 <= lease_ns <= _LEASE_MAX_NS:
            raise ValueError(f"lease_ns must be from 1 to {_LEASE_MAX_NS}, got {lease_ns}")
        known = LeaseState() if state is None else state
        if not 0 <= known.token <= TOKEN_MAX:
            raise ValueError(f"token must be from 0 to {TOKEN_MAX}, got {known.token}")
        self._lease_ns = lease_ns
        self._token = known.token
        self._expires_at_ns = known.expires_at_ns
        self._now_ns = 0

    @property
    def state(self) -> LeaseState:
        """What a table that takes over has to be given."""
        return LeaseState(self._token, self._expires_at_ns)

    def acquire(self, now_ns: int) -> Claim:
        """Give the lease, if it is free; time must not run backwards."""
        self._advance_to(now_ns)
        if now_ns < self._expires_at_ns:
            return Held(self._expires_at_ns - now_ns)
        assert self._token < TOKEN_MAX, "there are no tokens left"
        return self._give(self._token + 1)

    def renew(self, token: int, now_ns: int) -> Renewal:
        """Let the lease of ``token`` last ``lease_ns`` from now, if it is live still."""
        return self._give(token) if self.is_live(token, now_ns) else Lost()

    def release(self, token: int, now_ns: int) -> bool:
        """End the lease of ``token`` before its time; False: it was not live any more."""
        if not self.is_live(token, now_ns):
            return False
        self._expires_at_ns = now_ns
        return True

    def is_live(self, token: int, now_ns: int) -> bool:
        """Say whether ``token`` holds the lease at ``now_ns``."""
        self._advance_to(now_ns)
        return lease_is_live(self._token, self._expires_at_ns, token, now_ns)

    def _give(self, token: int) -> Lease:
        self._token = token
        self._expires_at_ns = self._now_ns + self._lease_ns
        return Lease(token, self._expires_at_ns)

    def _advance_to(self, now_ns: int) -> None:
        assert now_ns >= self._now_ns, "time ran backwards"
        self._now_ns = now_ns


class Fence:
    """Stands at what a lease protects, and lets nobody in who comes after a later holder.

    It needs no clock. What it cannot do: keep a holder whose lease has run out from writing
    *before* the next one wrote for the first time; no harm is done by then.
    """

    __slots__ = ("_greatest_token",)

    def __init__(self, greatest_token: int = 0) -> None:
        self._greatest_token = greatest_token

    @property
    def greatest_token(self) -> int:
        """The greatest token seen; has to be stored with what is protected, in one step."""
        return self._greatest_token

    def admit(self, token: int) -> bool:
        """Decide one write, and remember its token."""
        self._greatest_token, admitted = fence_step(self._greatest_token, token)
        return admitted
