"""The connection pool, in stories one can check by hand."""

from sys import getrefcount

import pytest

from policies.connection_pool import (
    TIME_MAX_NS,
    Close,
    ConnectionPool,
    Lend,
    Open,
    PoolLimits,
    TimedOut,
    pool_share,
)

LATER_NS = 10**9


def limits(connections_max: int = 2, jitter_percent: int = 0) -> PoolLimits:
    return PoolLimits(
        connections_max=connections_max,
        idle_max_ns=300,
        lifetime_max_ns=1000,
        open_interval_ns=10,
        lifetime_jitter_percent=jitter_percent,
    )


def with_connections(count: int, jitter_percent: int = 0, uniform: float = 0.0) -> ConnectionPool:
    """Return a pool whose connections are all open and lent: number 1 to ticket 1, and so on."""
    pool = ConnectionPool(limits(count, jitter_percent))
    for number in range(1, count + 1):
        assert pool.ask(0, LATER_NS).actions == (Open(number),)
    for number in range(1, count + 1):
        assert pool.opened(0, number, uniform) == (Lend(number, number),)
    return pool


def test_who_asks_first_gets_the_connection_that_comes_back_first() -> None:
    pool = with_connections(2)
    assert pool.ask(1, LATER_NS) == (3, ())
    assert pool.ask(2, LATER_NS) == (4, ())
    assert pool.give_back(5, ticket=2) == (Lend(3, 2),)
    assert pool.give_back(6, ticket=1) == (Lend(4, 1),)
    assert (pool.waiting, pool.in_use, pool.idle, pool.opening) == (0, 2, 0, 0)


def test_the_connection_used_last_is_lent_again_and_the_other_gets_old() -> None:
    pool = with_connections(2)
    pool.give_back(0, ticket=1)
    pool.give_back(100, ticket=2)
    assert pool.next_due_ns() == 300
    assert pool.ask(299, LATER_NS).actions == (Lend(3, 2),)
    assert pool.due(300) == (Close(1),)


def test_who_waits_too_long_is_told_at_the_deadline() -> None:
    pool = with_connections(1)
    assert pool.ask(5, deadline_ns=8).actions == ()
    assert pool.next_due_ns() == 8
    assert pool.due(7) == ()
    assert pool.due(8) == (TimedOut(2),)
    # What comes back afterwards is nobody's.
    assert pool.give_back(9, ticket=1) == ()
    assert pool.idle == 1


def test_a_deadline_that_is_over_is_told_at_once_even_if_a_connection_is_free() -> None:
    pool = with_connections(1)
    pool.give_back(5, ticket=1)
    assert pool.ask(5, deadline_ns=5) == (2, (TimedOut(2),))


def test_giving_back_twice_does_not_take_it_from_the_next_borrower() -> None:
    pool = with_connections(1)
    assert pool.give_back(1, ticket=1) == ()
    assert pool.ask(2, LATER_NS).actions == (Lend(2, 1),)
    assert pool.give_back(3, ticket=1) == ()
    assert pool.give_back(3, ticket=99, spoilt=True) == ()
    assert pool.in_use == 1


def test_who_is_cancelled_in_line_is_passed_over_and_with_a_connection_returns_it() -> None:
    pool = with_connections(1)
    pool.ask(1, LATER_NS)
    pool.ask(1, LATER_NS)
    assert pool.cancel(2, ticket=2) == ()
    assert pool.cancel(3, ticket=1) == (Lend(3, 1),)


def test_a_spoilt_connection_is_replaced_for_those_who_wait() -> None:
    pool = with_connections(1)
    pool.ask(50, LATER_NS)
    assert pool.give_back(50, ticket=1, spoilt=True) == (Close(1), Open(2))
    assert pool.opened(60, 2, uniform=0.0) == (Lend(2, 2),)


@pytest.mark.parametrize(("uniform", "retired_ns"), [(0.0, 1000), (0.5, 900), (0.99, 802)])
def test_an_old_connection_is_closed_when_it_is_given_back(uniform: float, retired_ns: int) -> None:
    young = with_connections(1, jitter_percent=20, uniform=uniform)
    assert young.give_back(retired_ns - 1, ticket=1) == ()
    old = with_connections(1, jitter_percent=20, uniform=uniform)
    assert old.give_back(retired_ns, ticket=1) == (Close(1),)


