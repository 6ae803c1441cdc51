"""Planted bugs around autoscaling: what metrics call for, how it is followed, zero and back."""

from typing import Final

from properties.mutants.mutant import Mutant

_METRICS: Final = "policies/hpa_metrics.py"
_BEHAVIOUR: Final = "policies/hpa_behaviour.py"
_AUTOSCALE: Final = "policies/autoscale.py"
_KEDA: Final = "policies/keda.py"
_SCHEDULE: Final = "policies/scheduled_scaling.py"
_GUARD: Final = "policies/shrink_guard.py"

_METRIC_LAWS: Final = "properties/policies/test_hpa_metrics.py"
_PACE_LAWS: Final = "properties/policies/test_hpa_behaviour.py"
_AUTOSCALE_LAWS: Final = "properties/policies/test_autoscale.py"
_KEDA_LAWS: Final = "properties/policies/test_keda.py"
_SCHEDULE_LAWS: Final = "properties/policies/test_scheduled_scaling.py"
_GUARD_LAWS: Final = "properties/policies/test_shrink_guard.py"
_RESPONSIVENESS: Final = "properties/test_p06_autoscaling_responsiveness.py"
_LIVE: Final = "properties/test_p06_autoscaling_responsiveness_live.py"

_SIMULATED: Final = f"{_RESPONSIVENESS}::test_in_the_simulator_constant_load_does_not_flap"
_PUBLISHED: Final = f"{_METRIC_LAWS}::test_what_a_metric_calls_for_is_what_is_published"
_STARTING: Final = f"{_METRIC_LAWS}::test_pods_that_start_are_idle_where_more_are_called_for"
_TRUSTED: Final = (
    f"{_METRIC_LAWS}::"
    "test_processor_time_of_a_pod_that_starts_is_trusted_when_it_is_published_to_be"
)
_FOLLOWS: Final = f"{_PACE_LAWS}::test_a_pace_follows_as_published"
_WAKES: Final = (
    f"{_KEDA_LAWS}::"
    "test_from_zero_the_first_item_above_an_activation_threshold_wakes_the_least_number"
)
_COOLS: Final = (
    f"{_KEDA_LAWS}::test_the_last_one_goes_at_the_first_look_a_cool_down_after_the_last_activity"
)
_OBJECTS: Final = f"{_KEDA_LAWS}::TestScaledObjects"

