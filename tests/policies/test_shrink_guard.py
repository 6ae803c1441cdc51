"""Stories of the second opinion."""

import pytest

from policies.shrink_guard import Calm, ShrinkGuard

SECOND_NS = 1_000_000_000

CALM = Calm(signal_max=10, window_ns=60 * SECOND_NS)


def test_while_the_queue_is_short_nothing_is_held_back() -> None:
    guard = ShrinkGuard(CALM)
    assert guard.guarded(0, 20, 20, signal=0) == 20
    assert guard.guarded(60 * SECOND_NS, 20, 2, signal=10) == 2
    assert guard.guarded(61 * SECOND_NS, 20, None, signal=0) is None


def test_a_guard_that_has_just_started_knows_nothing_of_the_window_before() -> None:
    guard = ShrinkGuard(CALM)
    assert guard.guarded(100 * SECOND_NS, 20, 2, signal=0) == 20
    assert guard.guarded(160 * SECOND_NS - 1, 20, 2, signal=0) == 20
    assert guard.guarded(160 * SECOND_NS, 20, 2, signal=0) == 2


def test_while_the_queue_is_long_nobody_goes() -> None:
    guard = ShrinkGuard(CALM)
    assert guard.guarded(0, 20, 2, signal=11) == 20
    assert guard.guarded(SECOND_NS, 20, 25, signal=500) == 25
    assert guard.guarded(2 * SECOND_NS, 20, 20, signal=500) == 20
    assert guard.guarded(3 * SECOND_NS, 20, None, signal=500) is None


def test_calm_must_have_lasted() -> None:
    guard = ShrinkGuard(CALM)
    assert guard.guarded(0, 20, 2, signal=11) == 20
    assert guard.guarded(60 * SECOND_NS, 20, 2, signal=0) == 20
    assert guard.guarded(60 * SECOND_NS + 1, 20, 2, signal=0) == 2


def test_a_signal_that_is_not_known_is_no_calm() -> None:
    assert ShrinkGuard(CALM).guarded(0, 20, 2, signal=None) == 20


def test_without_a_window_only_this_moment_counts() -> None:
    assert ShrinkGuard(Calm(signal_max=10, window_ns=0)).guarded(0, 20, 2, signal=10) == 2
    guard = ShrinkGuard(Calm(signal_max=10, window_ns=0))
    assert guard.guarded(0, 20, 2, signal=11) == 20
    assert guard.guarded(1, 20, 2, signal=10) == 2


def test_time_that_runs_backwards_is_a_bug_of_the_caller() -> None:
    guard = ShrinkGuard(CALM)
    guard.guarded(5, 1, 1, signal=0)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        guard.guarded(4, 1, 1, signal=0)


def test_a_negative_window_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^window_ns must be at least 0, got -1"):
        Calm(signal_max=1, window_ns=-1)
