"""The limiters' steps decide alike in Python and compiled, and the log's in Lua too."""

from collections import defaultdict, deque
from collections.abc import Iterator
from itertools import count

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from policies.fixed_window import fixed_window_step
from policies.rate_limit import TieredLimiter, sliding_log_step
from policies.sliding_counter import WEIGHT_MAX, sliding_counter_step
from policies.suspicion import drained, next_level
from policies.token_bucket import TOLERANCE_MAX_NS, gcra_step
from properties.agreement.test_lua_limiter import CALL_WITH_TIME, MICROSECOND_NS, ORIGIN_US
from properties.compiled import compiled
from properties.strategies import LimiterHistory, limiter_histories
from properties.strategies.rate_limit import BucketStream, Stream, bucket_streams, streams
from reference_services.gateway.limiter import LUA_BODY

# The first example pays for the compiler.
EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TIMES_MAX = 2**61 - 1
TICK_NS = 1_000_001_000

_keys = count()


def anywhere() -> st.SearchStrategy[int]:
    """Times in the whole stated range, its ends included."""
    ends = st.sampled_from([-TIMES_MAX, -1, 0, 1, TIMES_MAX])
    return ends | st.integers(-TIMES_MAX, TIMES_MAX)


@given(history=limiter_histories(tick_ns=TICK_NS, tiers_change=True))
@EXAMPLES
def test_python_lua_and_machine_code_admit_the_same_requests(
    valkey_client: redis.Redis, history: LimiterHistory
) -> None:
    limiter = TieredLimiter(history.limits)
    in_python = [
        (it.admitted, it.retry_after_ns)
        for it in (limiter.admit(tier, user, at_ns) for at_ns, tier, user in history.requests)
    ]
    assert list(_by_machine_code(history)) == in_python
    assert list(_by_lua(valkey_client, history)) == in_python


def _by_machine_code(history: LimiterHistory) -> Iterator[tuple[bool, int]]:
    step = compiled(sliding_log_step)
    kept = max(limit.requests for limit in history.limits.values())
    logs: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=kept))
    for at_ns, tier, user in history.requests:
        limit, log = history.limits[tier], logs[user]
        wait_ns = 0
        if len(log) >= limit.requests:
            wait_ns = step(log[-limit.requests], at_ns, limit.window_ns)
        if wait_ns == 0:
            log.append(at_ns)
        yield wait_ns == 0, wait_ns


def _by_lua(client: redis.Redis, history: LimiterHistory) -> Iterator[tuple[bool, int]]:
    limits = history.limits.values()
    kept = max(it.requests for it in limits), max(it.window_ns for it in limits) // MICROSECOND_NS
    run = f"three-way:{next(_keys)}"
    pipeline = client.pipeline(transaction=False)
    for at_ns, tier, user in history.requests:
        limit = history.limits[tier]
        judged_by = limit.requests, limit.window_ns // MICROSECOND_NS
        now_us = ORIGIN_US + at_ns // MICROSECOND_NS
        key = f"{run}:{user}"
        pipeline.eval(LUA_BODY + CALL_WITH_TIME, 1, key, now_us, *judged_by, *kept)
    for admitted, wait_us, _ in pipeline.execute():
        yield bool(admitted), wait_us * MICROSECOND_NS


@given(filling_ns=anywhere(), now_ns=anywhere(), window_ns=st.integers(1, TIMES_MAX))
@EXAMPLES
def test_the_log_s_step(filling_ns: int, now_ns: int, window_ns: int) -> None:
    expected = sliding_log_step(filling_ns, now_ns, window_ns)
    assert compiled(sliding_log_step)(filling_ns, now_ns, window_ns) == expected


@given(stream=bucket_streams())
@EXAMPLES
def test_the_bucket_s_step_over_a_history(stream: BucketStream) -> None:
    limit, times_ns = stream
    state = same = times_ns[0]
    for now_ns in times_ns:
        state, wait_ns = gcra_step(state, now_ns, limit.interval_ns, limit.tolerance_ns)
        same, same_wait_ns = compiled(gcra_step)(
            same, now_ns, limit.interval_ns, limit.tolerance_ns
        )
        assert (same, same_wait_ns) == (state, wait_ns)


