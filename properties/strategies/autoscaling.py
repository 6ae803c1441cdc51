"""What autoscalers are told and see: fleets full of doubt, and loads that step, flap and wait.

Windows and periods are a few ticks long, and waits end a tick before, on and after the end of
one, so that short histories reach what they are about.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from policies.hpa_behaviour import Behaviour, ScalingPolicy, ScalingRules
from policies.hpa_metrics import MetricSpec, Patience, Pod, PodReading

TOLERANCES = st.sampled_from([0.0, 0.05, 0.1, 0.25, 1.0])

PATIENCE = Patience(initialisation_ns=20, readiness_delay_ns=5)

NOW_NS = 100


def scaling_policies() -> st.SearchStrategy[tuple[ScalingPolicy, ...]]:
    """One or two policies with periods of a few ticks."""
    policy = st.builds(
        ScalingPolicy,
        kind=st.sampled_from(["pods", "percent"]),
        value=st.integers(1, 6) | st.sampled_from([50, 80, 100]),
        period_ns=st.integers(1, 6),
    )
    return st.lists(policy, min_size=1, max_size=2).map(tuple)


def rules() -> st.SearchStrategy[ScalingRules]:
    """One direction's rules."""
    return st.builds(
        ScalingRules,
        policies=scaling_policies(),
        stabilisation_ns=st.sampled_from([0, 0]) | st.integers(0, 6),
        select=st.sampled_from(["max"] * 4 + ["min", "min", "disabled"]),
        tolerance=TOLERANCES,
    )


def behaviours() -> st.SearchStrategy[Behaviour | None]:
    """Both directions' rules, or nothing said."""
    return st.builds(Behaviour, scale_up=rules(), scale_down=rules()) | st.none()


class Asked(NamedTuple):
    """One question to a pace."""

    after_ns: int
    """Since the question before."""

    proposal: int | None
    by_hand: int | None
    """What somebody else set the number to meanwhile; None: nobody did."""


@st.composite
def proposals(draw: st.DrawFn, edges_ns: Sequence[int]) -> list[Asked]:
    """Phrases of what is called for: hold, flap, step, silence, and waits at the edges.

    Args:
        draw: given by Hypothesis.
        edges_ns: the windows and periods that the history is to probe.
    """
    number = st.sampled_from([0, 10, 40]) | st.integers(0, 40)
    history: list[Asked] = []
    for phrase in draw(
        st.lists(st.sampled_from(["hold", "flap", "wait", "lost", "hand"]), max_size=10)
    ):
        level = draw(number)
        if phrase == "hold":
            history += [Asked(1, level, None)] * draw(st.integers(1, 4))
        elif phrase == "flap":
            other = draw(number)
            history += [Asked(1, level, None), Asked(1, other, None)] * draw(st.integers(1, 2))
        elif phrase == "wait":
            edge_ns = draw(st.sampled_from(list(edges_ns)))
            off_ns = draw(st.sampled_from([-1, 0, 1]))
            history.append(Asked(max(edge_ns + off_ns, 0), level, None))
        elif phrase == "lost":
            history += [Asked(1, None, None)] * draw(st.integers(1, 2))
        else:
            history.append(Asked(draw(st.integers(0, 1)), level, draw(number)))
    return history


def edges_of(behaviour: Behaviour | None, window_ns: int) -> list[int]:
    """Return the windows and periods at which something is forgotten."""
    if behaviour is None:
        return [window_ns]
    both = (behaviour.scale_up, behaviour.scale_down)
    periods = [policy.period_ns for one in both for policy in one.policies]
    return [*(one.stabilisation_ns for one in both), *periods]


def pod_metrics() -> st.SearchStrategy[MetricSpec]:
    """Metrics that each pod has for itself, with targets that are easily met and missed."""
    kinds = [
        ("resource", "utilisation", "cpu"),
        ("resource", "average_value", "cpu"),
        ("resource", "utilisation", "memory"),
        ("container_resource", "utilisation", "cpu"),
        ("pods", "average_value", "frames"),
    ]
    return st.builds(
        lambda kind, target: MetricSpec(kind[0], kind[1], target, kind[2]),
        st.sampled_from(kinds),
        st.sampled_from([1, 50, 80, 100, 150]),
    )