_METRIC_MUTANTS: Final = (
    Mutant(
        name="replicas are rounded down",
        file=_METRICS,
        before="return math.ceil(min(max(ratio * pods, 0.0), 2147483647.0))",
        after="return math.floor(min(max(ratio * pods, 0.0), 2147483647.0))",
        because="The fleet stays a replica short of its load, and a step takes longer to follow.",
        killers=(_PUBLISHED, _RESPONSIVENESS),
    ),
    Mutant(
        name="the percent is not cut off",
        file=_METRICS,
        before="    mean = used // whole if used >= 0 else -(-used // whole)\n"
        "    ratio = float(mean) / float(target)\n",
        after="    ratio = float(used) / float(whole) / float(target)\n",
        because="A rehearsal scales where production's whole percent is still on target.",
        killers=(_PUBLISHED,),
    ),
    Mutant(
        name="pods that start are taken for ready",
        file=_METRICS,
        before="missing.pods == 0 and (unready.pods == 0 or not growing)",
        after="missing.pods == 0",
        because="Each look of a cold start orders the same replicas again, up to the maximum.",
        killers=(_STARTING, _RESPONSIVENESS),
    ),
    Mutant(
        name="missing pods are idle when fewer are called for",
        file=_METRICS,
        before="        used += missing.used\n",
        after="",
        because="A metrics server that loses half the pods makes the fleet shrink under load.",
        killers=(_PUBLISHED,),
    ),
    Mutant(
        name="doubt may turn the change round",
        file=_METRICS,
        before="    if (growing and doubted < 1.0) or (shrinking and doubted > 1.0):\n"
        "        return current\n",
        after="",
        because="High load with many pods starting takes replicas away.",
        killers=(_PUBLISHED,),
    ),
    Mutant(
        name="no tolerance",
        file=_METRICS,
        before="    return Tolerance(1.0 - down, 1.0 + up)",
        after="    return Tolerance(1.0, 1.0)",
        because="Every percent of noise starts or stops replicas.",
        killers=(_PUBLISHED,),
    ),
    Mutant(
        name="the tolerances are mixed up",
        file=_METRICS,
        before="    return Tolerance(1.0 - down, 1.0 + up)",
        after="    return Tolerance(1.0 - up, 1.0 + down)",
        because="Who asked for quick growth and slow shrinking gets the opposite.",
        killers=(_PUBLISHED,),
    ),
    Mutant(
        name="terminating pods are in the denominator",
        file=_METRICS,
        before='        if pod.deleting or pod.phase == "failed":\n',
        after='        if pod.phase == "failed":\n',
        because="A rolling update overshoots: pods on their way out are counted beside the new.",
        killers=(
            f"{_METRIC_LAWS}::test_pods_that_fail_or_end_change_nothing",
            _PUBLISHED,
        ),
    ),
    Mutant(
        name="a sample from before it was ready counts",
        file=_METRICS,
        before="        stale = reading.sampled_ns < pod.turned_ns + reading.window_ns\n",
        after="        stale = reading.sampled_ns < pod.turned_ns\n",
        because="What a pod burns while it starts is taken for load.",
        killers=(_TRUSTED,),
    ),
    Mutant(
        name="a metric that is not available is ignored",
        file=_METRICS,
        before="return None if len(told) < len(proposals) and largest < current else largest",
        after="return largest",
        because="The queue's metric fails, the processors idle, and the fleet shrinks.",
        killers=(
            f"{_METRIC_LAWS}::test_a_metric_that_is_not_available_stops_fewer_and_nothing_else",
            _METRIC_LAWS,
        ),
    ),
    Mutant(
        name="the smallest proposal wins",
        file=_METRICS,
        before="    largest = max(told)\n",
        after="    largest = min(told)\n",
        because="One metric on target keeps the fleet small while another is far above.",
        killers=(
            f"{_METRIC_LAWS}::test_a_metric_that_is_not_available_stops_fewer_and_nothing_else",
        ),
    ),
    Mutant(
        name="from zero the tolerance counts",
        file=_METRICS,
        before="    if current == 0:\n"
        "        return math.ceil(min(max(ratio, 0.0), 2147483647.0))\n",
        after="",
        because="Nobody is ready where nobody is: zero times anything never wakes.",
        killers=("tests/policies/test_hpa_published.py", _METRIC_LAWS),
    ),
)

