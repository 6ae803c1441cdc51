"""Stories of one key whose values and tombstones carry the database's versions."""

import pytest

from policies.cache import FOREVER_NS
from policies.versioned_entry import (
    LATE,
    OUTDATED,
    STORED,
    Found,
    Missing,
    VersionedEntry,
    VersionedLimits,
)

LIMITS = VersionedLimits(ttl_ns=1000, fill_max_ns=100, tombstone_ns=100)


def test_what_was_loaded_is_found_until_its_time_is_over() -> None:
    entry = VersionedEntry(LIMITS)
    assert entry.read(0) == Missing(floor=0, fill_by_ns=100)
    assert entry.fill(7, fill_by_ns=100, now_ns=40) == STORED
    assert entry.read(1039) == Found(version=7, until_ns=1040)
    assert entry.read(1040) == Missing(floor=0, fill_by_ns=1140)


def test_a_reader_who_loaded_before_the_commit_cannot_bring_the_old_value_back() -> None:
    entry = VersionedEntry(LIMITS)
    entry.read(0)
    entry.invalidate(8, now_ns=50)
    assert entry.fill(7, fill_by_ns=100, now_ns=60) == OUTDATED
    assert entry.read(60) == Missing(floor=8, fill_by_ns=160)
    assert entry.fill(8, fill_by_ns=160, now_ns=70) == STORED


def test_nor_once_the_tombstone_is_forgotten_for_then_it_is_late() -> None:
    entry = VersionedEntry(LIMITS)
    entry.read(0)
    entry.invalidate(8, now_ns=1)
    assert entry.fill(7, fill_by_ns=100, now_ns=99) == OUTDATED
    assert entry.fill(7, fill_by_ns=100, now_ns=100) == LATE
    assert entry.read(101) == Missing(floor=0, fill_by_ns=201)


def test_a_later_value_takes_the_place_of_an_earlier_one_and_not_the_other_way() -> None:
    entry = VersionedEntry(LIMITS)
    assert entry.fill(3, fill_by_ns=100, now_ns=0) == STORED
    assert entry.fill(2, fill_by_ns=100, now_ns=1) == OUTDATED
    assert entry.fill(3, fill_by_ns=100, now_ns=2) == OUTDATED, "it must not live longer for it"
    assert entry.fill(4, fill_by_ns=100, now_ns=3) == STORED
    assert entry.read(4) == Found(version=4, until_ns=1003)


def test_two_writers_who_invalidate_in_the_wrong_order_leave_the_later_version() -> None:
    entry = VersionedEntry(LIMITS)
    entry.invalidate(9, now_ns=0)
    entry.invalidate(8, now_ns=1)
    assert entry.fill(8, fill_by_ns=100, now_ns=2) == OUTDATED


def test_an_invalidation_leaves_what_was_loaded_after_its_commit() -> None:
    entry = VersionedEntry(LIMITS)
    entry.fill(8, fill_by_ns=100, now_ns=0)
    entry.invalidate(8, now_ns=1)
    assert entry.read(2) == Found(version=8, until_ns=1000)


def test_a_short_lived_value_does_not_end_what_its_tombstone_is_there_for() -> None:
    entry = VersionedEntry(VersionedLimits(ttl_ns=1, fill_max_ns=100, tombstone_ns=100))
    entry.invalidate(8, now_ns=50)
    entry.fill(8, fill_by_ns=150, now_ns=51)
    assert entry.read(52) == Missing(floor=8, fill_by_ns=152)
    assert entry.fill(7, fill_by_ns=101, now_ns=53) == OUTDATED


def test_time_that_runs_backwards_makes_tombstones_last_longer() -> None:
    entry = VersionedEntry(LIMITS)
    entry.invalidate(8, now_ns=500)
    entry.invalidate(9, now_ns=400)
    assert entry.fill(8, fill_by_ns=650, now_ns=599) == OUTDATED


def test_that_there_is_nothing_is_remembered_as_version_0() -> None:
    entry = VersionedEntry(LIMITS)
    assert entry.fill(0, fill_by_ns=100, now_ns=0) == STORED
    assert entry.read(1) == Found(version=0, until_ns=1000)
    entry.invalidate(1, now_ns=2)
    assert entry.fill(0, fill_by_ns=100, now_ns=3) == OUTDATED


def test_the_largest_version_and_the_latest_time_are_like_any_other() -> None:
    entry = VersionedEntry(VersionedLimits(ttl_ns=FOREVER_NS, fill_max_ns=1, tombstone_ns=1))
    assert entry.fill(2**63 - 1, fill_by_ns=10, now_ns=9) == STORED
    assert entry.read(10) == Found(version=2**63 - 1, until_ns=FOREVER_NS)
    entry.invalidate(2**63 - 2, now_ns=FOREVER_NS - 1)
    assert entry.read(FOREVER_NS - 1) == Found(version=2**63 - 1, until_ns=FOREVER_NS)


def test_a_negative_version_is_a_caller_s_mistake() -> None:
    with pytest.raises(AssertionError, match=r"^versions count from 0"):
        VersionedEntry(LIMITS).fill(-1, fill_by_ns=100, now_ns=0)
    with pytest.raises(AssertionError, match=r"^versions count from 0"):
        VersionedEntry(LIMITS).invalidate(-1, now_ns=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("ttl_ns", 0), ("fill_max_ns", 0), ("lag_max_ns", -1), ("tombstone_ns", 9)],
)
def test_a_limit_out_of_its_range_is_refused_by_name(field: str, value: int) -> None:
    limits = {"ttl_ns": 10, "fill_max_ns": 10, "tombstone_ns": 10, field: value}
    with pytest.raises(ValueError, match=rf"^{field} must be at least .*got {value}$"):
        VersionedLimits(**limits)


def test_a_tombstone_outlives_the_furthest_lag_as_well() -> None:
    VersionedLimits(ttl_ns=1, fill_max_ns=10, tombstone_ns=15, lag_max_ns=5)
    with pytest.raises(ValueError, match=r"^tombstone_ns must be at least fill_max_ns"):
        VersionedLimits(ttl_ns=1, fill_max_ns=10, tombstone_ns=14, lag_max_ns=5)
