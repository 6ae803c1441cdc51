"""Laws of allowances: no order of steps overspends, and what is left is told exactly."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.allowance import AMOUNT_MAX, Allowance, AllowanceLimit
from properties.interleavings import Process, every_order
from properties.profiles import scaled

LIMIT = AllowanceLimit(amount=10, period_ns=100, hold_ns=30)


@dataclass
class Till:
    """An allowance that several requests want to use, and what they came to use."""

    allowance: Allowance = field(default_factory=lambda: Allowance(LIMIT))
    spent: int = 0
    refused: int = 0


def careful(till: Till) -> Process:
    """Reserve the most it may be; then find out what it is, and settle."""
    number = till.allowance.reserve(6, 0)
    if number is None:
        till.refused += 1
        return
    yield
    till.spent += 4
    yield
    assert till.allowance.settle(number, 4, 0)


def careless(till: Till) -> Process:
    """See whether enough is left, do the work, and only then write it down."""
    if till.allowance.left(0) < 6:
        till.refused += 1
        return
    yield
    till.spent += 4
    number = till.allowance.reserve(4, 0)
    if number is not None:
        till.allowance.settle(number, 4, 0)


def endings(requests: int, request: Callable[[Till], Process]) -> list[Till]:
    """Let so many requests take their steps in every order."""

    def begin() -> tuple[Till, list[Process]]:
        till = Till()
        return till, [request(till) for _ in range(requests)]

    return list(every_order(begin))


def test_whatever_the_order_what_is_spent_is_within_the_limit() -> None:
    tills = endings(4, careful)
    assert max(till.spent for till in tills) <= LIMIT.amount
    assert all(till.allowance.left(0) == LIMIT.amount - till.spent for till in tills)
    # Refusing everybody would be within the limit too.
    assert {till.spent for till in tills} == {4, 8}


def test_without_a_reservation_some_order_overspends() -> None:
    assert max(till.spent for till in endings(3, careless)) > LIMIT.amount


@given(
    late_ns=st.integers(1, LIMIT.hold_ns),
    crosses_ns=st.integers(0, LIMIT.hold_ns),
    reserved=st.integers(0, LIMIT.amount),
    used=st.integers(0, LIMIT.amount),
    now_reserved=st.integers(0, LIMIT.amount),
)
def test_what_was_reserved_in_a_period_that_is_over_changes_nothing_in_this_one(
    *, late_ns: int, crosses_ns: int, reserved: int, used: int, now_reserved: int
) -> None:
    allowance = Allowance(LIMIT)
    number = allowance.reserve(reserved, LIMIT.period_ns - late_ns)
    assert number is not None
    now_ns = LIMIT.period_ns + min(crosses_ns, LIMIT.hold_ns - late_ns)
    assert allowance.reserve(now_reserved, now_ns) is not None
    in_time = now_ns - (LIMIT.period_ns - late_ns) < LIMIT.hold_ns
    assert allowance.settle(number, used, now_ns) is in_time
    assert allowance.left(now_ns) == LIMIT.amount - now_reserved


class AllowanceMachine(RuleBasedStateMachine):
    """Keeps every reservation in a list, and adds up."""

    def __init__(self) -> None:
        super().__init__()
        self.allowance = Allowance(LIMIT)
        self.now_ns = 0
        self.held: dict[int, tuple[int, int, int]] = {}
        """Amount, period and end, by number."""

        self.used: dict[int, int] = {}
        """By period."""

        self.gone: list[int] = []
        self.overspent = False

    @property
    def period(self) -> int:
        """The period it is."""
        return self.now_ns // LIMIT.period_ns

    @rule(step_ns=st.sampled_from([1, 29, 30, 31, 99, 100, 101]))
    def time_passes(self, step_ns: int) -> None:
        """Go on by about a hold or a period; what nobody settled in time counts in full."""
        self.now_ns += step_ns
        for number, (amount, period, until_ns) in list(self.held.items()):
            if until_ns <= self.now_ns:
                self.end(number, amount, period)

    @rule(amount=st.sampled_from([0, 1, 5, 10, 11, AMOUNT_MAX]))
    def somebody_reserves(self, amount: int) -> None:
        """It is granted if and only if so much is left."""
        fits = amount <= self.left()
        number = self.allowance.reserve(amount, self.now_ns)
        assert (number is not None) is fits
        if number is not None:
            assert number not in self.held
            assert number not in self.gone
            self.held[number] = amount, self.period, self.now_ns + LIMIT.hold_ns

    @precondition(lambda self: self.held)
    @rule(data=st.data(), more=st.sampled_from([0, 0, 0, 2]))
    def somebody_settles(self, data: st.DataObject, more: int) -> None:
        """With what was reserved, less, or even more."""
        number = data.draw(st.sampled_from(sorted(self.held)))
        amount, period, _ = self.held[number]
        used = min(data.draw(st.integers(0, min(amount, 12))) + more, AMOUNT_MAX)
        self.overspent |= used > amount
        assert self.allowance.settle(number, used, self.now_ns)
        self.end(number, used, period)

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def somebody_settles_again(self, data: st.DataObject) -> None:
        """Nothing changes."""
        number = data.draw(st.sampled_from(self.gone))
        assert not self.allowance.settle(number, 0, self.now_ns)

    def end(self, number: int, used: int, period: int) -> None:
        """Write down what a reservation came to."""
        del self.held[number]
        self.gone.append(number)
        self.used[period] = self.used.get(period, 0) + used

    def left(self) -> int:
        """Return what is left, added up."""
        reserved = sum(amount for amount, period, _ in self.held.values() if period == self.period)
        return LIMIT.amount - self.used.get(self.period, 0) - reserved

    @invariant()
    def what_is_left_is_told_exactly(self) -> None:
        """And it is not below 0, unless somebody took more than was reserved."""
        assert self.allowance.left(self.now_ns) == self.left()
        assert self.overspent or self.left() >= 0
        for number in self.gone:
            assert not self.allowance.holds(number)
        for number in self.held:
            assert self.allowance.holds(number)


TestAllowance = AllowanceMachine.TestCase
TestAllowance.settings = settings(max_examples=scaled(60), stateful_step_count=30)
