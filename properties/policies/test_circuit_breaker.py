"""Laws of the circuit breaker, for calls that come back late, out of order, or never."""

from copy import deepcopy

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.circuit_breaker import BreakerLimits, CircuitBreaker, State

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

    @rule(calls=st.integers(1, 3))
    def calls_want_to_go_out(self, calls: int) -> None:
        """Ask for tickets; they are granted whenever nothing speaks against it."""
        for _ in range(calls):
            before = self.breaker.state
            ticket = self.breaker.admit(self.now_ns)
            if ticket is None:
                assert self.now_ns < self.shut_until_ns, "a call was refused without need"
                return
            assert self.now_ns >= self.shut_until_ns, "a call went out while it was shut"
            if before is State.CLOSED:
                assert self.breaker.state is State.CLOSED
                assert ticket >= self.newest, "a ticket of an earlier stretch was given out"
            else:
                assert self.breaker.state is State.HALF_OPEN
                assert ticket > self.newest, "a probe went out with a ticket of before"
                self.shut_until_ns = self.now_ns + LIMITS.cool_down_ns
            self.newest = ticket
            self.out.append(ticket)

    @precondition(lambda self: self.out)
    @rule(latest=st.booleans(), went_well=st.sampled_from([False, False, True]))
    def a_call_returns(self, *, latest: bool, went_well: bool) -> None:
        """Report the latest call that is out, or the one that has been out for longest."""
        ticket = self.out.pop() if latest else self.out.pop(0)
        before = self.breaker.state
        if went_well:
            self.breaker.succeeded(ticket)
        else:
            self.breaker.failed(ticket, self.now_ns)
        if ticket != self.newest or before is State.OPEN:
            assert self.breaker.state is before, "word of an earlier stretch was heeded"
        elif went_well:
            self._account_for_a_success()
        else:
            self._account_for_a_failure(before)

    def _account_for_a_success(self) -> None:
        self.failures_in_a_row = 0
        self.shut_until_ns = self.now_ns
        assert self.breaker.state is State.CLOSED

    def _account_for_a_failure(self, before: State) -> None:
        self.failures_in_a_row += 1
        if before is State.CLOSED and self.failures_in_a_row < LIMITS.failures_max:
            assert self.breaker.state is State.CLOSED
            return
        assert self.breaker.state is State.OPEN
        self.failures_in_a_row = 0
        self.shut_until_ns = self.now_ns + LIMITS.cool_down_ns

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
