"""How many replicas one metric calls for, as the HorizontalPodAutoscaler computes it.

The controller divides what is by what ought to be, in 64-bit floats, leaves the number alone
while that ratio is within a tolerance of 1, and otherwise multiplies it by the pods that it
measured and rounds up. The mean that enters the ratio is cut off to a whole number first: whole
percent of the requests for a utilisation, whole thousandths for any other quantity. All of it
is repeated here as it is, rounding errors included: 56 % with a target of 50 % and 25 pods calls
for 29, because ``1.12 * 25`` is a little more than 28 in floats.

Pods of which nothing is known count against the change: one without a metric as idle when more
replicas are called for, and as using all it requested (or the target, if that is more) when
fewer are; one that is not ready as idle for more and not at all for fewer. Pods that failed or
are being deleted are not there.

Quantities are in thousandths, as the controller has them. Sums must stay below 2^63, and sums
of a utilisation below 2^63 / 100; replicas end at 2^31 - 1.

Source: Kubernetes documentation, "Horizontal Pod Autoscaling", section "Algorithm details";
k8s.io/kubernetes, pkg/controller/podautoscaler, release 1.33 and later, whose tolerance differs
by direction (KEP-4951). Where releases differ in rounding, this follows the latest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

REPLICAS_MAX: Final = 2**31 - 1
"""The number of replicas is a 32-bit integer; what is called for beyond is cut off."""

_INTEGER_MAX: Final = 2**63 - 1

_WHOLE_PERCENT: Final = 100

MetricKind: TypeAlias = Literal["resource", "container_resource", "pods", "object", "external"]
TargetKind: TypeAlias = Literal["utilisation", "average_value", "value"]
Phase: TypeAlias = Literal["pending", "running", "succeeded", "failed"]
Condition: TypeAlias = Literal["true", "false", "unknown"]

_TARGETS: Final[dict[MetricKind, tuple[TargetKind, ...]]] = {
    "resource": ("utilisation", "average_value"),
    "container_resource": ("utilisation", "average_value"),
    "pods": ("average_value",),
    "object": ("value", "average_value"),
    "external": ("value", "average_value"),
}


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric, and what it ought to be.

    Raises:
        ValueError: the target is below 1, or not one that this kind of metric can have.
    """

    kind: MetricKind
    """Of the pods (``resource``, ``container_resource``, ``pods``) or of something else."""

    target_kind: TargetKind
    """``utilisation``: percent of requests; ``average_value``: per pod; ``value``: in all."""

    target: int
    """Percent for a utilisation, thousandths otherwise; at least 1."""

    name: str = "cpu"
    """Of the resource or metric. Only of ``cpu`` are samples of pods that start up left out."""

    def __post_init__(self) -> None:
        if self.target_kind not in _TARGETS[self.kind]:
            raise ValueError(f"target_kind of a {self.kind} metric cannot be {self.target_kind}")
        if self.target < 1:
            raise ValueError(f"target must be at least 1, got {self.target}")

    @property
    def of_pods(self) -> bool:
        """Whether each pod has a value of its own."""
        return self.kind in {"resource", "container_resource", "pods"}


class Pod(NamedTuple):
    """What is known of one pod, whatever the metric."""

    phase: Phase = "running"
    deleting: bool = False
    ready: Condition | None = "true"
    """Its condition "Ready"; None while it has none."""

    started_ns: int | None = 0
    """When it was acknowledged; None if it was not yet."""

    turned_ns: int = 0
    """When its condition "Ready" last changed."""


class PodReading(NamedTuple):
    """One metric of one pod."""

    value: int | None
    """In thousandths; None if the pod has no metric."""

    request: int | None = None
    """What the pod requests of the resource, in thousandths; None if it requests none."""

    sampled_ns: int = 0
    window_ns: int = 0
    """When the sample was taken, and over how long."""


Reading: TypeAlias = Sequence[PodReading] | int | None
"""One for each pod; the one value of an object or an external metric; None: not available."""


class Patience(NamedTuple):
    """How long the controller distrusts a pod's processor time; its defaults."""

    initialisation_ns: int = 300 * 1_000_000_000
    """After its start: only samples of the time since it turned ready count."""

    readiness_delay_ns: int = 30 * 1_000_000_000
    """A pod that turned unready within this time of its start was never ready."""


