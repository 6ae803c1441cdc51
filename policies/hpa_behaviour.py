"""How far and how fast the number of replicas may follow what the metrics call for.

What is called for goes through two more stations before it is done. *Stabilisation* looks back
over a window: the number rises no higher than the least that was called for in it, and falls no
lower than the most. *Scaling policies* bound the change within a period, counted from the number
at the period's start; of several, the one that allows the most change is selected, or the least,
or none.

Without a behaviour the controller has another rule: the number falls, and rises, to the most
that was called for within the stabilisation window, and at most doubles, or becomes four.

The limits are rounded as the controller's floats are: 10 % more than 50 is 56 and 80 % less than
5 is 0, as ``50 * 1.1`` is above 55 and ``5 * (1 - 0.8)`` below 1. The controller keeps its
changes in two lists, and overwrites one that is older than all policies of its own direction
when the next comes in, even where a policy of the other direction would still count it; so does
this.

Source: Kubernetes documentation, "Horizontal Pod Autoscaling", section "Configurable scaling
behavior"; k8s.io/kubernetes, pkg/controller/podautoscaler. Unlike the API this takes windows
and periods of any length.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from policies.hpa_metrics import Tolerance, tolerance_of

_SECOND_NS: Final = 1_000_000_000

Select: TypeAlias = Literal["max", "min", "disabled"]
"""Of several policies the one that allows the most change, the least, or none at all."""


def require_at_least(least: float, name: str, value: float) -> None:
    """Refuse a setting that is too small.

    Raises:
        ValueError: it is; the message names it.
    """
    if not value >= least:
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
        require_at_least(1, "value", self.value)
        require_at_least(1, "period_ns", self.period_ns)


SCALE_UP_POLICIES: Final = (
    ScalingPolicy("percent", 100, 15 * _SECOND_NS),
    ScalingPolicy("pods", 4, 15 * _SECOND_NS),
)
"""What Kubernetes allows where nothing is said: double, or add four, in 15 s."""

SCALE_DOWN_POLICIES: Final = (ScalingPolicy("percent", 100, 15 * _SECOND_NS),)
"""What Kubernetes allows where nothing is said: everything at once."""


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """The rules of one direction.

    Raises:
        ValueError: a number is negative, or there is no policy.
    """

    policies: tuple[ScalingPolicy, ...]
    """At least one."""

    stabilisation_ns: int = 0
    """How long a change must have been called for."""

    select: Select = "max"

    tolerance: float = 0.1
    """How far off the target is still on it, as a share of the target."""

    def __post_init__(self) -> None:
        if not self.policies:
            raise ValueError("policies must not be empty; to forbid a direction, select disabled")
        require_at_least(0, "stabilisation_ns", self.stabilisation_ns)
        require_at_least(0, "tolerance", self.tolerance)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The rules of both directions; the defaults are those of Kubernetes."""

    scale_up: ScalingRules = ScalingRules(SCALE_UP_POLICIES)
    scale_down: ScalingRules = ScalingRules(SCALE_DOWN_POLICIES, 300 * _SECOND_NS)

    @property
    def tolerance(self) -> Tolerance:
        """The ratios at which the number stays."""
        return tolerance_of(self.scale_down.tolerance, self.scale_up.tolerance)


class _Noted(NamedTuple):
    """A number of replicas, or a change of it, and when it was decided."""

    at_ns: int
    replicas: int


