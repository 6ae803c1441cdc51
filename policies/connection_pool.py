"""Connection pool: a bounded number of connections, each lent to one borrower at a time.

    waiting --lent--> borrowed --given back--> over          a ticket
       |---- deadline passed, or cancelled ----> over

    opening --opened--> in use <--> idle --> closed          a connection

- At most ``connections_max`` connections exist, the ones that are being opened included.
- Borrowers are served in the order in which they asked. A newcomer does not get past those who
  wait: while anybody waits, nothing is idle.
- Whoever asked is answered before the deadline, or told at it.
- A connection that is older than its lifetime, was idle for too long, was given back as spoilt, or
  was opened before the last failover is lent to nobody again.
- No more connections are opened than borrowers wait for them. In any stretch of ``t`` nanoseconds
  at most ``connections_max + t // open_interval_ns`` are; in the first ``t`` after a failover, or
  after an opening that failed, ``1 + t // open_interval_ns``: clients do not storm a new primary.

The pool decides and does nothing: it is told what happened, and answers with what to do, to be
done in that order. What its driver tells of a connection that is not being opened is a mistake
of the driver, and asserted; what a ticket's holder tells too late or twice changes nothing.

Source: for retirement, HikariCP's documentation of ``maxLifetime`` and ``idleTimeout``
(B. Wooldridge); for the sum over a fleet, PostgreSQL's of ``max_connections``.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple, TypeAlias

from policies.token_bucket import gcra_step

TIME_MAX_NS: Final = 2**53
"""The longest time there is in the settings; a hundred days."""

_OVER_MAX: Final = 16
"""So many deadlines of tickets that wait no longer are not worth going over them."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections there may be, and for how long each.

    Raises:
        ValueError: a number is outside of its range.
    """

    connections_max: int
    """Connections at most, at any moment; at least 1."""

    idle_max_ns: int
    """A connection that nobody wanted for so long is closed; 1 to ``TIME_MAX_NS``."""

    lifetime_max_ns: int
    """A connection this old is closed when it is given back; 1 to ``TIME_MAX_NS``."""

    open_interval_ns: int
    """Between two openings, when openings come one by one; 1 to ``TIME_MAX_NS``."""

    lifetime_jitter_percent: int = 10
    """By up to so much lifetimes are shorter, so that not all end together; 0 to 100."""

    def __post_init__(self) -> None:
        if self.connections_max < 1:
            raise ValueError(f"connections_max must be at least 1, got {self.connections_max}")
        for name in ("idle_max_ns", "lifetime_max_ns", "open_interval_ns"):
            if not 1 <= getattr(self, name) <= TIME_MAX_NS:
                raise ValueError(f"{name} must be 1 to {TIME_MAX_NS}, got {getattr(self, name)}")
        if not 0 <= self.lifetime_jitter_percent <= 100:  # noqa: PLR2004  # percent
            raise ValueError(
                f"lifetime_jitter_percent must be 0 to 100, got {self.lifetime_jitter_percent}"
            )


class Open(NamedTuple):
    """Open a connection that will have this number; tell ``opened`` or ``open_failed`` of it."""

    connection: int


class Close(NamedTuple):
    """Close this connection; it is none of the pool's any more."""

    connection: int


class Lend(NamedTuple):
    """The holder of ``ticket``, and nobody else, may use ``connection`` until it is given back."""

    ticket: int
    connection: int


class TimedOut(NamedTuple):
    """The holder of ``ticket`` has waited in vain."""

    ticket: int


Action: TypeAlias = Open | Close | Lend | TimedOut


class Asked(NamedTuple):
    """A ticket for one connection, and what to do now."""

    ticket: int
    actions: tuple[Action, ...]


