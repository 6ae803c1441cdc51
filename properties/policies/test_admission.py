"""Laws of the bulkhead: never too many, nobody forgotten, in whatever order they leave."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policies.admission import Begin, Bulkhead, BulkheadLimits, Full, StandInLine


class BulkheadMachine(RuleBasedStateMachine):
    """Keeps its own list of who is inside and who stands in line."""

    limits: BulkheadLimits
    bulkhead: Bulkhead

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[int] = []
        self.line: list[int] = []
        self.gone: list[int] = [0, -1, 10**9]
        self.arrived = self.refused = 0

    @initialize(in_flight_max=st.integers(1, 3), waiting_max=st.integers(0, 3))
    def a_bulkhead_is_put_up(self, in_flight_max: int, waiting_max: int) -> None:
        """Begin empty."""
        self.limits = BulkheadLimits(in_flight_max, waiting_max)
        self.bulkhead = Bulkhead(self.limits)

    @rule(arrivals=st.integers(1, 4))
    def some_arrive(self, arrivals: int) -> None:
        """They are let in, put in line, or sent away, in this order of preference."""
        for _ in range(arrivals):
            self.arrived += 1
            admission = self.bulkhead.arrive()
            match admission:
                case Begin(ticket):
                    assert len(self.inside) < self.limits.in_flight_max, "one too many is inside"
                    assert not self.line, "somebody passed those in line"
                    self._is_new(ticket)
                    self.inside.append(ticket)
                case StandInLine(ticket):
                    assert len(self.inside) == self.limits.in_flight_max, "there was a place"
                    assert len(self.line) < self.limits.waiting_max, "the line is too long"
                    self._is_new(ticket)
                    self.line.append(ticket)
                case Full():
                    assert len(self.inside) == self.limits.in_flight_max, "there was a place"
                    assert len(self.line) == self.limits.waiting_max, "there was room in line"
                    self.refused += 1

    def _is_new(self, ticket: int) -> None:
        assert ticket not in [*self.inside, *self.line, *self.gone], "two have one ticket"

    @precondition(lambda self: self.inside)
    @rule(which=st.integers(0, 9))
    def one_inside_leaves(self, which: int) -> None:
        """The one that has stood in line for longest takes the place."""
        ticket = self.inside.pop(which % len(self.inside))
        self.gone.append(ticket)
        called = self.bulkhead.leave(ticket)
        if self.line:
            assert called == self.line[0], "not the first in line was called"
            self.inside.append(self.line.pop(0))
        else:
            assert called is None, "somebody was called whom nobody knows"

    @precondition(lambda self: self.line)
    @rule(which=st.integers(0, 9))
    def one_in_line_gives_up(self, which: int) -> None:
        """A place in line is not a place inside: nobody is called."""
        ticket = self.line.pop(which % len(self.line))
        self.gone.append(ticket)
        assert self.bulkhead.leave(ticket) is None

    @rule(which=st.integers(0, 9))
    def a_ticket_comes_back_that_has_left_or_never_was(self, which: int) -> None:
        """That frees nothing."""
        assert self.bulkhead.leave(self.gone[which % len(self.gone)]) is None

    @invariant()
    def the_numbers_are_those_of_the_lists(self) -> None:
        """What arrived is inside, in line, gone, or was refused."""
        assert self.bulkhead.in_flight == len(self.inside) <= self.limits.in_flight_max
        assert self.bulkhead.waiting == len(self.line) <= self.limits.waiting_max
        gone = len(self.gone) - 3
        assert self.arrived == len(self.inside) + len(self.line) + gone + self.refused

    def teardown(self) -> None:
        """When all have left, all places are there again, and each was called or gave up."""
        while self.inside:
            self.one_inside_leaves(0)
        if hasattr(self, "bulkhead"):
            assert self.bulkhead.in_flight == self.bulkhead.waiting == 0
            self.some_arrive(self.limits.in_flight_max)
            assert len(self.inside) == self.limits.in_flight_max


TestBulkhead = BulkheadMachine.TestCase
