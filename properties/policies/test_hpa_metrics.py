"""Laws of what a metric calls for: as published, in proportion, doubt against the change."""

from fractions import Fraction
from math import ceil

from hypothesis import assume, given
from hypothesis import strategies as st

from policies.hpa_metrics import (
    NOBODY,
    REPLICAS_MAX,
    Fleet,
    MetricSpec,
    Pod,
    PodGroup,
    PodReading,
    largest_proposal,
    metric_proposal,
    replicas_by_average,
    replicas_by_pods,
    replicas_by_value,
    tolerance_of,
)
from properties.policies.naive_hpa import NoAnswer, proposal_by_pods
from properties.strategies.autoscaling import (
    NOW_NS,
    PATIENCE,
    TOLERANCES,
    FleetSeen,
    fleets,
    growing_fleets,
    some_pods,
    starting_pods,
)

TENTH = tolerance_of(0.1, 0.1)


def proposed(seen: FleetSeen, down: float = 0.1, up: float = 0.1) -> int | None:
    """Ask the policy."""
    fleet = Fleet(NOW_NS, seen.current, seen.pods)
    tolerance = tolerance_of(down, up)
    return metric_proposal(seen.metric, seen.readings, fleet, tolerance, PATIENCE)


def published(seen: FleetSeen, down: float, up: float) -> int | None:
    """Return what the naive telling of the published algorithm says; None: it cannot be told."""
    names = [f"pod-{index}" for index in range(len(seen.pods))]
    try:
        return proposal_by_pods(
            seen.metric,
            NOW_NS,
            seen.current,
            dict(zip(names, seen.pods, strict=True)),
            dict(zip(names, seen.readings, strict=True)),
            (down, up),
            PATIENCE,
        )
    except NoAnswer:
        return None


@given(seen=fleets(), down=TOLERANCES, up=TOLERANCES)
def test_what_a_metric_calls_for_is_what_is_published(
    seen: FleetSeen, down: float, up: float
) -> None:
    assert proposed(seen, down, up) == published(seen, down, up)


@given(seen=growing_fleets(), up=TOLERANCES)
def test_pods_that_start_are_idle_where_more_are_called_for(seen: FleetSeen, up: float) -> None:
    assert proposed(seen, 0.1, up) == published(seen, 0.1, up)
    idle = [
        reading if pod.ready == "true" else reading._replace(value=0)
        for pod, reading in zip(seen.pods, seen.readings, strict=True)
    ]
    alike = seen._replace(pods=[Pod()] * len(seen.pods), readings=idle)
    grown, as_if_idle = proposed(seen, 0.1, up), proposed(alike, 0.1, up)
    assert grown is not None
    assert as_if_idle is not None
    # They soften the change, and do not turn it round.
    assert grown == max(as_if_idle, seen.current)


@given(
    pod=starting_pods() | some_pods(),
    value=st.sampled_from([0, 500, 2000]),
    sampled_ns=st.sampled_from([NOW_NS - 5, NOW_NS - 4, NOW_NS]),
    window_ns=st.sampled_from([0, 10]),
)
def test_processor_time_of_a_pod_that_starts_is_trusted_when_it_is_published_to_be(
    pod: Pod, value: int, sampled_ns: int, window_ns: int
) -> None:
    cpu = MetricSpec("resource", "utilisation", 50)
    seen = FleetSeen(
        cpu,
        2,
        [Pod(), pod],
        [PodReading(1000, 1000), PodReading(value, 1000, sampled_ns, window_ns)],
    )
    names = ("sure", "doubtful")
    expected = proposal_by_pods(
        cpu,
        NOW_NS,
        2,
        dict(zip(names, seen.pods, strict=True)),
        dict(zip(names, seen.readings, strict=True)),
        (0.1, 0.1),
        PATIENCE,
    )
    assert proposed(seen) == expected


@given(seen=fleets(), more=st.lists(st.integers(0, 200), min_size=30, max_size=30))
def test_more_load_never_calls_for_fewer_replicas(seen: FleetSeen, more: list[int]) -> None:
    alive = sum(not pod.deleting and pod.phase != "failed" for pod in seen.pods)
    # With fewer pods than were asked for the published algorithm breaks this law.
    seen = seen._replace(current=alive)
    busier = [
        reading if reading.value is None else reading._replace(value=reading.value + extra)
        for reading, extra in zip(seen.readings, more, strict=False)
    ]
    before, after = proposed(seen), proposed(seen._replace(readings=busier))
    assert (before is None) == (after is None)
    assert before is None or after is None or before <= after


