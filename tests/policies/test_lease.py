"""Leases, for example: given, renewed, lost, fenced off."""

import pytest

from policies.lease import (
    TOKEN_MAX,
    Fence,
    Held,
    Lease,
    LeaseState,
    LeaseTable,
    Lost,
    fence_step,
)


def test_the_first_lease_has_the_first_token_and_ends_by_itself() -> None:
    table = LeaseTable(lease_ns=10)
    assert table.acquire(5) == Lease(token=1, expires_at_ns=15)
    assert table.is_live(1, 14)
    assert not table.is_live(1, 15)


def test_while_it_is_held_others_hear_when_to_come_back() -> None:
    table = LeaseTable(lease_ns=10)
    table.acquire(0)
    assert table.acquire(3) == Held(retry_after_ns=7)
    assert table.acquire(10) == Lease(token=2, expires_at_ns=20)


def test_a_renewal_keeps_the_token_and_counts_from_now() -> None:
    table = LeaseTable(lease_ns=10)
    table.acquire(0)
    assert table.renew(1, 9) == Lease(token=1, expires_at_ns=19)


def test_a_lease_that_ran_out_is_lost_though_nobody_else_has_it() -> None:
    table = LeaseTable(lease_ns=10)
    table.acquire(0)
    assert table.renew(1, 10) == Lost()
    assert table.renew(7, 10) == Lost()


def test_a_lease_that_is_given_back_is_free_at_once_and_only_its_holder_can() -> None:
    table = LeaseTable(lease_ns=10)
    table.acquire(0)
    assert not table.release(2, 1)
    assert table.release(1, 1)
    assert not table.release(1, 1)
    assert table.acquire(1) == Lease(token=2, expires_at_ns=11)


def test_a_worker_that_wakes_after_its_lease_has_gone_is_turned_away_at_the_fence() -> None:
    table, fence = LeaseTable(lease_ns=10), Fence()
    sleeper = table.acquire(0)
    heir = table.acquire(10)
    assert isinstance(sleeper, Lease)
    assert isinstance(heir, Lease)
    assert fence.admit(heir.token)
    assert not fence.admit(sleeper.token)
    assert fence.admit(heir.token)
    assert fence.greatest_token == 2


def test_a_table_that_takes_over_goes_on_with_the_tokens() -> None:
    first = LeaseTable(lease_ns=10)
    first.acquire(0)
    second = LeaseTable(lease_ns=10, state=first.state)
    assert second.acquire(4) == Held(retry_after_ns=6)
    assert second.acquire(10) == Lease(token=2, expires_at_ns=20)


def test_no_token_is_not_a_token() -> None:
    assert fence_step(0, 0) == (0, False)
    assert not LeaseTable(lease_ns=10).is_live(0, 0)


def test_tokens_do_not_start_again_when_they_have_run_out() -> None:
    table = LeaseTable(lease_ns=10, state=LeaseState(token=TOKEN_MAX))
    with pytest.raises(AssertionError, match=r"no tokens left"):
        table.acquire(0)


def test_time_must_not_run_backwards() -> None:
    table = LeaseTable(lease_ns=10)
    table.acquire(5)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        table.acquire(4)


@pytest.mark.parametrize("lease_ns", [0, -1, 2**62 + 1])
def test_a_nonsensical_lease_is_refused(lease_ns: int) -> None:
    with pytest.raises(ValueError, match=rf"^lease_ns must be from 1 to .*, got {lease_ns}"):
        LeaseTable(lease_ns)


@pytest.mark.parametrize("token", [-1, 2**63])
def test_a_state_that_no_table_has_is_refused(token: int) -> None:
    with pytest.raises(ValueError, match=rf"^token must be from 0 to .*, got {token}"):
        LeaseTable(10, LeaseState(token))


def test_for_a_table_time_begins_at_zero() -> None:
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        LeaseTable(10).acquire(-1)