_BEHAVIOUR_MUTANTS: Final = (
    Mutant(
        name="no stabilisation",
        file=_BEHAVIOUR,
        before="            if at_ns > down_since_ns:\n"
        "                highest = max(highest, number)\n",
        after="",
        because="A load that flaps is followed back and forth, and is short half the time.",
        killers=(_FOLLOWS, _RESPONSIVENESS),
    ),
    Mutant(
        name="the window's edge still counts",
        file=_BEHAVIOUR,
        before="            if at_ns > down_since_ns:\n",
        after="            if at_ns >= down_since_ns:\n",
        because="With looks on the window's grid, a fall is one look later than production's.",
        killers=(_FOLLOWS,),
    ),
    Mutant(
        name="stabilisation takes the least for falling",
        file=_BEHAVIOUR,
        before="                highest = max(highest, number)\n",
        after="                highest = min(highest, number)\n",
        because="One quiet look in five minutes takes the fleet away.",
        killers=(_FOLLOWS, _RESPONSIVENESS),
    ),
    Mutant(
        name="policies forget what was changed before",
        file=_BEHAVIOUR,
        before="        return current - added + removed\n",
        after="        return current\n",
        because="A limit of four a minute becomes four a look.",
        killers=(_FOLLOWS, _RESPONSIVENESS),
    ),
    Mutant(
        name="falls are not given back to the period",
        file=_BEHAVIOUR,
        before="        return current - added + removed\n",
        after="        return current - added\n",
        because="Right after a fall less growth is allowed than the policy says.",
        killers=(_FOLLOWS,),
    ),
    Mutant(
        name="the least change is selected",
        file=_BEHAVIOUR,
        before='return max(ceilings) if rules.select == "max" else min(ceilings)',
        after="return min(ceilings)",
        because="A small fleet doubles where it might have added four: one, two, four.",
        killers=(_FOLLOWS,),
    ),
    Mutant(
        name="disabled allows everything",
        file=_BEHAVIOUR,
        before='        if rules.select == "disabled":\n            return current\n        floors',
        after="        floors",
        because="Who forbade scaling in during a migration loses replicas in it.",
        killers=(
            f"{_PACE_LAWS}::test_a_disabled_direction_is_never_taken_within_bounds",
            _PACE_LAWS,
        ),
    ),
    Mutant(
        name="percent up is rounded down",
        file=_BEHAVIOUR,
        before="        return math.ceil(float(at_start) * (1.0 + float(value) / 100.0))\n",
        after="        return int(float(at_start) * (1.0 + float(value) / 100.0))\n",
        because="Ten percent more than five is five: the fleet never grows.",
        killers=(
            f"{_PACE_LAWS}::test_limits_leave_room_for_a_change_and_are_off_by_one_at_most",
            _FOLLOWS,
        ),
    ),
    Mutant(
        name="the most there may be is not looked at",
        file=_BEHAVIOUR,
        before="            return min(stable, self._max, max(ceiling, current))\n",
        after="            return min(stable, max(ceiling, current))\n",
        because="A spike starts more replicas than the machines or the bill can bear.",
        killers=(
            f"{_PACE_LAWS}::test_the_number_stays_within_its_bounds_unless_it_is_off",
            _RESPONSIVENESS,
        ),
    ),
    Mutant(
        name="zero replicas are scaled up",
        file=_BEHAVIOUR,
        before="        if current == 0 and self._min > 0:\n            return 0\n",
        after="",
        because="Who switched a service off by hand finds it running again.",
        killers=(f"{_PACE_LAWS}::test_the_number_stays_within_its_bounds_unless_it_is_off",),
    ),
    Mutant(
        name="the first look knows of no replicas",
        file=_BEHAVIOUR,
        before="            self._recommended.append(_Noted(now_ns, current))\n",
        after="            self._recommended.append(_Noted(now_ns, 0))\n",
        because="A controller that restarts takes replicas away at its first look.",
        killers=(_FOLLOWS,),
    ),
    Mutant(
        name="the default limit has no least",
        file=_BEHAVIOUR,
        before="    return max(2 * current, 4)\n",
        after="    return 2 * current\n",
        because="One replica becomes two, not four: the first minute of a spike is lost.",
        killers=(
            f"{_PACE_LAWS}::test_limits_leave_room_for_a_change_and_are_off_by_one_at_most",
            _FOLLOWS,
        ),
    ),
)

