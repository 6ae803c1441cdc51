"""Laws of a breaker that looks at shares of failures, slow calls, and several probes."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from policies.circuit_breaker import BreakerLimits, CircuitBreaker, FailureRate, State
from properties.strategies.calls import COOL_DOWN_NS, breaker_limits, failure_rates, outcomes

SLOW_NS = 5


def is_too_much(limits: BreakerLimits, failed: list[bool]) -> bool:
    """Say whether a failure opens the breaker after all these outcomes, the failure the last."""
    if limits.failures_max <= len(failed) and all(failed[-limits.failures_max :]):
        return True
    if limits.rate is None:
        return False
    latest = failed[-limits.rate.window_calls :]
    return (
        len(latest) >= limits.rate.calls_min
        and sum(latest) / len(latest) >= limits.rate.percent / 100
    )


@given(limits=breaker_limits(), failed=outcomes())
def test_it_opens_on_the_first_failure_that_is_too_much_and_on_nothing_else(
    limits: BreakerLimits, failed: list[bool]
) -> None:
    breaker = CircuitBreaker(limits)
    for number, this_failed in enumerate(failed, start=1):
        ticket = breaker.admit(number)
        assert ticket is not None
        report(breaker, ticket, failed=this_failed)
        opened = this_failed and is_too_much(limits, failed[:number])
        assert breaker.state is (State.OPEN if opened else State.CLOSED)
        if opened:
            return


@given(rate=failure_rates(), failed=outcomes())
def test_fewer_calls_than_the_minimum_open_it_by_no_share(
    rate: FailureRate, failed: list[bool]
) -> None:
    breaker = CircuitBreaker(BreakerLimits(COOL_DOWN_NS, failures_max=1000, rate=rate))
    for this_failed in failed[: rate.calls_min - 1]:
        ticket = breaker.admit(0)
        assert ticket is not None
        report(breaker, ticket, failed=this_failed)
    assert breaker.state is State.CLOSED


@given(limits=breaker_limits(), failed=outcomes())
def test_what_was_counted_before_a_stretch_does_not_count_in_it(
    limits: BreakerLimits, failed: list[bool]
) -> None:
    fresh, used = CircuitBreaker(limits), CircuitBreaker(limits)
    open_and_close(used)
    for this_failed in failed:
        for breaker in (fresh, used):
            ticket = breaker.admit(COOL_DOWN_NS)
            if ticket is None:
                return
            report(breaker, ticket, failed=this_failed)
        assert fresh.state is used.state


@given(limits=breaker_limits(), late=outcomes(), then=outcomes())
def test_late_answers_of_an_earlier_stretch_change_nothing(
    limits: BreakerLimits, late: list[bool], then: list[bool]
) -> None:
    breaker = CircuitBreaker(limits)
    early = [breaker.admit(0) for _ in late]
    open_and_close(breaker)
    twin = deepcopy(breaker)
    for ticket, this_failed in zip(early, late, strict=True):
        assert ticket is not None
        report(breaker, ticket, failed=this_failed)
    for this_failed in then:
        ticket = breaker.admit(COOL_DOWN_NS)
        assert ticket == twin.admit(COOL_DOWN_NS)
        if ticket is not None:
            report(breaker, ticket, failed=this_failed)
            report(twin, ticket, failed=this_failed)
    assert breaker.state is twin.state


def open_and_close(breaker: CircuitBreaker) -> None:
    """Have the service fail until the breaker opens, and succeed until it closes."""
    while breaker.retry_after_ns(0) == 0:
        ticket = breaker.admit(0)
        assert ticket is not None
        breaker.failed(ticket, 0)
    while breaker.state is not State.CLOSED:
        ticket = breaker.admit(COOL_DOWN_NS)
        assert ticket is not None
        breaker.succeeded(ticket)


def report(breaker: CircuitBreaker, ticket: int, *, failed: bool) -> None:
    """Hand a ticket back."""
    if failed:
        breaker.failed(ticket, COOL_DOWN_NS)
    else:
        breaker.succeeded(ticket)


class ProbingMachine(RuleBasedStateMachine):
    """Keeps its own account of probes and outcomes, and holds the breaker to it."""

    limits: BreakerLimits
    breaker: CircuitBreaker

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.shut_until_ns = 0
        self.believed = State.CLOSED
        self.outcomes: list[bool] = []
        self.out: list[int] = []
        self.current: set[int] = set()
        self.answered: list[int] = []
        self.well = 0
        self.newest = 0

    @initialize(limits=breaker_limits())
    def a_breaker_is_put_in(self, limits: BreakerLimits) -> None:
        """Begin closed, with nothing known."""
        self.limits = limits
        self.breaker = CircuitBreaker(limits)

    @rule(step_ns=st.sampled_from([1, COOL_DOWN_NS - 1, COOL_DOWN_NS, COOL_DOWN_NS + 1]))
    def time_passes(self, step_ns: int) -> None:
        """Go on by about a cool-down, or by hardly anything."""
        self.now_ns += step_ns

    @rule(calls=st.integers(1, 4))
    def calls_want_to_go_out(self, calls: int) -> None:
        """Ask for tickets; they are granted whenever nothing speaks against it."""
        for _ in range(calls):
            ticket = self.breaker.admit(self.now_ns)
            if self.believed is State.CLOSED:
                assert ticket is not None
                self.current = {ticket}
            else:
                self._a_probe_wants_to_go_out(ticket)
            if ticket is not None:
                self.newest = ticket
                self.out.append(ticket)

    def _a_probe_wants_to_go_out(self, ticket: int | None) -> None:
        half_open = self.believed is State.HALF_OPEN
        has_place = half_open and len(self.current) < self.limits.probes_max
        if not has_place and self.now_ns < self.shut_until_ns:
            assert ticket is None, "a call went out while it was shut"
            return
        assert ticket is not None, "a call was refused without need"
        assert ticket > self.newest, "a probe went out with a ticket of before"
        if not has_place:
            self.current, self.well = set(), 0
        self.believed = State.HALF_OPEN
        self.current.add(ticket)
        self.shut_until_ns = self.now_ns + COOL_DOWN_NS

    @precondition(lambda self: self.out)
    @rule(
        latest=st.booleans(),
        took_ns=st.sampled_from([None, 1, 1, SLOW_NS, SLOW_NS + 1]),
    )
    def a_call_returns(self, *, latest: bool, took_ns: int | None) -> None:
        """Report the latest call that is out, or the one out for longest; None: it failed."""
        self._report(self.out.pop() if latest else self.out.pop(0), took_ns)

    @precondition(lambda self: self.believed is State.CLOSED)
    @rule()
    def the_service_goes_down(self) -> None:
        """Have one call after the other fail until it must have opened."""
        while self.believed is State.CLOSED:
            self.calls_want_to_go_out(1)
            self._report(self.out.pop(), took_ns=None)

    def _report(self, ticket: int, took_ns: int | None) -> None:
        failed = took_ns is None
        if took_ns is None:
            self.breaker.failed(ticket, self.now_ns)
        else:
            self.breaker.answered(ticket, self.now_ns, took_ns)
            failed = self.limits.slow_ns is not None and took_ns > self.limits.slow_ns
        if ticket in self.current:
            self._account_for(ticket, failed=failed)
        if self.believed is not State.CLOSED:
            self.answered.append(ticket)

    def _account_for(self, ticket: int, *, failed: bool) -> None:
        if self.believed is State.CLOSED:
            self.outcomes.append(failed)
            if failed and is_too_much(self.limits, self.outcomes):
                self._account_for_opening()
        elif failed:
            self._account_for_opening()
        else:
            self.current.remove(ticket)
            self.well += 1
            if self.well == self.limits.successes_min:
                self.believed, self.current, self.outcomes = State.CLOSED, set(), []

    def _account_for_opening(self) -> None:
        self.believed, self.current, self.well, self.outcomes = State.OPEN, set(), 0, []
        self.shut_until_ns = self.now_ns + COOL_DOWN_NS

    @precondition(lambda self: self.answered and self.believed is not State.CLOSED)
    @rule(went_well=st.booleans())
    def an_answer_comes_twice(self, *, went_well: bool) -> None:
        """Report a probe that was reported before: that says nothing new."""
        ticket = self.answered[-1]
        if went_well:
            self.breaker.succeeded(ticket)
        else:
            self.breaker.failed(ticket, self.now_ns)

    @invariant()
    def it_is_in_the_state_that_the_account_says(self) -> None:
        """Late and double answers, and time alone, change nothing."""
        assert self.breaker.state is self.believed

    @invariant()
    def a_refused_call_goes_out_when_it_was_told_to_return_and_no_sooner(self) -> None:
        """Try both on copies: the breaker itself is not to notice."""
        wait_ns = self.breaker.retry_after_ns(self.now_ns)
        assert deepcopy(self.breaker).admit(self.now_ns + wait_ns) is not None
        if wait_ns > 0:
            assert deepcopy(self.breaker).admit(self.now_ns + wait_ns - 1) is None

    def teardown(self) -> None:
        """A service that is well again gets its calls back, however rarely it is called."""
        if not hasattr(self, "breaker"):
            return
        for _ in range(self.limits.probes_max + self.limits.successes_min):
            if self.breaker.state is State.CLOSED:
                return
            self.now_ns += COOL_DOWN_NS
            ticket = self.breaker.admit(self.now_ns)
            assert ticket is not None
            self.breaker.succeeded(ticket)
        assert self.breaker.state is State.CLOSED


TestProbes = ProbingMachine.TestCase
