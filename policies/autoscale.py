"""Autoscaling: how many replicas, by the rules of the Kubernetes HorizontalPodAutoscaler."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """How far the number of replicas may move within a period."""

    kind: Literal["pods", "percent"]
    value: int
    period_ns: int


SCALE_UP_POLICIES: Final = (
    ScalingPolicy("percent", 100, 15 * _SECOND_NS),
    ScalingPolicy("pods", 4, 15 * _SECOND_NS),
)
SCALE_DOWN_POLICIES: Final = (ScalingPolicy("percent", 100, 15 * _SECOND_NS),)


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """What a HorizontalPodAutoscaler is told."""

    min_replicas: int
    max_replicas: int
    target_percent: int
    tolerance_permille: int = 100
    scale_down_stabilisation_ns: int = 300 * _SECOND_NS
    scale_up_stabilisation_ns: int = 0
    scale_up_policies: tuple[ScalingPolicy, ...] = SCALE_UP_POLICIES
    scale_down_policies: tuple[ScalingPolicy, ...] = SCALE_DOWN_POLICIES


class PodMetric(NamedTuple):
    """What is known of one pod."""

    utilisation_percent: int | None
    ready: bool


class Hpa:
    """Recommends replica counts."""

    def __init__(self, spec: HpaSpec) -> None:
        self._spec = spec

    def desired(self, now_ns: int, current: int, pods: Sequence[PodMetric]) -> int:
        """Return how many replicas there should be from ``now_ns`` on."""
        raise NotImplementedError
