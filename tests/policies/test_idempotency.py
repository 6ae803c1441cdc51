"""Idempotency keys, for example: run, wait, answer again, or a conflict."""

from typing import Any

import pytest

from policies.idempotency import (
    IdempotencyKeys,
    IdempotencyLimits,
    InProgress,
    KeyRecord,
    KeyReused,
    Replay,
    Run,
    fingerprint_of,
    judge,
    scoped_key,
)

LIMITS = IdempotencyLimits(kept_ns=100, retry_horizon_ns=50, clock_skew_ns=9, hold_ns=10)


def keys(keys_max: int = 10) -> IdempotencyKeys:
    return IdempotencyKeys(LIMITS, keys_max)


def test_the_first_request_runs_and_the_next_ones_get_its_answer() -> None:
    known = keys()
    assert known.begin("ada", "k", "print", work_id="w1", now_ns=0) == Run("w1", 1)
    assert known.finish("ada", "k", 1, "answer", 5) == "answer"
    assert known.begin("ada", "k", "print", work_id="w2", now_ns=6) == Replay("answer")


def test_who_comes_while_it_runs_hears_when_to_come_back() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert known.begin("ada", "k", "print", work_id="w2", now_ns=4) == InProgress(6)


def test_the_same_key_for_something_else_is_a_conflict_while_it_runs_and_after() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert known.begin("ada", "k", "other", work_id="w2", now_ns=1) == KeyReused()
    known.finish("ada", "k", 1, "answer", 2)
    assert known.begin("ada", "k", "other", work_id="w2", now_ns=99) == KeyReused()


def test_a_holder_that_dies_is_followed_by_another_run_of_the_same_work() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert known.begin("ada", "k", "print", work_id="w2", now_ns=10) == Run("w1", 2)


def test_a_holder_that_wakes_up_late_must_not_tell_its_own_answer() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    known.begin("ada", "k", "print", work_id="w2", now_ns=10)
    assert known.finish("ada", "k", 1, "of the sleeper", 11) is None
    assert known.finish("ada", "k", 2, "of the heir", 12) == "of the heir"
    assert known.finish("ada", "k", 1, "of the sleeper", 13) == "of the heir"


def test_a_run_that_failed_without_effect_lets_the_next_one_start_at_once() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert not known.abandon("ada", "k", 2, 1)
    assert known.abandon("ada", "k", 1, 1)
    assert known.begin("ada", "k", "print", work_id="w2", now_ns=1) == Run("w1", 2)
    known.finish("ada", "k", 2, "answer", 2)
    assert not known.abandon("ada", "k", 2, 3)


def test_two_tenants_are_strangers_however_their_names_are_put_together() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert known.begin("bob", "k", "other", work_id="w2", now_ns=0) == Run("w2", 1)
    assert scoped_key("a", "b:c") != scoped_key("a:b", "c")
    assert scoped_key("1:a", "b") != scoped_key("1", "1:ab")
    assert scoped_key("\ud800", "k") != scoped_key("?", "k")


def test_the_borders_of_a_fingerprint_s_parts_count() -> None:
    assert fingerprint_of([b"ab", b"c"]) != fingerprint_of([b"a", b"bc"])
    assert fingerprint_of([]) != fingerprint_of([b""])


def test_a_record_is_kept_for_its_time_after_it_was_last_written_and_then_forgotten() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    known.finish("ada", "k", 1, "answer", 20)
    assert known.begin("ada", "k", "print", work_id="w2", now_ns=119) == Replay("answer")
    assert known.begin("ada", "k", "other", work_id="w2", now_ns=120) == Run("w2", 2)


def test_who_finishes_after_its_record_is_gone_has_no_answer_to_tell() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert known.finish("ada", "k", 1, "answer", 100) is None
    assert not known.abandon("ada", "k", 1, 100)
    assert len(known) == 0


def test_when_no_more_keys_can_be_kept_nothing_new_is_carried_out() -> None:
    known = keys(keys_max=1)
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert known.begin("ada", "l", "print", work_id="w2", now_ns=50) is None
    assert known.begin("ada", "k", "print", work_id="w2", now_ns=50) == Run("w1", 2)
    assert known.begin("ada", "l", "print", work_id="w2", now_ns=150) == Run("w2", 3)


def test_a_record_past_its_time_is_as_good_as_none() -> None:
    stale = KeyRecord("print", "w1", "answer", kept_until_ns=100)
    assert judge(stale, "print", "w2", 99) == Replay("answer")
    assert judge(stale, "print", "w2", 100) == Run("w2", 1)


def test_time_must_not_run_backwards() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=5)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        known.finish("ada", "k", 1, "answer", 4)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"retry_horizon_ns": -1}, "retry_horizon_ns must be at least 0, got -1"),
        ({"clock_skew_ns": -1}, "clock_skew_ns must be at least 0, got -1"),
        ({"hold_ns": -1}, "hold_ns must be at least 0, got -1"),
        ({"kept_ns": 60}, "kept_ns must exceed retry_horizon_ns .* = 60, got 60"),
        ({"hold_ns": 100}, "hold_ns must be below kept_ns, got 100"),
    ],
)
def test_nonsensical_limits_are_refused_by_name(wrong: dict[str, Any], complaint: str) -> None:
    right = {"kept_ns": 100, "retry_horizon_ns": 50, "clock_skew_ns": 10}
    with pytest.raises(ValueError, match=f"^{complaint}"):
        IdempotencyLimits(**{**right, **wrong})


def test_room_for_no_key_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^keys_max must be at least 1, got 0"):
        keys(keys_max=0)


def test_who_slept_until_its_key_was_forgotten_answers_for_nobody_else() -> None:
    known = keys()
    known.begin("ada", "k", "print", work_id="w1", now_ns=0)
    assert known.begin("ada", "k", "other", work_id="w2", now_ns=100) == Run("w2", 2)
    assert known.finish("ada", "k", 1, "the answer to print", 101) is None
    assert not known.abandon("ada", "k", 1, 101)
    assert known.finish("ada", "k", 2, "the answer to other", 102) == "the answer to other"
