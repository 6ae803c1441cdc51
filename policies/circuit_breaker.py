"""Circuit breaker: give a failing service time, and find out carefully whether it is back.

    CLOSED     every call goes out
               failures_max failed in a row           -> OPEN
    OPEN       no call goes out
               cool_down_ns later, the next call      -> HALF_OPEN
    HALF_OPEN  that call is out as a probe, no other
               it succeeded                           -> CLOSED
               it failed                              -> OPEN
               no word of it for cool_down_ns         -> HALF_OPEN, with another probe

A call is told by its ticket. The tickets change with every transition, so that word from
a call of an earlier stretch, which may arrive at any time, says nothing about this one.
"""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Which calls go out."""

    CLOSED = "closed"
    """All of them."""

    OPEN = "open"
    """None."""

    HALF_OPEN = "half_open"
    """One, whose outcome decides."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """How much is too much, and how long to leave the service alone then.

    Raises:
        ValueError: a number is below 1.
    """

    cool_down_ns: int
    """How long no call goes out, and how long a probe is waited for; at least 1."""

    failures_max: int = 5
    """So many failures in a row open the breaker; at least 1."""

    def __post_init__(self) -> None:
        if self.cool_down_ns < 1:
            raise ValueError(f"cool_down_ns must be at least 1, got {self.cool_down_ns}")
        if self.failures_max < 1:
            raise ValueError(f"failures_max must be at least 1, got {self.failures_max}")


class CircuitBreaker:
    """Says which calls to a service may go out, from what became of the ones before.

    A caller hands every ticket back, with ``succeeded`` or ``failed``. One that never does
    (the caller was cancelled, say) holds up nothing for longer than ``cool_down_ns``.

    Source: M. Nygard, "Release It!" (2007), chapter 5.
    """

    __slots__ = ("_failures", "_limits", "_state", "_ticket", "_wait_until_ns")

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._state = State.CLOSED
        self._ticket = 1
        self._wait_until_ns = 0
        self._failures = 0

    @property
    def state(self) -> State:
        """The state that the last call left behind; time alone does not change it."""
        return self._state

    def admit(self, now_ns: int) -> int | None:
        """Return the ticket, at least 1, of a call that may go out now; None if it may not."""
        if self._state is State.CLOSED:
            return self._ticket
        if now_ns < self._wait_until_ns:
            return None
        self._move_to(State.HALF_OPEN, wait_until_ns=now_ns + self._limits.cool_down_ns)
        return self._ticket

    def retry_after_ns(self, now_ns: int) -> int:
        """Return how long until a call may go out at the latest, 0 if one may now.

        The answer stands unless word from a probe comes first, for better or worse.
        """
        if self._state is State.CLOSED:
            return 0
        return max(0, self._wait_until_ns - now_ns)

    def succeeded(self, ticket: int) -> None:
        """Note that the call with this ticket went well."""
        if ticket != self._ticket:
            return
        if self._state is State.HALF_OPEN:
            self._move_to(State.CLOSED, wait_until_ns=0)
        else:
            self._failures = 0

    def failed(self, ticket: int, now_ns: int) -> None:
        """Note that the call with this ticket was found to have failed at ``now_ns``."""
        if ticket != self._ticket:
            return
        self._failures += 1
        if self._state is State.HALF_OPEN or self._failures == self._limits.failures_max:
            self._move_to(State.OPEN, wait_until_ns=now_ns + self._limits.cool_down_ns)

    def _move_to(self, state: State, *, wait_until_ns: int) -> None:
        self._state = state
        self._wait_until_ns = wait_until_ns
        self._ticket += 1
        self._failures = 0
