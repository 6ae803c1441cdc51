"""P11: limits are enforced, exactly and for each user alone.

In words: no user is admitted more often than the tier's limit in any stretch of time as long
as its window, wherever it begins; nobody is refused who has not had that much; what others do
changes nothing; whoever is refused and told to wait, and waits, gets in; a change of tier holds
from the next request on; and while the store is away, no more than declared get in beyond that.

In symbols, for every user ``u``, with ``A(u)`` the instants at which ``u`` was admitted, ``W``
and ``L`` of u's tier, and every instant ``t``:

- safety:     ``|A(u) & (t - W, t]| <= L``
- tightness:  ``u refused at t  =>  |A(u) & (t - W, t]| >= L``
- isolation:  what is decided for u is a function of u's own requests
- honesty:    ``u refused at t with wait w, no request of u in (t, t + w)  =>  admitted at t + w``,
  and not a nanosecond sooner
- fail mode:  with ``r`` replicas that count for themselves up to ``l``, and a store that forgot
  ``f`` times, ``|A(u) & (t - W, t]| <= (1 + f) * L + r * l``
- clocks:     all of this whatever the gateways' clocks say

Shown on the policy, in the simulator, and, in ``test_p11_rate_limit_enforcement_live.py``,
against running gateways with clocks that are wrong.
"""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.rate_limit import RateLimit, TieredLimiter
from policies.store_failure import CountLocally, WithoutStore, admitted_max
from properties.checkers.rate_limit import Ask, Fate, ask_of, enforced
from properties.profiles import scaled
from properties.strategies import LimiterHistory, limiter_histories
from scenarios import units
from scenarios.history import Operation
from scenarios.spec import Scenario
from sim.run import simulate


def asked(history: LimiterHistory) -> list[Ask]:
    """Return what the policy decides, as clients see it whose answers take no time."""
    limiter = TieredLimiter(history.limits)
    fates = [
        limiter.admit(request.tier, request.user, request.at_ns).admitted
        for request in history.requests
    ]
    return [
        Ask(it.user, it.at_ns, it.at_ns, Fate.ADMITTED if admitted else Fate.REFUSED)
        for it, admitted in zip(history.requests, fates, strict=True)
    ]


@given(history=limiter_histories())
def test_policy_admits_no_more_and_refuses_no_earlier_than_the_limit(
    history: LimiterHistory,
) -> None:
    assume(history.requests)
    limits = {request.user: history.limits[request.tier] for request in history.requests}
    assert enforced(asked(history), limits)


@given(history=limiter_histories(tiers_change=True))
def test_policy_judges_each_request_by_the_tier_in_which_it_comes(
    history: LimiterHistory,
) -> None:
    limiter = TieredLimiter(history.limits)
    admitted: list[tuple[int, str]] = []
    for at_ns, tier, user in history.requests:
        limit = history.limits[tier]
        since_ns = at_ns - limit.window_ns
        used = sum(when > since_ns and whose == user for when, whose in admitted)
        verdict = limiter.admit(tier, user, at_ns)
        assert verdict.admitted is (used < limit.requests)
        if verdict.admitted:
            admitted.append((at_ns, user))
        else:
            again_ns = at_ns + verdict.retry_after_ns
            assert not deepcopy(limiter).admit(tier, user, again_ns - 1).admitted
            assert deepcopy(limiter).admit(tier, user, again_ns).admitted


@given(history=limiter_histories())
def test_policy_decides_for_a_user_as_if_there_were_no_other(history: LimiterHistory) -> None:
    among_all = asked(history)
    for user in {request.user for request in history.requests}:
        own = tuple(request for request in history.requests if request.user == user)
        alone = asked(LimiterHistory(limits=history.limits, requests=own))
        assert alone == [ask for ask in among_all if ask.user == user]


@given(history=limiter_histories(), share_percent=st.integers(1, 100), away=st.integers(0, 20))
def test_policy_without_its_store_lets_in_no_more_than_declared(
    history: LimiterHistory, share_percent: int, away: int
) -> None:
    assume(history.requests)
    failure = CountLocally(share_percent=share_percent)
    store = TieredLimiter(history.limits)
    alone = [WithoutStore(failure, history.limits) for _ in range(2)]
    asks = []
    for number, (at_ns, tier, user) in enumerate(history.requests):
        admit = store.admit if number < away else alone[number % 2].admit
        if admit(tier, user, at_ns).admitted:
            asks.append(Ask(user, at_ns, at_ns, Fate.ADMITTED))
    bounds = {}
    for request in history.requests:
        limit = history.limits[request.tier]
        most = admitted_max(failure, limit, replicas=2, times_forgotten=0)
        assert most is not None
        bounds[request.user] = RateLimit(requests=most, window_ns=limit.window_ns)
    assert enforced(asks, bounds) or not asks


