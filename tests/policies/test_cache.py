"""Stories of one cached key, with leases of a hundred nanoseconds."""

import pytest

from policies.cache import FOREVER_NS, Fill, Hit, LeasedEntry, UnprotectedEntry, Wait, cache_entry

LEASE_NS = 100


def test_the_first_reader_loads_and_the_others_wait_for_it() -> None:
    entry = LeasedEntry(LEASE_NS)
    assert entry.read(0) == Fill(lease=1, until_ns=100)
    assert entry.read(30) == Wait(until_ns=100)
    assert entry.fill(1, 40, ttl_ns=1000)
    assert entry.read(50) == Hit(version=1, until_ns=1040)


def test_a_value_stops_being_fresh_when_its_time_to_live_is_over() -> None:
    entry = LeasedEntry(LEASE_NS)
    entry.read(0)
    entry.fill(1, 0, ttl_ns=1000)
    assert isinstance(entry.read(999), Hit)
    assert entry.read(1000) == Fill(lease=2, until_ns=1100)


def test_a_reader_who_loaded_before_a_commit_cannot_bring_the_old_value_back() -> None:
    entry = LeasedEntry(LEASE_NS)
    entry.read(0)
    entry.invalidate(10)
    assert not entry.fill(1, 20, ttl_ns=1000)
    assert entry.read(20) == Fill(lease=2, until_ns=120)
    # Nor in the name of the reader who loads anew.
    assert not entry.fill(1, 30, ttl_ns=1000)
    assert entry.fill(2, 40, ttl_ns=1000)


def test_a_reader_who_takes_too_long_makes_way_for_another() -> None:
    entry = LeasedEntry(LEASE_NS)
    entry.read(0)
    assert entry.read(99) == Wait(until_ns=100)
    assert entry.read(100) == Fill(lease=2, until_ns=200)
    assert not entry.fill(1, 110, ttl_ns=1000)


def test_a_lease_that_ran_out_is_not_good_even_if_nobody_else_wants_it() -> None:
    entry = LeasedEntry(LEASE_NS)
    entry.read(0)
    assert not entry.fill(1, 100, ttl_ns=1000)


def test_a_lease_is_good_for_one_fill() -> None:
    entry = LeasedEntry(LEASE_NS)
    entry.read(0)
    assert entry.fill(1, 10, ttl_ns=1000)
    assert not entry.fill(1, 20, ttl_ns=1000)


def test_a_value_that_was_invalidated_is_loaded_anew() -> None:
    entry = LeasedEntry(LEASE_NS)
    entry.read(0)
    entry.fill(1, 10, ttl_ns=FOREVER_NS)
    assert entry.read(20) == Hit(version=1, until_ns=FOREVER_NS)
    entry.invalidate(30)
    assert entry.read(30) == Fill(lease=2, until_ns=130)


def test_without_leases_the_old_value_comes_back_and_stays() -> None:
    entry = UnprotectedEntry()
    assert entry.read(0) == Fill(lease=1, until_ns=FOREVER_NS)
    entry.invalidate(10)
    assert entry.fill(1, 20, ttl_ns=1000)
    assert entry.read(1019) == Hit(version=1, until_ns=1020)
    assert entry.read(1020) == Fill(lease=2, until_ns=FOREVER_NS)


def test_each_protection_has_its_name() -> None:
    assert type(cache_entry("lease", lease_ns=1)) is LeasedEntry
    assert type(cache_entry("none", lease_ns=1)) is UnprotectedEntry


def test_an_unknown_protection_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"^protection must be lease or none, got 'hope'"):
        cache_entry("hope", lease_ns=1)


def test_a_lease_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^lease_ns must be at least 1, got 0"):
        LeasedEntry(0)


def test_an_unprotected_value_that_was_invalidated_is_loaded_anew_by_all_who_ask() -> None:
    entry = UnprotectedEntry()
    assert entry.read(0) == Fill(lease=1, until_ns=FOREVER_NS)
    assert entry.fill(1, 0, ttl_ns=100)
    assert entry.read(50) == Hit(version=1, until_ns=100)
    entry.invalidate(50)
    assert entry.read(50) == Fill(lease=2, until_ns=FOREVER_NS)
    assert entry.read(50) == Fill(lease=3, until_ns=FOREVER_NS)
