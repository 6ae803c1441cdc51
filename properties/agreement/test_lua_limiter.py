"""The limit that runs in the store decides as ``policies`` does: one telling in Lua, one in Python.

What the gateway runs takes the time from the store's clock; here the same Lua is told the time.
"""

from itertools import count

import pytest
import redis
from hypothesis import HealthCheck, Phase, find, given, settings

from policies.rate_limit import Admission, TieredLimiter
from properties.strategies import LimiterHistory, limiter_histories
from reference_services.gateway.limiter import LUA_BODY

MICROSECOND_NS = 1_000
# Long enough that the store's own clock expires nothing within a test, and no round number of
# anything: a time that is cut short anywhere is another time.
TICK_NS = 1_000_001_000
ORIGIN_US = 1_790_000_000_123_457
"""Where the histories lie in the store's time, whose numbers have sixteen digits."""

FOR_THE_WHOLE_TEST_US = 600 * 1_000_000

CALL_WITH_TIME = """
return admit(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]),
    tonumber(ARGV[5]))
"""

# Each is a way in which such scripts are wrong in earnest: what is written, what stands there.
MUTANTS = {
    "one request too many": ("key, -requests)", "key, -requests - 1)"),
    "the window's edge still counts": ("<= now_us - kept_us", "< now_us - kept_us"),
    "the edge still counts in the shorter window": ("> since_us then", ">= since_us then"),
    "times rounded to fourteen digits": ("'%.0f'", "'%.14g'"),
    "the wait counts from the oldest of all": ("key, -requests)", "key, 0)"),
    "refused requests count": (
        "return {0, room_at_us",
        "redis.call('RPUSH', key, whole(now_us)) return {0, room_at_us",
    ),
    "what is left is one too many": ("requests - used}", "requests - used + 1}"),
    "one log for everybody": (
        "local function admit(key,",
        "local key = 'everybody' local function admit(_,",
    ),
    "one time too few is kept": (
        "length > kept_requests",
        "length > math.max(kept_requests - 1, 1)",
    ),
    "the window of another tier": ("window_us < kept_us", "false"),
}

_keys = count()

a_real_store_is_slow = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(history=limiter_histories(tick_ns=TICK_NS, tiers_change=True))
@a_real_store_is_slow
def test_lua_and_python_decide_alike_and_say_the_same_about_it(
    valkey_client: redis.Redis, history: LimiterHistory
) -> None:
    assert by_lua(valkey_client, LUA_BODY, history) == by_python(history)


@given(history=limiter_histories(tick_ns=MICROSECOND_NS, tiers_change=True))
@a_real_store_is_slow
def test_they_agree_to_the_microsecond_whatever_else_is_still_in_the_log(
    valkey_client: redis.Redis, history: LimiterHistory
) -> None:
    lua = by_lua(valkey_client, LUA_BODY, history, kept_at_least_us=FOR_THE_WHOLE_TEST_US)
    assert lua == by_python(history)


@pytest.mark.parametrize("name", MUTANTS)
def test_each_planted_bug_is_found(valkey_client: redis.Redis, name: str) -> None:
    right, wrong = MUTANTS[name]
    assert LUA_BODY.count(right) == 1
    mutant = LUA_BODY.replace(right, wrong)
    find(
        limiter_histories(tick_ns=TICK_NS, tiers_change=True),
        lambda history: by_lua(valkey_client, mutant, history) != by_python(history),
        settings=settings(a_real_store_is_slow, max_examples=500, phases=[Phase.generate]),
    )


def by_python(history: LimiterHistory) -> list[Admission]:
    """Return what the policy decides about each request."""
    limiter = TieredLimiter(history.limits)
    return [
        limiter.admit(request.tier, request.user, request.at_ns) for request in history.requests
    ]


def by_lua(
    client: redis.Redis, body: str, history: LimiterHistory, kept_at_least_us: int = 1
) -> list[Admission]:
    """Return what the script decides about each request, in a store that knows nothing yet."""
    run = next(_keys)
    script = body + CALL_WITH_TIME
    limits = history.limits.values()
    kept_requests = max(limit.requests for limit in limits)
    kept_us = max(*(limit.window_ns // MICROSECOND_NS for limit in limits), kept_at_least_us)
    pipeline = client.pipeline(transaction=False)
    for request in history.requests:
        limit = history.limits[request.tier]
        now_us = ORIGIN_US + request.at_ns // MICROSECOND_NS
        judged_by = limit.requests, limit.window_ns // MICROSECOND_NS
        key = f"{run}:{request.user}"
        pipeline.eval(script, 1, key, now_us, *judged_by, kept_requests, kept_us)
    return [
        Admission(bool(admitted), wait_us * MICROSECOND_NS, remaining)
        for admitted, wait_us, remaining in pipeline.execute()
    ]
