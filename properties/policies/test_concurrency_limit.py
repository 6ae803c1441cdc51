"""Laws of a limit that learns: never exceeded, cut once for one overload, and near the truth."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policies.concurrency_limit import (
    ConcurrencyLimit,
    ConcurrencyLimits,
    Ending,
)
from properties.strategies.calls import concurrency_limits


class ConcurrencyMachine(RuleBasedStateMachine):
    """Calls go out in bursts and end in any order, well, badly or twice."""

    limits: ConcurrencyLimits
    calls: ConcurrencyLimit

    def __init__(self) -> None:
        super().__init__()
        self.out: list[int] = []
        self.gone: list[int] = [0, -1]
        self.newest = self.cut_at = 0

    @initialize(limits=concurrency_limits())
    def nothing_is_in_flight(self, limits: ConcurrencyLimits) -> None:
        """Begin at the start."""
        self.limits = limits
        self.calls = ConcurrencyLimit(limits)
        assert self.calls.limit == limits.limit_start

    @rule(calls=st.integers(1, 12))
    def calls_want_to_go_out(self, calls: int) -> None:
        """They may, as long as fewer than the limit are in flight."""
        for _ in range(calls):
            ticket = self.calls.admit()
            assert (ticket is not None) is (len(self.out) < self.calls.limit)
            if ticket is not None:
                assert ticket > self.newest, "two have one ticket"
                self.newest = ticket
                self.out.append(ticket)

    @precondition(lambda self: self.out)
    @rule(
        calls=st.integers(1, 8),
        which=st.integers(0, 20),
        ending=st.sampled_from([*Ending, Ending.SUCCESS, Ending.SUCCESS]),
    )
    def some_end_alike(self, calls: int, which: int, ending: Ending) -> None:
        """A success lifts a limit that is used, an overload cuts it, once for each stretch."""
        for _ in range(min(calls, len(self.out))):
            was, is_used = self.calls.limit, 2 * len(self.out) >= self.calls.limit
            ticket = self.out.pop(which % len(self.out))
            self.gone.append(ticket)
            self.calls.ended(ticket, ending)
            cuts = ending is Ending.OVERLOAD and ticket > self.cut_at
            lifts = ending is Ending.SUCCESS and is_used
            if cuts:
                self.cut_at = self.newest
                left = was * self.limits.back_off_percent // 100
                assert self.calls.limit - max(left, self.limits.limit_min) in (0, 1)
            else:
                assert was <= self.calls.limit <= was + lifts

    @rule(which=st.integers(0, 20), ending=st.sampled_from(Ending))
    def a_ticket_comes_back_that_has_left_or_never_was(self, which: int, ending: Ending) -> None:
        """That changes nothing."""
        was = self.calls.limit
        self.calls.ended(self.gone[which % len(self.gone)], ending)
        assert self.calls.limit == was

    @invariant()
    def the_limit_is_within_its_bounds_and_the_count_is_right(self) -> None:
        """A cut may leave more in flight than the limit, but nobody joins them."""
        if hasattr(self, "calls"):
            assert self.limits.limit_min <= self.calls.limit <= self.limits.limit_max
            assert self.calls.in_flight == len(self.out)


TestConcurrency = ConcurrencyMachine.TestCase


@given(
    capacity=st.integers(2, 12),
    start=st.integers(1, 20),
    percent=st.sampled_from([50, 75, 90]),
)
def test_it_finds_what_the_service_can_take_and_stays_about_there(
    capacity: int, start: int, percent: int
) -> None:
    calls = ConcurrencyLimit(
        ConcurrencyLimits(limit_start=start, limit_max=1000, back_off_percent=percent)
    )
    # A round lifts the limit by about a half, or cuts it.
    seen = [round_of(calls, capacity) for _ in range(100)][-40:]
    assert max(seen) <= capacity + 1
    assert min(seen) >= capacity * percent // 100 - 1
    assert max(seen) >= capacity


def round_of(calls: ConcurrencyLimit, capacity: int) -> int:
    """Have as many go out as may, of which those beyond the capacity are refused at once."""
    tickets: list[int] = []
    while (ticket := calls.admit()) is not None:
        tickets.append(ticket)
    for ticket in tickets[capacity:]:
        calls.ended(ticket, Ending.OVERLOAD)
    for ticket in tickets[:capacity]:
        calls.ended(ticket, Ending.SUCCESS)
    return calls.limit


@given(limits=concurrency_limits(), successes=st.integers(1, 300))
def test_a_limit_that_is_not_used_is_not_lifted(limits: ConcurrencyLimits, successes: int) -> None:
    calls = ConcurrencyLimit(limits)
    for _ in range(successes):
        ticket = calls.admit()
        assert ticket is not None
        calls.ended(ticket, Ending.SUCCESS)
    # One at a time uses at least half of a limit of one or two; from there it may go up.
    assert calls.limit <= max(limits.limit_start, 3)
