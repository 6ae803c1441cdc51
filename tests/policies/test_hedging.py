"""Stories of requests that are sent a second time."""

import pytest

from policies.hedging import HedgeLimits, Hedging, Leg, Loss, Word

LIMITS = HedgeLimits(
    delay_min_ns=10,
    delay_max_ns=1000,
    step_ns=1,
    slow_percent=5,
    share_percent=10,
    reserve=1,
)


def test_a_slow_request_is_sent_again_and_the_faster_answer_is_taken() -> None:
    request = Hedging(LIMITS).begin(0, idempotent=True)
    assert not request.hedge(999)
    assert request.hedge(1000)
    assert request.answered(Leg.SECOND, 1100) is Word.WINS_OVER
    assert request.answered(Leg.FIRST, 1200) is Word.LATE


def test_a_fast_answer_needs_no_second_attempt() -> None:
    request = Hedging(LIMITS).begin(0, idempotent=True)
    assert request.answered(Leg.FIRST, 40) is Word.WINS
    assert not request.hedge(1000)


def test_what_may_not_happen_twice_is_waited_for() -> None:
    request = Hedging(LIMITS).begin(0, idempotent=False)
    assert not request.hedge(10**9)


def test_the_reserve_is_one_and_ten_requests_earn_another() -> None:
    hedging = Hedging(LIMITS)
    slow = [hedging.begin(0, idempotent=True) for _ in range(3)]
    assert [request.hedge(1000) for request in slow] == [True, False, False]
    for _ in range(10):
        hedging.begin(1000, idempotent=True).answered(Leg.FIRST, 1001)
    assert hedging.begin(2000, idempotent=True).hedge(3000)
    # One that was denied a second attempt does not get it later.
    assert not slow[1].hedge(3000)


def test_a_failed_attempt_leaves_the_other_to_decide() -> None:
    request = Hedging(LIMITS).begin(0, idempotent=True)
    assert request.hedge(1000)
    assert request.failed(Leg.FIRST) is Loss.WAIT
    assert request.failed(Leg.FIRST) is Loss.LATE
    assert request.failed(Leg.SECOND) is Loss.OVER
    assert request.out == frozenset()


def test_the_delay_comes_down_to_what_most_requests_take() -> None:
    hedging = Hedging(LIMITS)
    # Five in a hundred take 500, the others 100; a delay in between separates them.
    for number in range(2000):
        latency_ns = 500 if number % 20 == 0 else 100
        request = hedging.begin(0, idempotent=True)
        request.answered(Leg.FIRST, latency_ns)
    assert 100 <= hedging.delay_ns <= 500


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"delay_min_ns": 0}, "delay_min_ns and delay_max_ns must ascend from 1"),
        ({"delay_min_ns": 1001}, "must ascend from 1 to 9007199254740992, got 1001 and 1000"),
        ({"step_ns": 0}, "step_ns must be from 1 to 9007199254740992, got 0"),
        ({"slow_percent": 0}, "slow_percent must be from 1 to 99, got 0"),
        ({"slow_percent": 100}, "slow_percent must be from 1 to 99, got 100"),
        ({"share_percent": -1}, "share_percent must be from 0 to 100, got -1"),
        ({"share_percent": 101}, "share_percent must be from 0 to 100, got 101"),
        ({"reserve": -1}, "reserve must be at least 0, got -1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int], complaint: str) -> None:
    known = {"delay_min_ns": 10, "delay_max_ns": 1000, "step_ns": 1, "slow_percent": 5}
    with pytest.raises(ValueError, match=f"{complaint}"):
        HedgeLimits(**{**known, **limits})