class ReplicaPace:
    """Follows what is called for, within bounds and at a set pace.

    It takes for granted that what it said was done: its own changes are what the scaling
    policies count. Time may stand still between two questions; it must not run backwards.

    Raises:
        ValueError: a bound or the window is out of range.
    """

    __slots__ = (
        "_asked_ns",
        "_behaviour",
        "_downs",
        "_max",
        "_min",
        "_recommended",
        "_ups",
        "_window_ns",
    )

    def __init__(
        self,
        min_replicas: int,
        max_replicas: int,
        behaviour: Behaviour | None,
        window_ns: int = 300 * _SECOND_NS,
    ) -> None:
        """Make one that has seen nothing.

        Args:
            min_replicas: at least 0; with 0, zero replicas do not mean that it is off.
            max_replicas: at least ``min_replicas``, and 1.
            behaviour: None: the controller's rule for those who say nothing.
            window_ns: over which that rule stabilises.
        """
        require_at_least(0, "min_replicas", min_replicas)
        require_at_least(max(min_replicas, 1), "max_replicas", max_replicas)
        require_at_least(0, "window_ns", window_ns)
        self._min, self._max = min_replicas, max_replicas
        self._behaviour = behaviour
        self._window_ns = window_ns
        self._recommended: list[_Noted] = []
        self._ups: list[_Noted] = []
        self._downs: list[_Noted] = []
        self._asked_ns: int | None = None

    def follow(self, now_ns: int, current: int, proposal: int | None) -> int:
        """Return how many replicas there should be from ``now_ns`` on.

        Args:
            now_ns: the time; not before that of an earlier call.
            current: how many replicas were last asked for; with 0, autoscaling is off, unless
                0 is within the bounds.
            proposal: what the metrics call for; None if they say nothing.
        """
        assert current >= 0, "there are no negative replicas"
        assert self._asked_ns is None or now_ns >= self._asked_ns, "time ran backwards"
        self._asked_ns = now_ns
        if not self._recommended:
            # Who starts to watch knows nothing of before, and takes it that what is there
            # was called for.
            self._recommended.append(_Noted(now_ns, current))
        if current == 0 and self._min > 0:
            return 0
        wanted = self._wanted(now_ns, current, proposal)
        if wanted != current:
            self._note_change(now_ns, wanted - current)
        return wanted

    def behave(self, behaviour: Behaviour | None) -> None:
        """Go by another behaviour from now on; what was called for and done is remembered."""
        self._behaviour = behaviour

    def _wanted(self, now_ns: int, current: int, proposal: int | None) -> int:
        within_bounds = min(max(current, self._min), self._max)
        if current != within_bounds:
            return within_bounds
        if proposal is None:
            return current
        if self._behaviour is None:
            return self._by_default(now_ns, current, proposal)
        stable = self._stabilised(self._behaviour, now_ns, current, proposal)
        if stable > current:
            ceiling = self._ceiling(self._behaviour.scale_up, now_ns, current)
            return min(stable, self._max, max(ceiling, current))
        if stable < current:
            floor = self._floor(self._behaviour.scale_down, now_ns, current)
            return max(stable, self._min, min(floor, current))
        return current

    def _by_default(self, now_ns: int, current: int, proposal: int) -> int:
        since_ns = now_ns - self._window_ns
        most = max(
            [proposal, *(number for at_ns, number in self._recommended if at_ns >= since_ns)]
        )
        _note(self._recommended, _Noted(now_ns, proposal), since_ns)
        return max(self._min, min(most, self._max, default_limit(current)))

    def _stabilised(self, behaviour: Behaviour, now_ns: int, current: int, proposal: int) -> int:
        """Bring ``current`` to where the whole window wanted it, and no further."""
        up_since_ns = now_ns - behaviour.scale_up.stabilisation_ns
        down_since_ns = now_ns - behaviour.scale_down.stabilisation_ns
        lowest = highest = proposal
        for at_ns, number in self._recommended:
            if at_ns > up_since_ns:
                lowest = min(lowest, number)
            if at_ns > down_since_ns:
                highest = max(highest, number)
        _note(self._recommended, _Noted(now_ns, proposal), min(up_since_ns, down_since_ns))
        return min(max(current, lowest), highest)

    def _ceiling(self, rules: ScalingRules, now_ns: int, current: int) -> int:
        if rules.select == "disabled":
            return current
        ceilings = [
            scale_up_limit(
                self._at_start_of(policy, now_ns, current), policy.value, policy.kind == "percent"
            )
            for policy in rules.policies
        ]
        return max(ceilings) if rules.select == "max" else min(ceilings)

    def _floor(self, rules: ScalingRules, now_ns: int, current: int) -> int:
        if rules.select == "disabled":
            return current
        floors = [
            scale_down_limit(
                self._at_start_of(policy, now_ns, current), policy.value, policy.kind == "percent"
            )
            for policy in rules.policies
        ]
        return min(floors) if rules.select == "max" else max(floors)

    def _at_start_of(self, policy: ScalingPolicy, now_ns: int, current: int) -> int:
        """Return how many replicas there were when the period that ends now began."""
        since_ns = now_ns - policy.period_ns
        added = sum(change for at_ns, change in self._ups if at_ns > since_ns)
        removed = sum(change for at_ns, change in self._downs if at_ns > since_ns)
        return current - added + removed

    def _note_change(self, now_ns: int, change: int) -> None:
        if self._behaviour is None:
            return
        rising = change > 0
        rules = self._behaviour.scale_up if rising else self._behaviour.scale_down
        longest_ns = max(policy.period_ns for policy in rules.policies)
        changes = self._ups if rising else self._downs
        _note(changes, _Noted(now_ns, abs(change)), now_ns - longest_ns)


def scale_up_limit(at_start: int, value: int, percent: bool) -> int:  # noqa: FBT001  # a scalar
    """Return how many replicas a policy allows, from ``at_start`` replicas, at most.

    Args:
        at_start: replicas when the period began.
        value: how many more, in pods or percent.
        percent: whether it is percent.
    """
    if percent:
        return math.ceil(float(at_start) * (1.0 + float(value) / 100.0))
    return at_start + value


def scale_down_limit(at_start: int, value: int, percent: bool) -> int:  # noqa: FBT001  # a scalar
    """Return how many replicas a policy allows, from ``at_start`` replicas, at least.

    Args:
        at_start: replicas when the period began.
        value: how many fewer, in pods or percent.
        percent: whether it is percent.
    """
    if percent:
        return int(float(at_start) * (1.0 - float(value) / 100.0))
    return at_start - value


def default_limit(current: int) -> int:
    """Return how many replicas those who say nothing may have next, at most."""
    return max(2 * current, 4)


def _note(noted: list[_Noted], new: _Noted, outdated_ns: int) -> None:
    """Add ``new``, in place of the last one that is older than ``outdated_ns``, if one is."""
    for index in range(len(noted) - 1, -1, -1):
        if noted[index].at_ns < outdated_ns:
            noted[index] = new
            return
    noted.append(new)
