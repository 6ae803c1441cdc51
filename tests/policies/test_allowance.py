"""Stories of an allowance of ten for each hundred nanoseconds, settled within thirty."""

import pytest

from policies.allowance import AMOUNT_MAX, Allowance, AllowanceLimit

LIMIT = AllowanceLimit(amount=10, period_ns=100, hold_ns=30)


def test_what_is_reserved_is_not_left_for_others_until_it_is_settled() -> None:
    allowance = Allowance(LIMIT)
    first = allowance.reserve(7, 0)
    assert first == 1
    assert allowance.reserve(4, 0) is None
    assert allowance.settle(first, 2, 1)
    assert allowance.left(1) == 8
    assert allowance.reserve(8, 1) == 2
    assert allowance.left(1) == 0


def test_who_settles_twice_settles_once() -> None:
    allowance = Allowance(LIMIT)
    number = allowance.reserve(7, 0)
    assert number is not None
    assert allowance.settle(number, 2, 0)
    assert not allowance.settle(number, 7, 0)
    assert not allowance.settle(99, 7, 0)
    assert allowance.left(0) == 8


def test_what_nobody_settles_counts_as_used_in_full() -> None:
    allowance = Allowance(LIMIT)
    number = allowance.reserve(7, 0)
    assert number is not None
    assert allowance.holds(number)
    assert allowance.left(29) == 3
    assert not allowance.settle(number, 0, 30)
    assert not allowance.holds(number)
    assert allowance.left(30) == 3


def test_a_new_period_begins_at_its_own_limit_and_owes_nothing_to_the_one_before() -> None:
    allowance = Allowance(LIMIT)
    number = allowance.reserve(7, 90)
    assert number is not None
    assert allowance.left(99) == 3
    assert allowance.left(100) == 10
    assert allowance.settle(number, 7, 100)
    assert allowance.left(100) == 10


def test_what_took_more_than_was_reserved_is_counted_and_keeps_others_out() -> None:
    allowance = Allowance(LIMIT)
    number = allowance.reserve(1, 0)
    assert number is not None
    assert allowance.settle(number, 12, 0)
    assert allowance.left(0) == -2
    assert allowance.reserve(0, 0) is None
    assert allowance.reserve(10, 100) == 2


def test_amounts_up_to_2_to_the_62_are_told_exactly() -> None:
    allowance = Allowance(AllowanceLimit(amount=AMOUNT_MAX, period_ns=1, hold_ns=1))
    number = allowance.reserve(AMOUNT_MAX, 0)
    assert number is not None
    assert allowance.reserve(1, 0) is None
    assert allowance.settle(number, AMOUNT_MAX - 1, 0)
    assert allowance.left(0) == 1


def test_nonsense_is_refused_by_name() -> None:
    for amount in (-1, AMOUNT_MAX + 1):
        with pytest.raises(ValueError, match=r"^amount must be 0 to"):
            AllowanceLimit(amount=amount, period_ns=1, hold_ns=1)
        with pytest.raises(ValueError, match=r"^amount must be 0 to"):
            Allowance(LIMIT).reserve(amount, 0)
        with pytest.raises(ValueError, match=r"^used must be 0 to"):
            Allowance(LIMIT).settle(1, amount, 0)
    with pytest.raises(ValueError, match=r"^period_ns must be at least 1, got 0"):
        AllowanceLimit(amount=1, period_ns=0, hold_ns=1)
    with pytest.raises(ValueError, match=r"^hold_ns must be at least 1, got 0"):
        AllowanceLimit(amount=1, period_ns=1, hold_ns=0)


def test_time_that_runs_backwards_is_noticed() -> None:
    allowance = Allowance(LIMIT)
    allowance.left(5)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        allowance.left(4)