@st.composite
def limited_scenarios(draw: st.DrawFn) -> Scenario:
    """Draw a platform behind a limit that its users meet, with replicas that come and go."""

    def limit() -> dict[str, Any]:
        window = draw(st.sampled_from(["50ms", "300ms", "1s"]))
        return {"requests": draw(st.integers(1, 8)), "window": window}

    data = {
        "name": "limited",
        "seed": draw(st.integers(0, 2**32)),
        "duration": "3s",
        "drain": "1s",
        "users": {"free": {"count": 2}, "pro": {"count": 2}, "staff": {"count": 1}},
        "workload": {
            "arrivals": {"poisson": {"rate": draw(st.sampled_from(["20/s", "100/s", "300/s"]))}},
            "mix": {"read": 1},
        },
        "services": {
            "gateway": {
                "replicas": draw(st.integers(1, 3)),
                "concurrency": draw(st.integers(1, 4)),
                "service_time": {"exponential": {"mean": draw(st.sampled_from(["1ms", "9ms"]))}},
                "queue_max": draw(st.sampled_from([0, 5, 1000])),
                "limits": {"free": limit(), "pro": limit()},
            },
            "api": {"service_time": {"constant": draw(st.sampled_from(["0ns", "20ms"]))}},
        },
        "classes": {"read": {"through": ["gateway", "api"]}},
    }
    return Scenario.model_validate(data, context=units.FILE)


@settings(max_examples=scaled(20), deadline=None)
@given(scenario=limited_scenarios())
def test_simulator_lets_no_window_hold_more_and_refuses_nobody_earlier(
    scenario: Scenario,
) -> None:
    operations: list[Operation] = []
    simulate(scenario, history=operations.append)
    assume(operations)
    limits = {
        it.user: RateLimit(requests=limit.requests, window_ns=limit.window_ns)
        for it in operations
        if (limit := scenario.services["gateway"].limits.get(it.user.rpartition("-")[0]))
    }
    assert enforced(map(ask_of, operations), limits)
    # Nothing comes before the limit, so that it decides at the very moment of sending.
    at_once = (ask_of(it)._replace(returned_ns=it.invoked_ns) for it in operations)
    assert enforced(at_once, limits)


LIMIT = RateLimit(requests=2, window_ns=100)


def asks(*intervals: tuple[int, int, Fate]) -> list[Ask]:
    """Return requests of one user."""
    return [Ask("ada", *interval) for interval in intervals]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (asks((0, 9, Fate.ADMITTED), (5, 20, Fate.ADMITTED), (30, 99, Fate.ADMITTED)), False),
        # The first may have been decided at 0 and the last at 100.
        (asks((0, 9, Fate.ADMITTED), (5, 20, Fate.ADMITTED), (30, 100, Fate.ADMITTED)), True),
        (asks((0, 9, Fate.ADMITTED), (20, 30, Fate.REFUSED)), False),
        (asks((0, 9, Fate.ADMITTED), (3, 3, Fate.PERHAPS_ADMITTED), (20, 30, Fate.REFUSED)), True),
        (asks((0, 9, Fate.ADMITTED), (9, 12, Fate.ADMITTED), (108, 130, Fate.REFUSED)), True),
        (asks((0, 9, Fate.ADMITTED), (9, 12, Fate.ADMITTED), (109, 130, Fate.REFUSED)), False),
        # The second admission may have come first, while the refused one waited.
        (asks((0, 9, Fate.ADMITTED), (10, 50, Fate.REFUSED), (40, 60, Fate.ADMITTED)), True),
        (asks((0, 9, Fate.ADMITTED), (10, 39, Fate.REFUSED), (40, 60, Fate.ADMITTED)), False),
    ],
)
def test_judge_accuses_only_what_is_certain(history: list[Ask], *, expected: bool) -> None:
    assert bool(enforced(history, {"ada": LIMIT})) is expected


def test_judge_passes_neither_silence_nor_a_refusal_of_somebody_without_a_limit() -> None:
    assert not enforced([], {"ada": LIMIT})
    assert enforced(asks((0, 1, Fate.ADMITTED)), {})
    assert not enforced(asks((0, 1, Fate.REFUSED)), {})
