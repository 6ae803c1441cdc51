"""Stories of rate limits, each of which can be checked by counting."""

import pickle

import pytest

from policies.rate_limit import UNLIMITED, Admission, RateLimit, SlidingLog, TieredLimiter

REFUSED_FOR_20_NS = Admission(admitted=False, retry_after_ns=20, remaining=0)


def test_a_full_window_opens_again_when_its_oldest_request_has_left_it() -> None:
    log = SlidingLog(RateLimit(requests=2, window_ns=100))
    assert log.admit(0) == Admission(admitted=True, retry_after_ns=0, remaining=1)
    assert log.admit(60) == Admission(admitted=True, retry_after_ns=0, remaining=0)

    assert log.admit(80) == REFUSED_FOR_20_NS
    assert not log.admit(99).admitted
    # The window that ends at 100 begins after 0, so the first request is out of it.
    assert log.admit(100).admitted
    assert not log.admit(159).admitted
    assert log.admit(160).admitted


def test_a_log_keeps_no_more_times_than_its_limit_admits_however_long_it_lives() -> None:
    log = SlidingLog(RateLimit(requests=2, window_ns=10))
    limiter = TieredLimiter({"free": RateLimit(requests=2, window_ns=10)})
    young = (
        limiter.admit("free", "ada", 0),
        log.admit(0),
        log.admit(1),
        limiter.admit("free", "ada", 1),
    )
    sizes = len(pickle.dumps(log)), len(pickle.dumps(limiter))
    assert all(admission.admitted for admission in young)
    for now_ns in range(2, 200):
        log.admit(now_ns)
        limiter.admit("free", "ada", now_ns)
    assert (len(pickle.dumps(log)), len(pickle.dumps(limiter))) == sizes


def test_knocking_on_a_full_window_does_not_keep_it_shut() -> None:
    log = SlidingLog(RateLimit(requests=1, window_ns=10))
    assert log.admit(0).admitted
    assert not any(log.admit(now_ns).admitted for now_ns in range(1, 10))
    assert log.admit(10).admitted


def test_requests_of_the_same_nanosecond_count_one_by_one() -> None:
    log = SlidingLog(RateLimit(requests=3, window_ns=10))
    assert [log.admit(5).admitted for _ in range(4)] == [True, True, True, False]


def test_users_of_one_tier_do_not_share_a_limit() -> None:
    limiter = TieredLimiter({"free": RateLimit(requests=1, window_ns=100)})
    assert limiter.admit("free", "ada", 0).admitted
    assert limiter.admit("free", "bob", 0).admitted
    assert limiter.admit("free", "ada", 80) == REFUSED_FOR_20_NS


def test_a_user_with_a_key_in_two_tiers_has_one_account() -> None:
    limiter = TieredLimiter(
        {
            "free": RateLimit(requests=2, window_ns=100),
            "pro": RateLimit(requests=3, window_ns=10),
        }
    )
    assert [limiter.admit("pro", "ada", 0).admitted for _ in range(3)] == [True, True, True]
    # What went through with the better key counts for the other one, all of its window long.
    assert limiter.admit("free", "ada", 80) == REFUSED_FOR_20_NS
    assert limiter.admit("pro", "ada", 80).remaining == 2
    assert limiter.admit("free", "ada", 100).remaining == 0


def test_a_tier_without_a_limit_is_not_counted() -> None:
    limiter = TieredLimiter({})
    assert limiter.admit("staff", "ada", 0) == Admission(
        admitted=True, retry_after_ns=0, remaining=UNLIMITED
    )
    assert limiter.users_remembered == 0


def test_a_user_who_falls_silent_is_forgotten_after_a_window() -> None:
    limiter = TieredLimiter({"free": RateLimit(requests=1, window_ns=100)})
    for user in range(1000):
        limiter.admit("free", f"user-{user}", user)
    # The users of 900 to 999 were admitted after 899, and the window reaches back to there.
    assert limiter.users_remembered == 100
    limiter.admit("staff", "ada", 1100)
    assert limiter.users_remembered == 0


@pytest.mark.parametrize("name", ["requests", "window_ns"])
def test_a_limit_below_one_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be at least 1, got 0"):
        RateLimit(**{"requests": 1, "window_ns": 1, name: 0})


def test_more_requests_than_a_log_can_remember_are_refused_before_there_is_a_log() -> None:
    assert SlidingLog(RateLimit(UNLIMITED, 1)).admit(0).remaining == UNLIMITED - 1
    with pytest.raises(ValueError, match=rf"^requests must be at most {UNLIMITED}, got {2**63}"):
        RateLimit(2**63, 1)
