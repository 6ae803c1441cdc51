"""The HorizontalPodAutoscaler told a second time, as slowly and plainly as possible.

Nothing of ``policies`` is called from here, and nothing is kept that could be worked out anew:
pods have names, metrics are dictionaries, every question reads the whole past. Properties hold
the policies to it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from policies.hpa_behaviour import Behaviour, ScalingRules
from policies.hpa_metrics import MetricSpec, Patience, Pod, PodReading

INT32_MAX = 2**31 - 1


class NoAnswer(Exception):
    """A metric from which no number of replicas can be worked out."""


def rounded_up(number: float) -> int:
    """Return the next whole number of replicas that 32 bits can hold."""
    if number <= 0:
        return 0
    return INT32_MAX if number > INT32_MAX else math.ceil(number)


def cut_off(dividend: int, divisor: int) -> int:
    """Divide as processors do: towards zero."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend >= 0) == (divisor >= 0) else -quotient


@dataclass(frozen=True)
class Sorted:
    """The names of the pods that are there, by what is known of them."""

    measured: set[str]
    missing: set[str]
    unready: set[str]


def sorted_pods(
    metric: MetricSpec,
    now_ns: int,
    pods: Mapping[str, Pod],
    readings: Mapping[str, PodReading],
    patience: Patience,
) -> Sorted:
    """Sort the pods by what is known of them."""
    of_processor = metric.kind != "pods" and metric.name == "cpu"
    there = {name for name, pod in pods.items() if not pod.deleting and pod.phase != "failed"}
    has_metric = {name for name in there if readings[name].value is not None}
    pending = {name for name in there if pods[name].phase == "pending"}
    unready = pending | {
        name
        for name in has_metric
        if of_processor and is_starting(pods[name], readings[name], now_ns, patience)
    }
    return Sorted(has_metric - unready, there - has_metric - pending, unready)


def share_of_target(
    metric: MetricSpec, values: Mapping[str, int], requests: Mapping[str, int]
) -> float:
    """Divide what is by what ought to be.

    Raises:
        NoAnswer: nothing is requested.
    """
    if metric.target_kind == "average_value":
        return cut_off(sum(values.values()), len(values)) / metric.target
    whole = sum(requests[name] for name in values)
    if whole == 0:
        raise NoAnswer("nothing is requested")
    return cut_off(sum(values.values()) * 100, whole) / metric.target


