"""Circuit breaker: give a failing service time, and find out carefully whether it is back.

    CLOSED     every call goes out
               failures_max failed in a row, or too
               large a share of the latest calls did  -> OPEN
    OPEN       no call goes out
               cool_down_ns later, the next call      -> HALF_OPEN
    HALF_OPEN  at most probes_max calls are out as probes, no others
               successes_min of them succeeded        -> CLOSED
               one failed                             -> OPEN
               all are out, and no word of them for
               cool_down_ns since the latest          -> HALF_OPEN, with other probes

A call is told by its ticket. The tickets change with every transition and every probe, so
that word from a call of an earlier stretch, which may arrive at any time, says nothing about
this one, and a probe that is reported twice counts once.

Sources: M. Nygard, "Release It!" (2007), chapter 5; for the share of failures, the minimum of
calls, slow calls and several probes: the CircuitBreaker of Resilience4j, whose count-based
window this is.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

_WINDOW_CALLS_MAX: Final = 62
"""So many outcomes are bits of one 64-bit integer, its sign left alone."""

_PERCENT_MAX: Final = 100


class State(Enum):
    """Which calls go out."""

    CLOSED = "closed"
    """All of them."""

    OPEN = "open"
    """None."""

    HALF_OPEN = "half_open"
    """A few, whose outcomes decide."""


@dataclass(frozen=True, slots=True)
class FailureRate:
    """Too large a share of failures among the latest calls.

    What counts is calls, not time: after a calm the latest calls may be old ones.

    Raises:
        ValueError: a number is out of its range.
    """

    percent: int
    """So many of 100 are too many; 1 to 100."""

    calls_min: int
    """With fewer calls than these, no share is judged; 1 to ``window_calls``."""

    window_calls: int
    """How many of the latest calls are looked at; up to 62."""

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= _PERCENT_MAX:
            raise ValueError(f"percent must be from 1 to {_PERCENT_MAX}, got {self.percent}")
        if not 1 <= self.window_calls <= _WINDOW_CALLS_MAX:
            raise ValueError(
                f"window_calls must be from 1 to {_WINDOW_CALLS_MAX}, got {self.window_calls}"
            )
        if not 1 <= self.calls_min <= self.window_calls:
            raise ValueError(
                f"calls_min must be from 1 to window_calls ({self.window_calls}),"
                f" got {self.calls_min}"
            )


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

    rate: FailureRate | None = None
    """Which share of failures opens it as well; None: only failures in a row do."""

    probes_max: int = 1
    """How many probes may be out at a time; at least 1."""

    successes_min: int = 1
    """So many successful probes, with no failed one in between, close it; at least 1."""

    slow_ns: int | None = None
    """An answer that took longer counts as a failure; at least 1. None: none does."""

    def __post_init__(self) -> None:
        for name in ("cool_down_ns", "failures_max", "probes_max", "successes_min", "slow_ns"):
            number: int | None = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")


def outcome_step(outcomes: int, failures: int, window_calls: int, failed: int) -> tuple[int, int]:
    """Take one call's outcome into the window, and the oldest out of it.

    Written in scalars and branches, so that a compiler can take it as it is.

    Args:
        outcomes: the latest calls, one bit each, the newest lowest; set where one failed.
        failures: how many of these bits are set.
        window_calls: how many calls are looked at; 1 to 62.
        failed: 1 if the call failed, 0 if it went well.

    Returns:
        The new ``outcomes`` and ``failures``.
    """
    oldest = (outcomes >> (window_calls - 1)) & 1
    kept = (outcomes << 1) & ((1 << window_calls) - 1)
    return kept | failed, failures - oldest + failed


def probe_step(
    places: int, wait_until_ns: int, now_ns: int, cool_down_ns: int, probes_max: int
) -> tuple[int, int, int]:
    """Decide on one call to a service whose breaker is not closed.

    Args:
        places: how many more probes may go out; 0 while open.
        wait_until_ns: until when those that are out are waited for; while open, when it
            will have cooled down. Within +-2**62, as ``now_ns`` and ``cool_down_ns``.
        now_ns: when the call wants to go out.
        cool_down_ns: how long a probe is waited for.
        probes_max: how many there may be at a time.

    Returns:
        0 if the call may not go out, 1 if it may with those that are out already, 2 if it may
        as the first of new ones; then the new ``places`` and ``wait_until_ns``.
    """
    if places > 0:
        return 1, places - 1, now_ns + cool_down_ns
    if now_ns < wait_until_ns:
        return 0, places, wait_until_ns
    return 2, probes_max - 1, now_ns + cool_down_ns


class CircuitBreaker:
    """Says which calls to a service may go out, from what became of the ones before.

    A caller hands every ticket back once, with ``succeeded``, ``failed`` or ``answered``. One
    that never does (the caller was cancelled, say) holds up nothing for longer than
    ``cool_down_ns``.
    """

    __slots__ = (
        "_calls",
        "_failures",
        "_limits",
        "_outcomes",
        "_outcomes_failed",
        "_places",
        "_probes",
        "_state",
        "_successes",
        "_ticket",
        "_wait_until_ns",
    )

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._state = State.CLOSED
        self._ticket = 1
        self._wait_until_ns = 0
        self._failures = 0
        self._calls = 0
        self._outcomes = 0
        self._outcomes_failed = 0
        self._places = 0
        self._successes = 0
        self._probes: set[int] = set()

    @property
    def state(self) -> State:
        """The state that the last call left behind; time alone does not change it."""
        return self._state

    def admit(self, now_ns: int) -> int | None:
        """Return the ticket, at least 1, of a call that may go out now; None if it may not."""
        if self._state is State.CLOSED:
            return self._ticket
        verdict, places, wait_until_ns = probe_step(
            self._places,
            self._wait_until_ns,
            now_ns,
            self._limits.cool_down_ns,
            self._limits.probes_max,
        )
        if verdict == 0:
            return None
        if verdict == 1:
            self._ticket += 1
        else:
            self._move_to(State.HALF_OPEN)
        self._places = places
        self._wait_until_ns = wait_until_ns
        self._probes.add(self._ticket)
        return self._ticket

    def retry_after_ns(self, now_ns: int) -> int:
        """Return how long until a call may go out at the latest, 0 if one may now.

        The answer stands unless word from a probe comes first, for better or worse.
        """
        if self._state is State.CLOSED or self._places > 0:
            return 0
        return max(0, self._wait_until_ns - now_ns)

    def succeeded(self, ticket: int) -> None:
        """Note that the call with this ticket went well. No success opens the breaker."""
        if self._state is not State.CLOSED:
            if ticket in self._probes:
                self._note_good_probe(ticket)
        elif ticket == self._ticket:
            self._failures = 0
            if self._limits.rate is not None:
                self._note(self._limits.rate, failed=0)

    def failed(self, ticket: int, now_ns: int) -> None:
        """Note that the call with this ticket was found to have failed at ``now_ns``."""
        if not self._is_awaited(ticket):
            return
        self._failures += 1
        if self._limits.rate is not None:
            self._note(self._limits.rate, failed=1)
        if self._state is State.HALF_OPEN or self._is_too_much():
            self._move_to(State.OPEN)
            self._wait_until_ns = now_ns + self._limits.cool_down_ns

    def answered(self, ticket: int, now_ns: int, took_ns: int) -> None:
        """Note a good answer that came after ``took_ns``: a failure if that was too slow."""
        slow_ns = self._limits.slow_ns
        if slow_ns is not None and took_ns > slow_ns:
            self.failed(ticket, now_ns)
        else:
            self.succeeded(ticket)

    def _is_awaited(self, ticket: int) -> bool:
        if self._state is State.CLOSED:
            return ticket == self._ticket
        return ticket in self._probes

    def _note_good_probe(self, ticket: int) -> None:
        self._probes.remove(ticket)
        self._places += 1
        self._successes += 1
        if self._successes == self._limits.successes_min:
            self._move_to(State.CLOSED)

    def _note(self, rate: FailureRate, failed: int) -> None:
        self._calls = min(self._calls + 1, rate.window_calls)
        self._outcomes, self._outcomes_failed = outcome_step(
            self._outcomes, self._outcomes_failed, rate.window_calls, failed
        )

    def _is_too_much(self) -> bool:
        if self._failures == self._limits.failures_max:
            return True
        rate = self._limits.rate
        if rate is None or self._calls < rate.calls_min:
            return False
        return self._outcomes_failed * _PERCENT_MAX >= rate.percent * self._calls

    def _move_to(self, state: State) -> None:
        """Begin a stretch of which nothing is known yet."""
        self._state = state
        self._ticket += 1
        self._wait_until_ns = 0
        self._failures = 0
        self._calls = 0
        self._outcomes = 0
        self._outcomes_failed = 0
        self._places = 0
        self._successes = 0
        self._probes.clear()
