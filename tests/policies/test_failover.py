"""Stories of regions that fail and come back."""

import pytest

from policies.failover import NOBODY, FailoverLimits, RegionalFailover, RegionFence, Reign, succeeds
from policies.health import HealthLimits

LIMITS = FailoverLimits(health=HealthLimits(rise=1, fall=2), dwell_min_ns=100)


def watcher(**regions: str) -> RegionalFailover:
    """Return a watcher that has seen these results of each region."""
    made = RegionalFailover(list(regions), LIMITS)
    for region, results in regions.items():
        for result in results:
            made.observe(region, passed=result == "+")
    return made


def test_the_first_healthy_region_in_order_of_preference_becomes_active() -> None:
    assert watcher(west="-", east="+", north="+").propose(NOBODY, 7) == Reign("east", 1, 7)


def test_an_active_region_that_is_well_stays_though_a_preferred_one_is_back() -> None:
    assert watcher(west="+", east="+").propose(Reign("east", 4, 0), 1000) is None


def test_a_region_is_replaced_when_it_is_down_under_the_next_epoch() -> None:
    down = watcher(west="+--", east="+")
    assert down.propose(Reign("west", 4, 0), 100) == Reign("east", 5, 100)


def test_a_single_failed_check_replaces_nobody() -> None:
    assert watcher(west="+-", east="+").propose(Reign("west", 4, 0), 1000) is None


def test_no_region_is_left_before_its_time() -> None:
    down = watcher(west="--", east="+")
    assert down.propose(Reign("west", 4, 0), 99) is None
    # Nor where its beginning lies ahead, by the clock of another watcher.
    assert down.propose(Reign("west", 4, 500), 300) is None


def test_where_nobody_is_well_nothing_changes() -> None:
    assert watcher(west="--", east="--").propose(Reign("west", 4, 0), 1000) is None
    assert watcher().propose(NOBODY, 0) is None


def test_a_region_that_is_no_longer_listed_is_replaced() -> None:
    assert watcher(west="+").propose(Reign("south", 4, 0), 100) == Reign("west", 5, 100)


def test_results_of_strangers_are_left_aside() -> None:
    some = watcher(west="+")
    some.observe("south", passed=True)
    assert some.propose(NOBODY, 0) == Reign("west", 1, 0)


def test_of_two_watchers_that_saw_the_same_only_one_is_heard() -> None:
    current = Reign("west", 4, 0)
    first = watcher(west="--", east="+", north="-").propose(current, 100)
    second = watcher(west="--", east="-", north="+").propose(current, 101)
    assert first is not None
    assert second is not None
    assert succeeds(current, first)
    assert not succeeds(first, second)


def test_a_region_that_was_replaced_and_wakes_up_is_refused() -> None:
    fence = RegionFence()
    assert fence.admit("west", 1)
    assert fence.admit("east", 2)
    assert not fence.admit("west", 1)
    assert fence.admit("east", 2)
    assert fence.admit("west", 3)
    # Nor may a process of the region that reigns now, if it slept through its first reign's end.
    assert not fence.admit("west", 1)


def test_two_regions_with_one_epoch_are_not_both_let_in() -> None:
    fence = RegionFence()
    assert fence.admit("west", 1)
    assert not fence.admit("east", 1)


def test_nonsense_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^dwell_min_ns must be at least 0, got -1"):
        FailoverLimits(health=HealthLimits(), dwell_min_ns=-1)
    with pytest.raises(ValueError, match=r"^regions must differ"):
        RegionalFailover(["west", "west"], LIMITS)
    with pytest.raises(ValueError, match=r"^epoch must be at least 1, got 0"):
        RegionFence().admit("west", 0)
