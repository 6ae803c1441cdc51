"""Autoscaling: how many replicas, by the rules of the Kubernetes HorizontalPodAutoscaler.

A decision goes through four stations: what the metrics call for (``policies.hpa_metrics``), how
long they have called for it (stabilisation), how fast the number may change (the scaling
policies, both ``policies.hpa_behaviour``), and the bounds. Two autoscalers put them together:
``HorizontalPodAutoscaler`` with every field there is, and ``Hpa`` for the case in which all
replicas request the same and one utilisation is what counts.

Both decide as the controller decides, with utilisation in whole percent and ratios in 64-bit
floats, rounding errors included: a rehearsal that is off by one replica where production would
be is of more use than one that is right.

Source: Kubernetes documentation, "Horizontal Pod Autoscaling"; k8s.io/kubernetes,
pkg/controller/podautoscaler, release 1.33 and later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from policies.hpa_behaviour import (
    SCALE_DOWN_POLICIES,
    SCALE_UP_POLICIES,
    Behaviour,
    ReplicaPace,
    ScalingPolicy,
    ScalingRules,
    Select,
    require_at_least,
)
from policies.hpa_metrics import (
    PATIENCE,
    Fleet,
    MetricSpec,
    Patience,
    Pod,
    PodGroup,
    Reading,
    largest_proposal,
    metric_proposal,
    replicas_by_pods,
    tolerance_of,
)

_SECOND_NS: Final = 1_000_000_000

_WHOLE_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class HorizontalPodAutoscalerSpec:
    """What a HorizontalPodAutoscaler is told, with the flags of the controller that reads it.

    Raises:
        ValueError: a number is out of range, there is no metric, or no metric can call for the
            first replica where there may be none.
    """

    min_replicas: int
    """At least 0; 0 only with an object or external metric (feature gate HPAScaleToZero)."""

    max_replicas: int
    """At least ``min_replicas``, and 1."""

    metrics: tuple[MetricSpec, ...]
    """At least one; the one that calls for the most replicas wins."""

    behaviour: Behaviour | None = None
    """None: nothing is said, which is not the same as ``Behaviour()``; see there."""

    tolerance: float = 0.1
    """The controller's flag, for those without a behaviour."""

    stabilisation_ns: int = 300 * _SECOND_NS
    """The controller's flag, for those without a behaviour."""

    patience: Patience = PATIENCE

    def __post_init__(self) -> None:
        require_at_least(0, "min_replicas", self.min_replicas)
        require_at_least(max(self.min_replicas, 1), "max_replicas", self.max_replicas)
        require_at_least(0, "tolerance", self.tolerance)
        require_at_least(0, "stabilisation_ns", self.stabilisation_ns)
        require_at_least(0, "patience.initialisation_ns", self.patience.initialisation_ns)
        require_at_least(0, "patience.readiness_delay_ns", self.patience.readiness_delay_ns)
        if not self.metrics:
            raise ValueError("metrics must not be empty")
        if self.min_replicas == 0 and all(metric.of_pods for metric in self.metrics):
            raise ValueError(
                "min_replicas must be at least 1, got 0: no pods have no metric, and only an "
                "object or external metric could call for the first"
            )