@given(
    now_ns=anywhere(),
    next_ns=anywhere(),
    interval_ns=st.integers(1, TOLERANCE_MAX_NS),
    tolerance_ns=st.integers(0, TOLERANCE_MAX_NS),
)
@example(
    now_ns=TIMES_MAX,
    next_ns=-TIMES_MAX,
    interval_ns=TOLERANCE_MAX_NS,
    tolerance_ns=TOLERANCE_MAX_NS,
)
@example(now_ns=TIMES_MAX, next_ns=-TIMES_MAX, interval_ns=TOLERANCE_MAX_NS, tolerance_ns=0)
@EXAMPLES
def test_the_bucket_s_step_at_the_ends_of_its_range(
    now_ns: int, next_ns: int, interval_ns: int, tolerance_ns: int
) -> None:
    tat_ns, _ = gcra_step(now_ns, now_ns, interval_ns, tolerance_ns)
    expected = gcra_step(tat_ns, next_ns, interval_ns, tolerance_ns)
    assert compiled(gcra_step)(tat_ns, next_ns, interval_ns, tolerance_ns) == expected


@given(stream=streams())
@EXAMPLES
def test_the_counters_steps_over_a_history(stream: Stream) -> None:
    requests, window_ns = stream.limit.requests, stream.limit.window_ns
    fixed = same_fixed = (0, 0, 0)
    sliding = same_sliding = (0, 0, 0, 0)
    for now_ns in stream.times_ns:
        fixed = fixed_window_step(*fixed[:2], now_ns, requests, window_ns)
        same_fixed = compiled(fixed_window_step)(*same_fixed[:2], now_ns, requests, window_ns)
        assert same_fixed == fixed
        sliding = sliding_counter_step(*sliding[:3], now_ns, requests, window_ns)
        same_sliding = compiled(sliding_counter_step)(
            *same_sliding[:3], now_ns, requests, window_ns
        )
        assert same_sliding == sliding


@given(
    now_ns=anywhere(),
    start_ns=anywhere(),
    window_ns=st.integers(1, TIMES_MAX) | st.just(TIMES_MAX),
    requests=st.integers(1, 2**63 - 1) | st.just(2**63 - 1),
    left=st.integers(0, 3),
)
@EXAMPLES
def test_the_fixed_window_s_step_at_the_ends_of_its_range(
    now_ns: int, start_ns: int, window_ns: int, requests: int, left: int
) -> None:
    start_ns -= start_ns % window_ns
    state = start_ns, max(0, requests - left)
    expected = fixed_window_step(*state, now_ns, requests, window_ns)
    assert compiled(fixed_window_step)(*state, now_ns, requests, window_ns) == expected


@given(
    now_ns=anywhere(),
    start_ns=anywhere(),
    window_ns=st.integers(1, WEIGHT_MAX) | st.just(WEIGHT_MAX),
    share=st.integers(0, 100),
    counts=st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
@EXAMPLES
def test_the_sliding_counter_s_step_at_the_ends_of_its_range(
    now_ns: int, start_ns: int, window_ns: int, share: int, counts: tuple[int, int]
) -> None:
    requests = max(1, WEIGHT_MAX // window_ns * share // 100)
    start_ns -= start_ns % window_ns
    previous, current = (requests * count // 100 for count in counts)
    state = start_ns, previous, current
    expected = sliding_counter_step(*state, now_ns, requests, window_ns)
    assert compiled(sliding_counter_step)(*state, now_ns, requests, window_ns) == expected


@given(
    points=st.integers(0, 10**6),
    settled_ns=anywhere(),
    now_ns=anywhere(),
    drain_ns=st.integers(1, TIMES_MAX),
)
@EXAMPLES
def test_the_step_that_drains(points: int, settled_ns: int, now_ns: int, drain_ns: int) -> None:
    expected = drained(points, settled_ns, now_ns, drain_ns)
    assert compiled(drained)(points, settled_ns, now_ns, drain_ns) == expected


@given(
    level=st.integers(0, 32),
    points=st.integers(0, 10**8),
    level_points=st.integers(1, 10**6),
    slack_percent=st.integers(0, 99),
    levels=st.integers(1, 32),
)
@EXAMPLES
def test_the_step_from_level_to_level(
    level: int, points: int, level_points: int, slack_percent: int, levels: int
) -> None:
    slack_points = level_points * slack_percent // 100
    expected = next_level(level, points, level_points, slack_points, levels)
    assert compiled(next_level)(level, points, level_points, slack_points, levels) == expected


@pytest.mark.parametrize(
    "step",
    [
        drained,
        fixed_window_step,
        gcra_step,
        next_level,
        sliding_counter_step,
        sliding_log_step,
    ],
)
def test_the_compiler_takes_each_step_as_it_stands(step: object) -> None:
    assert compiled(step).py_func is step  # type: ignore[attr-defined]  # Numba's own type
