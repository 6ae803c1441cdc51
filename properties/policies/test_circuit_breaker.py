"""Laws of the circuit breaker, for calls that come back late, out of order, or never."""

from copy import deepcopy

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies import BreakerLimits, CircuitBreaker, State

# Two failures are enough to open it, so that short runs reach every state.
LIMITS = BreakerLimits(cool_down_ns=10, failures_max=2)


class BreakerMachine(RuleBasedStateMachine):
    """Keeps its own account of what came of the calls, and holds the breaker to it."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker(LIMITS)
        self.now_ns = 0
        self.out: list[int] = []
        self.newest = 0
        self.failures_in_a_row = 0
        self.shut_until_ns = 0

    @rule(step_ns=st.sampled_from([1, 9, 10, 11]))
    def time_passes(self, step_ns: int) -> None:
        """Go on by about a cool-down, or by hardly anything."""
        self.now_ns += step_ns

    @rule()
    def a_call_wants_to_go_out(self) -> None:
        """Ask for a ticket; it is granted whenever nothing speaks against it."""
        before = self.breaker.state
        ticket = self.breaker.admit(self.now_ns)
        if ticket is None:
            assert self.now_ns < self.shut_until_ns, "a call was refused without need"
            return
        assert self.now_ns >= self.shut_until_ns, "a call went out while the breaker was shut"
        if before is State.CLOSED:
            assert self.breaker.state is State.CLOSED
            assert ticket >= self.newest, "a ticket was given out again in a later stretch"
        else:
            assert self.breaker.state is State.HALF_OPEN
            assert ticket > self.newest, "a probe went out with a ticket of before"
            self.shut_until_ns = self.now_ns + LIMITS.cool_down_ns
        if ticket > self.newest:
            self.failures_in_a_row = 0
        self.newest = ticket
        self.out.append(ticket)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def a_call_succeeds(self, data: st.DataObject) -> None:
        """Report any call that is out, which may be the oldest."""
        ticket = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before = self.breaker.state
        self.breaker.succeeded(ticket)
        if ticket == self.newest and before is not State.OPEN:
            self.failures_in_a_row = 0
            self.shut_until_ns = self.now_ns
            assert self.breaker.state is State.CLOSED
        else:
            assert self.breaker.state is before, "word of an earlier stretch was heeded"

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def a_call_fails(self, data: st.DataObject) -> None:
        """Report any call that is out, which may be the oldest."""
        ticket = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before = self.breaker.state
        self.breaker.failed(ticket, self.now_ns)
        if ticket != self.newest or before is State.OPEN:
            assert self.breaker.state is before, "word of an earlier stretch was heeded"
            return
        self.failures_in_a_row += 1
        if before is State.HALF_OPEN or self.failures_in_a_row == LIMITS.failures_max:
            assert self.breaker.state is State.OPEN
            self.failures_in_a_row = 0
            self.shut_until_ns = self.now_ns + LIMITS.cool_down_ns
        else:
            assert self.breaker.state is State.CLOSED

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def a_call_is_lost(self, data: st.DataObject) -> None:
        """Never report a call, as when its caller was cancelled."""
        self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))

    @invariant()
    def a_refused_call_goes_out_when_it_was_told_to_return_and_no_sooner(self) -> None:
        """Try both on copies: the breaker itself is not to notice."""
        wait_ns = self.breaker.retry_after_ns(self.now_ns)
        assert wait_ns == max(0, self.shut_until_ns - self.now_ns)
        assert deepcopy(self.breaker).admit(self.now_ns + wait_ns) is not None
        if wait_ns > 0:
            assert deepcopy(self.breaker).admit(self.now_ns + wait_ns - 1) is None

    def teardown(self) -> None:
        """A service that is well again gets its calls back, whatever happened before."""
        self.now_ns += LIMITS.cool_down_ns
        ticket = self.breaker.admit(self.now_ns)
        assert ticket is not None
        self.breaker.succeeded(ticket)
        assert self.breaker.state is State.CLOSED


TestCircuitBreaker = BreakerMachine.TestCase
