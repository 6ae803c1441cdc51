"""Stories of one value that may be served stale; all times in nanoseconds."""

import pytest

from policies.cache import FOREVER_NS
from policies.freshness import (
    EXPIRED,
    FRESH,
    ON_ERROR,
    STALE,
    FreshnessLimits,
    Hold,
    Load,
    Serve,
    StaleableEntry,
    freshness_step,
    jittered_ttl_ns,
)

LIMITS = FreshnessLimits(
    ttl_ns=1000, while_revalidate_ns=100, if_error_ns=500, load_max_ns=50, error_pause_ns=20
)


def stored_at_0() -> StaleableEntry:
    """Return an entry with a value that is fresh until 1000, stale until 1100, good until 1500."""
    entry = StaleableEntry(LIMITS)
    assert entry.read(0) == Load(ticket=1, until_ns=50)
    assert entry.store(1, 0, uniform=0.0)
    return entry


@pytest.mark.parametrize(
    ("now_ns", "verdict"),
    [
        (999, FRESH),
        (1000, STALE),
        (1099, STALE),
        (1100, ON_ERROR),
        (1499, ON_ERROR),
        (1500, EXPIRED),
    ],
)
def test_the_end_of_each_stretch_belongs_to_the_next(now_ns: int, verdict: int) -> None:
    assert freshness_step(now_ns, 1000, 100, 500) == verdict


def test_without_windows_what_is_not_fresh_has_expired() -> None:
    assert freshness_step(1000, 1000, 0, 0) == EXPIRED


def test_a_longer_while_revalidate_leaves_nothing_for_errors() -> None:
    assert freshness_step(1300, 1000, 400, 200) == STALE
    assert freshness_step(1400, 1000, 400, 200) == EXPIRED


def test_jitter_shortens_by_its_permille_at_the_most() -> None:
    assert jittered_ttl_ns(1_000, 100, 0.0) == 1_000
    assert jittered_ttl_ns(1_000, 100, 0.5) == 950
    assert jittered_ttl_ns(1_000, 100, 1 - 2**-53) == 901
    assert jittered_ttl_ns(1_000, 0, 0.7) == 1_000
    assert jittered_ttl_ns(1, 999, 0.9) == 1


def test_a_stale_value_is_served_to_all_and_revalidated_by_the_first() -> None:
    entry = stored_at_0()
    assert entry.read(999) == Serve(stored=1, ticket=0)
    assert entry.read(1000) == Serve(stored=1, ticket=2)
    assert entry.read(1000) == Serve(stored=1, ticket=0)
    assert entry.store(2, 1010, uniform=0.0)
    assert entry.read(2009) == Serve(stored=2, ticket=0)


def test_a_revalidator_that_takes_too_long_makes_way_for_another() -> None:
    entry = stored_at_0()
    entry.read(1000)
    assert entry.read(1049) == Serve(stored=1, ticket=0)
    assert entry.read(1050) == Serve(stored=1, ticket=3)
    assert not entry.store(2, 1051, uniform=0.0)


def test_a_value_past_its_window_is_loaded_by_one_while_the_others_hold() -> None:
    entry = stored_at_0()
    assert entry.read(1100) == Load(ticket=2, until_ns=1150)
    assert entry.read(1120) == Hold(until_ns=1150)


def test_when_loading_fails_the_old_value_is_served_for_a_while() -> None:
    entry = stored_at_0()
    entry.read(1200)
    assert entry.failed(2, 1210)
    assert entry.read(1229) == Serve(stored=1, ticket=0)
    # The pause is over: somebody tries again.
    assert entry.read(1230) == Load(ticket=3, until_ns=1280)


def test_nothing_is_served_on_error_when_that_window_is_over_too() -> None:
    entry = stored_at_0()
    entry.read(1490)
    assert entry.failed(2, 1499)
    assert entry.read(1500) == Hold(until_ns=1519)
    assert not entry.failed(2, 1500)


def test_a_failed_revalidation_of_a_stale_value_pauses_too() -> None:
    entry = stored_at_0()
    entry.read(1000)
    entry.failed(2, 1005)
    assert entry.read(1024) == Serve(stored=1, ticket=0)
    assert entry.read(1025) == Serve(stored=1, ticket=3)


def test_a_failed_ticket_stores_nothing_any_more() -> None:
    entry = stored_at_0()
    entry.read(1200)
    entry.failed(2, 1210)
    assert not entry.store(2, 1211, uniform=0.0)


def test_an_invalidated_value_is_not_served_nor_brought_back() -> None:
    entry = stored_at_0()
    assert entry.read(1000) == Serve(stored=1, ticket=2)
    entry.invalidate(1010)
    assert not entry.store(2, 1020, uniform=0.0)
    assert entry.read(1020) == Load(ticket=4, until_ns=1070)
    assert not entry.failed(4, 1030)


def test_time_that_runs_backwards_makes_values_last_longer() -> None:
    entry = stored_at_0()
    assert entry.read(1000) == Serve(stored=1, ticket=2)
    assert entry.read(990) == Serve(stored=1, ticket=0)
    assert entry.store(2, 990, uniform=0.0)
    assert entry.read(1989) == Serve(stored=2, ticket=0)


def test_a_value_without_an_end_has_none() -> None:
    entry = StaleableEntry(FreshnessLimits(ttl_ns=FOREVER_NS))
    entry.read(5)
    entry.store(1, 5, uniform=0.0)
    assert entry.read(FOREVER_NS - 1) == Serve(stored=1, ticket=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ttl_ns", 0),
        ("jitter_permille", -1),
        ("jitter_permille", 1000),
        ("while_revalidate_ns", -1),
        ("if_error_ns", -1),
        ("load_max_ns", 0),
        ("error_pause_ns", 0),
    ],
)
def test_a_limit_out_of_its_range_is_refused_by_name(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must be .*, got {value}$"):
        FreshnessLimits(**{"ttl_ns": 1000, field: value})
