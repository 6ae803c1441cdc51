"""Stories of requests under several limits."""

import pytest

from policies.joint_limit import Counted, JointLimiter
from policies.rate_limit import RateLimit

WIDEST = RateLimit(requests=10, window_ns=1_000)
USER = Counted("user:ada", RateLimit(requests=2, window_ns=100))
KEY = Counted("key:3f2a", RateLimit(requests=1, window_ns=30))
TIER = Counted("tier:free", RateLimit(requests=3, window_ns=200))


def test_what_one_limit_refuses_uses_up_none_of_the_others() -> None:
    limiter = JointLimiter(WIDEST)
    assert limiter.admit([USER, KEY, TIER], 0).admission.admitted
    for now_ns in range(1, 30):
        assert limiter.admit([USER, KEY, TIER], now_ns).refused_by == ("key:3f2a",)
    # With another key the user still has one of two, and the tier two of three.
    assert limiter.admit([USER, TIER], 29).admission.admitted
    assert limiter.admit([TIER], 29).admission.admitted


def test_the_wait_is_that_of_the_limit_that_opens_last() -> None:
    limiter = JointLimiter(WIDEST)
    assert limiter.admit([USER, KEY, TIER], 0).admission.admitted
    assert limiter.admit([USER, TIER], 10).admission.admitted
    refusal = limiter.admit([USER, KEY, TIER], 20)
    assert refusal.refused_by == ("user:ada", "key:3f2a")
    assert refusal.admission.retry_after_ns == 80
    assert limiter.admit([USER, KEY, TIER], 100).admission.admitted


def test_a_change_of_tier_holds_from_the_next_request_on() -> None:
    limiter = JointLimiter(WIDEST)
    for _ in range(2):
        assert limiter.admit([USER], 0).admission.admitted
    assert not limiter.admit([USER], 1).admission.admitted
    assert limiter.admit([USER._replace(limit=TIER.limit)], 1).admission.admitted


def test_a_subject_named_twice_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^a subject is named twice"):
        JointLimiter(WIDEST).admit([USER, USER], 0)
