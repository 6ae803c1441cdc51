"""Stories of a queue before one device of ten bytes, as on a scheduler's chart."""

import pytest

from policies.backfill import NEVER_NS, BackfillQueue, QueuedJob, Reservation
from policies.device_room import Ask, Device
from policies.placement import DeviceLeases, Reason, Refused

LEASE_NS = 10_000


def job(name: str, size: int, declared_ns: int, priority: int = 0) -> QueuedJob:
    """Return a job that wants ``size`` bytes."""
    return QueuedJob(name, Ask(memory_bytes=size), declared_ns, priority)


def queue(head_start_ns: int = 0) -> tuple[BackfillQueue, DeviceLeases]:
    """Return a queue before one device, and the device's leases."""
    leases = DeviceLeases([Device(memory_bytes=10)], lease_ns=LEASE_NS)
    return BackfillQueue(leases, head_start_ns=head_start_ns), leases


def submitted(waiting: BackfillQueue, *jobs: QueuedJob, now_ns: int = 0) -> list[str]:
    """Submit jobs; return the names of those that start."""
    for each in jobs:
        assert waiting.submit(each, now_ns) is None
    return [started.job.name for started in waiting.start(now_ns)]


def test_a_later_job_starts_if_it_is_over_before_the_head_can_start() -> None:
    waiting, _ = queue()
    large = job("large", 10, 50)
    assert submitted(waiting, job("running", 6, 100), large) == ["running"]
    assert waiting.reservation(0) == Reservation(large, 100)
    # At 40, sixty nanoseconds are left before the large one starts.
    assert submitted(waiting, job("short", 4, 61), job("in time", 4, 60), now_ns=40) == ["in time"]
    assert [each.name for each in waiting.waiting] == ["large", "short"]


def test_a_later_job_starts_if_the_head_fits_beside_it() -> None:
    waiting, _ = queue()
    assert submitted(waiting, job("running", 6, 100), job("head", 7, 50)) == ["running"]
    assert submitted(waiting, job("beside", 3, 999)) == ["beside"]
    # Beside the two of them, the head would not fit any more.
    assert submitted(waiting, job("one more", 1, 999)) == []
    assert waiting.reservation(0) == Reservation(job("head", 7, 50), 100)


def test_the_head_is_late_by_an_overrun_and_by_nothing_else() -> None:
    waiting, leases = queue()
    assert submitted(waiting, job("running", 6, 100), job("large", 10, 50)) == ["running"]
    assert waiting.reservation(130) == Reservation(job("large", 10, 50), 130)
    assert submitted(waiting, job("small", 1, 1), now_ns=130) == []
    [running] = leases.leases
    assert leases.release(running.token, 140)
    assert [each.job.name for each in waiting.start(140)] == ["large"]
    assert waiting.reservation(140) == Reservation(job("small", 1, 1), 190)


def test_priority_is_a_head_start_and_no_more() -> None:
    waiting, _ = queue(head_start_ns=30)
    assert submitted(waiting, job("running", 10, 100)) == ["running"]
    submitted(waiting, job("low", 1, 1))
    submitted(waiting, job("high", 1, 1, priority=2), now_ns=59)
    submitted(waiting, job("high but late", 1, 1, priority=2), now_ns=60)
    assert [each.name for each in waiting.waiting] == ["high", "low", "high but late"]


def test_a_head_whose_device_is_lost_holds_up_nobody() -> None:
    leases = DeviceLeases([Device(memory_bytes=10), Device(memory_bytes=10)], lease_ns=LEASE_NS)
    waiting = BackfillQueue(leases, head_start_ns=0)
    leases.lose(1, 0)
    gang = QueuedJob("gang", Ask(memory_bytes=1, devices=2), 5)
    assert submitted(waiting, gang, job("small", 1, 1_000)) == ["small"]
    assert waiting.reservation(0) == Reservation(gang, NEVER_NS)
    leases.restore(1)
    assert [each.job.name for each in waiting.start(1)] == ["gang"]
    assert waiting.reservation(1) is None


def test_a_lease_from_elsewhere_ends_nobody_knows_when() -> None:
    waiting, leases = queue()
    leases.take("a stranger", Ask(memory_bytes=1), 0)
    large = job("large", 10, 5)
    assert submitted(waiting, large) == []
    assert waiting.reservation(0) == Reservation(large, NEVER_NS)


def test_what_could_never_start_and_what_is_here_already_is_refused() -> None:
    waiting, _ = queue()
    assert waiting.submit(job("too large", 11, 1), 0) == Refused(Reason.TOO_LARGE)
    assert submitted(waiting, job("running", 9, 1), job("waiting", 9, 1)) == ["running"]
    assert waiting.submit(job("running", 9, 1), 0) == Refused(Reason.HOLDER_BUSY)
    assert waiting.submit(job("waiting", 9, 1), 0) == Refused(Reason.HOLDER_BUSY)


def test_a_job_that_is_cancelled_holds_up_nobody_any_more() -> None:
    waiting, _ = queue()
    assert submitted(waiting, job("running", 6, 10), job("large", 10, 1)) == ["running"]
    assert submitted(waiting, job("long", 4, 99)) == []
    assert waiting.cancel("large")
    assert not waiting.cancel("large")
    assert [each.job.name for each in waiting.start(0)] == ["long"]


@pytest.mark.parametrize(
    ("declared_ns", "priority", "complaint"),
    [
        (0, 0, "declared_ns must be at least 1, got 0"),
        (1, -1, "priority must be 0 to 1000, got -1"),
        (1, 1001, "priority must be 0 to 1000, got 1001"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(
    declared_ns: int, priority: int, complaint: str
) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        QueuedJob("odd", Ask(memory_bytes=1), declared_ns, priority)


def test_a_declared_duration_of_2_to_the_63_overflows_nothing() -> None:
    waiting, _ = queue()
    assert submitted(waiting, job("for ever", 6, 2**63), job("large", 10, 1)) == ["for ever"]
    assert waiting.reservation(0) == Reservation(job("large", 10, 1), NEVER_NS)


@pytest.mark.parametrize("head_start_ns", [-1, 2**52 + 1])
def test_a_head_start_out_of_range_is_refused(head_start_ns: int) -> None:
    leases = DeviceLeases([Device(memory_bytes=10)], lease_ns=1)
    with pytest.raises(ValueError, match=r"^head_start_ns must be 0 to 2\*\*52"):
        BackfillQueue(leases, head_start_ns=head_start_ns)
