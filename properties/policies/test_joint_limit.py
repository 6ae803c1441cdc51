"""Laws of several limits on one request: all must admit, and a refusal costs nobody anything."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.joint_limit import Counted, JointLimiter
from policies.rate_limit import UNLIMITED, Admission, RateLimit, SlidingLog, TieredLimiter
from properties.strategies import LimiterHistory, Request, limiter_histories

WIDEST = RateLimit(requests=5, window_ns=12)
KEYS_LIMIT = RateLimit(requests=2, window_ns=5)
TIERS_LIMIT = RateLimit(requests=4, window_ns=9)


def counted(history: LimiterHistory, request: Request) -> list[Counted]:
    """Return a user's limit, that of one of two keys, and that of the whole tier."""
    key = f"key:{request.user}:{request.at_ns % 2}"
    return [
        Counted(f"user:{request.user}", history.limits[request.tier]),
        Counted(key, KEYS_LIMIT),
        Counted(f"tier:{request.tier}", TIERS_LIMIT),
    ]


def used(admitted: Sequence[tuple[int, str]], subject: str, limit: RateLimit, now_ns: int) -> int:
    """Count what the subject was admitted in the window that ends now."""
    since_ns = now_ns - limit.window_ns
    return sum(at_ns > since_ns for at_ns, whose in admitted if whose == subject)


@given(history=limiter_histories())
def test_a_request_is_refused_exactly_by_those_of_its_limits_that_are_full(
    history: LimiterHistory,
) -> None:
    limiter = JointLimiter(WIDEST)
    admitted: list[tuple[int, str]] = []
    for request in history.requests:
        limits = counted(history, request)
        full = tuple(
            subject
            for subject, limit in limits
            if used(admitted, subject, limit, request.at_ns) >= limit.requests
        )
        verdict = limiter.admit(limits, request.at_ns)
        assert verdict.refused_by == full
        assert verdict.admission.admitted is (not full)
        if not full:
            admitted += [(request.at_ns, subject) for subject, _ in limits]


@given(history=limiter_histories())
def test_a_refused_request_is_admitted_when_it_was_told_to_return_and_no_sooner(
    history: LimiterHistory,
) -> None:
    limiter = JointLimiter(WIDEST)
    for request in history.requests:
        limits = counted(history, request)
        (admitted, wait_ns, _), _ = limiter.admit(limits, request.at_ns)
        assert admitted is (wait_ns == 0)
        if not admitted:
            early = deepcopy(limiter).admit(limits, request.at_ns + wait_ns - 1)
            assert not early.admission.admitted
            assert deepcopy(limiter).admit(limits, request.at_ns + wait_ns).admission.admitted


@given(history=limiter_histories())
def test_exactly_what_is_remaining_is_admitted_at_the_same_moment(history: LimiterHistory) -> None:
    limiter = JointLimiter(WIDEST)
    for request in history.requests:
        limits = counted(history, request)
        remaining = limiter.admit(limits, request.at_ns).admission.remaining
        copy = deepcopy(limiter)
        more = (copy.admit(limits, request.at_ns).admission for _ in range(remaining + 2))
        assert sum(1 for _ in takewhile(lambda one: one.admitted, more)) == remaining


@given(history=limiter_histories(tiers_change=True))
def test_with_one_limit_each_it_decides_as_the_tiers_limiter_does(history: LimiterHistory) -> None:
    joint, tiered = JointLimiter(WIDEST), TieredLimiter(history.limits)
    for at_ns, tier, user in history.requests:
        verdict = joint.admit([Counted(user, history.limits[tier])], at_ns)
        assert verdict.admission == tiered.admit(tier, user, at_ns)


@given(history=limiter_histories())
def test_only_subjects_whom_the_widest_window_still_holds_are_remembered(
    history: LimiterHistory,
) -> None:
    limiter = JointLimiter(WIDEST)
    last_ns: dict[str, int] = {}
    for request in history.requests:
        limits = counted(history, request)
        if limiter.admit(limits, request.at_ns).admission.admitted:
            last_ns.update({subject: request.at_ns for subject, _ in limits})
        since_ns = request.at_ns - WIDEST.window_ns
        held = sum(at_ns > since_ns for at_ns in last_ns.values())
        assert limiter.subjects_remembered == held


@given(now_ns=st.integers(0, 2**63))
def test_a_request_without_any_limit_is_admitted(now_ns: int) -> None:
    verdict = JointLimiter(WIDEST).admit([], now_ns)
    assert verdict.admission == Admission(admitted=True, retry_after_ns=0, remaining=UNLIMITED)


@given(requests=st.integers(1, 9), window_ns=st.integers(1, 20))
def test_a_limit_wider_than_what_is_kept_is_refused_by_name(requests: int, window_ns: int) -> None:
    limit = RateLimit(requests=requests, window_ns=window_ns)
    if requests <= WIDEST.requests and window_ns <= WIDEST.window_ns:
        assert JointLimiter(WIDEST).admit([Counted("ada", limit)], 0).admission.admitted
        return
    with pytest.raises(ValueError, match=r"^ada has a limit wider than the widest"):
        JointLimiter(WIDEST).admit([Counted("ada", limit)], 0)


@given(history=limiter_histories())
def test_a_log_of_one_stream_decides_as_that_of_one_user(history: LimiterHistory) -> None:
    limit = history.limits["free"]
    log, tiered = SlidingLog(limit), TieredLimiter({"free": limit})
    for at_ns, _, _ in history.requests:
        assert log.admit(at_ns) == tiered.admit("free", "ada", at_ns)
