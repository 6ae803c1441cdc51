"""Laws of the autoscaler: in proportion, within bounds, in one direction, at a set pace."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Hpa, HpaSpec, PodMetric, ScalingPolicy, recommendation
from properties.profiles import scaled
from properties.strategies import pods

# One edge in many: what this profile looks for elsewhere would find too few of them.
HARD = settings(max_examples=scaled(500))

MINUTE_NS = 60 * 1_000_000_000

NO_METRIC = PodMetric(utilisation_percent=None, ready=True)
NOT_READY = PodMetric(utilisation_percent=None, ready=False)

# Windows and periods of a few ticks, so that short histories reach their ends.
POLICIES = st.lists(
    st.builds(
        ScalingPolicy,
        kind=st.sampled_from(["pods", "percent"]),
        value=st.integers(1, 6) | st.sampled_from([50, 100]),
        period_ns=st.integers(1, 4),
    ),
    max_size=2,
).map(tuple)

SPECS = st.builds(
    lambda bounds, **others: HpaSpec(min_replicas=bounds[0], max_replicas=bounds[1], **others),
    bounds=st.tuples(st.integers(1, 20), st.integers(1, 20)).map(sorted),
    target_percent=st.sampled_from([1, 50, 80, 100, 150]),
    tolerance_permille=st.sampled_from([0, 100, 250]),
    scale_down_stabilisation_ns=st.integers(0, 5),
    scale_up_stabilisation_ns=st.integers(0, 5),
    scale_up_policies=POLICIES,
    scale_down_policies=POLICIES,
    scale_up_select=st.sampled_from(["max", "max", "min", "disabled"]),
    scale_down_select=st.sampled_from(["max", "max", "min", "disabled"]),
)

# Utilisation in percent of the target, and how often the autoscaler is asked meanwhile.
STRETCHES = st.tuples(st.sampled_from([0, 30, 60, 100, 130, 200, 900]), st.integers(1, 5))

UNKNOWN = st.lists(st.sampled_from([NO_METRIC, NOT_READY]), max_size=1)

FREE = HpaSpec(min_replicas=1, max_replicas=10**9, target_percent=80)

CURRENT = st.integers(1, 30)


@st.composite
def questions(draw: st.DrawFn) -> tuple[HpaSpec, int, list[PodMetric]]:
    """What an autoscaler is told and what it sees; there may be fewer pods than asked for."""
    spec = HpaSpec(
        min_replicas=1,
        max_replicas=100,
        target_percent=draw(st.sampled_from([1, 50, 80, 100, 150])),
        tolerance_permille=draw(st.sampled_from([0, 100, 250])),
    )
    seen = draw(pods(target_percent=spec.target_percent))
    return spec, max(1, len(seen) + draw(st.sampled_from([0, 0, 0, -1, 1, 10]))), seen


def recommended_by_the_documents(spec: HpaSpec, current: int, seen: list[PodMetric]) -> int | None:
    """Compute the recommendation as the documentation tells it, in fractions."""
    known = [pod.utilisation_percent for pod in seen if pod.ready]
    measured = [percent for percent in known if percent is not None]
    if not measured:
        return None
    ratio = Fraction(sum(measured) // len(measured), spec.target_percent)
    missing = [0 if ratio > 1 else max(100, spec.target_percent)] * known.count(None)
    unready = [0] * (len(seen) - len(known)) if ratio > 1 else []
    assumed = measured + (missing if ratio != 1 else []) + unready
    ratio_assumed = Fraction(sum(assumed) // len(assumed), spec.target_percent)
    reversed_by_doubt = (ratio > 1) != (ratio_assumed > 1)
    if abs(ratio_assumed - 1) <= Fraction(spec.tolerance_permille, 1000) or reversed_by_doubt:
        return current
    replicas = ceil(ratio_assumed * len(assumed))
    return max(current, replicas) if ratio > 1 else min(current, replicas)


@HARD
@given(question=questions())
def test_the_recommendation_is_the_one_that_the_documentation_describes(
    question: tuple[HpaSpec, int, list[PodMetric]],
) -> None:
    spec, current, seen = question
    assert recommendation(spec, current, seen) == recommended_by_the_documents(spec, current, seen)


@given(
    current=CURRENT,
    seen=pods(target_percent=80),
    more=st.lists(st.integers(0, 200), min_size=12, max_size=12),
)
def test_more_load_never_calls_for_fewer_replicas(
    current: int, seen: list[PodMetric], more: list[int]
) -> None:
    busier = [
        pod
        if pod.utilisation_percent is None
        else PodMetric(pod.utilisation_percent + extra, pod.ready)
        for pod, extra in zip(seen, more, strict=False)
    ]
    before, after = recommendation(FREE, current, seen), recommendation(FREE, current, busier)
    assert (before is None) == (after is None)
    assert before is None or after is None or before <= after


@given(current=CURRENT, seen=pods(target_percent=80), doubt=st.sampled_from([NO_METRIC, NOT_READY]))
def test_a_pod_of_which_nothing_is_known_never_makes_for_a_greater_change(
    current: int, seen: list[PodMetric], doubt: PodMetric
) -> None:
    known = recommendation(FREE, current, seen)
    doubted = recommendation(FREE, current, [*seen, doubt])
    if known is None or doubted is None:
        assert known is doubted
    else:
        low, high = sorted([current, known])
        assert low <= doubted <= high


@dataclass
class Watch:
    """What an autoscaler was asked and answered; it was obeyed each time."""

    spec: HpaSpec
    at_ns: list[int]
    current: list[int]
    recommended: list[int | None]
    answered: list[int]

    def called_for(self, last: int, window_ns: int) -> list[int]:
        """Return what was recommended in the window that ends with this question."""
        since_ns = self.at_ns[last] - window_ns
        noted = [(self.at_ns[0], self.current[0])]
        for at_ns, replicas in zip(self.at_ns[:last], self.recommended, strict=False):
            noted += [] if replicas is None else [(at_ns, replicas)]
        newest = self.recommended[last]
        assert newest is not None
        return [newest, *(replicas for at_ns, replicas in noted if at_ns > since_ns)]

    def limits(self, last: int) -> tuple[int, int]:
        """Return how few and how many replicas the policies allow."""
        spec, current = self.spec, self.current[last]
        floors = [
            floor(start - step) for start, step in self._steps(last, spec.scale_down_policies)
        ]
        ceilings = [ceil(start + step) for start, step in self._steps(last, spec.scale_up_policies)]
        lowest, highest = spec.min_replicas, spec.max_replicas
        choose_floor = {"max": min, "min": max}.get(spec.scale_down_select)
        choose_ceiling = {"max": max, "min": min}.get(spec.scale_up_select)
        return (
            min(current, choose_floor(floors, default=lowest)) if choose_floor else current,
            max(current, choose_ceiling(ceilings, default=highest)) if choose_ceiling else current,
        )

    def _steps(self, last: int, policies: tuple[ScalingPolicy, ...]) -> list[tuple[int, Fraction]]:
        """For each policy, give the replicas when its period began and the step it allows."""
        steps = []
        for policy in policies:
            since_ns = self.at_ns[last] - policy.period_ns
            within = [before for before in range(last) if self.at_ns[before] > since_ns]
            start = self.current[within[0]] if within else self.current[last]
            share = Fraction(start * policy.value, 100)
            steps.append((start, share if policy.kind == "percent" else Fraction(policy.value)))
        return steps


@st.composite
def watches(draw: st.DrawFn) -> Watch:
    """Ask an autoscaler again and again, through stretches of load, and do what it says."""
    spec = draw(SPECS)
    hpa = Hpa(spec)
    watch = Watch(spec, at_ns=[], current=[], recommended=[], answered=[])
    now_ns, current = 0, draw(st.integers(spec.min_replicas, spec.max_replicas))
    for share, times in draw(st.lists(STRETCHES, max_size=6)):
        for unknown in draw(st.lists(UNKNOWN, min_size=times, max_size=times)):
            now_ns += draw(st.integers(0, 3))
            busy = PodMetric(spec.target_percent * share // 100, ready=True)
            seen = [busy] * (current - len(unknown)) + unknown
            watch.at_ns.append(now_ns)
            watch.current.append(current)
            watch.recommended.append(recommendation(spec, current, seen))
            current = hpa.desired(now_ns, current, seen)
            watch.answered.append(current)
    return watch


@given(watch=watches())
def test_the_number_stays_within_its_bounds(watch: Watch) -> None:
    spec = watch.spec
    assert all(spec.min_replicas <= replicas <= spec.max_replicas for replicas in watch.answered)


@HARD
@given(watch=watches())
def test_a_change_goes_exactly_as_far_as_its_window_its_policies_and_its_bounds_allow(
    watch: Watch,
) -> None:
    spec = watch.spec
    for last, (current, answer) in enumerate(zip(watch.current, watch.answered, strict=True)):
        if watch.recommended[last] is None:
            assert answer == current
            continue
        up_to = min(watch.called_for(last, spec.scale_up_stabilisation_ns))
        down_to = max(watch.called_for(last, spec.scale_down_stabilisation_ns))
        lowest, highest = watch.limits(last)
        if up_to > current:
            assert answer == min(up_to, highest, spec.max_replicas)
        elif down_to < current:
            assert answer == max(down_to, lowest, spec.min_replicas)
        else:
            assert answer == current


@given(
    start=st.integers(1, 60),
    load_percent=st.integers(0, 4000),
    target_percent=st.sampled_from([50, 80, 100]),
)
def test_under_constant_load_the_number_turns_round_once_at_most_and_settles_on_target(
    start: int, load_percent: int, target_percent: int
) -> None:
    hpa = Hpa(HpaSpec(min_replicas=1, max_replicas=100, target_percent=target_percent))
    history = [start]
    for quarter_minute in range(100):
        current = history[-1]
        seen = [PodMetric(load_percent // current, ready=True)] * current
        history.append(hpa.desired(quarter_minute * MINUTE_NS // 4, current, seen))
    rises = [after > before for before, after in pairwise(history) if after != before]
    # Once it may: whole percent of many pods, cut off, look like less than they are.
    assert sum(one != other for one, other in pairwise(rises)) <= 1
    *_, settled = history
    assert set(history[-40:]) == {settled}
    assert 10 * (load_percent // settled) <= 11 * target_percent
    assert settled == 1 or 10 * (load_percent + settled) >= 9 * target_percent * (settled - 1)