def some_pods() -> st.SearchStrategy[Pod]:
    """Pods in every state, their times around the edges of the patience."""
    return st.builds(
        Pod,
        phase=st.sampled_from(["running"] * 5 + ["pending", "succeeded", "failed"]),
        deleting=st.sampled_from([False] * 5 + [True]),
        ready=st.sampled_from(["true"] * 4 + ["false", "false", "unknown", None]),
        started_ns=st.sampled_from([0, 0, NOW_NS - 21, NOW_NS - 20, NOW_NS - 19, NOW_NS - 5, None]),
        turned_ns=st.sampled_from([0, 4, 5, 6, NOW_NS - 15, NOW_NS - 14, NOW_NS - 10]),
    )


@st.composite
def some_readings(draw: st.DrawFn, metric: MetricSpec) -> PodReading:
    """Readings about the target, whole percents of it or not, of pods that request some or none."""
    request = draw(st.sampled_from([1000] * 8 + [100] * 4 + [300, 0, None]))
    share = draw(st.sampled_from([0, 25, 75, 89, 90, 100, 110, 112, 125, 200, 1000]))
    on_target = metric.target
    if metric.target_kind == "utilisation":
        on_target = metric.target * (request or 0) // 100
    value = on_target * share // 100 + draw(st.sampled_from([0, 0, 1, 9]))
    return PodReading(
        value=draw(st.just(value) | st.just(value) | st.integers(-5, 300) | st.none()),
        request=request,
        sampled_ns=draw(st.sampled_from([NOW_NS, NOW_NS - 5, NOW_NS - 4])),
        window_ns=draw(st.sampled_from([0, 10, 10])),
    )


def starting_pods() -> st.SearchStrategy[Pod]:
    """Pods that turned ready about one window before their samples."""
    return st.builds(
        Pod,
        started_ns=st.sampled_from([NOW_NS - 20, NOW_NS - 19, NOW_NS - 18]),
        turned_ns=st.sampled_from([NOW_NS - 15, NOW_NS - 14, NOW_NS - 13, NOW_NS - 10]),
    )


class FleetSeen(NamedTuple):
    """Pods, and one metric's reading of each."""

    metric: MetricSpec
    current: int
    pods: list[Pod]
    readings: list[PodReading]


@st.composite
def fleets(draw: st.DrawFn) -> FleetSeen:
    """Many pods that are alike, and a few that are not; as many as were asked for, or not."""
    metric = draw(pod_metrics())
    alike = draw(st.integers(0, 25))
    same = draw(some_readings(metric).filter(lambda reading: reading.request != 0))
    other_pods = some_pods() | starting_pods()
    others = draw(st.lists(st.tuples(other_pods, some_readings(metric)), max_size=4))
    pods = [Pod()] * alike + [pod for pod, _ in others]
    readings = [same] * alike + [reading for _, reading in others]
    current = max(0, len(pods) + draw(st.sampled_from([0, 0, 0, -1, 1, 10])))
    return FleetSeen(metric, current, pods, readings)


@st.composite
def growing_fleets(draw: st.DrawFn) -> FleetSeen:
    """Ready pods well above their target, and a few that have just been started."""
    metric = MetricSpec("resource", "utilisation", draw(st.sampled_from([50, 80])), "cpu")
    above = draw(st.sampled_from([125, 150, 200, 400]))
    busy = PodReading(metric.target * 10 * above // 100, 1000, NOW_NS, 10)
    ready, starting = draw(st.integers(1, 10)), draw(st.integers(1, 6))
    started = Pod(ready="false", started_ns=NOW_NS - 5, turned_ns=NOW_NS - 5)
    return FleetSeen(
        metric,
        ready + starting,
        [Pod()] * ready + [started] * starting,
        [busy] * (ready + starting),
    )