_AUTOSCALE_MUTANTS: Final = (
    Mutant(
        name="a pod that is not ready counts as one without a metric",
        file=_AUTOSCALE,
        before="    missing = len(pods) - unready - len(measured)\n",
        after="    missing = len(pods) - len(measured)\n",
        because="Replicas that start are held to be fully busy, and a fall waits for all of them.",
        killers=(f"{_AUTOSCALE_LAWS}::test_pods_that_are_alike_call_for_what_is_published",),
    ),
    Mutant(
        name="missing is a hundred percent above a higher target",
        file=_AUTOSCALE,
        before="    assumed_percent = max(_WHOLE_PERCENT, spec.target_percent)\n",
        after="    assumed_percent = _WHOLE_PERCENT\n",
        because="With a target of 150 % a pod that is not measured still makes the fleet shrink.",
        killers=(
            f"{_AUTOSCALE_LAWS}::test_pods_that_are_alike_call_for_what_is_published",
            "tests/policies/test_autoscale.py",
        ),
    ),
    Mutant(
        name="the windows are mixed up",
        file=_AUTOSCALE,
        before="                self.scale_up_stabilisation_ns,\n",
        after="                self.scale_down_stabilisation_ns,\n",
        because="A spike waits five minutes for its replicas.",
        killers=(_RESPONSIVENESS, _AUTOSCALE_LAWS),
    ),
    Mutant(
        name="a behaviour's tolerance is not looked at",
        file=_AUTOSCALE,
        before="            if spec.behaviour is None\n            else spec.behaviour.tolerance\n",
        after="            if spec.behaviour is None or spec.behaviour.tolerance\n"
        "            else spec.behaviour.tolerance\n",
        because="The tolerance that one wrote into the autoscaler has no effect.",
        killers=("tests/policies/test_hpa_published.py",),
    ),
)

_KEDA_MUTANTS: Final = (
    Mutant(
        name="from zero nobody ever wakes",
        file=_KEDA,
        before="            return max(spec.min_replicas, 1) if wakes else None\n",
        after="            return spec.min_replicas if wakes else None\n",
        because="The queue grows for ever before a fleet of nobody.",
        killers=(_WAKES, _LIVE),
    ),
    Mutant(
        name="the activation threshold wakes",
        file=_KEDA,
        before="    return length > activation\n",
        after="    return length >= activation\n",
        because="With a threshold of zero an empty queue keeps a replica for ever.",
        killers=(_WAKES,),
    ),
    Mutant(
        name="no cool-down",
        file=_KEDA,
        before="        return now_ns - self._active_ns > self._spec.cool_down_ns\n",
        after="        return True\n",
        because="Between two jobs everybody goes, and each job waits for a cold start.",
        killers=(_COOLS, _OBJECTS),
    ),
    Mutant(
        name="the cool-down counts from the last waking, not the last activity",
        file=_KEDA,
        before="            if wakes or not failing:\n",
        after="            if wakes:\n",
        because="After five minutes of steady work the first empty look takes everybody away.",
        killers=(_COOLS,),
    ),
    Mutant(
        name="an error is no activity",
        file=_KEDA,
        before="        if failing and (spec.fallback is None or spec.fallback.replicas > 0):\n"
        "            return None\n",
        after="",
        because="A queue that cannot be asked for five minutes loses its workers.",
        killers=(f"{_KEDA_LAWS}::test_a_queue_that_cannot_be_asked_loses_nobody",),
    ),
    Mutant(
        name="the fallback is one failure late",
        file=_KEDA,
        before="self._failures[index] <= fallback.failure_threshold:",
        after="self._failures[index] <= fallback.failure_threshold + 1:",
        because="The fleet stays where the outage found it for longer than was said.",
        killers=(
            f"{_KEDA_LAWS}::test_a_fallback_starts_with_the_first_failure_above_its_threshold",
        ),
    ),
    Mutant(
        name="failures add up over days",
        file=_KEDA,
        before="self._failures[index] = 0 if length is not None else self._failures[index] + 1",
        after="self._failures[index] += length is None",
        because="A scaler that fails once a day is replaced by its fallback after three.",
        killers=("tests/policies/test_keda.py", _KEDA_LAWS),
    ),
    Mutant(
        name="each look is a poll",
        file=_KEDA,
        before="            self._polled_ns = now_ns\n",
        after="            self._polled_ns = None\n",
        because="A scaler that was to be asked twice a minute is asked at every look.",
        killers=(f"{_KEDA_LAWS}::test_between_two_polls_nobody_is_woken",),
    ),
    Mutant(
        name="a pause of one direction is none",
        file=_KEDA,
        before='return 0 if paused != "in" and self._has_cooled_down(now_ns) else None\n',
        after="return 0 if self._has_cooled_down(now_ns) else None\n",
        because="Who forbade scaling in for a migration finds nobody left in the morning.",
        killers=(f"{_KEDA_LAWS}::test_a_paused_direction_is_not_taken",),
    ),
)

