"""Latency-aware balancing: what a request costs at each backend, where failing is no bargain.

A caller keeps one ``BackendLatency`` for each backend, tells it what became of every request,
and has a balancer such as ``PowerOfTwoChoices`` compare costs instead of open requests:

    cost = time of an answer * requests open, this one included * penalty

The time is a peak-sensitive moving average. It jumps to an answer slower than itself at once,
so that a backend that became slow is known after one answer, and what it has of a peak halves
with each ``decay_ns`` that passes: at most half is left, at least 1/e, but for 1 ns and a part in
2**26 that each step may round away.

A backend that fails at once answers faster than any other. Taken at its word it would draw
everything to itself (least outstanding sends 85 % of all requests to one of ten such). Here a
failure never makes the time shorter, and doubles the penalty; a good answer halves by how much
the penalty exceeds 1, and so does each ``decay_ns``, which lets in another try later. So, of
backends whose good answers take equally long, one that fails is never cheaper than one that
does not and has as much to do, and while all others have up to q requests open, one that only
fails gets at most 4 + log2(q + 1) requests in ``decay_ns`` (for q up to 1000): no more than
1 / n of them where n times as many come in that time.

Source: Finagle documentation, "Balancers", on P2C + Peak EWMA. Finagle's exponential became
shifts and a fraction of integers; the penalty stands in for its failure accrual.
"""

from dataclasses import dataclass
from typing import Final

TIME_MAX_NS: Final = 1 << 36
"""Over a minute; an answer that takes longer counts as this."""

PENALTY_MAX: Final = 1 << 16
"""The highest penalty in sixteenths: a cost 4096 times as high."""

_NO_PENALTY: Final = 16

_UNKNOWN: Final = 1 << 62
"""More than any cost."""

_NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class LatencyLimits:
    """How long slow answers and failures are remembered.

    Raises:
        ValueError: a time is below 1 or above 2**36.
    """

    decay_ns: int = 1_000_000_000
    """With each such time, half of a peak, or of a record of failures, is forgotten."""

    failure_ns: int = 5_000_000_000
    """The time of one that never answered well: as long as a caller would wait, say."""

    def __post_init__(self) -> None:
        for name, value in (("decay_ns", self.decay_ns), ("failure_ns", self.failure_ns)):
            if not 1 <= value <= TIME_MAX_NS:
                raise ValueError(f"{name} must be from 1 to {TIME_MAX_NS}, got {value}")


def peak_ewma_step(
    average: int, noted_ns: int, now_ns: int, value: int, decay_ns: int
) -> tuple[int, int]:
    """Take a value into the average: a peak at once, a lower one as time has passed.

    With 0 for the value, this is how the average fades. Written in scalars, so that a compiler
    can take it as it is.

    Args:
        average: the average before; from 0 to 2**36.
        noted_ns: when it was last brought up to date; from 0.
        now_ns: the time; at least ``noted_ns``.
        value: from 0 to 2**36.
        decay_ns: after so long half of the way to the value is gone; from 1 to 2**36.

    Returns:
        The average, and when it was brought up to date. A step too short to move the average
        by one leaves both as they were, so that many such steps add up.
    """
    if value >= average:
        return value, now_ns
    elapsed_ns = now_ns - noted_ns
    rest_ns = elapsed_ns % decay_ns
    halved = (average - value) >> min(elapsed_ns // decay_ns, 62)
    # As many bits as 64 hold: what is cut off here is decay that no later step makes good.
    left = halved - (halved * ((rest_ns << 26) // (decay_ns + rest_ns)) >> 26)
    if left == average - value:
        return average, noted_ns
    return value + left, now_ns


def request_cost(time_ns: int, penalty: int, outstanding: int) -> int:
    """Return what one more request costs; the lower, the better.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        time_ns: what an answer takes; from 0 to 2**36.
        penalty: in sixteenths; from 16 to 2**16.
        outstanding: requests open, from 0; from 1023 on they count as 1023.

    Returns:
        From 1 to 2**59.
    """
    return (time_ns + 1) * min(outstanding + 1, 1024) * penalty >> 4


def penalty_step(penalty: int, good: int) -> int:
    """Take one outcome into the penalty.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        penalty: before, in sixteenths; from 16, which is none, to 2**16.
        good: 1 for a good answer, 0 for a failure.
    """
    if good:
        return _NO_PENALTY + (penalty - _NO_PENALTY >> 1)
    return min(penalty << 1, PENALTY_MAX)


class BackendLatency:
    """What a caller has seen of one backend.

    Every request ends in ``answered`` or ``failed``, or in neither if its caller no longer
    cares. Word of requests may come in any order; the time of the calls must not run backwards.
    """

    __slots__ = ("_excess", "_judged_ns", "_limits", "_noted_ns", "_time_ns")

    def __init__(self, limits: LatencyLimits) -> None:
        self._limits = limits
        self._time_ns = 0
        self._noted_ns = _NEVER
        # Of the penalty, what exceeds 1: that part fades.
        self._excess = 0
        self._judged_ns = _NEVER

    def cost(self, outstanding: int, now_ns: int) -> int:
        """Return what one more request costs here; the lower, the better.

        One that nobody knows yet costs nothing for its first request, and until there is word
        of that one, more than any that is known.

        Args:
            outstanding: requests sent to it and not yet answered.
            now_ns: when the request is to be sent.
        """
        if self._judged_ns == _NEVER:
            return _UNKNOWN + outstanding if outstanding else 0
        assert now_ns >= self._judged_ns, "time ran backwards"
        decay_ns = self._limits.decay_ns
        time_ns, _ = peak_ewma_step(self._time_ns, self._noted_ns, now_ns, 0, decay_ns)
        excess, _ = peak_ewma_step(self._excess, self._judged_ns, now_ns, 0, decay_ns)
        return request_cost(time_ns, _NO_PENALTY + excess, outstanding)

    def answered(self, took_ns: int, now_ns: int) -> None:
        """Note that a request was answered well at ``now_ns``, after ``took_ns``."""
        self._note(took_ns, now_ns, good=1)

    def failed(self, took_ns: int, now_ns: int) -> None:
        """Note that a request was found to have failed at ``now_ns``, after ``took_ns``."""
        least_ns = self._limits.failure_ns if self._judged_ns == _NEVER else self._time_ns
        self._note(max(took_ns, least_ns), now_ns, good=0)

    def _note(self, took_ns: int, now_ns: int, good: int) -> None:
        assert took_ns >= 0, "an answer came before its request"
        assert now_ns >= self._judged_ns, "time ran backwards"
        took_ns, decay_ns = min(took_ns, TIME_MAX_NS), self._limits.decay_ns
        self._time_ns, self._noted_ns = peak_ewma_step(
            self._time_ns, self._noted_ns, now_ns, took_ns, decay_ns
        )
        excess, _ = peak_ewma_step(self._excess, self._judged_ns, now_ns, 0, decay_ns)
        self._excess = penalty_step(_NO_PENALTY + excess, good) - _NO_PENALTY
        self._judged_ns = now_ns