def test_after_a_failover_connections_are_replaced_one_by_one() -> None:
    pool = with_connections(3)
    pool.give_back(100, ticket=1)
    assert pool.failed_over(100) == (Close(1),)
    waits = [pool.ask(100, LATER_NS).actions for _ in range(3)]
    assert waits == [(Open(4),), (), ()]
    # What was lent before is closed when it comes back, and so is what was being opened.
    assert pool.give_back(101, ticket=2) == (Close(2),)
    assert pool.next_due_ns() == 110
    assert pool.due(110) == (Open(5),)
    assert pool.failed_over(111) == ()
    assert pool.opened(112, 4, uniform=0.0) == (Close(4),)


def test_after_an_opening_that_failed_the_next_one_waits_for_its_turn() -> None:
    pool = ConnectionPool(limits(3))
    asked = [pool.ask(0, LATER_NS).actions for _ in range(3)]
    assert asked == [(Open(1),), (Open(2),), (Open(3),)]
    # One may be tried at once, the others in intervals.
    assert pool.open_failed(40, 1) == (Open(4),)
    assert pool.open_failed(40, 2) == ()
    assert pool.next_due_ns() == 50


def test_no_more_connections_are_opened_than_borrowers_wait_for() -> None:
    pool = ConnectionPool(limits(5))
    pool.ask(0, LATER_NS)
    pool.ask(0, LATER_NS)
    assert pool.opening == 2
    pool.cancel(1, ticket=2)
    assert pool.ask(2, LATER_NS).actions == ()


def test_an_empty_pool_has_nothing_due() -> None:
    assert ConnectionPool(limits()).next_due_ns() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connections_max", 0),
        ("idle_max_ns", 0),
        ("lifetime_max_ns", -1),
        ("lifetime_max_ns", TIME_MAX_NS + 1),
        ("open_interval_ns", 0),
        ("lifetime_jitter_percent", -1),
        ("lifetime_jitter_percent", 101),
    ],
)
def test_nonsense_limits_are_refused_by_name(name: str, value: int) -> None:
    sound = {"connections_max": 1, "idle_max_ns": 1, "lifetime_max_ns": 1, "open_interval_ns": 1}
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {value}"):
        PoolLimits(**{**sound, name: value})


def test_time_that_runs_backwards_is_a_mistake_of_the_driver() -> None:
    pool = ConnectionPool(limits())
    pool.due(5)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        pool.due(4)


def test_word_of_a_connection_that_is_not_being_opened_is_a_mistake_of_the_driver() -> None:
    pool = with_connections(1)
    with pytest.raises(AssertionError, match=r"^nobody opens 1"):
        pool.opened(1, 1, uniform=0.0)
    with pytest.raises(AssertionError, match=r"^nobody opens 7"):
        pool.open_failed(1, 7)


def test_a_fleet_s_pools_fit_into_what_the_server_allows() -> None:
    # Of 100 connections 3 are reserved; 97 over 8 processes is 12, of which 1 is for watching.
    assert pool_share(100, reserved=3, processes=8, besides=1) == 11
    with pytest.raises(ValueError, match=r"^server_max of 100 has no room for 98 processes"):
        pool_share(100, reserved=3, processes=98)
    with pytest.raises(ValueError, match=r"^processes must be at least 1, got 0"):
        pool_share(100, reserved=3, processes=0)
    with pytest.raises(ValueError, match=r"^reserved and besides must not be negative, got -1, 0"):
        pool_share(100, reserved=-1, processes=1)


def test_deadlines_of_those_who_left_do_not_gather_behind_one_who_waits() -> None:
    pool = with_connections(1)
    pool.ask(1, LATER_NS)
    deadline_ns = LATER_NS + pool.waiting
    held = getrefcount(deadline_ns)
    for _ in range(1000):
        pool.cancel(1, pool.ask(1, deadline_ns).ticket)
    assert getrefcount(deadline_ns) - held <= 20
    assert pool.give_back(2, ticket=1) == (Lend(2, 1),)
