"""Deadlines that shrink along a chain of calls, so that nobody works for nobody.

A request that must be answered by some time hands on less than what is left of it: what the
way back will take is kept in reserve, no attempt may have more than the hop's cap, and where what
is left is too little for anything useful, the call is refused at once instead of failing later.

    what a call gets = min(what is left - the reserve, the cap), shared among its attempts

What is handed on is a length of time, not a moment: clocks of two machines need not agree. The
way there is thereby not counted by the callee; the reserve has to cover both ways.

Sources: "Site Reliability Engineering" (2016), chapter 22, on deadline propagation; gRPC, which
sends its deadlines as lengths of time.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

_NS_MAX: Final = 2**61
"""Three of these can be added in 64 bits."""


class Proceed(NamedTuple):
    """Make the call, and stop waiting for it in time."""

    timeout_ns: int
    """How long to wait for it; also what to tell the callee."""

    deadline_ns: int
    """When that will have passed, on the caller's clock."""


class TooLate(NamedTuple):
    """Do not make the call; nothing useful would come of it."""

    short_by_ns: int
    """How much more time it would have taken; at least 1."""


TimeoutDecision: TypeAlias = Proceed | TooLate


def timeout_step(
    left_ns: int, reserve_ns: int, hop_max_ns: int, useful_min_ns: int, attempts_left: int
) -> int:
    """Return how long one attempt may take, 0 if it is not worth making.

    Written in scalars and branches, so that a compiler can take it as it is.

    Args:
        left_ns: until the caller's own deadline; negative after it. From -2**62 to 2**62.
        reserve_ns: kept for the ways and for what the caller does with the answer; up to 2**61.
        hop_max_ns: what this attempt and those after it may take together; up to 2**61.
        useful_min_ns: what one attempt needs to be of any use; from 1 to ``hop_max_ns``.
        attempts_left: how many attempts share the time, this one included; at least 1.

    Returns:
        The attempt's share, or ``useful_min_ns`` where the shares would be too small for
        anything: then there is time for fewer attempts.
    """
    allowed_ns = min(left_ns - reserve_ns, hop_max_ns)
    if allowed_ns < useful_min_ns:
        return 0
    return max(allowed_ns // attempts_left, useful_min_ns)


@dataclass(frozen=True, slots=True)
class HopLimits:
    """What calls from one service to another may take of the time that is left.

    Raises:
        ValueError: a number is out of its range.
    """

    reserve_ns: int
    """Kept back for the way there, the way back, and the rest of the caller's work; 0 or more."""

    hop_max_ns: int
    """No attempt, with those after it, is planned to take longer, however much time is left. Each
    decision counts anew: all of a call's attempts stay within it if each is decided with the sooner
    of the caller's deadline and the first attempt's start, the reserve and this added up."""

    useful_min_ns: int = 1
    """A call that gets less is not made; from 1 to ``hop_max_ns``."""

    def __post_init__(self) -> None:
        if not 0 <= self.reserve_ns <= _NS_MAX:
            raise ValueError(f"reserve_ns must be from 0 to {_NS_MAX}, got {self.reserve_ns}")
        if not 1 <= self.hop_max_ns <= _NS_MAX:
            raise ValueError(f"hop_max_ns must be from 1 to {_NS_MAX}, got {self.hop_max_ns}")
        if not 1 <= self.useful_min_ns <= self.hop_max_ns:
            raise ValueError(
                f"useful_min_ns must be from 1 to hop_max_ns ({self.hop_max_ns}),"
                f" got {self.useful_min_ns}"
            )

    def decide(self, now_ns: int, deadline_ns: int, attempts_left: int = 1) -> TimeoutDecision:
        """Say how long the next attempt of a call may take, if it is to be made at all.

        Args:
            now_ns: when it would go out.
            deadline_ns: when the caller itself must have answered; may have passed. No more
                than 2**62 from ``now_ns``.
            attempts_left: how many attempts there may be, this one included; at least 1.
        """
        assert attempts_left >= 1, "the attempt in question is one of those that are left"
        left_ns = deadline_ns - now_ns
        timeout_ns = timeout_step(
            left_ns, self.reserve_ns, self.hop_max_ns, self.useful_min_ns, attempts_left
        )
        if timeout_ns == 0:
            return TooLate(self.reserve_ns + self.useful_min_ns - left_ns)
        return Proceed(timeout_ns, now_ns + timeout_ns)
