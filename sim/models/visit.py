"""One request on its way, and how it is answered."""

from enum import Enum
from typing import Final

from scenarios.history import Outcome
from sim.arrivals import Arrival

STEPS_PER_PATH = 1 << 16
"""More than any route has stops."""


_NO_FAILURE = (200, 429)


class Reply(Enum):
    """The answer to a call."""

    OK = 200
    LIMITED = 429
    """The user has had what the tier allows."""

    UNAVAILABLE = 503
    """Nobody could take it on: line full, breakers open, or no replica."""

    TIMED_OUT = 504
    """Somebody on the way waited too long; it may be done yet."""

    NONE = 0
    """The client itself waited too long."""

    # Members are compared and looked up for each request; by identity that is free.
    __hash__ = object.__hash__

    def __init__(self, status: int) -> None:
        self.is_failure = status not in _NO_FAILURE
        """Whether it speaks against the replica that gave it, and another may do better."""


# Looking up a member of an enumeration takes longer than comparing it: what is asked for with
# each request has a name of its own.
OK: Final = Reply.OK
UNKNOWN: Final = Outcome.UNKNOWN


class Visit:
    """What the stations need to know of a request.

    Attributes:
        arrival: the request.
        key: what it draws chance from.
        path: which attempts led here, as a multiple of ``STEPS_PER_PATH``: 0 for first
            attempts all the way. Another attempt draws other numbers, whichever comes first.
        tries: how often its client sent it.
        spans_ns: where its time went, each nanosecond at one station; None if nobody asks.
    """

    __slots__ = ("arrival", "key", "path", "spans_ns", "tries")

    def __init__(
        self, arrival: Arrival, key: int, path: int, spans_ns: dict[str, int] | None
    ) -> None:
        self.arrival = arrival
        self.key = key
        self.path = path
        self.tries = 1
        self.spans_ns = spans_ns

    def attempt(self, number: int, attempts_max: int) -> "Visit":
        """Return the visit as attempt ``number``, counted from 1, of a call makes it."""
        tried = self.path // STEPS_PER_PATH * attempts_max + number - 1
        spans_ns: dict[str, int] | None = None if self.spans_ns is None else {}
        return Visit(self.arrival, self.key, tried * STEPS_PER_PATH, spans_ns)

    def spend(self, station: str, spent_ns: int) -> None:
        """Note that ``spent_ns`` went by at a station."""
        if self.spans_ns is not None and spent_ns:
            self.spans_ns[station] = self.spans_ns.get(station, 0) + spent_ns

    def take_over(self, attempt: "Visit") -> int:
        """Add the spans of an attempt that was answered; return their sum."""
        if attempt.spans_ns is None or attempt is self:
            return 0
        for station, spent_ns in attempt.spans_ns.items():
            self.spend(station, spent_ns)
        return sum(attempt.spans_ns.values())


def outcome_of(reply: Reply, *, read_only: bool) -> Outcome:
    """Return how the operation ended that got this answer.

    A write whose answer somebody stopped waiting for may have happened.
    """
    match reply:
        case Reply.OK:
            return Outcome.OK
        case Reply.LIMITED | Reply.UNAVAILABLE:
            return Outcome.REFUSED
        case Reply.TIMED_OUT:
            return Outcome.FAILED if read_only else Outcome.UNKNOWN
        case Reply.NONE:
            return Outcome.UNKNOWN