_OTHER_MUTANTS: Final = (
    Mutant(
        name="a window over midnight is never open",
        file=_SCHEDULE,
        before="    return into_ns >= start_ns or into_ns < end_ns\n",
        after="    return into_ns >= start_ns and into_ns < end_ns\n",
        because="The night shift has nobody.",
        killers=(f"{_SCHEDULE_LAWS}::test_a_window_is_open_between_its_start_and_its_end",),
    ),
    Mutant(
        name="a window is open at its end",
        file=_SCHEDULE,
        before="        return start_ns <= into_ns < end_ns\n",
        after="        return start_ns <= into_ns <= end_ns\n",
        because="Two windows that follow each other overlap, and a complement is no complement.",
        killers=(f"{_SCHEDULE_LAWS}::test_a_window_is_open_between_its_start_and_its_end",),
    ),
    Mutant(
        name="the first open window counts",
        file=_SCHEDULE,
        before="    return max(\n        (\n            window.replicas\n",
        after="    return min(\n        (\n            window.replicas\n",
        because="A small window inside a large one empties the fleet at noon.",
        killers=(f"{_SCHEDULE_LAWS}::test_the_largest_open_window_counts_in_any_order",),
    ),
    Mutant(
        name="a signal that is not known is calm",
        file=_GUARD,
        before="        if signal is None or signal > self._calm.signal_max:\n",
        after="        if signal is not None and signal > self._calm.signal_max:\n",
        because="The dashboards go dark in the outage, and the fleet with them.",
        killers=(_GUARD_LAWS,),
    ),
    Mutant(
        name="a guard that has just started knows of no trouble",
        file=_GUARD,
        before="        return proposal if watched and calm else current\n",
        after="        return proposal if calm else current\n",
        because="A restart in the middle of an outage lets the fleet shrink after all.",
        killers=(_GUARD_LAWS,),
    ),
    Mutant(
        name="the guard looks at this moment only",
        file=_GUARD,
        before="    return now_ns - uneasy_ns > window_ns\n",
        after="    return now_ns > uneasy_ns\n",
        because="One look without a backlog, while the upstream flaps, and the fleet shrinks.",
        killers=(_GUARD_LAWS,),
    ),
    Mutant(
        name="the guard holds back growth",
        file=_GUARD,
        before="        if proposal is None or proposal >= current:\n",
        after="        if proposal is None or proposal == current:\n",
        because="While the fleet falls behind it may not even grow.",
        killers=(_GUARD_LAWS,),
    ),
    Mutant(
        name="only processors have a say",
        file=_GUARD,
        before="        return proposal if watched and calm else current\n",
        after="        return proposal\n",
        because="Replicas wait for an upstream that hangs, idle, and all but two are stopped.",
        killers=(
            _GUARD_LAWS,
            _RESPONSIVENESS,
        ),
    ),
    Mutant(
        name="a replica's past work counts at every look",
        file="sim/models/autoscaler.py",
        before="        self._busy_ns = busy_ns\n",
        after="",
        because="Utilisation is the sum since the start: it only rises, and the fleet with it.",
        killers=(_SIMULATED,),
    ),
    Mutant(
        name="the live autoscaler has a rule of its own",
        file="worlds/autoscaler.py",
        before="            wanted = rule.desired(at_ns, ready, pods)\n",
        after="            wanted = max(1, ready * percent // scaler.target_percent)\n",
        because="What is rehearsed live is not what runs in production or in the simulator.",
        killers=(_LIVE,),
    ),
)

MUTANTS: Final = (
    *_METRIC_MUTANTS,
    *_BEHAVIOUR_MUTANTS,
    *_AUTOSCALE_MUTANTS,
    *_KEDA_MUTANTS,
    *_OTHER_MUTANTS,
)
