"""The HorizontalPodAutoscaler case by case: a situation, what becomes of it, and why.

The cases follow the published description and the controller's behaviour; the numbers are our
own. Where the controller's floats are off by one from what one would compute by hand, the table
says so.
"""

from typing import NamedTuple

import pytest

from policies.autoscale import HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec
from policies.hpa_behaviour import Behaviour, ReplicaPace, ScalingPolicy, ScalingRules
from policies.hpa_metrics import MetricSpec, Pod, PodReading, Reading

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS

NOW_NS = 10 * HOUR_NS

CPU = MetricSpec("resource", "utilisation", 50)
CPU_CORES = MetricSpec("resource", "average_value", 200)
SIDECAR = MetricSpec("container_resource", "utilisation", 50)
MEMORY = MetricSpec("resource", "utilisation", 50, name="memory")
FRAMES = MetricSpec("pods", "average_value", 30_000, name="frames")
INGRESS = MetricSpec("object", "value", 100_000, name="requests")
INGRESS_PER_POD = MetricSpec("object", "average_value", 100_000, name="requests")
QUEUE = MetricSpec("external", "value", 100_000, name="jobs")
QUEUE_PER_POD = MetricSpec("external", "average_value", 10_000, name="jobs")

RUNS = Pod()
PENDING = Pod(phase="pending", ready=None, started_ns=None)
FAILED = Pod(phase="failed", ready="false")
TERMINATING = Pod(deleting=True)
NOT_READY = Pod(ready="false", turned_ns=HOUR_NS)
NEVER_READY = Pod(ready="false", turned_ns=10 * SECOND_NS)
JUST_STARTED = Pod(ready="true", started_ns=NOW_NS - MINUTE_NS, turned_ns=NOW_NS - 50 * SECOND_NS)
NO_CONDITION = Pod(ready=None)


def using(*millicores: int | None, request: int | None = 1000) -> list[PodReading]:
    """Return readings of pods that request a core each."""
    return [PodReading(value, request) for value in millicores]


def per_pod(*values: int | None) -> list[PodReading]:
    """Return readings of a quantity that nobody requests, in whole units."""
    return [PodReading(None if value is None else 1000 * value) for value in values]


class Case(NamedTuple):
    """What the controller sees, and what it makes of it."""

    why: str
    metric: MetricSpec
    current: int
    pods: list[Pod]
    reading: Reading
    proposal: int | None
    tolerance: float = 0.1


