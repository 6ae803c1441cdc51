"""Hedging: send a slow request a second time, and take whichever answer comes first.

The second one goes out once the first has taken longer than most do, and only to a bounded
share of the requests, or a slow service would get twice its load for being slow. What may not
happen twice is never hedged. The first answer wins; the other attempt is cancelled, and what it
says later is ignored.

The delay follows a quantile of the latencies. All it needs to know is whether a request took
longer than its own delay, which is known as soon as the delay is over: an attempt that is
cancelled later is counted rightly, and the estimate is not drawn down by the hedges' success.

    took longer       delay += step * (100 - slow_percent)
    took no longer    delay -= step * slow_percent

Whatever the latencies are: as long as the delay does not meet its bounds, the number of those
that took longer is slow_percent % of all, up to |change of the delay| / (100 * step).

Sources: J. Dean and L. A. Barroso, "The Tail at Scale", CACM 56(2) (2013); the estimate is a
stochastic approximation after H. Robbins and S. Monro (1951).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from policies.retry import RetryBudget

_PERCENT_MAX: Final = 100

_NS_MAX: Final = 2**53
"""A hundred steps of this size can be added to a delay in 64 bits."""


class Leg(Enum):
    """The two attempts there can be of one request."""

    FIRST = "first"
    SECOND = "second"


class Word(Enum):
    """What an answer means for the request."""

    WINS = "wins"
    """It is the answer; no other attempt is out."""

    WINS_OVER = "wins_over"
    """It is the answer; cancel the other attempt."""

    LATE = "late"
    """The request is over; ignore it."""


class Loss(Enum):
    """What the failure of an attempt means for the request."""

    WAIT = "wait"
    """The other attempt is still out."""

    OVER = "over"
    """No attempt is out: the request has failed."""

    LATE = "late"
    """The request was over before, or this attempt was."""


@dataclass(frozen=True, slots=True)
class HedgeLimits:
    """How late a second attempt goes out, and for how many requests.

    Raises:
        ValueError: a number is out of its range.
    """

    delay_min_ns: int
    """The delay is never shorter; from 1 to ``delay_max_ns``."""

    delay_max_ns: int
    """The delay is never longer, and begins here: a service not yet known is hedged late."""

    step_ns: int
    """How fast the delay follows, see the module; from 1. About a hundredth of a latency."""

    slow_percent: int = 5
    """The delay is such that so many of 100 requests take longer; 1 to 99."""

    share_percent: int = 5
    """At most so many of 100 requests are sent twice, beyond the reserve; 0 to 100."""

    reserve: int = 10
    """So many may be sent twice before any share was earned; at least 0."""

    def __post_init__(self) -> None:
        if not 1 <= self.delay_min_ns <= self.delay_max_ns <= _NS_MAX:
            raise ValueError(
                f"delay_min_ns and delay_max_ns must ascend from 1 to {_NS_MAX},"
                f" got {self.delay_min_ns} and {self.delay_max_ns}"
            )
        if not 1 <= self.step_ns <= _NS_MAX:
            raise ValueError(f"step_ns must be from 1 to {_NS_MAX}, got {self.step_ns}")
        if not 1 <= self.slow_percent < _PERCENT_MAX:
            raise ValueError(f"slow_percent must be from 1 to 99, got {self.slow_percent}")
        if not 0 <= self.share_percent <= _PERCENT_MAX:
            raise ValueError(f"share_percent must be from 0 to 100, got {self.share_percent}")
        if self.reserve < 0:
            raise ValueError(f"reserve must be at least 0, got {self.reserve}")


def delay_step(
    delay_ns: int, step_ns: int, slow_percent: int, bounds_ns: tuple[int, int], slower: int
) -> int:
    """Let the delay follow one request.

    Args:
        delay_ns: the delay so far; within the bounds.
        step_ns: how fast it follows; up to 2**53.
        slow_percent: how many of 100 requests are to take longer than the delay; 1 to 99.
        bounds_ns: the shortest delay and the longest; up to 2**53.
        slower: 1 if the request took longer than its own delay, 0 if not.

    Returns:
        The new delay.
    """
    if slower:
        return min(delay_ns + step_ns * (100 - slow_percent), bounds_ns[1])
    return max(delay_ns - step_ns * slow_percent, bounds_ns[0])


class Hedging:
    """Says when requests to one service are sent a second time."""

    __slots__ = ("_bounds_ns", "_budget", "_delay_ns", "_limits")

    def __init__(self, limits: HedgeLimits) -> None:
        self._limits = limits
        self._bounds_ns = (limits.delay_min_ns, limits.delay_max_ns)
        self._delay_ns = limits.delay_max_ns
        self._budget = RetryBudget(limits.share_percent, limits.reserve)

    @property
    def delay_ns(self) -> int:
        """How long a request that begins now has before it is sent again."""
        return self._delay_ns

    def begin(self, now_ns: int, *, idempotent: bool) -> "HedgedRequest":
        """Take note of a request whose first attempt goes out now."""
        if idempotent:
            self._budget.earned()
        return HedgedRequest(self, now_ns + self._delay_ns, idempotent=idempotent)

    def may_send(self) -> bool:
        """Spend the price of a second attempt; False: it must not go out."""
        return self._budget.may_retry()

    def learn(self, *, slower: bool) -> None:
        """Take note of whether a request took longer than its delay."""
        limits = self._limits
        self._delay_ns = delay_step(
            self._delay_ns, limits.step_ns, limits.slow_percent, self._bounds_ns, int(slower)
        )


class HedgedRequest:
    """One request, from its first attempt to the first answer; ``Hedging.begin`` makes it.

    The caller asks ``hedge`` at ``hedge_at_ns``, and reports what comes of each attempt. A
    request that the caller drops half-way needs no word: it teaches nothing.
    """

    __slots__ = ("_hedging", "_idempotent", "_is_known", "_out", "hedge_at_ns")

    def __init__(self, hedging: Hedging, hedge_at_ns: int, *, idempotent: bool) -> None:
        self._hedging = hedging
        self._idempotent = idempotent
        self._is_known = False
        self._out = {Leg.FIRST}
        self.hedge_at_ns = hedge_at_ns

    @property
    def out(self) -> frozenset[Leg]:
        """The attempts that are waited for; none when the request is over."""
        return frozenset(self._out)

    def hedge(self, now_ns: int) -> bool:
        """Say whether to send the second attempt now; if so, it counts as sent.

        False when the request is over, may not happen twice, has been hedged already, has
        not yet taken as long as most do, or when too many others were hedged.
        """
        if Leg.FIRST not in self._out or now_ns < self.hedge_at_ns or self._is_known:
            return False
        self._learn(slower=True)
        if not self._idempotent or not self._hedging.may_send():
            return False
        self._out.add(Leg.SECOND)
        return True

    def answered(self, leg: Leg, now_ns: int) -> Word:
        """Say what the answer to one attempt means."""
        if leg not in self._out:
            return Word.LATE
        self._learn(slower=now_ns > self.hedge_at_ns)
        others = len(self._out) - 1
        self._out.clear()
        return Word.WINS_OVER if others else Word.WINS

    def failed(self, leg: Leg) -> Loss:
        """Say what the failure of one attempt means; how long it took teaches nothing."""
        if leg not in self._out:
            return Loss.LATE
        self._out.remove(leg)
        return Loss.WAIT if self._out else Loss.OVER

    def _learn(self, *, slower: bool) -> None:
        if self._is_known or not self._idempotent:
            return
        self._is_known = True
        self._hedging.learn(slower=slower)
