"""Laws of limiting without the store: what was declared happens, and its bound holds."""

from hypothesis import given
from hypothesis import strategies as st

from policies.rate_limit import UNLIMITED, Admission, RateLimit, TieredLimiter
from policies.store_failure import (
    CountLocally,
    LetEverybodyIn,
    LetNobodyIn,
    StoreFailure,
    WithoutStore,
    admitted_max,
)
from properties.strategies import LimiterHistory, limiter_histories

FAILURES: st.SearchStrategy[StoreFailure] = st.one_of(
    st.builds(CountLocally, share_percent=st.integers(1, 100)),
    st.just(LetEverybodyIn()),
    st.builds(LetNobodyIn, retry_after_ns=st.integers(1, 10**9)),
)


@given(
    history=limiter_histories(),
    share_percent=st.integers(1, 100),
    outages=st.lists(st.booleans(), min_size=1),
    replicas=st.integers(1, 3),
)
def test_no_window_holds_more_than_the_limit_and_the_replicas_own_shares(
    history: LimiterHistory, share_percent: int, outages: list[bool], replicas: int
) -> None:
    failure = CountLocally(share_percent=share_percent)
    store = TieredLimiter(history.limits)
    alone = [WithoutStore(failure, history.limits) for _ in range(replicas)]
    admitted: list[tuple[int, str]] = []
    for number, (at_ns, tier, user) in enumerate(history.requests):
        # The store comes and goes, and keeps its counts meanwhile.
        away = outages[number % len(outages)]
        admit = alone[number % replicas].admit if away else store.admit
        if admit(tier, user, at_ns).admitted:
            admitted.append((at_ns, user))
        limit = history.limits[tier]
        most = admitted_max(failure, limit, replicas=replicas, times_forgotten=0)
        assert most is not None
        since_ns = at_ns - limit.window_ns
        assert sum(when > since_ns and whose == user for when, whose in admitted) <= most


@given(
    requests=st.integers(1, 9),
    share_percent=st.integers(1, 100),
    replicas=st.integers(0, 4),
    times_forgotten=st.integers(0, 3),
)
def test_the_bound_is_reached(
    requests: int, share_percent: int, replicas: int, times_forgotten: int
) -> None:
    limit = RateLimit(requests=requests, window_ns=100)
    failure = CountLocally(share_percent=share_percent)
    stores = [TieredLimiter({"free": limit}) for _ in range(1 + times_forgotten)]
    alone = [WithoutStore(failure, {"free": limit}) for _ in range(replicas)]
    admitted = sum(
        admit("free", "ada", 0).admitted
        for admit in [limiter.admit for limiter in stores] + [one.admit for one in alone]
        for _ in range(requests + 1)
    )
    assert admitted == admitted_max(
        failure, limit, replicas=replicas, times_forgotten=times_forgotten
    )


@given(requests=st.integers(1, UNLIMITED), share_percent=st.integers(1, 100))
def test_a_local_limit_is_its_share_and_never_nothing(requests: int, share_percent: int) -> None:
    limit = RateLimit(requests=requests, window_ns=7)
    local = CountLocally(share_percent=share_percent).local(limit)
    assert local.window_ns == 7
    assert 1 <= local.requests <= limit.requests
    assert local.requests == 1 or local.requests * 100 <= requests * share_percent
    assert (local.requests + 1) * 100 > requests * share_percent


@given(history=limiter_histories(), failure=FAILURES)
def test_what_was_declared_is_what_happens(history: LimiterHistory, failure: StoreFailure) -> None:
    alone = WithoutStore(failure, history.limits)
    shares = {
        tier: failure.local(limit) if isinstance(failure, CountLocally) else limit
        for tier, limit in history.limits.items()
    }
    local = TieredLimiter(shares)
    for at_ns, tier, user in history.requests:
        verdict = alone.admit(tier, user, at_ns)
        match failure:
            case CountLocally():
                assert verdict == local.admit(tier, user, at_ns)
            case LetEverybodyIn():
                assert verdict == Admission(admitted=True, retry_after_ns=0, remaining=UNLIMITED)
            case LetNobodyIn(retry_after_ns):
                assert verdict == Admission(
                    admitted=False, retry_after_ns=retry_after_ns, remaining=0
                )
