"""Laws of the two autoscalers: as published from metric to number, and settled under load."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from policies.autoscale import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpec,
    Hpa,
    HpaSpec,
    PodMetric,
    recommendation,
)
from policies.hpa_metrics import MetricSpec, Pod, PodReading
from properties.policies.naive_hpa import NaivePace, NoAnswer, proposal_by_pods
from properties.strategies import pods
from properties.strategies.autoscaling import NOW_NS, PATIENCE, TOLERANCES, scaling_policies

MINUTE_NS = 60 * 1_000_000_000

QUEUE = MetricSpec("external", "average_value", 10_000, name="jobs")

SELECTIONS = st.sampled_from(["max", "max", "min", "disabled"])

SPECS = st.builds(
    lambda bounds, **others: HpaSpec(min_replicas=bounds[0], max_replicas=bounds[1], **others),
    bounds=st.tuples(st.integers(1, 20), st.integers(1, 20)).map(sorted),
    target_percent=st.sampled_from([1, 50, 80, 100, 150]),
    scale_down_stabilisation_ns=st.integers(0, 5),
    scale_up_stabilisation_ns=st.integers(0, 5),
    scale_up_policies=scaling_policies(),
    scale_down_policies=scaling_policies(),
    scale_up_select=SELECTIONS,
    scale_down_select=SELECTIONS,
    scale_up_tolerance=TOLERANCES,
    scale_down_tolerance=TOLERANCES,
)

# Utilisation in percent of the target, and how often the autoscaler is asked meanwhile.
STRETCHES = st.tuples(st.sampled_from([0, 30, 60, 100, 112, 130, 200, 900]), st.integers(1, 5))

UNKNOWN = st.lists(
    st.sampled_from([PodMetric(None, ready=True), PodMetric(None, ready=False)]), max_size=1
)


def naive_recommendation(spec: HpaSpec, current: int, seen: Sequence[PodMetric]) -> int | None:
    """Work it out as for pods that request a hundred each."""
    names = [f"pod-{index}" for index in range(len(seen))]
    try:
        return proposal_by_pods(
            MetricSpec("resource", "utilisation", spec.target_percent),
            NOW_NS,
            current,
            {
                name: Pod(phase="running" if pod.ready else "pending")
                for name, pod in zip(names, seen, strict=True)
            },
            {
                name: PodReading(pod.utilisation_percent, 100, NOW_NS)
                for name, pod in zip(names, seen, strict=True)
            },
            (spec.scale_down_tolerance, spec.scale_up_tolerance),
            PATIENCE,
        )
    except NoAnswer:
        return None


@given(spec=SPECS, data=st.data())
def test_pods_that_are_alike_call_for_what_is_published(spec: HpaSpec, data: st.DataObject) -> None:
    seen = data.draw(pods(target_percent=spec.target_percent))
    current = max(1, len(seen) + data.draw(st.sampled_from([0, 0, 0, -1, 1, 10])))
    expected = naive_recommendation(spec, current, seen)
    assert recommendation(spec, current, seen) == expected


@given(spec=SPECS, stretches=st.lists(STRETCHES, max_size=6), data=st.data())
def test_from_pods_to_replicas_the_answer_is_the_published_one(
    spec: HpaSpec, stretches: list[tuple[int, int]], data: st.DataObject
) -> None:
    hpa = Hpa(spec)
    naive = NaivePace(spec.min_replicas, spec.max_replicas, spec.behaviour, window_ns=0)
    now_ns, current = 0, data.draw(st.integers(0, spec.max_replicas + 1))
    for share, times in stretches:
        for unknown in data.draw(st.lists(UNKNOWN, min_size=times, max_size=times)):
            now_ns += data.draw(st.integers(0, 3))
            busy = PodMetric(spec.target_percent * share // 100, ready=True)
            seen = [busy] * (current - len(unknown)) + unknown
            proposal = naive_recommendation(spec, current, seen)
            answer = hpa.desired(now_ns, current, seen)
            assert answer == naive.follow(now_ns, current, proposal)
            current = answer


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


@given(
    jobs=st.lists(st.integers(0, 500) | st.none(), min_size=1, max_size=20),
    least=st.integers(0, 3),
)
def test_a_queue_and_a_processor_together_never_ask_for_less_than_either(
    jobs: list[int | None], least: int
) -> None:
    cpu = MetricSpec("resource", "utilisation", 50)
    spec = HorizontalPodAutoscalerSpec(least, 60, (cpu, QUEUE))
    both = HorizontalPodAutoscaler(spec)
    current = max(least, 1)
    for index, waiting in enumerate(jobs):
        there = [Pod()] * current
        readings = [PodReading(40 * index % 100, 100)] * current
        asked = None if waiting is None else 1000 * waiting
        proposal = both.proposal(index, current, there, [readings, asked])
        if current == 0:
            # Nobody has no processor time: the queue alone has a say.
            assert proposal == (None if waiting is None else -(-waiting // 10))
        elif waiting is None:
            assert proposal is None or proposal >= current
        else:
            alone = HorizontalPodAutoscalerSpec(1, 60, (QUEUE,))
            by_queue = HorizontalPodAutoscaler(alone).proposal(index, current, there, [asked])
            assert by_queue is not None
            assert proposal is not None
            assert proposal >= by_queue
        current = both.follow(index, current, proposal)
        assert least <= current <= 60
