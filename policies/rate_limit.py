"""Rate limits, exact to the nanosecond: a log of what was admitted.

Approximations with one or two counters are cheaper, but they let in more than the limit or
refuse what fits in it. The log does neither, so that a limit can be checked by counting.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

UNLIMITED: Final = 2**63 - 1
"""What is remaining where nothing limits."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests in any stretch of time of the window's length.

    Raises:
        ValueError: a number is below 1, or there are more requests than ``UNLIMITED``.
    """

    requests: int
    """Requests admitted per window; from 1 to ``UNLIMITED``, which is as long as logs can get."""

    window_ns: int
    """Length of the window; at least 1."""

    def __post_init__(self) -> None:
        if self.requests < 1:
            raise ValueError(f"requests must be at least 1, got {self.requests}")
        if self.requests > UNLIMITED:
            raise ValueError(f"requests must be at most {UNLIMITED}, got {self.requests}")
        if self.window_ns < 1:
            raise ValueError(f"window_ns must be at least 1, got {self.window_ns}")


class Admission(NamedTuple):
    """What was decided about one request."""

    admitted: bool

    retry_after_ns: int
    """When a retry gets in, if nobody else is admitted before it; 0 if admitted."""

    remaining: int
    """How many more requests would be admitted at this very moment."""


def sliding_log_step(filling_ns: int, now_ns: int, window_ns: int) -> int:
    """Decide one request against the one admission that the decision hangs on.

    Args:
        filling_ns: when the request was admitted that fills the limit: the ``requests``-th
            newest. With fewer than that in the log, nothing has to be asked.
        now_ns: when the request arrives.
        window_ns: length of the window.

    Returns:
        Nanoseconds until that admission has left the window; 0: it has, so this one gets in.
        Times and window must be below 2**61 in size where integers have 64 bits.
    """
    return max(0, filling_ns + window_ns - now_ns)


class SlidingLog:
    """Admits at most ``limit.requests`` in every window ``(t - window_ns, t]``.

    Only admitted requests count: who knocks while refused does not wait any longer for it.
    Memory is one integer for each request that the limit allows.
    """

    __slots__ = ("_admitted_ns", "_limit")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._admitted_ns: deque[int] = deque(maxlen=limit.requests)

    def admit(self, now_ns: int) -> Admission:
        """Decide on one request that arrives at ``now_ns``, not before an admitted one."""
        return _admit(self._admitted_ns, self._limit, now_ns)


class TieredLimiter:
    """One log for each user, judged by the limit of the tier in which the user asks.

    A user who changes tiers, or has a key in two, takes along what was already used: the log
    keeps as much as the widest of the limits could ask for. Users are forgotten as soon as
    no limit can reach back to their last admitted request.
    """

    __slots__ = ("_limits", "_logs", "_requests_max", "_window_max_ns")

    def __init__(self, limits: Mapping[str, RateLimit]) -> None:
        self._limits = dict(limits)
        self._requests_max = max((limit.requests for limit in limits.values()), default=0)
        self._window_max_ns = max((limit.window_ns for limit in limits.values()), default=0)
        # In the order of each user's last admitted request, so that the ones to forget
        # are always in front.
        self._logs: dict[str, deque[int]] = {}

    @property
    def users_remembered(self) -> int:
        """How many users have a log."""
        return len(self._logs)

    def admit(self, tier: str, user: str, now_ns: int) -> Admission:
        """Decide on one request of ``user``; a tier without a limit is always admitted.

        Time may stand still from call to call, but not run backwards.
        """
        self._forget_idle_users(now_ns)
        limit = self._limits.get(tier)
        if limit is None:
            return Admission(admitted=True, retry_after_ns=0, remaining=UNLIMITED)
        log = self._logs.get(user)
        if log is None:
            log = deque(maxlen=self._requests_max)
        admission = _admit(log, limit, now_ns)
        if admission.admitted:
            self._logs.pop(user, None)
            self._logs[user] = log
        return admission

    def _forget_idle_users(self, now_ns: int) -> None:
        while self._logs:
            user, log = next(iter(self._logs.items()))
            if log[-1] > now_ns - self._window_max_ns:
                return
            del self._logs[user]


def _admit(admitted_ns: deque[int], limit: RateLimit, now_ns: int) -> Admission:
    """Decide on a request, and note it in the log if it is admitted."""
    wait_ns = log_wait_ns(admitted_ns, limit, now_ns)
    if wait_ns > 0:
        return Admission(admitted=False, retry_after_ns=wait_ns, remaining=0)
    admitted_ns.append(now_ns)
    return Admission(
        admitted=True, retry_after_ns=0, remaining=log_remaining(admitted_ns, limit, now_ns)
    )


def log_wait_ns(admitted_ns: deque[int], limit: RateLimit, now_ns: int) -> int:
    """Return how long a request that arrives now has to wait; 0: it fits.

    Args:
        admitted_ns: ascending times of earlier admitted requests, the newest
            ``limit.requests`` of them at least.
        limit: the limit to judge by.
        now_ns: when the request arrives.
    """
    assert not admitted_ns or admitted_ns[-1] <= now_ns, "time ran backwards"
    if len(admitted_ns) < limit.requests:
        return 0
    # The newest admissions fill the limit; the oldest of these must leave the window.
    return sliding_log_step(admitted_ns[-limit.requests], now_ns, limit.window_ns)


def log_remaining(admitted_ns: deque[int], limit: RateLimit, now_ns: int) -> int:
    """Return how many more requests fit now, by a log of which no window holds too many."""
    used = len(admitted_ns) - bisect_right(admitted_ns, now_ns - limit.window_ns)
    return limit.requests - used
