"""Retries: when to try again, and when trying again would only add to the load.

``Backoff`` spreads the retries of one request; ``RetryBudget`` bounds those of all
requests together. Back-off alone does not stop a retry storm, it only delays it: as long
as every failure leads to another attempt, an overloaded service stays overloaded.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

_PERCENT_MAX: Final = 100

_TOKENS_PER_RETRY: Final = 100
"""So that a first attempt earns as many tokens as the budget has percent."""

_DELAY_MAX_NS: Final = 2**53
"""Up to here a delay times a float in [0, 1) is a float below the delay."""


class RetryAfter(NamedTuple):
    """Try once more when ``delay_ns`` have passed."""

    delay_ns: int


class GiveUp(NamedTuple):
    """Let the failure stand."""

    reason: Literal["attempts", "deadline", "budget"]
    """What has run out."""


RetryDecision: TypeAlias = RetryAfter | GiveUp


def full_jitter_ns(attempt: int, base_ns: int, cap_ns: int, uniform: float) -> int:
    """Draw the delay after the failure of an attempt: anything up to a doubling ceiling.

    Written in scalars and branches, so that a compiler can take it as it is.

    Args:
        attempt: the attempt that failed, counted from 1.
        base_ns: the ceiling after the first attempt; from 1 to ``cap_ns``.
        cap_ns: what the ceiling never exceeds; up to 2**53.
        uniform: drawn from [0, 1).

    Returns:
        Nanoseconds, at least 0 and below the ceiling.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
    """
    doublings = min(attempt - 1, 62)
    # Compare before shifting: 64-bit integers, where this is compiled, would overflow.
    ceiling_ns = cap_ns if base_ns > cap_ns >> doublings else base_ns << doublings
    return int(uniform * ceiling_ns)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full jitter, for so many attempts in all.

    Raises:
        ValueError: not ``1 <= base_ns <= cap_ns <= 2**53``, or no attempt is allowed.
    """

    base_ns: int
    """The longest delay after the first attempt."""

    cap_ns: int
    """The longest delay after any attempt."""

    attempts_max: int
    """Attempts in all, the first one included; at least 1."""

    def __post_init__(self) -> None:
        if not 1 <= self.base_ns <= self.cap_ns <= _DELAY_MAX_NS:
            raise ValueError(
                f"base_ns and cap_ns must ascend from 1 to {_DELAY_MAX_NS},"
                f" got {self.base_ns} and {self.cap_ns}"
            )
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max must be at least 1, got {self.attempts_max}")

    def decide(
        self, attempt: int, *, now_ns: int, deadline_ns: int, uniform: float
    ) -> RetryDecision:
        """Say what to do after the failure of an attempt.

        Args:
            attempt: the attempt that just failed, counted from 1.
            now_ns: when it failed.
            deadline_ns: when the answer is of no use any more; a retry starts before it.
            uniform: drawn from [0, 1).
        """
        assert attempt >= 1, "attempts are counted from 1"
        if attempt >= self.attempts_max:
            return GiveUp("attempts")
        delay_ns = full_jitter_ns(attempt, self.base_ns, self.cap_ns, uniform)
        if now_ns + delay_ns >= deadline_ns:
            return GiveUp("deadline")
        return RetryAfter(delay_ns)


class RetryBudget:
    """Lets retries be a bounded share of the traffic, whatever fails.

    First attempts earn tokens, retries spend them; what is left over is kept only up to the
    reserve, or a long calm would pay for the storm after it.

    Args:
        percent: retries earned by 100 first attempts; 0 to 100.
        reserve: retries that may go out at once, from the start on; at least 0. With a
            reserve of 0, one may still be saved up.

    Raises:
        ValueError: an argument is out of range.
    """

    __slots__ = ("_percent", "_tokens", "_tokens_max")

    def __init__(self, percent: int, reserve: int) -> None:
        if not 0 <= percent <= _PERCENT_MAX:
            raise ValueError(f"percent must be from 0 to {_PERCENT_MAX}, got {percent}")
        if reserve < 0:
            raise ValueError(f"reserve must be at least 0, got {reserve}")
        self._percent = percent
        self._tokens = reserve * _TOKENS_PER_RETRY
        self._tokens_max = max(reserve, 1) * _TOKENS_PER_RETRY

    def earned(self) -> None:
        """Note that a first attempt goes out."""
        self._tokens = min(self._tokens + self._percent, self._tokens_max)

    def may_retry(self) -> bool:
        """Spend the price of one retry, if it is there; False: the retry must not go out."""
        if self._tokens < _TOKENS_PER_RETRY:
            return False
        self._tokens -= _TOKENS_PER_RETRY
        return True
