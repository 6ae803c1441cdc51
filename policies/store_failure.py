"""What a limiter does while the store that counts for all replicas does not answer.

Declared beforehand, as a value. How many more than the limit are then let in is stated too:
in any window, ``local limit * replicas`` on top of what the store itself admitted, which is
the limit once, and once more for each time that it forgot what it had counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from policies.rate_limit import Admission, RateLimit, TieredLimiter


@dataclass(frozen=True, slots=True)
class CountLocally:
    """Fail open, up to a limit: each replica counts what it sees itself.

    Raises:
        ValueError: the share is not from 1 to 100.
    """

    share_percent: int = 100
    """How much of each limit one replica admits; 100 / replicas keeps all of them within it."""

    def __post_init__(self) -> None:
        if not 1 <= self.share_percent <= 100:  # noqa: PLR2004  # per cent
            raise ValueError(f"share_percent must be 1 to 100, got {self.share_percent}")

    def local(self, limit: RateLimit) -> RateLimit:
        """Return what one replica admits: the share, rounded down, but no less than one."""
        share = limit.requests * self.share_percent // 100
        return RateLimit(requests=max(1, share), window_ns=limit.window_ns)


@dataclass(frozen=True, slots=True)
class LetEverybodyIn:
    """Fail open, without a limit."""


@dataclass(frozen=True, slots=True)
class LetNobodyIn:
    """Fail closed.

    Raises:
        ValueError: the wait is below 1.
    """

    retry_after_ns: int
    """What the refused are told: nobody knows when the store will be back."""

    def __post_init__(self) -> None:
        if self.retry_after_ns < 1:
            raise ValueError(f"retry_after_ns must be at least 1, got {self.retry_after_ns}")


StoreFailure: TypeAlias = CountLocally | LetEverybodyIn | LetNobodyIn


def admitted_max(
    failure: StoreFailure, limit: RateLimit, *, replicas: int, times_forgotten: int
) -> int | None:
    """Return the most that any window holds in which the store was away for a while.

    Args:
        failure: what was declared.
        limit: the user's.
        replicas: how many count for themselves meanwhile.
        times_forgotten: how often the store lost its counts within the window.

    Returns:
        The bound; None: there is none.
    """
    by_store = limit.requests * (1 + times_forgotten)
    if isinstance(failure, CountLocally):
        return by_store + replicas * failure.local(limit).requests
    return by_store if isinstance(failure, LetNobodyIn) else None


class WithoutStore:
    """Decides for one replica while there is no store to ask."""

    __slots__ = ("_failure", "_local")

    def __init__(self, failure: StoreFailure, limits: Mapping[str, RateLimit]) -> None:
        self._failure = failure
        self._local = TieredLimiter(
            {tier: failure.local(limit) for tier, limit in limits.items()}
            if isinstance(failure, CountLocally)
            else {}
        )

    def admit(self, tier: str, user: str, now_ns: int) -> Admission:
        """Decide on one request that arrives at ``now_ns``, which never runs backwards."""
        if isinstance(self._failure, LetNobodyIn):
            wait_ns = self._failure.retry_after_ns
            return Admission(admitted=False, retry_after_ns=wait_ns, remaining=0)
        # A tier without a limit is admitted and not counted, which is what open means for all.
        return self._local.admit(tier, user, now_ns)
