"""The steps that decide on replicas say the same as machine code, to the ends of their ranges."""

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.hpa_behaviour import default_limit, scale_down_limit, scale_up_limit
from policies.hpa_metrics import (
    PodGroup,
    replicas_by_average,
    replicas_by_pods,
    replicas_by_value,
    tolerance_of,
)
from policies.keda import is_active
from policies.scheduled_scaling import is_open
from policies.shrink_guard import is_calm
from properties.compiled import compiled
from properties.strategies.autoscaling import TOLERANCES

INTEGER_MAX = 2**63 - 1

the_first_example_pays_for_the_compiler = settings(deadline=None)


def counts() -> st.SearchStrategy[int]:
    """Replicas, a few or as many as there can be."""
    return st.integers(0, 40) | st.sampled_from([2**31 - 1, 2**31, 2**40])


def quantities() -> st.SearchStrategy[int]:
    """Thousandths of anything, below zero and up to the ends of 64 bits."""
    return st.integers(-300, 5000) | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.just(INTEGER_MAX)


def groups(least: int) -> st.SearchStrategy[PodGroup]:
    """Pods that count alike; sums of three such groups stay within 64 bits."""
    used = st.integers(-300, 5000) | st.sampled_from([2**60, -(2**60)])
    return st.builds(
        PodGroup,
        pods=st.integers(least, 40),
        used=used,
        whole=st.integers(max(least, 1), 4000) | st.just(2**60),
    ).map(lambda group: group if group.pods else PodGroup(0, 0, 0))


@given(
    current=counts(),
    target=st.sampled_from([1, 50, 60, 80, 100, 150]) | st.integers(1, 10**6),
    measured=groups(1),
    missing=groups(0),
    unready=groups(0).map(lambda group: group._replace(used=0)),
    down=TOLERANCES,
    up=TOLERANCES,
)
@the_first_example_pays_for_the_compiler
def test_what_pods_call_for(
    current: int,
    target: int,
    measured: PodGroup,
    missing: PodGroup,
    unready: PodGroup,
    down: float,
    up: float,
) -> None:
    asked = (current, target, measured, missing, unready, tolerance_of(down, up))
    assert compiled(replicas_by_pods)(*asked) == replicas_by_pods(*asked)


@given(
    current=counts(),
    ready=counts(),
    value=quantities(),
    target=st.integers(1, 2000) | st.just(INTEGER_MAX),
    down=TOLERANCES,
    up=TOLERANCES,
)
@the_first_example_pays_for_the_compiler
def test_what_a_value_calls_for(
    current: int, ready: int, value: int, target: int, down: float, up: float
) -> None:
    tolerance = tolerance_of(down, up)
    by_value = replicas_by_value(current, ready, value, target, tolerance)
    assert compiled(replicas_by_value)(current, ready, value, target, tolerance) == by_value
    by_average = replicas_by_average(current, value, target, tolerance)
    assert compiled(replicas_by_average)(current, value, target, tolerance) == by_average


@given(
    start=st.integers(-5, 10_000) | st.just(2**31 - 1),
    value=st.integers(1, 400) | st.just(2**20),
    percent=st.booleans(),
)
@the_first_example_pays_for_the_compiler
def test_how_far_a_policy_lets_the_number_go(start: int, value: int, percent: bool) -> None:  # noqa: FBT001  # drawn
    up = scale_up_limit(start, value, percent)
    assert compiled(scale_up_limit)(start, value, percent) == up
    down = scale_down_limit(start, value, percent)
    assert compiled(scale_down_limit)(start, value, percent) == down
    assert compiled(default_limit)(start) == default_limit(start)


@given(length=quantities(), activation=quantities())
@the_first_example_pays_for_the_compiler
def test_whether_a_queue_wakes_somebody(length: int, activation: int) -> None:
    assert compiled(is_active)(length, activation) == is_active(length, activation)


@given(
    now_ns=quantities(),
    period_ns=st.integers(2, 9) | st.sampled_from([86_400 * 10**9, INTEGER_MAX]),
    start=st.floats(0, 1, exclude_max=True),
    end=st.floats(0, 1, exclude_max=True),
)
@the_first_example_pays_for_the_compiler
def test_whether_a_window_is_open(now_ns: int, period_ns: int, start: float, end: float) -> None:
    start_ns, end_ns = (min(int(share * period_ns), period_ns - 1) for share in (start, end))
    expected = is_open(now_ns, period_ns, start_ns, end_ns)
    assert compiled(is_open)(now_ns, period_ns, start_ns, end_ns) == expected


@given(
    times_ns=st.tuples(st.integers(0, INTEGER_MAX), st.integers(0, INTEGER_MAX)).map(sorted),
    off_ns=st.integers(-1, 1),
)
@the_first_example_pays_for_the_compiler
def test_whether_it_has_been_calm(times_ns: list[int], off_ns: int) -> None:
    uneasy_ns, now_ns = times_ns
    window_ns = max(0, min(now_ns - uneasy_ns + off_ns, INTEGER_MAX))
    expected = is_calm(now_ns, uneasy_ns, window_ns)
    assert compiled(is_calm)(now_ns, uneasy_ns, window_ns) == expected
