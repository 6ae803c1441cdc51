"""Laws of the connection pool, for borrowers that give back late, twice, or never."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policies.connection_pool import (
    TIME_MAX_NS,
    Action,
    Close,
    ConnectionPool,
    Lend,
    Open,
    PoolLimits,
    TimedOut,
    pool_share,
    retire_step,
)
from properties.profiles import scaled
from properties.strategies import uniforms
from properties.strategies.pools import pool_limits, steps_ns


@dataclass
class Line:
    """A connection, as its driver knows it."""

    generation: int
    opened_ns: int | None = None
    free_since_ns: int = 0
    holder: int | None = None
    spoilt: bool = False


class PoolMachine(RuleBasedStateMachine):
    """Drives a pool, keeps its own account of everything, and holds the pool to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.generation = 0
        self.lines: dict[int, Line] = {}
        self.waiting: dict[int, int] = {}
        self.used_up: list[int] = []
        self.opened_at_ns: list[int] = []
        self.throttled: list[tuple[int, int]] = []

    @initialize(limits=pool_limits())
    def begin(self, limits: PoolLimits) -> None:
        """Begin with an empty pool."""
        self.limits = limits
        self.pool = ConnectionPool(limits)

    @rule(step_ns=steps_ns())
    def time_passes(self, step_ns: int) -> None:
        """Go on, stopping wherever the pool wants to be called."""
        until_ns = self.now_ns + step_ns
        while (due_ns := self.pool.next_due_ns()) is not None and due_ns <= until_ns:
            assert due_ns > self.now_ns, "what is due now was not done"
            self.now_ns = due_ns
            assert self.follow(self.pool.due(due_ns)), "the pool was called for nothing"
        self.now_ns = until_ns
        assert not self.follow(self.pool.due(until_ns)), "it was not told when to call"

    @rule(borrowers=st.integers(1, 4), patience_ns=st.sampled_from([0, 1, 10, 40, 1000]))
    def borrowers_come(self, borrowers: int, patience_ns: int) -> None:
        """Ask, one after the other."""
        for _ in range(borrowers):
            ticket, actions = self.pool.ask(self.now_ns, self.now_ns + patience_ns)
            assert ticket not in {*self.waiting, *self.used_up}, "a ticket was given out twice"
            self.waiting[ticket] = self.now_ns + patience_ns
            self.follow(actions)

    @precondition(lambda self: self.being_opened())
    @rule(latest=st.booleans(), uniforms=st.lists(uniforms(), min_size=1, max_size=3))
    def openings_succeed(self, *, latest: bool, uniforms: list[float]) -> None:
        """Report some of the connections that are being opened."""
        opening = self.being_opened()[:: -1 if latest else 1]
        for number, uniform in zip(opening, uniforms, strict=False):
            self.lines[number].opened_ns = self.lines[number].free_since_ns = self.now_ns
            self.follow(self.pool.opened(self.now_ns, number, uniform))

    @precondition(lambda self: self.being_opened())
    @rule(times=st.integers(1, 3))
    def openings_fail(self, times: int) -> None:
        """The server refuses, or is away, once or a few times in a row."""
        for number in self.being_opened()[:times]:
            del self.lines[number]
            self.throttled.append((len(self.opened_at_ns), self.now_ns))
            self.follow(self.pool.open_failed(self.now_ns, number))

    @precondition(lambda self: self.lent())
    @rule(latest=st.booleans(), spoilt=st.booleans(), cancelled=st.booleans())
    def a_borrower_gives_back(self, *, latest: bool, spoilt: bool, cancelled: bool) -> None:
        """Give back what was lent; somebody who is cancelled does the same."""
        number = self.lent()[-1 if latest else 0]
        line = self.lines[number]
        assert line.holder is not None
        self.used_up.append(line.holder)
        ticket, line.holder, line.free_since_ns = line.holder, None, self.now_ns
        if cancelled:
            self.follow(self.pool.cancel(self.now_ns, ticket))
            return
        line.spoilt = spoilt
        self.follow(self.pool.give_back(self.now_ns, ticket, spoilt=spoilt))

    @precondition(lambda self: self.waiting)
    @rule(first=st.booleans())
    def a_waiting_borrower_is_cancelled(self, *, first: bool) -> None:
        """Somebody in line goes away; nobody else is to notice."""
        ticket = list(self.waiting)[0 if first else -1]
        del self.waiting[ticket]
        self.used_up.append(ticket)
        self.follow(self.pool.cancel(self.now_ns, ticket))

    @precondition(lambda self: self.used_up)
    @rule(spoilt=st.booleans())
    def a_used_up_ticket_is_given_back_again(self, *, spoilt: bool) -> None:
        """It says nothing about who has the connection now."""
        assert not self.follow(self.pool.give_back(self.now_ns, self.used_up[-1], spoilt=spoilt))

    @precondition(lambda self: self.lines)
    @rule()
    def the_server_fails_over(self) -> None:
        """Another server answers to the name."""
        self.generation += 1
        self.throttled.append((len(self.opened_at_ns), self.now_ns))
        self.follow(self.pool.failed_over(self.now_ns))

    def follow(self, actions: tuple[Action, ...]) -> int:
        """Do what the pool says, and judge each of it; return how much it was."""
        for action in actions:
            match action:
                case Open(number):
                    assert number not in self.lines, "two connections have one number"
                    self.lines[number] = Line(self.generation)
                    self.opened_at_ns.append(self.now_ns)
                    self.judge_rate()
                case Close(number):
                    self.judge_closing(self.lines.pop(number))
                case Lend(ticket, number):
                    self.judge_lending(ticket, self.lines[number])
                case TimedOut(ticket):
                    assert self.waiting.pop(ticket) <= self.now_ns, "timed out too soon"
                    self.used_up.append(ticket)
            assert len(self.lines) <= self.limits.connections_max
        return len(actions)

    def judge_rate(self) -> None:
        """No stretch that ends now holds more openings than the rate allows."""
        limits = self.limits
        for count, at_ns in enumerate(reversed(self.opened_at_ns), start=1):
            assert (
                count <= limits.connections_max + (self.now_ns - at_ns) // limits.open_interval_ns
            )
        for index, begun_ns in self.throttled:
            by_rate = (self.now_ns - begun_ns) // limits.open_interval_ns
            assert len(self.opened_at_ns) - index <= 1 + by_rate, "a storm of connections"

    def judge_lending(self, ticket: int, line: Line) -> None:
        """The first in line gets a connection that is open, good, and nobody's."""
        assert line.opened_ns is not None, "lent before it was open"
        assert line.holder is None, "lent to two at a time"
        assert not line.spoilt, "lent although it was spoilt"
        assert line.generation == self.generation, "lent although the server is another one"
        assert self.now_ns - line.opened_ns < self.limits.lifetime_max_ns, "lent too old"
        assert self.now_ns - line.free_since_ns < self.limits.idle_max_ns, "lent after idling"
        assert ticket == next(iter(self.waiting)), "somebody was overtaken"
        assert self.waiting.pop(ticket) > self.now_ns, "lent when it was too late"
        line.holder = ticket

    def judge_closing(self, line: Line) -> None:
        """Nobody has it, and there is a reason."""
        assert line.holder is None, "closed under its borrower's hands"
        limits = self.limits
        assert line.opened_ns is not None
        youngest_ns = limits.lifetime_max_ns * (100 - limits.lifetime_jitter_percent) // 100
        assert (
            line.spoilt
            or line.generation < self.generation
            or self.now_ns - line.free_since_ns >= limits.idle_max_ns
            or self.now_ns - line.opened_ns >= youngest_ns
        ), "closed without need"

    def being_opened(self) -> list[int]:
        """Return the connections of whose opening nothing is known yet, the first one first."""
        return [number for number, line in self.lines.items() if line.opened_ns is None]

    def lent(self) -> list[int]:
        """Return the connections that somebody has."""
        return [number for number, line in self.lines.items() if line.holder is not None]

    @invariant()
    def its_numbers_are_the_driver_s(self) -> None:
        """Nothing leaks: whatever exists is idle, lent, or being opened."""
        pool = self.pool
        assert pool.in_use == len(self.lent())
        assert pool.opening == len(self.being_opened())
        assert pool.idle + pool.in_use + pool.opening == len(self.lines)
        assert pool.waiting == len(self.waiting)

    @invariant()
    def nobody_waits_beside_an_idle_connection_or_past_a_deadline(self) -> None:
        """Connections do not stand about, and nobody waits in vain for longer than agreed."""
        assert not (self.pool.waiting and self.pool.idle)
        assert all(deadline_ns > self.now_ns for deadline_ns in self.waiting.values())

    @invariant()
    def whoever_waits_has_an_opening_or_there_is_no_room_or_one_just_began(self) -> None:
        """The bound on the rate is no reason to open nothing."""
        limits = self.limits
        lacking = len(self.waiting) > len(self.being_opened())
        if lacking and len(self.lines) < limits.connections_max:
            again_ns = self.opened_at_ns[-1] + limits.open_interval_ns
            due_ns = self.pool.next_due_ns()
            assert due_ns is not None
            assert self.now_ns < due_ns <= again_ns

    def teardown(self) -> None:
        """Once all have given back and the server answers, nothing is in use; then nothing is."""
        if not hasattr(self, "pool"):
            return
        for _ in range(1000):
            for _ in self.lent():
                self.a_borrower_gives_back(latest=False, spoilt=False, cancelled=False)
            self.openings_succeed(latest=False, uniforms=[0.5] * 3)
            self.whoever_waits_has_an_opening_or_there_is_no_room_or_one_just_began()
            if not self.waiting and not self.lent():
                break
            self.time_passes(self.limits.open_interval_ns)
        assert self.pool.waiting == self.pool.in_use == 0
        self.time_passes(self.limits.idle_max_ns)
        assert not self.lines


