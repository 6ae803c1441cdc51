"""Autoscaling: how many replicas, by the rules of the Kubernetes HorizontalPodAutoscaler.

A decision goes through four stations: what the metrics call for (``recommendation``), how
long they have called for it (stabilisation), how fast the number may change (the scaling
policies), and the bounds.

Where the controller computes with floats, this computes with integers: 110 % of a target of
100 % with 10 pods calls for 11, not for the 12 to which ``ceil(1.1 * 10)`` rounds.

Source: Kubernetes documentation, "Horizontal Pod Autoscaling", sections "Algorithm details"
and "Configurable scaling behavior"; k8s.io/kubernetes, pkg/controller/podautoscaler.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

_SECOND_NS: Final = 1_000_000_000

_WHOLE_PERCENT: Final = 100

Select: TypeAlias = Literal["max", "min", "disabled"]
"""Of several policies the one that allows the most change, the least, or none at all."""


def _require_at_least(least: int, name: str, value: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """How far the number of replicas may move within a period.

    Raises:
        ValueError: a number is below 1.
    """

    kind: Literal["pods", "percent"]
    """What ``value`` counts; percent is of the replicas at the start of the period."""

    value: int
    """How many; at least 1."""

    period_ns: int
    """Length of the period; at least 1."""

    def __post_init__(self) -> None:
        _require_at_least(1, "value", self.value)
        _require_at_least(1, "period_ns", self.period_ns)


SCALE_UP_POLICIES: Final = (
    ScalingPolicy("percent", 100, 15 * _SECOND_NS),
    ScalingPolicy("pods", 4, 15 * _SECOND_NS),
)
"""What Kubernetes allows where nothing is said: double, or add four, in 15 s."""

SCALE_DOWN_POLICIES: Final = (ScalingPolicy("percent", 100, 15 * _SECOND_NS),)
"""What Kubernetes allows where nothing is said: everything at once."""


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """What a HorizontalPodAutoscaler is told; the defaults are those of Kubernetes.

    Raises:
        ValueError: a number is out of range.
    """

    min_replicas: int
    """At least 1."""

    max_replicas: int
    """At least ``min_replicas``."""

    target_percent: int
    """Utilisation to aim at, in percent of what a pod requests; at least 1."""

    tolerance_permille: int = 100
    """How far off the target is still on it, in thousandths of the target."""

    scale_down_stabilisation_ns: int = 300 * _SECOND_NS
    """How long fewer replicas must have been called for."""

    scale_up_stabilisation_ns: int = 0
    """How long more replicas must have been called for."""

    scale_up_policies: tuple[ScalingPolicy, ...] = SCALE_UP_POLICIES
    """How fast the number may grow; without any, as fast as it likes."""

    scale_down_policies: tuple[ScalingPolicy, ...] = SCALE_DOWN_POLICIES
    """How fast the number may shrink; without any, as fast as it likes."""

    scale_up_select: Select = "max"
    scale_down_select: Select = "max"

    def __post_init__(self) -> None:
        _require_at_least(1, "min_replicas", self.min_replicas)
        _require_at_least(self.min_replicas, "max_replicas", self.max_replicas)
        _require_at_least(1, "target_percent", self.target_percent)
        _require_at_least(0, "tolerance_permille", self.tolerance_permille)
        _require_at_least(0, "scale_down_stabilisation_ns", self.scale_down_stabilisation_ns)
        _require_at_least(0, "scale_up_stabilisation_ns", self.scale_up_stabilisation_ns)


class PodMetric(NamedTuple):
    """What is known of one pod; of one that is not ready, its utilisation is not asked."""

    utilisation_percent: int | None
    """In percent of what the pod requests, at least 0; None if it is not known."""

    ready: bool


class _Noted(NamedTuple):
    """A number of replicas, or a change of it, and when it was decided."""

    at_ns: int
    replicas: int


class Hpa:
    """Says, each time it is asked, how many replicas there should be.

    It takes for granted that what it said was done: its own changes are what the scaling
    policies count.
    """

    __slots__ = ("_changes", "_period_max_ns", "_recommended", "_spec", "_window_max_ns")

    def __init__(self, spec: HpaSpec) -> None:
        self._spec = spec
        self._recommended: deque[_Noted] = deque()
        self._changes: deque[_Noted] = deque()
        self._window_max_ns = max(spec.scale_up_stabilisation_ns, spec.scale_down_stabilisation_ns)
        policies = spec.scale_up_policies + spec.scale_down_policies
        self._period_max_ns = max((policy.period_ns for policy in policies), default=0)

    def desired(self, now_ns: int, current: int, pods: Sequence[PodMetric]) -> int:
        """Return how many replicas there should be from ``now_ns`` on.

        Args:
            now_ns: the time; not before that of an earlier call.
            current: how many replicas were last asked for; with 0, autoscaling is off.
            pods: those that exist, in any order.
        """
        if current == 0:
            return 0
        if not self._recommended:
            # Who starts to watch knows nothing of before, and takes it that what is there
            # was called for.
            self._recommended.append(_Noted(now_ns, current))
        wanted = self._wanted(now_ns, current, pods)
        if wanted != current:
            _forget_until(self._changes, now_ns - self._period_max_ns)
            self._changes.append(_Noted(now_ns, wanted - current))
        return wanted

    def _wanted(self, now_ns: int, current: int, pods: Sequence[PodMetric]) -> int:
        within_bounds = min(max(current, self._spec.min_replicas), self._spec.max_replicas)
        if current != within_bounds:
            return within_bounds
        recommended = recommendation(self._spec, current, pods)
        if recommended is None:
            return current
        stable = self._stabilised(now_ns, current, recommended)
        if stable > current:
            return min(stable, self._spec.max_replicas, self._ceiling(now_ns, current))
        if stable < current:
            return max(stable, self._spec.min_replicas, self._floor(now_ns, current))
        return current

    def _stabilised(self, now_ns: int, current: int, recommended: int) -> int:
        """Bring ``current`` to where the whole window wanted it, and no further."""
        _forget_until(self._recommended, now_ns - self._window_max_ns)
        self._recommended.append(_Noted(now_ns, recommended))
        up_since_ns = now_ns - self._spec.scale_up_stabilisation_ns
        down_since_ns = now_ns - self._spec.scale_down_stabilisation_ns
        lowest = highest = recommended
        for at_ns, replicas in self._recommended:
            if at_ns > up_since_ns:
                lowest = min(lowest, replicas)
            if at_ns > down_since_ns:
                highest = max(highest, replicas)
        return min(max(current, lowest), highest)

    def _ceiling(self, now_ns: int, current: int) -> int:
        if self._spec.scale_up_select == "disabled":
            return current
        ceilings = [
            scale_up_limit(policy, self._at_start_of(policy, now_ns, current))
            for policy in self._spec.scale_up_policies
        ]
        choose = max if self._spec.scale_up_select == "max" else min
        return max(current, choose(ceilings, default=self._spec.max_replicas))

    def _floor(self, now_ns: int, current: int) -> int:
        if self._spec.scale_down_select == "disabled":
            return current
        floors = [
            scale_down_limit(policy, self._at_start_of(policy, now_ns, current))
            for policy in self._spec.scale_down_policies
        ]
        choose = min if self._spec.scale_down_select == "max" else max
        return min(current, choose(floors, default=self._spec.min_replicas))

    def _at_start_of(self, policy: ScalingPolicy, now_ns: int, current: int) -> int:
        """Return how many replicas there were when the period that ends now began."""
        since_ns = now_ns - policy.period_ns
        return current - sum(change for at_ns, change in self._changes if at_ns > since_ns)


def recommendation(spec: HpaSpec, current: int, pods: Sequence[PodMetric]) -> int | None:
    """Return how many replicas the metrics of this moment call for.

    Pods of which nothing is known are counted against the change: a pod without a metric as
    idle when the others call for more replicas, as fully used when they call for fewer; a
    pod that is not ready as idle for more, and not at all for fewer. They may soften the
    change or stop it, but not turn it round.

    Args:
        spec: target and tolerance.
        current: how many replicas were last asked for; at least 1.
        pods: those that exist, in any order.

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
    counted, used_percent = len(measured), sum(measured)
    target = spec.target_percent
    # Like the controller, cut the mean off to whole percent before comparing it.
    growing = used_percent // counted > target
    if growing:
        counted += missing + unready
    elif used_percent // counted < target:
        counted += missing
        used_percent += missing * max(_WHOLE_PERCENT, target)
    mean_percent = used_percent // counted
    off_target = abs(mean_percent - target) * 1000 > spec.tolerance_permille * target
    if not off_target or growing != (mean_percent > target):
        return current
    replicas = -(-mean_percent * counted // target)
    # There need not be as many pods as replicas were asked for.
    return max(replicas, current) if growing else min(replicas, current)


def scale_up_limit(policy: ScalingPolicy, at_start: int) -> int:
    """Return how many replicas the policy allows, from ``at_start`` replicas, at most."""
    if policy.kind == "pods":
        return at_start + policy.value
    return -(-at_start * (_WHOLE_PERCENT + policy.value) // _WHOLE_PERCENT)


def scale_down_limit(policy: ScalingPolicy, at_start: int) -> int:
    """Return how many replicas the policy allows, from ``at_start`` replicas, at least."""
    if policy.kind == "pods":
        return at_start - policy.value
    return at_start * (_WHOLE_PERCENT - policy.value) // _WHOLE_PERCENT


def _forget_until(noted: deque[_Noted], until_ns: int) -> None:
    while noted and noted[0].at_ns <= until_ns:
        noted.popleft()