PATIENCE: Final = Patience()


class Fleet(NamedTuple):
    """The replicas as they are when the autoscaler is asked."""

    now_ns: int
    current: int
    """How many replicas were last asked for."""

    pods: Sequence[Pod]


class Tolerance(NamedTuple):
    """The ratios that are as good as 1."""

    lowest: float
    highest: float


class PodGroup(NamedTuple):
    """Pods that count alike."""

    pods: int
    used: int
    """The sum over them; for a utilisation, times 100."""

    whole: int
    """What ``used`` is a mean over: the sum of the requests, or the pods."""


NOBODY: Final = PodGroup(0, 0, 0)


def tolerance_of(down: float, up: float) -> Tolerance:
    """Return the tolerated ratios, for how far below and above the target is still on it."""
    return Tolerance(1.0 - down, 1.0 + up)


def replicas_by_pods(
    current: int,
    target: int,
    measured: PodGroup,
    missing: PodGroup,
    unready: PodGroup,
    tolerance: Tolerance,
) -> int:
    """Return how many replicas a metric that each pod has for itself calls for.

    Args:
        current: how many replicas were last asked for.
        target: percent for a utilisation, thousandths otherwise; at least 1.
        measured: ready pods with a metric; their ``whole`` is at least 1.
        missing: pods that ought to have one and have none, with what they are taken to use
            when fewer replicas are called for.
        unready: pods that are not ready, with nothing used.
        tolerance: where the number stays.
    """
    pods, used, whole = measured
    # Division cuts off towards zero there; here it would go down.
    mean = used // whole if used >= 0 else -(-used // whole)
    ratio = float(mean) / float(target)
    growing, shrinking = ratio > 1.0, ratio < 1.0
    if missing.pods == 0 and (unready.pods == 0 or not growing):
        if tolerance.lowest <= ratio <= tolerance.highest:
            return current
        return math.ceil(min(max(ratio * pods, 0.0), 2147483647.0))
    if growing:
        pods += missing.pods + unready.pods
        whole += missing.whole + unready.whole
    elif shrinking:
        pods += missing.pods
        used += missing.used
        whole += missing.whole
    mean = used // whole if used >= 0 else -(-used // whole)
    doubted = float(mean) / float(target)
    if tolerance.lowest <= doubted <= tolerance.highest:
        return current
    if (growing and doubted < 1.0) or (shrinking and doubted > 1.0):
        return current
    replicas = math.ceil(min(max(doubted * pods, 0.0), 2147483647.0))
    # There need not be as many pods as replicas were asked for.
    if (doubted < 1.0 and replicas > current) or (doubted > 1.0 and replicas < current):
        return current
    return replicas


def replicas_by_value(
    current: int, ready: int, value: int, target: int, tolerance: Tolerance
) -> int:
    """Return how many replicas a value calls for that ought to be ``target`` in all.

    Args:
        current: how many replicas were last asked for; from none, tolerance does not count.
        ready: pods that run and are ready.
        value: in thousandths.
        target: in thousandths, at least 1.
        tolerance: where the number stays.
    """
    ratio = float(value) / float(target)
    if current == 0:
        return math.ceil(min(max(ratio, 0.0), 2147483647.0))
    if tolerance.lowest <= ratio <= tolerance.highest:
        return current
    return math.ceil(min(max(ratio * ready, 0.0), 2147483647.0))


def replicas_by_average(existing: int, value: int, target: int, tolerance: Tolerance) -> int:
    """Return how many replicas a value calls for that ought to be ``target`` for each.

    Args:
        existing: how many replicas there are; with none, tolerance does not count.
        value: in thousandths.
        target: in thousandths, at least 1.
        tolerance: where the number stays.
    """
    if existing > 0:
        ratio = float(value) / (float(target) * float(existing))
        if tolerance.lowest <= ratio <= tolerance.highest:
            return existing
    return math.ceil(min(max(float(value) / float(target), 0.0), 2147483647.0))


