"""Scaling by the length of queues, from nothing and to nothing, as KEDA does it.

Two hands share the work. KEDA itself looks at the triggers every polling interval and decides
between nobody and somebody: a trigger above its activation threshold is active; the first
active one brings the replicas up from zero at once, and when none has been active for the
cool-down they are taken down to zero. From one replica on it is a HorizontalPodAutoscaler on one
external metric for each trigger, so many items for each replica, that decides on the number.

A scaler that cannot be asked counts as failing. Without a fallback a failing one keeps the
replicas from falling; with one, after more failures in a row than its threshold, it is taken to
say just what the fallback's number of replicas would have to do. Nobody is taken away for good
or woken on an error: the last replica goes only if the fallback's number is zero, and at zero
a fallback waits for the first scaler that answers, as the autoscaler is off there.

A queue's length must count the items at work, not only the waiting ones: zero is decided on it,
and whoever works on the last item would be taken away.

A person may pause both directions, which deletes the autoscaler and all it remembers, or one,
which only forbids it that direction.

Source: KEDA documentation, "ScaledObject specification" and "Scaling Deployments, StatefulSets
and Custom Resources"; github.com/kedacore/keda, pkg/scaling/executor and pkg/fallback, version
2.17 and later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from policies.hpa_behaviour import Behaviour, ReplicaPace, require_at_least
from policies.hpa_metrics import largest_proposal, replicas_by_average, tolerance_of

_SECOND_NS: Final = 1_000_000_000

_DEFAULT_TOLERANCE: Final = tolerance_of(0.1, 0.1)

_LENGTH_MAX: Final = (2**63 - 1) // 1000
"""Lengths are compared in thousandths, and stop where those no longer fit 64 bits."""

FallbackBehaviour: TypeAlias = Literal[
    "static", "current_replicas", "current_replicas_if_higher", "current_replicas_if_lower"
]


@dataclass(frozen=True, slots=True)
class Trigger:
    """One queue.

    Raises:
        ValueError: a number is out of range.
    """

    target: int
    """Items for each replica; at least 1. KEDA's ``queueLength`` or ``lagThreshold``."""

    activation: int = 0
    """Up to this many items nobody is woken for; at least 0."""

    def __post_init__(self) -> None:
        require_at_least(1, "target", self.target)
        require_at_least(0, "activation", self.activation)


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a scaler is taken to call for when it fails.

    Raises:
        ValueError: a number is negative.
    """

    failure_threshold: int
    """Failures in a row that are borne; at least 0."""

    replicas: int
    """At least 0."""

    behaviour: FallbackBehaviour = "static"

    def __post_init__(self) -> None:
        require_at_least(0, "failure_threshold", self.failure_threshold)
        require_at_least(0, "replicas", self.replicas)

    def replicas_from(self, current: int) -> int:
        """Return how many replicas there should be when there are ``current``."""
        if self.behaviour == "static":
            return self.replicas
        if self.behaviour == "current_replicas":
            return current
        if self.behaviour == "current_replicas_if_higher":
            return max(current, self.replicas)
        return min(current, self.replicas)


Direction: TypeAlias = Literal["both", "in", "out"]
"""Scaling in is towards fewer replicas, scaling out towards more."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What a person has forbidden for the time being."""

    replicas: int | None = None
    """Stay at this number; None: where it is, or in the one direction below."""

    direction: Direction = "both"
    """With ``replicas`` it is ``both``."""

    def __post_init__(self) -> None:
        if self.replicas is not None:
            require_at_least(0, "replicas", self.replicas)
            if self.direction != "both":
                raise ValueError(f"direction must be both where replicas are set, got {self}")


@dataclass(frozen=True, slots=True)
class ScaledObjectSpec:
    """What a ScaledObject is told; the defaults are KEDA's.

    Raises:
        ValueError: a number is out of range, or there is no trigger.
    """

    triggers: tuple[Trigger, ...]
    """At least one; the one that calls for the most replicas wins."""

    min_replicas: int = 0
    """At least 0."""

    max_replicas: int = 100
    """At least ``min_replicas``, and 1."""

    idle_replicas: int | None = None
    """Replicas while no trigger is active: 0, or None for ``min_replicas``. Any other number
    below the minimum would be put up to it at once by the HorizontalPodAutoscaler."""

    polling_interval_ns: int = 30 * _SECOND_NS
    """How often the triggers are looked at for activity; at least 1."""

    cool_down_ns: int = 300 * _SECOND_NS
    """How long no trigger must have been active before the last replica goes."""

    initial_cool_down_ns: int = 0
    """The same, counted from the first question, where no trigger was ever active."""

    fallback: Fallback | None = None
    behaviour: Behaviour | None = None
    """Of the HorizontalPodAutoscaler."""

    def __post_init__(self) -> None:
        if not self.triggers:
            raise ValueError("triggers must not be empty")
        require_at_least(0, "min_replicas", self.min_replicas)
        require_at_least(max(self.min_replicas, 1), "max_replicas", self.max_replicas)
        require_at_least(1, "polling_interval_ns", self.polling_interval_ns)
        require_at_least(0, "cool_down_ns", self.cool_down_ns)
        require_at_least(0, "initial_cool_down_ns", self.initial_cool_down_ns)
        if self.idle_replicas is not None and self.idle_replicas != 0:
            raise ValueError(f"idle_replicas must be 0, got {self.idle_replicas}")
        if self.idle_replicas == 0 and self.min_replicas == 0:
            raise ValueError("idle_replicas must be below min_replicas, got 0 and 0")


