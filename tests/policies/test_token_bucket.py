"""Stories of token buckets."""

import pytest

from policies.rate_limit import Admission, RateLimit
from policies.token_bucket import TokenBucket, TokenBucketLimit, gcra_step

THREE_THEN_ONE_IN_TEN = TokenBucketLimit(interval_ns=10, burst=3)


def test_a_burst_passes_at_once_and_then_one_passes_each_interval() -> None:
    bucket = TokenBucket(THREE_THEN_ONE_IN_TEN)
    assert [bucket.admit(100).remaining for _ in range(3)] == [2, 1, 0]
    assert bucket.admit(100) == Admission(admitted=False, retry_after_ns=10, remaining=0)
    assert not bucket.admit(109).admitted
    assert bucket.admit(110) == Admission(admitted=True, retry_after_ns=0, remaining=0)
    assert bucket.admit(119) == Admission(admitted=False, retry_after_ns=1, remaining=0)


def test_an_empty_bucket_is_full_again_after_its_burst_s_worth_of_time() -> None:
    bucket = TokenBucket(THREE_THEN_ONE_IN_TEN)
    for _ in range(3):
        bucket.admit(0)
    assert [bucket.admit(30).admitted for _ in range(4)] == [True, True, True, False]


def test_in_a_window_of_the_rate_s_length_twice_the_limit_may_come() -> None:
    limit = TokenBucketLimit.at_rate_of(RateLimit(requests=4, window_ns=100), burst=4)
    assert limit.interval_ns == 25
    assert limit.admitted_max(100) == 8
    bucket = TokenBucket(limit)
    arrivals = [0, 0, 0, 0, 25, 50, 75, 100]
    assert all(bucket.admit(now_ns).admitted for now_ns in arrivals)


def test_a_rate_that_does_not_divide_is_rounded_down() -> None:
    limit = TokenBucketLimit.at_rate_of(RateLimit(requests=3, window_ns=100), burst=1)
    assert limit.interval_ns == 34


def test_a_request_from_a_clock_that_lags_waits_longer_and_takes_nothing() -> None:
    bucket = TokenBucket(TokenBucketLimit(interval_ns=10, burst=1))
    assert bucket.admit(100).admitted
    assert bucket.admit(40) == Admission(admitted=False, retry_after_ns=70, remaining=0)
    assert bucket.admit(110).admitted


def test_a_step_tells_the_new_state_and_the_wait() -> None:
    assert gcra_step(0, 100, 10, 20) == (110, 0)
    assert gcra_step(130, 100, 10, 20) == (130, 10)


@pytest.mark.parametrize(
    ("interval_ns", "burst", "message"),
    [
        (0, 1, "interval_ns must be at least 1, got 0"),
        (-1, 1, "interval_ns must be at least 1, got -1"),
        (1, 0, "burst must be at least 1, got 0"),
        (2**60, 3, "burst must be at most 2 with an interval_ns of 1152921504606846976, got 3"),
    ],
)
def test_nonsense_is_refused_by_name(interval_ns: int, burst: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        TokenBucketLimit(interval_ns=interval_ns, burst=burst)
