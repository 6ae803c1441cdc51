"""Stories of leases on two devices of ten bytes, for a hundred nanoseconds each."""

import pytest

from policies.device_room import Ask, Device, Slot
from policies.placement import DeviceLease, DeviceLeases, Reason, Refused

TWO = [Device(memory_bytes=10), Device(memory_bytes=10)]


def pool() -> DeviceLeases:
    """Return two empty devices."""
    return DeviceLeases(TWO, lease_ns=100)


def placed(leases: DeviceLeases, holder: str, ask: Ask, now_ns: int = 0) -> DeviceLease:
    """Return the lease of a job that is placed."""
    lease = leases.take(holder, ask, now_ns)
    assert isinstance(lease, DeviceLease)
    return lease


def test_a_job_gets_room_until_its_lease_runs_out_to_the_nanosecond() -> None:
    leases = pool()
    both = Ask(memory_bytes=10, devices=2)
    first = placed(leases, "ada", both)
    assert first == DeviceLease(1, "ada", both, (Slot(0, 0), Slot(1, 0)), 100)
    assert leases.take("bob", Ask(memory_bytes=1), 99) == Refused(Reason.NO_ROOM)
    assert leases.admits(first.token, 1, 99)
    assert not leases.admits(first.token, 1, 100)
    assert placed(leases, "bob", Ask(memory_bytes=1), 100).token == 2
    assert leases.reap(100) == [first]
    assert leases.reap(100) == []


def test_a_renewed_lease_lasts_and_one_that_ran_out_is_not_renewed() -> None:
    leases = pool()
    ada = placed(leases, "ada", Ask(memory_bytes=10))
    bob = placed(leases, "bob", Ask(memory_bytes=10))
    assert leases.renew(ada.token, 60) == ada._replace(until_ns=160)
    assert [lease.holder for lease in leases.leases] == ["bob", "ada"]
    assert leases.renew(bob.token, 100) is None
    assert leases.holds("ada")
    assert not leases.holds("bob")


def test_what_is_released_is_free_and_is_not_released_twice() -> None:
    leases = pool()
    ada = placed(leases, "ada", Ask(memory_bytes=7))
    assert leases.choose(Ask(memory_bytes=4)) == (Slot(1, 0),)
    assert leases.release(ada.token, 1)
    assert not leases.release(ada.token, 1)
    assert leases.rooms().free_bytes(0) == 10
    assert not leases.release(77, 1)


def test_who_asks_again_because_the_answer_was_lost_has_what_it_was_given() -> None:
    leases = pool()
    ask = Ask(memory_bytes=7)
    assert placed(leases, "ada", ask) == placed(leases, "ada", ask, now_ns=5)
    assert leases.rooms().free_bytes(1) == 10
    assert leases.take("ada", Ask(memory_bytes=8), 6) == Refused(Reason.HOLDER_BUSY)


def test_what_never_fits_is_told_from_what_does_not_fit_now() -> None:
    leases = pool()
    assert leases.take("ada", Ask(memory_bytes=11), 0) == Refused(Reason.TOO_LARGE)
    assert leases.take("ada", Ask(memory_bytes=1, devices=3), 0) == Refused(Reason.TOO_LARGE)
    assert leases.take("ada", Ask(memory_bytes=1, slices=2), 0) == Refused(Reason.TOO_LARGE)
    leases.lose(0, 0)
    assert leases.take("ada", Ask(memory_bytes=1, devices=2), 0) == Refused(Reason.NO_ROOM)


def test_a_lost_device_takes_its_leases_along_with_all_their_devices() -> None:
    leases = pool()
    gang = placed(leases, "gang", Ask(memory_bytes=6, devices=2))
    alone = placed(leases, "alone", Ask(memory_bytes=4))
    assert alone.slots == (Slot(0, 0),)
    assert leases.lose(1, 1) == [gang]
    assert leases.rooms().free_bytes(0) == 6
    assert not leases.admits(gang.token, 0, 1)
    assert leases.admits(alone.token, 0, 1)
    assert not leases.admits(alone.token, 1, 1)
    assert leases.take("bob", Ask(memory_bytes=7), 2) == Refused(Reason.NO_ROOM)
    leases.restore(1)
    assert placed(leases, "bob", Ask(memory_bytes=7), 3).slots == (Slot(1, 0),)


def test_time_that_runs_backwards_is_noticed() -> None:
    leases = pool()
    placed(leases, "ada", Ask(memory_bytes=1), now_ns=5)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        leases.renew(1, 4)


def test_a_lease_for_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^lease_ns must be at least 1, got 0"):
        DeviceLeases(TWO, lease_ns=0)


def test_for_leases_of_devices_time_begins_at_zero() -> None:
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        DeviceLeases([Device(1)], lease_ns=1).take("ada", Ask(1), -1)