CASES = [
    # Resource, by utilisation.
    Case("twice the target calls for twice as many", CPU, 2, [RUNS] * 2, using(1000, 1000), 4),
    Case(
        "half the target calls for half as many", CPU, 4, [RUNS] * 4, using(250, 250, 250, 250), 2
    ),
    Case("a fraction of a pod is a pod", CPU, 3, [RUNS] * 3, using(600, 700, 800), 5),
    Case("nothing used calls for none", CPU, 2, [RUNS] * 2, using(0, 0), 0),
    Case("ten percent above is still on target", CPU, 2, [RUNS] * 2, using(550, 550), 2),
    Case("twelve percent above is not", CPU, 2, [RUNS] * 2, using(560, 560), 3),
    Case("ten percent below is still on target", CPU, 20, [RUNS] * 20, using(*[450] * 20), 20),
    Case("twelve percent below is not", CPU, 20, [RUNS] * 20, using(*[440] * 20), 18),
    Case(
        "the mean is of sums: who requests more weighs more",
        CPU,
        2,
        [RUNS] * 2,
        [PodReading(1000, 1000), PodReading(300, 3000)],
        2,  # 1300 of 4000 is 32 %, or 1.28 pods; the mean of 100 % and 10 % would be 55 %.
    ),
    Case(
        "a percent is cut off before it is compared",
        CPU,
        2,
        [RUNS] * 2,
        using(559, 559),  # 55.9 %, taken for 55: on target.
        2,
    ),
    Case(
        "floats: 1.12 times 25 is a little more than 28",
        CPU,
        25,
        [RUNS] * 25,
        using(*[560] * 25),
        29,
    ),
    Case(
        "floats: 1.16 times 25 is 29",
        CPU,
        25,
        [RUNS] * 25,
        using(*[580] * 25),
        29,
    ),
    Case("no pod is no answer", CPU, 3, [], [], None),
    Case("no metric is no answer", CPU, 2, [RUNS] * 2, None, None),
    Case("pods without metrics only are no answer", CPU, 2, [RUNS] * 2, using(None, None), None),
    Case(
        "one pod without a request is no answer",
        CPU,
        2,
        [RUNS] * 2,
        [PodReading(900, 1000), PodReading(900, None)],
        None,
    ),
    Case("requests of nothing are no answer", CPU, 1, [RUNS], using(900, request=0), None),
    Case(
        "with fewer pods than asked for, those there are count: high load calls for fewer",
        CPU,
        8,
        [RUNS] * 2,
        using(800, 800),
        4,
    ),
    # Pods of which nothing is known.
    Case(
        "a missing metric is 0 % when more are called for",
        CPU,
        3,
        [RUNS] * 3,
        using(1000, 1000, None),  # 66 % over three, not 100 % over two.
        4,
    ),
    Case(
        "a missing metric is 100 % when fewer are called for",
        CPU,
        6,
        [RUNS] * 6,
        using(200, 200, 200, 200, 150, None),  # 32 % over six, not 19 % over five.
        4,
    ),
    Case(
        "or the target, where that is above 100 %",
        MetricSpec("resource", "utilisation", 200),
        4,
        [RUNS] * 4,
        using(1000, 1000, 1000, None),  # 125 % over four.
        3,
    ),
    Case(
        "a missing metric can stop a change",
        CPU,
        4,
        [RUNS] * 4,
        using(200, 200, 200, None),  # 40 % over four is 80 % of the target: 3.2, so four.
        4,
    ),
    Case("but not turn it round", CPU, 3, [RUNS] * 3, using(100, None, None), 3),
    Case("nor the other way", CPU, 3, [RUNS] * 3, using(800, None, None), 3),
    Case(
        "on target exactly, missing metrics change nothing",
        CPU,
        3,
        [RUNS] * 3,
        using(500, None, None),
        3,
        tolerance=0.0,
    ),
    Case(
        "with doubt, fewer pods than asked for do not call for fewer",
        CPU,
        10,
        [RUNS] * 3,
        using(1000, 1000, None),
        10,
    ),
    Case(
        "with doubt, more pods than asked for do not call for more",
        CPU,
        2,
        [RUNS] * 6,
        using(350, 350, 350, 350, 350, None),  # 45 % over six is within tolerance of one in ten;
        2,  # and would be 5.5 pods.
    ),
    Case(
        "and where it is beyond tolerance the direction decides",
        CPU,
        2,
        [RUNS] * 6,
        using(300, 300, 300, 300, 300, None),  # 41 % over six: 4.9 pods, above the two.
        2,
    ),
    # Pods that start, fail or end.
    Case(
        "a pending pod is idle for more", CPU, 3, [RUNS, RUNS, PENDING], using(1000, 1000, None), 4
    ),
    Case("and does not count for fewer", CPU, 3, [RUNS, RUNS, PENDING], using(250, 250, None), 1),
    Case(
        "four at full load with two coming",
        CPU,
        4,
        [RUNS] * 2 + [PENDING] * 2,
        using(1000, 1000, None, None),
        4,
    ),
    Case("a failed pod is not there", CPU, 3, [RUNS, RUNS, FAILED], using(1000, 1000, None), 4),
    Case(
        "a pod that ends is not there", CPU, 3, [RUNS, RUNS, TERMINATING], using(1000, 1000, 0), 4
    ),
    Case(
        "nor does it call for anything", CPU, 3, [RUNS, RUNS, TERMINATING], using(250, 250, 9000), 1
    ),
    Case(
        "a pod that was ready once counts when it is not",
        CPU,
        2,
        [RUNS, NOT_READY],
        using(1000, 1000),
        4,
    ),
    Case("one that never was does not", CPU, 2, [RUNS, NEVER_READY], using(1000, 1000), 2),
    Case("nor one without the condition", CPU, 2, [RUNS, NO_CONDITION], using(1000, 1000), 2),
    Case(
        "just started, a sample from after it turned ready counts",
        CPU,
        2,
        [RUNS, JUST_STARTED],
        [PodReading(1000, 1000), PodReading(1000, 1000, NOW_NS - 20 * SECOND_NS, 30 * SECOND_NS)],
        4,
    ),
    Case(
        "one whose window reaches back before does not",
        CPU,
        2,
        [RUNS, JUST_STARTED],
        [PodReading(1000, 1000), PodReading(1000, 1000, NOW_NS - 21 * SECOND_NS, 30 * SECOND_NS)],
        2,
    ),
    Case(
        "just started and not ready, no sample counts",
        CPU,
        2,
        [RUNS, JUST_STARTED._replace(ready="false")],
        [PodReading(1000, 1000), PodReading(1000, 1000, NOW_NS, 0)],
        2,
    ),
    Case(
        "memory is trusted from the first moment",
        MEMORY,
        2,
        [RUNS, NEVER_READY],
        using(1000, 1000),
        4,
    ),
    Case(
        "a pod that has not been seen to start is starting",
        CPU,
        2,
        [RUNS, Pod(started_ns=None)],
        using(1000, 1000),
        2,
    ),
    Case(
        "a condition that is unknown is not one that is false",
        CPU,
        2,
        [RUNS, Pod(ready="unknown")],
        using(1000, 1000),
        4,
    ),
    # The other kinds of metric of pods.
    Case("a container's utilisation is one", SIDECAR, 2, [RUNS] * 2, using(1000, 1000), 4),
    Case(
        "a container that starts is not measured",
        SIDECAR,
        2,
        [RUNS, NEVER_READY],
        using(1000, 1000),
        2,
    ),
    Case(
        "an average value needs no requests",
        CPU_CORES,
        2,
        [RUNS] * 2,
        using(300, 300, request=None),
        3,
    ),
    Case(
        "missing ones are on target for fewer",
        CPU_CORES,
        4,
        [RUNS] * 4,
        using(100, 100, 100, None),
        3,
    ),
    Case("a pods metric in proportion", FRAMES, 3, [RUNS] * 3, per_pod(40, 45, 50), 5),
    Case(
        "a pods metric asks nobody whether it is ready",
        FRAMES,
        2,
        [RUNS, NEVER_READY],
        per_pod(60, 60),
        4,
    ),
    Case("a pending pod has none", FRAMES, 2, [RUNS, PENDING], per_pod(60, None), 2),
    Case("below zero calls for none", FRAMES, 2, [RUNS] * 2, per_pod(-5, -6), 0),
    Case(
        "below zero it is cut off towards zero",
        MetricSpec("pods", "average_value", 1, name="frames"),
        2,
        [RUNS] * 2,
        [PodReading(-1), PodReading(0)],
        0,
    ),
    # Of an object, or from outside.
    Case("a value in proportion to the ready pods", INGRESS, 4, [RUNS] * 4, 150_000, 6),
    Case(
        "not to those that are asked for", INGRESS, 4, [RUNS, RUNS, NOT_READY, PENDING], 150_000, 3
    ),
    Case("on target", INGRESS, 4, [RUNS] * 4, 109_000, 4),
    Case("on target, without a pod", INGRESS, 4, [], 109_000, 4),
    Case("off target, without a pod", INGRESS, 4, [], 150_000, None),
    Case("from nobody, tolerance does not count", INGRESS, 0, [], 109_000, 2),
    Case("nobody for nothing", INGRESS, 0, [], 0, 0),
    Case("so many for each", INGRESS_PER_POD, 3, [RUNS] * 3, 500_000, 5),
    Case("external, in all", QUEUE, 2, [RUNS] * 2, 300_000, 6),
    Case("external, so many for each", QUEUE_PER_POD, 3, [RUNS] * 3, 95_000, 10),
    Case("within tolerance of so many for each", QUEUE_PER_POD, 10, [RUNS] * 10, 109_000, 10),
    Case("so many for each of nobody", QUEUE_PER_POD, 0, [], 1_000, 1),
    Case("nothing for nobody", QUEUE_PER_POD, 0, [], 0, 0),
    Case("nothing for somebody", QUEUE_PER_POD, 3, [RUNS] * 3, 0, 0),
    Case(
        "who ends is not one of those that share it",
        QUEUE_PER_POD,
        3,
        [RUNS, RUNS, TERMINATING, FAILED],
        20_000,
        2,
    ),
    Case("not available", QUEUE_PER_POD, 3, [RUNS] * 3, None, None),
    Case("more than 32 bits of replicas", QUEUE_PER_POD, 3, [RUNS] * 3, 2**63, 2**31 - 1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.metric.kind}: {case.why}")
def test_a_metric_calls_for_what_the_controller_would_make_of_it(case: Case) -> None:
    autoscaler = HorizontalPodAutoscaler(
        HorizontalPodAutoscalerSpec(
            min_replicas=0 if not case.metric.of_pods else 1,
            max_replicas=1000,
            metrics=(case.metric,),
            tolerance=case.tolerance,
        )
    )
    proposal = autoscaler.proposal(NOW_NS, case.current, case.pods, [case.reading])
    assert proposal == case.proposal, case.why


@pytest.mark.parametrize(
    ("down", "up", "millicores", "proposal"),
    [
        (0.1, 0.0, 510, 3),
        (0.1, 0.0, 460, 2),
        (0.3, 0.1, 400, 2),
        (0.3, 0.5, 740, 2),
        (0.0, 0.5, 240, 1),
    ],
)
def test_each_direction_has_its_tolerance(
    down: float, up: float, millicores: int, proposal: int
) -> None:
    behaviour = Behaviour(
        scale_up=ScalingRules((ScalingPolicy("pods", 1, 1),), tolerance=up),
        scale_down=ScalingRules((ScalingPolicy("pods", 1, 1),), tolerance=down),
    )
    autoscaler = HorizontalPodAutoscaler(
        HorizontalPodAutoscalerSpec(1, 10, (CPU,), behaviour=behaviour)
    )
    readings = [using(millicores, millicores)]
    assert autoscaler.proposal(NOW_NS, 2, [RUNS] * 2, readings) == proposal


@pytest.mark.parametrize(
    ("jobs", "cores", "proposal", "why"),
    [
        (95_000, 1000, 10, "the largest wins"),
        (30_000, 1000, 8, "whichever it is"),
        (None, 1000, 8, "what is not available does not stop more"),
        (None, 250, None, "but it stops fewer"),
        (None, 500, 4, "and what is on target stays"),
        (0, 250, 2, "fewer if all call for fewer"),
        (None, None, None, "nothing available, nothing said"),
    ],
)
def test_of_several_metrics_the_largest_number_wins(
    jobs: int | None, cores: int | None, proposal: int | None, why: str
) -> None:
    autoscaler = HorizontalPodAutoscaler(HorizontalPodAutoscalerSpec(1, 100, (QUEUE_PER_POD, CPU)))
    readings = [jobs, None if cores is None else using(*[cores] * 4)]
    assert autoscaler.proposal(NOW_NS, 4, [RUNS] * 4, readings) == proposal, why


def test_nobody_is_woken_by_the_first_job_where_zero_is_within_bounds() -> None:
    spec = HorizontalPodAutoscalerSpec(0, 10, (CPU, QUEUE_PER_POD))
    autoscaler = HorizontalPodAutoscaler(spec)
    # No pods have no processor time: that metric is not available, which does not stop more.
    assert autoscaler.desired(0, 0, [], [[], 0]) == 0
    assert autoscaler.desired(SECOND_NS, 0, [], [[], 1_000]) == 1
    assert autoscaler.desired(2 * SECOND_NS, 1, [RUNS], [using(0), 0]) == 1
    # The most that was called for in five minutes is forgotten: one, 301 s ago.
    assert autoscaler.desired(302 * SECOND_NS, 1, [RUNS], [using(0), 0]) == 0


def test_zero_replicas_mean_that_it_is_off_where_zero_is_out_of_bounds() -> None:
    autoscaler = HorizontalPodAutoscaler(HorizontalPodAutoscalerSpec(2, 10, (QUEUE_PER_POD,)))
    assert autoscaler.desired(0, 0, [], [1_000_000]) == 0
    assert autoscaler.desired(SECOND_NS, 1, [RUNS], [0]) == 2


@pytest.mark.parametrize(("current", "most"), [(1, 4), (2, 4), (3, 6), (10, 20), (70, 100), (0, 4)])
def test_those_who_say_nothing_at_most_double_or_have_four(current: int, most: int) -> None:
    pace = ReplicaPace(0, 100, None)
    assert pace.follow(0, current, 1000) == most


def test_those_who_say_nothing_rise_at_once_to_what_was_called_for_earlier() -> None:
    # Unlike with a behaviour: the most of five minutes counts upwards too.
    pace = ReplicaPace(1, 100, None)
    assert pace.follow(0, 4, 8) == 8
    # Someone takes four away by hand. Five are called for now, but eight were.
    assert pace.follow(60 * SECOND_NS, 4, 5) == 8
    with_behaviour = ReplicaPace(1, 100, Behaviour())
    assert with_behaviour.follow(0, 4, 8) == 8
    assert with_behaviour.follow(60 * SECOND_NS, 4, 5) == 5


def test_those_who_say_nothing_still_remember_what_is_exactly_as_old_as_the_window() -> None:
    pace = ReplicaPace(1, 100, None)
    assert pace.follow(0, 8, 8) == 8
    assert pace.follow(300 * SECOND_NS, 8, 1) == 8
    assert pace.follow(300 * SECOND_NS + 1, 8, 1) == 1
    with_behaviour = ReplicaPace(1, 100, Behaviour())
    assert with_behaviour.follow(0, 8, 8) == 8
    assert with_behaviour.follow(300 * SECOND_NS, 8, 1) == 1


def test_a_change_is_overwritten_when_it_is_too_old_for_its_own_direction() -> None:
    # Four up count for 10 s among the ups, but for 100 s in the policy of the downs.
    behaviour = Behaviour(
        ScalingRules((ScalingPolicy("pods", 4, 10),)),
        ScalingRules((ScalingPolicy("pods", 1, 100),)),
    )
    pace = ReplicaPace(1, 100, behaviour)
    assert pace.follow(0, 10, 14) == 14
    # The period began with ten: one less than ten would be allowed.
    assert pace.follow(20, 14, 1) == 9
    other = ReplicaPace(1, 100, behaviour)
    assert other.follow(0, 10, 14) == 14
    # The second rise takes the place of the first, so the period began with fourteen.
    assert other.follow(15, 14, 15) == 15
    assert other.follow(20, 15, 1) == 13


def test_bounds_come_before_metrics_and_their_changes_count() -> None:
    behaviour = Behaviour(ScalingRules((ScalingPolicy("pods", 2, 10),)))
    pace = ReplicaPace(5, 20, behaviour)
    assert pace.follow(0, 1, None) == 5
    # Four were added within the period already.
    assert pace.follow(1, 5, 20) == 5
    assert pace.follow(10, 5, 20) == 7


def test_a_replica_by_hand_is_no_change_of_the_autoscaler() -> None:
    behaviour = Behaviour(ScalingRules((ScalingPolicy("pods", 2, 10),)))
    pace = ReplicaPace(1, 20, behaviour)
    assert pace.follow(0, 5, 5) == 5
    assert pace.follow(1, 9, 20) == 11