@given(
    seen=fleets(),
    doubt=st.sampled_from([(Pod(), None), (Pod(phase="pending"), None), (Pod(ready=None), 3000)]),
)
def test_a_pod_of_which_nothing_is_known_never_makes_for_a_greater_change(
    seen: FleetSeen, doubt: tuple[Pod, int | None]
) -> None:
    pod, value = doubt
    # One that requests less than the others weighs less in the mean than in the number of pods.
    request = max([1000, *(reading.request or 0 for reading in seen.readings)])
    doubted = seen._replace(
        pods=[*seen.pods, pod], readings=[*seen.readings, PodReading(value, request)]
    )
    known, result = proposed(seen), proposed(doubted)
    if known is None:
        return
    # Where pods and replicas differ the direction of the first answer is not that of the load.
    assume(len(seen.pods) == seen.current)
    # A pod that is trusted from its first moment is no doubt but one more that is measured.
    assume(value is None or (seen.metric.kind != "pods" and seen.metric.name == "cpu"))
    assert result is not None
    low, high = sorted([seen.current, known])
    # The mean is cut off to whole percent or thousandths, of each pod.
    cut_off = -(-len(doubted.pods) // seen.metric.target)
    assert low - cut_off <= result <= high + cut_off


@given(seen=fleets(), gone=st.sampled_from([Pod(deleting=True), Pod(phase="failed")]))
def test_pods_that_fail_or_end_change_nothing(seen: FleetSeen, gone: Pod) -> None:
    with_one = seen._replace(
        pods=[*seen.pods, gone], readings=[*seen.readings, PodReading(10**6, 100)]
    )
    assert proposed(with_one) == proposed(seen)


@given(
    current=st.integers(1, 200),
    percent=st.integers(0, 1000),
    target=st.integers(1, 200),
)
def test_the_floats_call_for_what_fractions_do_or_one_more(
    current: int, percent: int, target: int
) -> None:
    everyone = PodGroup(current, percent * current, current)
    exact_tolerance = tolerance_of(0.0, 0.0)
    replicas = replicas_by_pods(current, target, everyone, NOBODY, NOBODY, exact_tolerance)
    exact = ceil(Fraction(percent * current, target))
    assert exact <= replicas <= exact + 1


@given(
    value=st.integers(0, 2**62),
    target=st.integers(1, 10**6),
    current=st.integers(0, 1000),
    ready=st.integers(0, 1000),
)
def test_what_is_called_for_by_a_value_is_within_tolerance_or_in_proportion(
    value: int, target: int, current: int, ready: int
) -> None:
    ratio = Fraction(value, target)
    by_value = replicas_by_value(current, ready, value, target, TENTH)
    by_average = replicas_by_average(current, value, target, TENTH)
    sure = Fraction(1, 10**9)
    if current and Fraction(9, 10) + sure < ratio < Fraction(11, 10) - sure:
        assert by_value == current
    elif not current or not Fraction(9, 10) - sure < ratio < Fraction(11, 10) + sure:
        exact = min(ratio * (ready if current else 1), Fraction(REPLICAS_MAX))
        assert abs(by_value - exact) <= 1 + exact * sure
    if not current or not Fraction(89, 100) < ratio / current < Fraction(111, 100):
        exact = min(ratio, Fraction(REPLICAS_MAX))
        assert exact * (1 - sure) <= by_average <= exact * (1 + sure) + 1


@given(
    current=st.integers(0, 10),
    told=st.lists(st.none() | st.integers(0, 10), max_size=4),
    silent=st.integers(0, 4),
)
def test_a_metric_that_is_not_available_stops_fewer_and_nothing_else(
    current: int, told: list[int | None], silent: int
) -> None:
    known = [number for number in told if number is not None]
    answer = largest_proposal(current, told)
    if not known:
        assert answer is None
    elif len(known) == len(told):
        assert answer == max(known)
    else:
        assert answer == (max(known) if max(known) >= current else None)
    assert largest_proposal(current, told[::-1]) == answer
    if silent < len(told):
        less = [*told[:silent], None, *told[silent + 1 :]]
        lesser = largest_proposal(current, less)
        assert lesser is None or answer is None or lesser <= answer
