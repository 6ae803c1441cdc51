"""Retries: when to try again, and when trying again would only add to the load.

``may_repeat`` says whether a call may be sent again at all. ``Backoff`` spreads the retries of
one request; ``RetryBudget`` bounds those of all requests together. Back-off alone does not
stop a retry storm, it only delays it: as long as every failure leads to another attempt, an
overloaded service stays overloaded.

Sources: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015), and
"Timeouts, retries, and backoff with jitter", Amazon Builders' Library (2019); for the budget,
"Site Reliability Engineering" (2016), chapter 21, and Finagle's ``RetryBudget`` (2016).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

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

Jitter: TypeAlias = Literal["none", "full", "decorrelated"]
"""No chance at all; anything up to a doubling ceiling; up to three times the delay before."""


class CallFailure(Enum):
    """What is known about a call that did not go well."""

    NEVER_SENT = "never_sent"
    """It did not leave the caller: no connection came about, say."""

    REFUSED = "refused"
    """The service answered that it did not begin: overload, a limit, a restart."""

    BROKE_OFF = "broke_off"
    """The service began, and answered that something in it went wrong."""

    UNANSWERED = "unanswered"
    """No answer: it may have happened, or may yet."""

    REJECTED = "rejected"
    """The service answered that the call itself is wrong, and will be wrong again."""


def may_repeat(failure: CallFailure, *, idempotent: bool) -> bool:
    """Say whether sending a failed call again is of use and does no harm.

    Args:
        failure: what is known about it.
        idempotent: whether doing it twice is the same as doing it once.
    """
    if failure is CallFailure.REJECTED:
        return False
    never_began = failure in (CallFailure.NEVER_SENT, CallFailure.REFUSED)
    return idempotent or never_began


def exponential_ns(attempt: int, base_ns: int, cap_ns: int) -> int:
    """Return the delay after the failure of an attempt, doubled with each, without jitter.

    Where many wait for the same service, they come back together: of use only where callers
    are few, or do not know of the same failure.

    Args:
        attempt: the attempt that failed, counted from 1.
        base_ns: the delay after the first attempt; from 1 to ``cap_ns``.
        cap_ns: what the delay never exceeds; up to 2**53.
    """
    doublings = min(attempt - 1, 62)
    # Compare before shifting: 64-bit integers, where this is compiled, would overflow.
    return cap_ns if base_ns > cap_ns >> doublings else base_ns << doublings


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
    # As in exponential_ns, which is not called: each step is compiled alone.
    doublings = min(attempt - 1, 62)
    ceiling_ns = cap_ns if base_ns > cap_ns >> doublings else base_ns << doublings
    return int(uniform * ceiling_ns)


def decorrelated_jitter_ns(previous_ns: int, base_ns: int, cap_ns: int, uniform: float) -> int:
    """Draw the next delay from between the shortest one and three times the one before.

    Args:
        previous_ns: the delay before; below ``base_ns`` when there was none.
        base_ns: the shortest delay; from 1 to ``cap_ns``.
        cap_ns: the longest delay; up to 2**53.
        uniform: drawn from [0, 1).

    Returns:
        Nanoseconds, from ``base_ns`` to the lesser of ``cap_ns`` and ``3 * previous_ns``.
        The source cuts longer draws down to the cap, where most callers then meet again;
        here the range ends at the cap, so that they stay apart.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
    """
    before_ns = max(previous_ns, base_ns)
    ceiling_ns = cap_ns if before_ns > cap_ns // 3 else 3 * before_ns
    return base_ns + int(uniform * (ceiling_ns - base_ns + 1))


def budget_step(tokens: int, tokens_max: int, earned: int, price: int) -> tuple[int, bool]:
    """Put what was earned into a budget, up to its bound, and take a price out if it is there.

    Args:
        tokens: what is in it; with ``earned``, below 2**63.
        tokens_max: how much it holds.
        earned: what is put in first.
        price: what is to be taken out; 0 always is.

    Returns:
        The new ``tokens``, and whether the price was paid.
    """
    tokens = min(tokens + earned, tokens_max)
    if tokens < price:
        return tokens, False
    return tokens - price, True


@dataclass(frozen=True, slots=True)
class Backoff:
    """Back-off that grows from failure to failure, for so many attempts in all.

    Raises:
        ValueError: not ``1 <= base_ns <= cap_ns <= 2**53``, no attempt is allowed, or there is
            no such jitter.
    """

    base_ns: int
    """The longest delay after the first attempt; with decorrelated jitter, the shortest."""

    cap_ns: int
    """The longest delay after any attempt."""

    attempts_max: int
    """Attempts in all, the first one included; at least 1."""

    jitter: Jitter = "full"
    """How chance spreads the delays."""

    def __post_init__(self) -> None:
        if not 1 <= self.base_ns <= self.cap_ns <= _DELAY_MAX_NS:
            raise ValueError(
                f"base_ns and cap_ns must ascend from 1 to {_DELAY_MAX_NS},"
                f" got {self.base_ns} and {self.cap_ns}"
            )
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max must be at least 1, got {self.attempts_max}")
        if self.jitter not in get_args(Jitter):
            raise ValueError(f"jitter must be one of {get_args(Jitter)}, got {self.jitter!r}")

    def decide(
        self,
        attempt: int,
        *,
        now_ns: int,
        deadline_ns: int,
        uniform: float,
        previous_ns: int = 0,
        retry_after_ns: int = 0,
    ) -> RetryDecision:
        """Say what to do after the failure of an attempt.

        Args:
            attempt: the attempt that just failed, counted from 1.
            now_ns: when it failed.
            deadline_ns: when the answer is of no use any more; a retry starts before it.
            uniform: drawn from [0, 1).
            previous_ns: the delay before this attempt, for decorrelated jitter; 0 before the
                first one.
            retry_after_ns: how long the service asked to be left alone; at least 0. The
                back-off comes on top of it: who was told the same does not return at once.
        """
        assert attempt >= 1, "attempts are counted from 1"
        assert retry_after_ns >= 0, "nobody can ask for a retry in the past"
        if attempt >= self.attempts_max:
            return GiveUp("attempts")
        delay_ns = retry_after_ns + self._backoff_ns(attempt, previous_ns, uniform)
        if now_ns + delay_ns >= deadline_ns:
            return GiveUp("deadline")
        return RetryAfter(delay_ns)

    def _backoff_ns(self, attempt: int, previous_ns: int, uniform: float) -> int:
        if self.jitter == "full":
            return full_jitter_ns(attempt, self.base_ns, self.cap_ns, uniform)
        if self.jitter == "decorrelated":
            return decorrelated_jitter_ns(previous_ns, self.base_ns, self.cap_ns, uniform)
        return exponential_ns(attempt, self.base_ns, self.cap_ns)


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
        self._tokens, _ = budget_step(self._tokens, self._tokens_max, self._percent, 0)

    def may_retry(self) -> bool:
        """Spend the price of one retry, if it is there; False: the retry must not go out."""
        self._tokens, paid = budget_step(self._tokens, self._tokens_max, 0, _TOKENS_PER_RETRY)
        return paid