TestConnectionPool = PoolMachine.TestCase
TestConnectionPool.settings = settings(
    TestConnectionPool.settings, stateful_step_count=30, max_examples=scaled(250)
)


@given(
    opened_ns=st.integers(0, 2**62),
    lifetime_max_ns=st.integers(1, 200) | st.integers(1, TIME_MAX_NS),
    jitter_percent=st.integers(0, 100),
    uniform=uniforms(),
)
def test_a_lifetime_is_shorter_by_the_jitter_at_most_and_never_longer(
    opened_ns: int, lifetime_max_ns: int, jitter_percent: int, uniform: float
) -> None:
    lived_ns = retire_step(opened_ns, lifetime_max_ns, jitter_percent, uniform) - opened_ns
    assert lifetime_max_ns * (100 - jitter_percent) <= 100 * lived_ns <= 100 * lifetime_max_ns


@given(
    server_max=st.integers(1, 500),
    reserved=st.integers(0, 20),
    processes=st.integers(1, 40),
    besides=st.integers(0, 2),
)
def test_the_shares_of_a_fleet_fit_and_one_more_each_would_not(
    server_max: int, reserved: int, processes: int, besides: int
) -> None:
    try:
        share = pool_share(server_max, reserved=reserved, processes=processes, besides=besides)
    except ValueError:
        assert processes * (1 + besides) + reserved > server_max
        return
    assert share >= 1
    assert processes * (share + besides) + reserved <= server_max
    assert processes * (share + 1 + besides) + reserved > server_max
