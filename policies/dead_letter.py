"""Redelivery: which failed attempts are followed by another, when, and which job is dead.

A queue that delivers at least once meets three kinds of failure. A *transient* one may not
happen again: the job is redelivered, ever later. A *permanent* one will: the job is dead at
once. An attempt that ended *silent* (its worker was killed, or slept past its lease) may be
the job's own fault: a job that kills its workers is redelivered only ``silent_max`` times.

An attempt is counted when it begins, and the count belongs to the job, not to the delivery: a
worker that is killed cannot count, and a count that starts anew never comes to an end.

Bounds: a job begins at most ``attempts_max`` attempts between two requeues, waits before
attempt n + 1 at least ``min(base_ns * 2**(n - 1), cap_ns)`` and at most that and
``jitter_percent`` of it, and ends as done or dead.

Source: Amazon SQS Developer Guide, "Dead-letter queues" (maximum receives); RabbitMQ, "Quorum
queues: poison message handling"; RFC 9110, section 15, for statuses.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

DEAD: Final = -1
"""What ``redelivery_step`` answers where no attempt follows."""

_PERCENT_MAX: Final = 100

_DELAY_MAX_NS: Final = 2**53
"""Up to here a delay times a float in [0, 1) is a float below the delay."""

_TRY_AGAIN_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Failure(Enum):
    """How an attempt ended that did not succeed."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    SILENT = "silent"
    """Nobody said anything until the lease ran out."""


class DeadLetter(NamedTuple):
    """No attempt follows."""

    reason: Literal["attempts", "permanent", "poison"]
    """What has run out, or why nothing was left to try."""


class Deliveries(NamedTuple):
    """What a job's attempts came to so far; is kept with the job, and outlives its workers."""

    attempts: int = 0
    """Begun since the last requeue."""

    silent: int = 0
    """How many of these ended without a word."""

    requeues: int = 0
    """How often a person took the job back from the dead letters."""

    earlier_attempts: int = 0
    """Begun before the last requeue."""


class Redeliver(NamedTuple):
    """Queue the job again when ``delay_ns`` have passed."""

    delay_ns: int
    deliveries: Deliveries


Redelivery: TypeAlias = Redeliver | DeadLetter


def redelivery_step(
    attempts: int,
    attempts_max: int,
    base_ns: int,
    cap_ns: int,
    jitter_percent: int,
    uniform: float,
) -> int:
    """Decide what follows an attempt that failed and may be repeated.

    Written in scalars and branches, so that a compiler can take it as it is.

    Args:
        attempts: begun so far, the one that failed included; from 1.
        attempts_max: how many may begin.
        base_ns: the shortest wait after the first attempt; from 1 to ``cap_ns``.
        cap_ns: where doubling ends; up to 2**53.
        jitter_percent: how much longer than that a wait may be; 0 to 100.
        uniform: drawn from [0, 1).

    Returns:
        Nanoseconds until the next attempt, or ``DEAD``.
    """
    if attempts >= attempts_max:
        return DEAD
    doublings = min(attempts - 1, 62)
    # Compare before shifting: 64-bit integers, where this is compiled, would overflow.
    least_ns = cap_ns if base_ns > cap_ns >> doublings else base_ns << doublings
    return least_ns + int(uniform * (least_ns * jitter_percent // 100))


def failure_of_status(status: int) -> Failure:
    """Say what an answer with this HTTP status means for the attempt that got it.

    Only what the server promises to be temporary, or what is its own fault, may be repeated.
    Any other refusal stays one however often it is asked for; so does an unknown status.

    Raises:
        ValueError: ``status`` is no failure: not from 400 to 599.
    """
    if not 400 <= status <= 599:  # noqa: PLR2004  # RFC 9110's two classes of errors
        raise ValueError(f"status must be from 400 to 599, got {status}")
    return Failure.TRANSIENT if status in _TRY_AGAIN_STATUSES else Failure.PERMANENT


@dataclass(frozen=True, slots=True)
class RedeliveryLimits:
    """How often and how late a job is tried again.

    Raises:
        ValueError: a limit is out of its range; the message names it.
    """

    attempts_max: int
    """Attempts in all, the first one included; at least 1."""

    base_ns: int
    """The shortest wait before the second attempt; doubles with each further one."""

    cap_ns: int
    """Where that doubling ends; from ``base_ns`` to 2**53."""

    jitter_percent: int = 0
    """How much longer a wait may be than it has to; 0 to 100."""

    silent_max: int | None = None
    """Silent attempts that make a job a poisonous one; None: they only count as attempts."""

    requeues_max: int = 1
    """How often a job may come back from the dead letters; at least 0."""

    def __post_init__(self) -> None:
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max must be at least 1, got {self.attempts_max}")
        if not 1 <= self.base_ns <= self.cap_ns <= _DELAY_MAX_NS:
            raise ValueError(
                f"base_ns and cap_ns must ascend from 1 to {_DELAY_MAX_NS},"
                f" got {self.base_ns} and {self.cap_ns}"
            )
        if not 0 <= self.jitter_percent <= _PERCENT_MAX:
            raise ValueError(
                f"jitter_percent must be from 0 to {_PERCENT_MAX}, got {self.jitter_percent}"
            )
        if self.silent_max is not None and not 1 <= self.silent_max <= self.attempts_max:
            raise ValueError(
                f"silent_max must be from 1 to {self.attempts_max}, got {self.silent_max}"
            )
        if self.requeues_max < 0:
            raise ValueError(f"requeues_max must be at least 0, got {self.requeues_max}")

    def begin(self, deliveries: Deliveries) -> Deliveries | DeadLetter:
        """Count an attempt that is about to begin, unless none is left.

        None is left to a job whose last worker fell silent where nobody noticed.
        """
        if deliveries.attempts >= self.attempts_max:
            return DeadLetter("attempts")
        return deliveries._replace(attempts=deliveries.attempts + 1)

    def after(self, deliveries: Deliveries, failure: Failure, uniform: float) -> Redelivery:
        """Say what follows the attempt that began last, now that it has failed.

        Args:
            deliveries: with that attempt counted.
            failure: how it ended.
            uniform: drawn from [0, 1).
        """
        assert deliveries.attempts >= 1, "an attempt begins before it ends"
        if failure is Failure.PERMANENT:
            return DeadLetter("permanent")
        if failure is Failure.SILENT:
            deliveries = deliveries._replace(silent=deliveries.silent + 1)
            if self.silent_max is not None and deliveries.silent >= self.silent_max:
                return DeadLetter("poison")
        delay_ns = redelivery_step(
            deliveries.attempts,
            self.attempts_max,
            self.base_ns,
            self.cap_ns,
            self.jitter_percent,
            uniform,
        )
        return DeadLetter("attempts") if delay_ns == DEAD else Redeliver(delay_ns, deliveries)

    def requeue(self, deliveries: Deliveries) -> Deliveries | None:
        """Give a dead job a new set of attempts, because a person asked for it.

        The count starts again, and remembers that it did. None: it has been done often enough.
        """
        if deliveries.requeues >= self.requeues_max:
            return None
        return Deliveries(
            requeues=deliveries.requeues + 1,
            earlier_attempts=deliveries.earlier_attempts + deliveries.attempts,
        )
