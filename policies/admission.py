"""Bulkhead: so many at a time, so many waiting, and the others are told at once.

A compartment of its own for each kind of work keeps one that stands still from taking all
places of the others with it. Who is let in, or in line, gets a ticket, and leaves by it: when
done, when failed, when cancelled in line. A ticket that comes back twice lets nobody in twice,
however the ends of a call race each other.

Source: M. Nygard, "Release It!" (2007), chapter 5, bulkheads.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class BulkheadLimits:
    """How many have place.

    Raises:
        ValueError: nobody would ever be let in, or a number is negative.
    """

    in_flight_max: int
    """How many are worked on at a time; at least 1."""

    waiting_max: int = 0
    """How many may wait for a place; at least 0."""

    def __post_init__(self) -> None:
        if self.in_flight_max < 1:
            raise ValueError(f"in_flight_max must be at least 1, got {self.in_flight_max}")
        if self.waiting_max < 0:
            raise ValueError(f"waiting_max must be at least 0, got {self.waiting_max}")


class Begin(NamedTuple):
    """Go ahead, and leave with this ticket."""

    ticket: int


class StandInLine(NamedTuple):
    """Stand in line until this ticket is called, or leave the line with it."""

    ticket: int


class Full(NamedTuple):
    """No place, and none to wait for."""


BulkheadDecision: TypeAlias = Begin | StandInLine | Full


def bulkhead_step(in_flight: int, waiting: int, in_flight_max: int, waiting_max: int) -> int:
    """Decide on one arrival: 2 to begin, 1 to wait, 0 to be refused.

    Args:
        in_flight: how many are being worked on.
        waiting: how many stand in line; nobody does while there is a place.
        in_flight_max: how many may be worked on.
        waiting_max: how many may stand in line.
    """
    if in_flight < in_flight_max:
        return 2
    return 1 if waiting < waiting_max else 0


class Bulkhead:
    """Lets in at most so many at a time, in the order in which they came."""

    __slots__ = ("_in_flight", "_limits", "_ticket", "_waiting")

    def __init__(self, limits: BulkheadLimits) -> None:
        self._limits = limits
        self._ticket = 0
        self._in_flight: set[int] = set()
        # In the order of arrival, as dictionaries are; the values say nothing.
        self._waiting: dict[int, None] = {}

    @property
    def in_flight(self) -> int:
        """How many are being worked on."""
        return len(self._in_flight)

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._waiting)

    def arrive(self) -> BulkheadDecision:
        """Decide on one that wants in."""
        limits = self._limits
        verdict = bulkhead_step(
            self.in_flight, self.waiting, limits.in_flight_max, limits.waiting_max
        )
        if verdict == 0:
            return Full()
        self._ticket += 1
        if verdict == 1:
            self._waiting[self._ticket] = None
            return StandInLine(self._ticket)
        self._in_flight.add(self._ticket)
        return Begin(self._ticket)

    def leave(self, ticket: int) -> int | None:
        """Take back a ticket, and return the one that is called in its place, if any.

        A ticket that has left before, or never was, changes nothing and calls nobody.
        """
        if ticket in self._waiting:
            del self._waiting[ticket]
            return None
        if ticket not in self._in_flight:
            return None
        self._in_flight.remove(ticket)
        if not self._waiting:
            return None
        called = next(iter(self._waiting))
        del self._waiting[called]
        self._in_flight.add(called)
        return called
