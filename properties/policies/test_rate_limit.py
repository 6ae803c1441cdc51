"""Laws of the rate limiters: neither more than the limit nor less, and honest about both."""

from copy import deepcopy
from itertools import takewhile

from hypothesis import given

from policies.rate_limit import UNLIMITED, RateLimit, TieredLimiter
from properties.strategies import LimiterHistory, Request, limiter_histories


def admitted_among(history: LimiterHistory) -> list[Request]:
    """Return the requests of the history that a limiter admits."""
    limiter = TieredLimiter(history.limits)
    return [
        request
        for request in history.requests
        if limiter.admit(request.tier, request.user, request.at_ns).admitted
    ]


def used(admitted: list[Request], user: str, limit: RateLimit, now_ns: int) -> int:
    """Count what the user was admitted in the window that ends now."""
    return sum(
        request.user == user and now_ns - limit.window_ns < request.at_ns <= now_ns
        for request in admitted
    )


@given(history=limiter_histories())
def test_no_window_holds_more_admitted_requests_than_its_limit(history: LimiterHistory) -> None:
    admitted = admitted_among(history)
    for request in admitted:
        # A window that is too full is so at its last request, if at all.
        limit = history.limits[request.tier]
        assert used(admitted, request.user, limit, request.at_ns) <= limit.requests


@given(history=limiter_histories(tiers_change=True))
def test_a_request_is_refused_exactly_when_its_window_is_full(history: LimiterHistory) -> None:
    limiter = TieredLimiter(history.limits)
    admitted: list[Request] = []
    for request in history.requests:
        limit = history.limits[request.tier]
        full = used(admitted, request.user, limit, request.at_ns) >= limit.requests
        verdict = limiter.admit(request.tier, request.user, request.at_ns)
        assert verdict.admitted is not full
        if verdict.admitted:
            admitted.append(request)


@given(history=limiter_histories(tiers_change=True))
def test_a_refused_request_is_admitted_when_it_was_told_to_return_and_no_sooner(
    history: LimiterHistory,
) -> None:
    limiter = TieredLimiter(history.limits)
    for at_ns, tier, user in history.requests:
        verdict = limiter.admit(tier, user, at_ns)
        if verdict.admitted:
            assert verdict.retry_after_ns == 0
            continue
        assert verdict.retry_after_ns >= 1
        too_soon = deepcopy(limiter).admit(tier, user, at_ns + verdict.retry_after_ns - 1)
        assert not too_soon.admitted
        assert deepcopy(limiter).admit(tier, user, at_ns + verdict.retry_after_ns).admitted


@given(history=limiter_histories(tiers_change=True))
def test_exactly_what_is_remaining_is_admitted_at_the_same_moment(
    history: LimiterHistory,
) -> None:
    limiter = TieredLimiter(history.limits)
    for at_ns, tier, user in history.requests:
        verdict = limiter.admit(tier, user, at_ns)
        copy = deepcopy(limiter)
        verdicts = (copy.admit(tier, user, at_ns) for _ in range(verdict.remaining + 2))
        more = sum(1 for _ in takewhile(lambda one: one.admitted, verdicts))
        assert more == verdict.remaining


@given(history=limiter_histories())
def test_what_other_users_do_changes_nothing_for_a_user(history: LimiterHistory) -> None:
    among_all = admitted_among(history)
    for user in {request.user for request in history.requests}:
        own = tuple(request for request in history.requests if request.user == user)
        alone = admitted_among(LimiterHistory(limits=history.limits, requests=own))
        assert alone == [request for request in among_all if request.user == user]


@given(history=limiter_histories(tiers_change=True))
def test_only_users_whom_some_window_still_holds_are_remembered(history: LimiterHistory) -> None:
    limiter = TieredLimiter(history.limits)
    window_max_ns = max(limit.window_ns for limit in history.limits.values())
    last_admitted_ns: dict[str, int] = {}
    for at_ns, tier, user in history.requests:
        if limiter.admit(tier, user, at_ns).admitted:
            last_admitted_ns[user] = at_ns
        held = sum(last_ns > at_ns - window_max_ns for last_ns in last_admitted_ns.values())
        assert limiter.users_remembered == held


@given(history=limiter_histories())
def test_a_tier_without_a_limit_is_always_admitted_and_uses_nothing_up(
    history: LimiterHistory,
) -> None:
    plain = TieredLimiter(history.limits)
    mixed = TieredLimiter(history.limits)
    for at_ns, tier, user in history.requests:
        unlimited = mixed.admit("staff", user, at_ns)
        assert unlimited.admitted
        assert unlimited.remaining == UNLIMITED
        assert mixed.admit(tier, user, at_ns) == plain.admit(tier, user, at_ns)