def proposal_by_pods(
    metric: MetricSpec,
    now_ns: int,
    current: int,
    pods: Mapping[str, Pod],
    readings: Mapping[str, PodReading],
    tolerances: tuple[float, float],
    patience: Patience,
) -> int:
    """Work out what a metric calls for that each pod has for itself.

    Raises:
        NoAnswer: it cannot be worked out.
    """
    groups = sorted_pods(metric, now_ns, pods, readings, patience)
    values = {name: readings[name].value or 0 for name in groups.measured}
    requests = {name: reading.request or 0 for name, reading in readings.items()}
    silent = any(reading.request is None for reading in readings.values())
    if not values or (silent and metric.target_kind == "utilisation"):
        raise NoAnswer("no ready pod has a metric, or one requests nothing")

    def on_target(share: float) -> bool:
        return not (share < 1.0 - tolerances[0] or share > 1.0 + tolerances[1])

    first = share_of_target(metric, values, requests)
    if not groups.missing and not (first > 1 and groups.unready):
        return current if on_target(first) else rounded_up(first * len(values))
    if first > 1:
        values.update(dict.fromkeys(groups.missing | groups.unready, 0))
    if first < 1 and metric.target_kind == "average_value":
        values.update(dict.fromkeys(groups.missing, metric.target))
    if first < 1 and metric.target_kind == "utilisation":
        full = max(100, metric.target)
        values.update({name: requests[name] * full // 100 for name in groups.missing})
    second = share_of_target(metric, values, requests)
    if on_target(second) or (first - 1) * (second - 1) < 0:
        return current
    replicas = rounded_up(second * len(values))
    return current if (second - 1) * (replicas - current) < 0 else replicas


def is_starting(pod: Pod, reading: PodReading, now_ns: int, patience: Patience) -> bool:
    """Return whether a pod's processor time is not to be trusted yet."""
    if pod.ready is None or pod.started_ns is None:
        return True
    if now_ns - pod.started_ns < patience.initialisation_ns:
        ready_for_a_window = reading.sampled_ns - reading.window_ns >= pod.turned_ns
        return not (ready_for_a_window and pod.ready != "false")
    turned_after_ns = pod.turned_ns - pod.started_ns
    return pod.ready == "false" and turned_after_ns < patience.readiness_delay_ns


@dataclass
class Change:
    """The autoscaler's own change of the number."""

    at_ns: int
    size: int
    outdated: bool = False


@dataclass
class NaivePace:
    """Follows proposals as published, looking through all of the past each time."""

    least: int
    most: int
    behaviour: Behaviour | None
    window_ns: int
    called_for: list[tuple[int, int]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def follow(self, now_ns: int, current: int, proposal: int | None) -> int:
        """Return how many replicas there should be."""
        if not self.called_for:
            self.called_for.append((now_ns, current))
        if current == 0 and self.least > 0:
            return 0
        wanted = self.wanted(now_ns, current, proposal)
        if wanted != current and self.behaviour is not None:
            rules = self.behaviour.scale_up if wanted > current else self.behaviour.scale_down
            self.remember(now_ns, wanted - current, rules)
        return wanted

    def remember(self, now_ns: int, size: int, rules: ScalingRules) -> None:
        """Add a change; the last of its direction that no policy of it counts makes room."""
        longest_ns = max(policy.period_ns for policy in rules.policies)
        alike = [change for change in self.changes if change.size * size > 0]
        old = [change for change in alike if now_ns - change.at_ns > longest_ns]
        if old:
            old[-1].at_ns, old[-1].size = now_ns, size
        else:
            self.changes.append(Change(now_ns, size))

    def wanted(self, now_ns: int, current: int, proposal: int | None) -> int:
        """Return the number, whatever becomes of it."""
        if not self.least <= current <= self.most:
            return self.least if current < self.least else self.most
        if proposal is None:
            return current
        past, self.called_for = self.called_for, [*self.called_for, (now_ns, proposal)]
        if self.behaviour is None:
            in_window = [number for at_ns, number in past if now_ns - at_ns <= self.window_ns]
            highest = max([*in_window, proposal])
            return min(
                max(highest, self.least), max(min(self.most, max(4, 2 * current)), self.least)
            )
        up, down = self.behaviour.scale_up, self.behaviour.scale_down
        up_to = min([proposal, *within(past, now_ns, up.stabilisation_ns)])
        down_to = max([proposal, *within(past, now_ns, down.stabilisation_ns)])
        if up_to > current:
            return min(up_to, self.most, self.limit(up, now_ns, current, rising=True))
        if down_to < current:
            return max(down_to, self.least, self.limit(down, now_ns, current, rising=False))
        return current

    def limit(self, rules: ScalingRules, now_ns: int, current: int, *, rising: bool) -> int:
        """Return how far the policies of a direction allow the number to go."""
        if rules.select == "disabled":
            return current
        limits = []
        for policy in rules.policies:
            start = current - sum(
                change.size for change in self.changes if now_ns - change.at_ns < policy.period_ns
            )
            step = policy.value if rising else -policy.value
            if policy.kind == "pods":
                limits.append(start + step)
            else:
                exact = float(start) * (1.0 + step / 100)
                limits.append(math.ceil(exact) if rising else math.trunc(exact))
        farthest = (rules.select == "max") == rising
        chosen = max(limits) if farthest else min(limits)
        return max(chosen, current) if rising else min(chosen, current)


def within(past: Sequence[tuple[int, int]], now_ns: int, window_ns: int) -> list[int]:
    """Return what was called for less than a window ago."""
    return [number for at_ns, number in past if now_ns - at_ns < window_ns]
