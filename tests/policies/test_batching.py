"""Batches, for example: full, of age, or shut down."""

from typing import Any

import pytest

from policies.batching import Batch, Batcher, BatchLimits, BatchRefused

LIMITS = BatchLimits(weight_max=4, age_max_ns=10, keys_max=2)


def test_a_batch_goes_with_the_item_that_fills_it() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    assert batcher.add("m", "a", 1, now_ns=0) == ()
    assert batcher.add("m", "b", 3, now_ns=1) == (Batch("m", ("a", "b"), 4, 0),)
    assert batcher.due_at_ns is None


def test_an_item_that_does_not_fit_lets_the_batch_go_and_opens_the_next() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("m", "a", 2, now_ns=0)
    assert batcher.add("m", "b", 3, now_ns=1) == (Batch("m", ("a",), 2, 0),)
    assert batcher.due_at_ns == 11


def test_an_item_may_let_two_batches_go() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("m", "a", 1, now_ns=0)
    assert batcher.add("m", "b", 4, now_ns=1) == (
        Batch("m", ("a",), 1, 0),
        Batch("m", ("b",), 4, 1),
    )


def test_a_batch_goes_when_its_first_item_has_waited_long_enough() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("m", "a", 1, now_ns=0)
    batcher.add("m", "b", 1, now_ns=9)
    assert batcher.due(9) == ()
    assert batcher.due(10) == (Batch("m", ("a", "b"), 2, 0),)


def test_whoever_comes_after_the_time_does_not_join_what_is_overdue() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("m", "a", 1, now_ns=0)
    batcher.add("n", "b", 1, now_ns=5)
    assert batcher.add("n", "c", 1, now_ns=15) == (
        Batch("m", ("a",), 1, 0),
        Batch("n", ("b",), 1, 5),
    )
    assert batcher.due_at_ns == 25


def test_keys_do_not_mix_and_only_so_many_are_open() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("m", "a", 1, now_ns=0)
    batcher.add("n", "b", 1, now_ns=0)
    assert batcher.add("o", "c", 1, now_ns=9) == BatchRefused("keys")
    assert batcher.add("o", "c", 1, now_ns=10) == (
        Batch("m", ("a",), 1, 0),
        Batch("n", ("b",), 1, 0),
    )


def test_what_no_batch_can_hold_is_refused() -> None:
    assert Batcher[str](LIMITS).add("m", "a", 5, now_ns=0) == BatchRefused("too_heavy")


def test_at_the_end_everything_goes_and_nothing_more_is_taken() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("n", "a", 1, now_ns=0)
    batcher.add("m", "b", 1, now_ns=1)
    assert batcher.close() == (Batch("n", ("a",), 1, 0), Batch("m", ("b",), 1, 1))
    assert batcher.close() == ()
    assert batcher.add("m", "c", 1, now_ns=2) == BatchRefused("closed")


def test_without_any_patience_every_item_goes_by_itself() -> None:
    batcher: Batcher[str] = Batcher(BatchLimits(weight_max=4, age_max_ns=0, keys_max=1))
    assert batcher.add("m", "a", 1, now_ns=0) == (Batch("m", ("a",), 1, 0),)


def test_an_item_that_weighs_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^weight must be at least 1, got 0"):
        Batcher[str](LIMITS).add("m", "a", 0, now_ns=0)


def test_time_must_not_run_backwards() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("m", "a", 1, now_ns=5)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        batcher.due(4)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"weight_max": 0}, "weight_max must be at least 1, got 0"),
        ({"age_max_ns": -1}, "age_max_ns must be at least 0, got -1"),
        ({"keys_max": 0}, "keys_max must be at least 1, got 0"),
    ],
)
def test_nonsensical_limits_are_refused_by_name(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        BatchLimits(**{"weight_max": 4, "age_max_ns": 10, "keys_max": 2, **wrong})