def metric_proposal(
    metric: MetricSpec,
    reading: Reading,
    fleet: Fleet,
    tolerance: Tolerance,
    patience: Patience,
) -> int | None:
    """Return how many replicas one metric calls for; None if it cannot be told.

    Args:
        metric: what the reading ought to be.
        reading: of the pods of ``fleet``, in their order, for a metric of pods.
        fleet: the replicas.
        tolerance: where the number stays.
        patience: with pods that start up.
    """
    if reading is None:
        return None
    if isinstance(reading, int):
        assert not metric.of_pods, "a metric of pods has a reading for each of them"
        value = min(reading, _INTEGER_MAX)
        if metric.target_kind == "value":
            return _by_value(metric, value, fleet, tolerance)
        return replicas_by_average(_existing(fleet), value, metric.target, tolerance)
    assert metric.of_pods, "an object or external metric has one value"
    return _by_pods(metric, reading, fleet, tolerance, patience)


def largest_proposal(current: int, proposals: Sequence[int | None]) -> int | None:
    """Return what all metrics together call for; None if nothing may change.

    The largest number wins. One that could not be told might have been larger still, so then
    there may be more replicas, but not fewer.
    """
    told = [proposal for proposal in proposals if proposal is not None]
    if not told:
        return None
    largest = max(told)
    return None if len(told) < len(proposals) and largest < current else largest


def _by_value(metric: MetricSpec, value: int, fleet: Fleet, tolerance: Tolerance) -> int | None:
    ready = sum(pod.phase == "running" and pod.ready == "true" for pod in fleet.pods)
    proposal = replicas_by_value(fleet.current, ready, value, metric.target, tolerance)
    # Only a number that changes needs the pods, and cannot be told where there are none.
    needs_pods = fleet.current != 0 and not (
        tolerance.lowest <= float(value) / float(metric.target) <= tolerance.highest
    )
    return None if needs_pods and not fleet.pods else proposal


def _existing(fleet: Fleet) -> int:
    return sum(not pod.deleting and pod.phase in {"pending", "running"} for pod in fleet.pods)


def _by_pods(
    metric: MetricSpec,
    readings: Sequence[PodReading],
    fleet: Fleet,
    tolerance: Tolerance,
    patience: Patience,
) -> int | None:
    if metric.target_kind == "utilisation" and any(one.request is None for one in readings):
        # One pod without a request, and the controller computes no utilisation at all.
        return None
    measured, missing, unready = NOBODY, NOBODY, NOBODY
    for pod, reading in zip(fleet.pods, readings, strict=True):
        if pod.deleting or pod.phase == "failed":
            continue
        if pod.phase == "pending":
            unready = _with(unready, metric, reading, 0)
        elif reading.value is None:
            missing = _with(missing, metric, reading, _taken_to_use(metric, reading))
        elif (
            metric.name == "cpu"
            and metric.kind != "pods"
            and _starts_up(pod, reading, fleet.now_ns, patience)
        ):
            unready = _with(unready, metric, reading, 0)
        else:
            measured = _with(measured, metric, reading, reading.value)
    if not measured.whole:
        return None
    return replicas_by_pods(fleet.current, metric.target, measured, missing, unready, tolerance)


def _with(group: PodGroup, metric: MetricSpec, reading: PodReading, used: int) -> PodGroup:
    if metric.target_kind == "utilisation":
        used *= _WHOLE_PERCENT
        whole = reading.request or 0
    else:
        whole = 1
    return PodGroup(group.pods + 1, group.used + used, group.whole + whole)


def _taken_to_use(metric: MetricSpec, reading: PodReading) -> int:
    """Return what a pod without a metric is taken to use when fewer are called for."""
    if metric.target_kind != "utilisation":
        return metric.target
    return (reading.request or 0) * max(_WHOLE_PERCENT, metric.target) // _WHOLE_PERCENT


def _starts_up(pod: Pod, reading: PodReading, now_ns: int, patience: Patience) -> bool:
    """Return whether a pod's processor time says more of its start than of its load."""
    if pod.ready is None or pod.started_ns is None:
        return True
    if pod.started_ns + patience.initialisation_ns > now_ns:
        stale = reading.sampled_ns < pod.turned_ns + reading.window_ns
        return pod.ready == "false" or stale
    return pod.ready == "false" and pod.started_ns + patience.readiness_delay_ns > pod.turned_ns