class HorizontalPodAutoscaler:
    """Says, each time it is asked, how many replicas there should be."""

    __slots__ = ("_pace", "_spec", "_tolerance")

    def __init__(self, spec: HorizontalPodAutoscalerSpec) -> None:
        self._spec = spec
        self._tolerance = (
            tolerance_of(spec.tolerance, spec.tolerance)
            if spec.behaviour is None
            else spec.behaviour.tolerance
        )
        self._pace = ReplicaPace(
            spec.min_replicas, spec.max_replicas, spec.behaviour, spec.stabilisation_ns
        )

    def proposal(
        self, now_ns: int, current: int, pods: Sequence[Pod], readings: Sequence[Reading]
    ) -> int | None:
        """Return how many replicas the metrics of this moment call for, within no bounds.

        Args:
            now_ns: the time.
            current: how many replicas were last asked for.
            pods: those that exist, in any order.
            readings: one for each metric of the spec, in its order.

        Returns:
            None if nothing can be said, or only that there should be fewer while some metric
            is not available.
        """
        spec, fleet = self._spec, Fleet(now_ns, current, pods)
        return largest_proposal(
            current,
            [
                metric_proposal(metric, reading, fleet, self._tolerance, spec.patience)
                for metric, reading in zip(spec.metrics, readings, strict=True)
            ],
        )

    def follow(self, now_ns: int, current: int, proposal: int | None) -> int:
        """Return how many replicas there should be, for what the metrics call for.

        Args:
            now_ns: the time; not before that of an earlier call.
            current: how many replicas were last asked for; with 0, autoscaling is off, unless
                0 is within the bounds.
            proposal: what ``proposal`` returned, or what a guard made of it.
        """
        return self._pace.follow(now_ns, current, proposal)

    def desired(
        self, now_ns: int, current: int, pods: Sequence[Pod], readings: Sequence[Reading]
    ) -> int:
        """Return how many replicas there should be from ``now_ns`` on; see the other two."""
        return self.follow(now_ns, current, self.proposal(now_ns, current, pods, readings))


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """What an autoscaler by one utilisation is told; the defaults are those of Kubernetes.

    Raises:
        ValueError: a number is out of range, or a direction has no policy.
    """

    min_replicas: int
    """At least 1."""

    max_replicas: int
    """At least ``min_replicas``."""

    target_percent: int
    """Utilisation to aim at, in percent of what a pod requests; at least 1."""

    scale_down_stabilisation_ns: int = 300 * _SECOND_NS
    """How long fewer replicas must have been called for."""

    scale_up_stabilisation_ns: int = 0
    """How long more replicas must have been called for."""

    scale_up_policies: tuple[ScalingPolicy, ...] = SCALE_UP_POLICIES
    """How fast the number may grow; at least one."""

    scale_down_policies: tuple[ScalingPolicy, ...] = SCALE_DOWN_POLICIES
    """How fast the number may shrink; at least one."""

    scale_up_select: Select = "max"
    scale_down_select: Select = "max"

    scale_up_tolerance: float = 0.1
    scale_down_tolerance: float = 0.1
    """How far off the target is still on it, as a share of the target."""

    def __post_init__(self) -> None:
        require_at_least(1, "min_replicas", self.min_replicas)
        require_at_least(self.min_replicas, "max_replicas", self.max_replicas)
        require_at_least(1, "target_percent", self.target_percent)
        require_at_least(0, "scale_up_tolerance", self.scale_up_tolerance)
        require_at_least(0, "scale_down_tolerance", self.scale_down_tolerance)
        require_at_least(0, "scale_up_stabilisation_ns", self.scale_up_stabilisation_ns)
        require_at_least(0, "scale_down_stabilisation_ns", self.scale_down_stabilisation_ns)
        if not (self.scale_up_policies and self.scale_down_policies):
            raise ValueError("scale_up_policies and scale_down_policies must not be empty")

    @property
    def behaviour(self) -> Behaviour:
        """The rules of both directions."""
        return Behaviour(
            ScalingRules(
                self.scale_up_policies,
                self.scale_up_stabilisation_ns,
                self.scale_up_select,
                self.scale_up_tolerance,
            ),
            ScalingRules(
                self.scale_down_policies,
                self.scale_down_stabilisation_ns,
                self.scale_down_select,
                self.scale_down_tolerance,
            ),
        )


class PodMetric(NamedTuple):
    """What is known of one pod; of one that is not ready, its utilisation is not asked."""

    utilisation_percent: int | None
    """In percent of what the pod requests, at least 0; None if it is not known."""

    ready: bool


class Hpa:
    """Says, each time it is asked, how many replicas there should be.

    It takes for granted that what it said was done: its own changes are what the scaling
    policies count.
    """

    __slots__ = ("_pace", "_spec")

    def __init__(self, spec: HpaSpec) -> None:
        self._spec = spec
        self._pace = ReplicaPace(spec.min_replicas, spec.max_replicas, spec.behaviour)

    def desired(self, now_ns: int, current: int, pods: Sequence[PodMetric]) -> int:
        """Return how many replicas there should be from ``now_ns`` on.

        Args:
            now_ns: the time; not before that of an earlier call.
            current: how many replicas were last asked for; with 0, autoscaling is off.
            pods: those that exist, in any order.
        """
        return self._pace.follow(now_ns, current, recommendation(self._spec, current, pods))


def recommendation(spec: HpaSpec, current: int, pods: Sequence[PodMetric]) -> int | None:
    """Return how many replicas the metrics of this moment call for.

    Args:
        spec: target and tolerance.
        current: how many replicas were last asked for.
        pods: those that exist, in any order; all request the same.

    Returns:
        A number within no bounds, ``current`` if the target is met; None if no ready pod
        has a metric, so that nothing can be said.
    """
    measured = [
        pod.utilisation_percent for pod in pods if pod.ready and pod.utilisation_percent is not None
    ]
    if not measured:
        return None
    unready = sum(not pod.ready for pod in pods)
    missing = len(pods) - unready - len(measured)
    assumed_percent = max(_WHOLE_PERCENT, spec.target_percent)
    return replicas_by_pods(
        current,
        spec.target_percent,
        PodGroup(len(measured), sum(measured), len(measured)),
        PodGroup(missing, missing * assumed_percent, missing),
        PodGroup(unready, 0, unready),
        tolerance_of(spec.scale_down_tolerance, spec.scale_up_tolerance),
    )