def retire_step(opened_ns: int, lifetime_max_ns: int, jitter_percent: int, uniform: float) -> int:
    """Return when a connection is too old; sooner by up to the jitter.

    Times up to 2**62, lifetimes up to ``TIME_MAX_NS``; ``uniform`` is from [0, 1).
    """
    return opened_ns + lifetime_max_ns - int(lifetime_max_ns * jitter_percent // 100 * uniform)


def usable_step(now_ns: int, retire_ns: int, generation: int, newest: int) -> bool:
    """Return whether a connection may be lent: young enough, and of the newest generation."""
    return generation == newest and now_ns < retire_ns


def openings_step(waiting: int, opening: int, existing: int, connections_max: int) -> int:
    """Return how many more connections to open: one for each who waits, as far as there is room."""
    return max(0, min(waiting - opening, connections_max - existing))


class _Connection:
    __slots__ = ("generation", "idle_since_ns", "retire_ns")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.retire_ns = 0
        self.idle_since_ns = 0


class ConnectionPool:
    """Says who gets which connection, and which to open and close.

    Time begins at 0. It may stand still from call to call, but not run backwards.
    """

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._tolerance_ns = (limits.connections_max - 1) * limits.open_interval_ns
        self._open_tat_ns = 0
        self._open_at_ns: int | None = None
        self._now_ns = 0
        self._generation = 0
        self._tickets = 0
        self._numbers = 0
        # Waiting tickets in the order in which they were given out, with their deadlines.
        self._waiting: dict[int, int] = {}
        self._deadlines: list[tuple[int, int]] = []
        self._borrowed: dict[int, int] = {}
        self._connections: dict[int, _Connection] = {}
        self._opening: set[int] = set()
        # The one given back last is lent first, so that those too many get old.
        self._idle: deque[int] = deque()

    @property
    def waiting(self) -> int:
        """How many borrowers wait."""
        return len(self._waiting)

    @property
    def opening(self) -> int:
        """How many connections are being opened."""
        return len(self._opening)

    @property
    def in_use(self) -> int:
        """How many connections are lent."""
        return len(self._borrowed)

    @property
    def idle(self) -> int:
        """How many connections are open, and lent to nobody."""
        return len(self._idle)

    def ask(self, now_ns: int, deadline_ns: int) -> Asked:
        """Ask for a connection, to be lent before ``deadline_ns``; at it is too late."""
        self._tickets += 1
        self._waiting[self._tickets] = deadline_ns
        heappush(self._deadlines, (deadline_ns, self._tickets))
        # Tickets that wait no longer leave from the top alone, so behind one with an early deadline
        # they would gather as long as anybody waits.
        if len(self._deadlines) > 2 * len(self._waiting) + _OVER_MAX:
            self._deadlines = [(until_ns, ticket) for ticket, until_ns in self._waiting.items()]
            heapify(self._deadlines)
        return Asked(self._tickets, self._settle(now_ns))

    def opened(self, now_ns: int, connection: int, uniform: float) -> tuple[Action, ...]:
        """Tell that a connection is open.

        Args:
            now_ns: the time.
            connection: its number, as ``Open`` had it.
            uniform: a draw from [0, 1), for its lifetime.
        """
        assert connection in self._opening, f"nobody opens {connection}"
        self._opening.remove(connection)
        it, limits = self._connections[connection], self._limits
        it.retire_ns = retire_step(
            now_ns, limits.lifetime_max_ns, limits.lifetime_jitter_percent, uniform
        )
        return self._settle(now_ns, self._shelved(now_ns, connection))

    def open_failed(self, now_ns: int, connection: int) -> tuple[Action, ...]:
        """Tell that a connection could not be opened; others follow one by one."""
        assert connection in self._opening, f"nobody opens {connection}"
        self._opening.remove(connection)
        del self._connections[connection]
        self._open_one_by_one(now_ns)
        return self._settle(now_ns)

    def give_back(self, now_ns: int, ticket: int, *, spoilt: bool = False) -> tuple[Action, ...]:
        """Take back what was lent to ``ticket``; a ticket that has nothing changes nothing.

        Args:
            now_ns: the time.
            ticket: whose holder has done with it, and will not use it again.
            spoilt: whether nobody else ought to have it: it failed, or was left in a state.
        """
        connection = self._borrowed.pop(ticket, None)
        if connection is None:
            return self._settle(now_ns)
        if spoilt:
            del self._connections[connection]
            return self._settle(now_ns, [Close(connection)])
        return self._settle(now_ns, self._shelved(now_ns, connection))

    def cancel(self, now_ns: int, ticket: int) -> tuple[Action, ...]:
        """Tell that the holder of ``ticket`` does not want a connection any more.

        One who was lent a connection, whether or not the word of it has arrived, gives it back.
        """
        self._waiting.pop(ticket, None)
        return self.give_back(now_ns, ticket)

    def failed_over(self, now_ns: int) -> tuple[Action, ...]:
        """Tell that the server is another one now: what was opened before is of no use."""
        self._generation += 1
        self._open_one_by_one(now_ns)
        return self._settle(now_ns)

    def due(self, now_ns: int) -> tuple[Action, ...]:
        """Do what is due by now; to be called when ``next_due_ns`` has come."""
        return self._settle(now_ns)

    def next_due_ns(self) -> int | None:
        """Return when something is due if nothing else happens before; None: never."""
        limits = self._limits
        times = [self._waiting[ticket] for ticket in self._first_deadline()]
        times += [
            min(it.retire_ns, it.idle_since_ns + limits.idle_max_ns)
            for it in map(self._connections.__getitem__, self._idle)
        ]
        if self._open_at_ns is not None:
            times.append(self._open_at_ns)
        return min(times, default=None)

    def _settle(self, now_ns: int, first: list[Action] | None = None) -> tuple[Action, ...]:
        """Bring everything in order for this moment; return what to do, ``first`` included."""
        assert now_ns >= self._now_ns, "time ran backwards"
        self._now_ns = now_ns
        actions = first or []
        for ticket in self._first_deadline(until_ns=now_ns):
            del self._waiting[ticket]
            actions.append(TimedOut(ticket))
        actions += self._retired(now_ns)
        while self._waiting and self._idle:
            ticket, connection = next(iter(self._waiting)), self._idle.pop()
            del self._waiting[ticket]
            self._borrowed[ticket] = connection
            actions.append(Lend(ticket, connection))
        return (*actions, *self._openings(now_ns))

    def _first_deadline(self, until_ns: int | None = None) -> list[int]:
        """Return the ticket whose deadline comes first, or all up to ``until_ns``."""
        found: list[int] = []
        while self._deadlines:
            deadline_ns, ticket = self._deadlines[0]
            if ticket in self._waiting:
                if until_ns is None:
                    return [ticket]
                if deadline_ns > until_ns:
                    break
                found.append(ticket)
            heappop(self._deadlines)
        return found

    def _retired(self, now_ns: int) -> list[Action]:
        """Close the idle connections that are not to be lent any more."""
        gone = [
            number
            for number in self._idle
            if not self._usable(number, now_ns)
            or now_ns - self._connections[number].idle_since_ns >= self._limits.idle_max_ns
        ]
        for number in gone:
            self._idle.remove(number)
            del self._connections[number]
        return [Close(number) for number in gone]

    def _shelved(self, now_ns: int, connection: int) -> list[Action]:
        """Put a connection where the next borrower finds it, or close it if it is past use."""
        if self._usable(connection, now_ns):
            self._connections[connection].idle_since_ns = now_ns
            self._idle.append(connection)
            return []
        del self._connections[connection]
        return [Close(connection)]

    def _usable(self, number: int, now_ns: int) -> bool:
        it = self._connections[number]
        return usable_step(now_ns, it.retire_ns, it.generation, self._generation)

    def _openings(self, now_ns: int) -> list[Action]:
        """Begin to open what borrowers wait for, as fast as the rate allows."""
        self._open_at_ns = None
        actions: list[Action] = []
        wanted = openings_step(
            len(self._waiting),
            len(self._opening),
            len(self._connections),
            self._limits.connections_max,
        )
        for _ in range(wanted):
            interval_ns = self._limits.open_interval_ns
            self._open_tat_ns, wait_ns = gcra_step(
                self._open_tat_ns, now_ns, interval_ns, self._tolerance_ns
            )
            if wait_ns > 0:
                self._open_at_ns = now_ns + wait_ns
                break
            self._numbers += 1
            self._connections[self._numbers] = _Connection(self._generation)
            self._opening.add(self._numbers)
            actions.append(Open(self._numbers))
        return actions

    def _open_one_by_one(self, now_ns: int) -> None:
        self._open_tat_ns = max(self._open_tat_ns, now_ns + self._tolerance_ns)


def pool_share(server_max: int, *, reserved: int, processes: int, besides: int = 0) -> int:
    """Return how many connections each process of a fleet may pool, so that the sum fits.

    Args:
        server_max: the server's ``max_connections``.
        reserved: of these, kept for people, replicas and maintenance.
        processes: that have a pool, at the most there will ever be: in a rollout, old and new.
        besides: connections that each process has apart from its pool.

    Raises:
        ValueError: a number makes no sense, or not even one connection each fits.
    """
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    if reserved < 0 or besides < 0:
        raise ValueError(f"reserved and besides must not be negative, got {reserved}, {besides}")
    share = (server_max - reserved) // processes - besides
    if share < 1:
        raise ValueError(
            f"server_max of {server_max} has no room for {processes} processes with "
            f"{reserved} reserved and {besides} besides each"
        )
    return share
