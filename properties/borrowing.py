"""Borrowers of a connection pool, played to the end: who had which connection, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple

from hypothesis import strategies as st

from policies.connection_pool import (
    Action,
    Close,
    ConnectionPool,
    Lend,
    Open,
    PoolLimits,
    TimedOut,
)
from properties.checkers.intervals import Span, exact
from properties.strategies.pools import INTERVAL_NS, pool_limits


class Borrower(NamedTuple):
    """Somebody who wants a connection."""

    at_ns: int
    patience_ns: int
    hold_ns: int
    spoils: bool
    leaves_after_ns: int | None
    """Is cancelled so long after asking, wherever that is; None: is not."""


class Play(NamedTuple):
    """A pool, and what happens to it."""

    limits: PoolLimits
    borrowers: tuple[Borrower, ...]
    open_ns: int
    """How long the server takes to open a connection."""

    refused: frozenset[int]
    """Numbers of connections that the server refuses to open."""

    failovers_ns: tuple[int, ...]


@dataclass
class Tale:
    """What came of a play."""

    existing: list[Span] = field(default_factory=list)
    """From the order to open a connection to the order to close it."""

    owned: list[Span] = field(default_factory=list)
    """By connection, from when it was lent to when it was given back."""

    asked_ns: dict[int, int] = field(default_factory=dict)
    lent_ns: dict[int, int] = field(default_factory=dict)
    """By ticket, in the order in which it happened."""

    timed_out_ns: dict[int, int] = field(default_factory=dict)
    openings_ns: list[int] = field(default_factory=list)
    opened_ns: dict[int, int] = field(default_factory=dict)
    throttled_ns: list[int] = field(default_factory=list)
    """When a failover, or an opening that failed, was told."""

    in_use_ns: int = 0
    """How many connections were in use, as the pool says, added up over time."""

    end_ns: int = 0


@st.composite
def plays(draw: st.DrawFn, *, calm: bool = False) -> Play:
    """Borrowers in phrases: some at once, some in a row, a pause; servers that fail now and then.

    Args:
        draw: given by Hypothesis.
        calm: whether nothing fails and everybody is patient.
    """
    limits = draw(pool_limits())
    borrowers, now_ns = [], 0
    for _ in range(draw(st.integers(1, 5))):
        now_ns += draw(st.sampled_from([0, 1, INTERVAL_NS, 29, 30, 79, 101]))
        crowd, gap_ns = draw(st.integers(1, 6)), draw(st.sampled_from([0, 0, 1, 7]))
        for _ in range(crowd):
            now_ns += gap_ns
            patience_ns = 10**6 if calm else draw(st.sampled_from([0, 1, 8, 10**6]))
            leaves_ns = None if calm else draw(st.none() | st.sampled_from([0, 1, 9]))
            spoils = not calm and draw(st.integers(0, 4)) == 0
            hold_ns = draw(st.sampled_from([1, 5, 12, 40]))
            borrowers.append(Borrower(now_ns, patience_ns, hold_ns, spoils, leaves_ns))
    fails = st.sets(st.integers(1, 6), max_size=3)
    return Play(
        limits,
        tuple(borrowers),
        draw(st.sampled_from([0, 1, 6])),
        frozenset() if calm else frozenset(draw(fails)),
        () if calm else tuple(draw(st.lists(st.sampled_from([3, 15, 16, 60]), max_size=2))),
    )


def played(play: Play) -> Tale:
    """Play to the end: until nobody waits, and nothing is lent, opened or idle."""
    return _Stage(play).tale


class _Stage:
    def __init__(self, play: Play) -> None:
        self._play = play
        self._pool = ConnectionPool(play.limits)
        self._numbers = count()
        self._events: list[tuple[int, int, str, int]] = []
        self._now_ns = 0
        self._waiting: dict[int, Borrower] = {}
        self._held: dict[int, tuple[int, int]] = {}
        self._born_ns: dict[int, int] = {}
        self.tale = Tale()
        for index, borrower in enumerate(play.borrowers):
            self._later(borrower.at_ns, "ask", index)
        for at_ns in play.failovers_ns:
            self._later(at_ns, "fail over", 0)
        heapify(self._events)
        self._run()

    def _later(self, at_ns: int, what: str, number: int) -> None:
        heappush(self._events, (at_ns, next(self._numbers), what, number))

    def _run(self) -> None:
        while True:
            due_ns = self._pool.next_due_ns()
            next_ns = self._events[0][0] if self._events else None
            times_ns = [at_ns for at_ns in (due_ns, next_ns) if at_ns is not None]
            if not times_ns:
                break
            self._advance_to(min(times_ns))
            if due_ns == self._now_ns:
                self._follow(self._pool.due(self._now_ns))
            else:
                _, _, what, number = heappop(self._events)
                self._happens(what, number)
        assert not self._waiting, "somebody waits for ever"
        assert not self._held
        assert not self._born_ns
        self.tale.end_ns = self._now_ns

    def _advance_to(self, at_ns: int) -> None:
        self.tale.in_use_ns += self._pool.in_use * (at_ns - self._now_ns)
        self._now_ns = at_ns

    def _happens(self, what: str, number: int) -> None:
        pool, now_ns = self._pool, self._now_ns
        match what:
            case "ask":
                self._ask(self._play.borrowers[number])
            case "opened" if number in self._play.refused:
                self.tale.throttled_ns.append(now_ns)
                self._gone(number)
                self._follow(pool.open_failed(now_ns, number))
            case "opened":
                self.tale.opened_ns[number] = now_ns
                self._follow(pool.opened(now_ns, number, 0.5))
            case "fail over":
                self.tale.throttled_ns.append(now_ns)
                self._follow(pool.failed_over(now_ns))
            case "leave":
                # Whoever is lent one and goes gives it back; who waits just goes.
                self._waiting.pop(number, None)
                self._owned_until_now(number)
                self._follow(pool.cancel(now_ns, number))
            case "spoil" | "give back":
                if self._owned_until_now(number):
                    self._follow(pool.give_back(now_ns, number, spoilt=what == "spoil"))
            case _:
                raise AssertionError(what)

    def _ask(self, borrower: Borrower) -> None:
        ticket, actions = self._pool.ask(self._now_ns, self._now_ns + borrower.patience_ns)
        self._waiting[ticket] = borrower
        self.tale.asked_ns[ticket] = self._now_ns
        if borrower.leaves_after_ns is not None:
            self._later(self._now_ns + borrower.leaves_after_ns, "leave", ticket)
        self._follow(actions)

    def _follow(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Open(number):
                    self._born_ns[number] = self._now_ns
                    self.tale.openings_ns.append(self._now_ns)
                    self._later(self._now_ns + self._play.open_ns, "opened", number)
                case Close(number):
                    self._gone(number)
                case Lend(ticket, number):
                    self.tale.lent_ns[ticket] = self._now_ns
                    self._held[ticket] = number, self._now_ns
                    borrower = self._waiting.pop(ticket)
                    what = "spoil" if borrower.spoils else "give back"
                    self._later(self._now_ns + borrower.hold_ns, what, ticket)
                case TimedOut(ticket):
                    del self._waiting[ticket]
                    self.tale.timed_out_ns[ticket] = self._now_ns

    def _gone(self, number: int) -> None:
        born_ns = self._born_ns.pop(number)
        span = exact("server", f"connection {number}", 1, born_ns, self._now_ns)
        self.tale.existing.append(span)

    def _owned_until_now(self, ticket: int) -> bool:
        if ticket not in self._held:
            return False
        number, since_ns = self._held.pop(ticket)
        holder = f"ticket {ticket}"
        self.tale.owned.append(exact(f"connection {number}", holder, 1, since_ns, self._now_ns))
        return True