class ScaledObject:
    """Says, each time it is asked, how many replicas there should be.

    It is asked as often as a HorizontalPodAutoscaler looks, every 15 s by default, and decides
    between none and some when a polling interval has passed. Time must not run backwards.
    """

    __slots__ = (
        "_active_ns",
        "_asked_ns",
        "_failures",
        "_pace",
        "_polled_ns",
        "_since_ns",
        "_spec",
        "_tolerance",
    )

    def __init__(self, spec: ScaledObjectSpec) -> None:
        self._spec = spec
        self._pace = self._new_pace()
        self._tolerance = _DEFAULT_TOLERANCE if spec.behaviour is None else spec.behaviour.tolerance
        self._failures = [0] * len(spec.triggers)
        self._since_ns: int | None = None
        self._asked_ns: int | None = None
        self._polled_ns: int | None = None
        self._active_ns: int | None = None

    def _new_pace(self) -> ReplicaPace:
        spec = self._spec
        return ReplicaPace(max(spec.min_replicas, 1), spec.max_replicas, spec.behaviour)

    def desired(
        self,
        now_ns: int,
        current: int,
        lengths: Sequence[int | None],
        pause: Pause | None = None,
    ) -> int:
        """Return how many replicas there should be from ``now_ns`` on.

        Args:
            now_ns: the time; not before that of an earlier call.
            current: how many replicas were last asked for.
            lengths: of each trigger's queue, what is at work included, at least 0; None if it
                could not be asked.
            pause: what is forbidden at this time.
        """
        assert len(lengths) == len(self._spec.triggers), "each trigger has a length"
        assert self._asked_ns is None or now_ns >= self._asked_ns, "time ran backwards"
        self._asked_ns = now_ns
        if self._since_ns is None:
            self._since_ns = now_ns
        if pause is not None and pause.direction == "both":
            self._pace = self._new_pace()
            return current if pause.replicas is None else pause.replicas
        proposal = self._proposal(current, lengths)
        paused = None if pause is None else pause.direction
        if self._polled_ns is None or now_ns - self._polled_ns >= self._spec.polling_interval_ns:
            self._polled_ns = now_ns
            decided = self._poll(now_ns, current, lengths, paused)
            if decided is not None:
                return decided
        self._pace.behave(self._behaviour_while(paused))
        return self._pace.follow(now_ns, current, proposal)

    def _behaviour_while(self, paused: Direction | None) -> Behaviour | None:
        behaviour = self._spec.behaviour
        if paused is None:
            return behaviour
        behaviour = behaviour or Behaviour()
        if paused == "in":
            return replace(behaviour, scale_down=replace(behaviour.scale_down, select="disabled"))
        return replace(behaviour, scale_up=replace(behaviour.scale_up, select="disabled"))

    def _poll(
        self, now_ns: int, current: int, lengths: Sequence[int | None], paused: Direction | None
    ) -> int | None:
        """Decide between nobody and somebody; None: that is not the question."""
        spec = self._spec
        failing = None in lengths
        active = any(
            length is not None and is_active(length, trigger.activation)
            for trigger, length in zip(spec.triggers, lengths, strict=True)
        )
        if active:
            wakes = current == 0 or (spec.idle_replicas is not None and current < spec.min_replicas)
            if wakes and paused == "out":
                return None
            if wakes or not failing:
                self._active_ns = now_ns
            return max(spec.min_replicas, 1) if wakes else None
        if failing and (spec.fallback is None or spec.fallback.replicas > 0):
            return None
        idle = spec.min_replicas if spec.idle_replicas is None else spec.idle_replicas
        if idle == 0 and current > 0:
            return 0 if paused != "in" and self._has_cooled_down(now_ns) else None
        return spec.min_replicas if current < idle else None

    def _has_cooled_down(self, now_ns: int) -> bool:
        assert self._since_ns is not None, "the first question set it"
        if self._active_ns is None:
            return now_ns - self._since_ns > self._spec.initial_cool_down_ns
        return now_ns - self._active_ns > self._spec.cool_down_ns

    def _proposal(self, current: int, lengths: Sequence[int | None]) -> int | None:
        """Return what the queues call for; None if nothing may change."""
        proposals: list[int | None] = []
        for index, (trigger, length) in enumerate(zip(self._spec.triggers, lengths, strict=True)):
            assert length is None or length >= 0, "there are no negative lengths"
            self._failures[index] = 0 if length is not None else self._failures[index] + 1
            said = self._said(index, current, length)
            proposals.append(
                None
                if said is None
                else replicas_by_average(
                    current, 1000 * min(said, _LENGTH_MAX), 1000 * trigger.target, self._tolerance
                )
            )
        return largest_proposal(current, proposals)

    def _said(self, index: int, current: int, length: int | None) -> int | None:
        """Return the length, or what stands in for it."""
        fallback = self._spec.fallback
        if length is not None:
            return length
        if fallback is None or self._failures[index] <= fallback.failure_threshold:
            return None
        return self._spec.triggers[index].target * fallback.replicas_from(current)


def is_active(length: int, activation: int) -> bool:
    """Return whether a queue is long enough to wake somebody for it."""
    return length > activation
