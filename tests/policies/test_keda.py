"""Stories of scaling by queue length, from nothing and to nothing."""

from dataclasses import replace
from typing import Any

import pytest

from policies.hpa_behaviour import Behaviour, ScalingPolicy, ScalingRules
from policies.keda import Fallback, Pause, ScaledObject, ScaledObjectSpec, Trigger

SECOND_NS = 1_000_000_000

TEN_EACH = Trigger(target=10)
SPEC = ScaledObjectSpec(triggers=(TEN_EACH,))

AT_ONCE = ScalingRules((ScalingPolicy("percent", 100, SECOND_NS),))
PROMPT = Behaviour(ScalingRules((ScalingPolicy("pods", 1000, SECOND_NS),)), AT_ONCE)


def test_nobody_is_woken_for_nothing_and_one_is_for_one() -> None:
    scaled = ScaledObject(SPEC)
    assert scaled.desired(0, 0, [0]) == 0
    assert scaled.desired(30 * SECOND_NS, 0, [1]) == 1


def test_up_to_the_activation_threshold_nobody_is_woken() -> None:
    scaled = ScaledObject(replace(SPEC, triggers=(Trigger(target=10, activation=5),)))
    assert scaled.desired(0, 0, [5]) == 0
    assert scaled.desired(30 * SECOND_NS, 0, [6]) == 1


def test_who_is_woken_is_the_least_there_may_be() -> None:
    scaled = ScaledObject(replace(SPEC, min_replicas=3, idle_replicas=0))
    assert scaled.desired(0, 0, [1]) == 3


def test_between_two_polls_nobody_is_woken() -> None:
    scaled = ScaledObject(SPEC)
    assert scaled.desired(0, 0, [0]) == 0
    assert scaled.desired(30 * SECOND_NS - 1, 0, [100]) == 0
    assert scaled.desired(30 * SECOND_NS, 0, [100]) == 1


def test_from_one_on_each_has_its_share_of_the_queue() -> None:
    scaled = ScaledObject(replace(SPEC, behaviour=PROMPT))
    assert scaled.desired(0, 1, [95]) == 10
    assert scaled.desired(15 * SECOND_NS, 10, [109]) == 10
    assert scaled.desired(30 * SECOND_NS, 10, [111]) == 12
    assert scaled.desired(45 * SECOND_NS, 12, [5]) == 1


def test_without_a_behaviour_it_doubles_and_waits_five_minutes_to_shrink() -> None:
    scaled = ScaledObject(SPEC)
    assert scaled.desired(0, 1, [200]) == 4
    assert scaled.desired(15 * SECOND_NS, 4, [200]) == 8
    assert scaled.desired(30 * SECOND_NS, 8, [30]) == 16  # Twenty were called for before.
    assert scaled.desired(316 * SECOND_NS, 16, [30]) == 3


def test_the_last_one_goes_when_no_trigger_was_active_for_the_cool_down() -> None:
    scaled = ScaledObject(SPEC)
    assert scaled.desired(0, 1, [1]) == 1
    assert scaled.desired(30 * SECOND_NS, 1, [0]) == 1
    assert scaled.desired(300 * SECOND_NS, 1, [0]) == 1  # Not longer than the cool-down yet.
    assert scaled.desired(330 * SECOND_NS, 1, [0]) == 0


def test_the_cool_down_counts_from_the_last_activity_not_from_the_last_change() -> None:
    scaled = ScaledObject(SPEC)
    for at_s in range(0, 600, 30):
        assert scaled.desired(at_s * SECOND_NS, 1, [1]) == 1
    assert scaled.desired(600 * SECOND_NS, 1, [0]) == 1
    assert scaled.desired(870 * SECOND_NS, 1, [0]) == 1
    assert scaled.desired(900 * SECOND_NS, 1, [0]) == 0


def test_all_at_once_go_to_zero_when_nothing_is_left() -> None:
    scaled = ScaledObject(SPEC)
    assert scaled.desired(0, 50, [500]) == 50
    assert scaled.desired(330 * SECOND_NS, 50, [0]) == 0


def test_who_was_never_active_cools_down_as_long_as_is_said_for_the_beginning() -> None:
    assert ScaledObject(SPEC).desired(0, 3, [0]) == 3  # Not longer than no time.
    scaled = ScaledObject(replace(SPEC, initial_cool_down_ns=60 * SECOND_NS))
    assert scaled.desired(0, 3, [0]) == 3
    assert scaled.desired(60 * SECOND_NS, 3, [0]) == 3
    assert scaled.desired(90 * SECOND_NS, 3, [0]) == 0


def test_a_least_number_stays_without_activity() -> None:
    scaled = ScaledObject(replace(SPEC, min_replicas=2, behaviour=PROMPT))
    assert scaled.desired(0, 5, [0]) == 2
    assert scaled.desired(3600 * SECOND_NS, 2, [0]) == 2
    assert scaled.desired(7200 * SECOND_NS, 0, [0]) == 2


def test_idle_is_less_than_the_least_number() -> None:
    scaled = ScaledObject(replace(SPEC, min_replicas=2, idle_replicas=0))
    assert scaled.desired(0, 2, [3]) == 2
    assert scaled.desired(330 * SECOND_NS, 2, [0]) == 0
    assert scaled.desired(360 * SECOND_NS, 0, [0]) == 0
    assert scaled.desired(390 * SECOND_NS, 1, [1]) == 2


def test_of_several_triggers_one_wakes_and_the_largest_number_wins() -> None:
    spec = replace(SPEC, triggers=(TEN_EACH, Trigger(target=1)), behaviour=PROMPT)
    scaled = ScaledObject(spec)
    assert scaled.desired(0, 0, [0, 1]) == 1
    assert scaled.desired(15 * SECOND_NS, 1, [100, 4]) == 10
    assert scaled.desired(30 * SECOND_NS, 10, [10, 4]) == 4


def test_a_scaler_that_fails_stops_fewer_not_more() -> None:
    spec = replace(SPEC, triggers=(TEN_EACH, TEN_EACH), behaviour=PROMPT)
    scaled = ScaledObject(spec)
    assert scaled.desired(0, 4, [10, None]) == 4
    assert scaled.desired(15 * SECOND_NS, 4, [80, None]) == 8
    assert scaled.desired(30 * SECOND_NS, 8, [None, None]) == 8


def test_nobody_is_taken_away_or_woken_while_the_only_scaler_fails() -> None:
    scaled = ScaledObject(SPEC)
    assert scaled.desired(0, 1, [1]) == 1
    for at_s in range(30, 3600, 30):
        assert scaled.desired(at_s * SECOND_NS, 1, [None]) == 1
    assert scaled.desired(3600 * SECOND_NS, 0, [None]) == 0


def test_activity_beside_a_failure_does_not_count_for_the_cool_down() -> None:
    scaled = ScaledObject(replace(SPEC, triggers=(TEN_EACH, TEN_EACH)))
    assert scaled.desired(0, 1, [1, 1]) == 1
    assert scaled.desired(330 * SECOND_NS, 1, [1, None]) == 1
    assert scaled.desired(360 * SECOND_NS, 1, [0, 0]) == 0


def test_a_fallback_takes_over_after_more_failures_than_its_threshold() -> None:
    spec = replace(SPEC, fallback=Fallback(failure_threshold=2, replicas=6), behaviour=PROMPT)
    scaled = ScaledObject(spec)
    answers = [scaled.desired(at_s * SECOND_NS, 2, [None]) for at_s in (0, 15, 30)]
    assert answers == [2, 2, 6]
    # One that answers begins anew.
    assert scaled.desired(45 * SECOND_NS, 6, [20]) == 2
    assert scaled.desired(60 * SECOND_NS, 2, [None]) == 2


def test_within_tolerance_of_the_fallback_the_number_stays() -> None:
    spec = replace(SPEC, fallback=Fallback(failure_threshold=0, replicas=10), behaviour=PROMPT)
    assert ScaledObject(spec).desired(0, 11, [None]) == 11
    assert ScaledObject(spec).desired(0, 12, [None]) == 10


@pytest.mark.parametrize(
    ("behaviour", "from_two", "from_twenty"),
    [
        ("static", 6, 6),
        ("current_replicas", 2, 20),
        ("current_replicas_if_higher", 6, 20),
        ("current_replicas_if_lower", 2, 6),
    ],
)
def test_a_fallback_may_mind_how_many_there_are(
    behaviour: Any,  # noqa: ANN401  # one of the literals
    from_two: int,
    from_twenty: int,
) -> None:
    fallback = Fallback(failure_threshold=0, replicas=6, behaviour=behaviour)
    spec = replace(SPEC, fallback=fallback, behaviour=PROMPT)
    assert ScaledObject(spec).desired(0, 2, [None]) == from_two
    assert ScaledObject(spec).desired(0, 20, [None]) == from_twenty


def test_a_fallback_of_nobody_lets_the_last_one_go() -> None:
    spec = replace(SPEC, fallback=Fallback(failure_threshold=0, replicas=0))
    scaled = ScaledObject(spec)
    assert scaled.desired(0, 1, [1]) == 1
    assert scaled.desired(330 * SECOND_NS, 1, [None]) == 0


def test_at_zero_a_fallback_wakes_nobody() -> None:
    spec = replace(SPEC, fallback=Fallback(failure_threshold=0, replicas=6))
    assert ScaledObject(spec).desired(0, 0, [None]) == 0


def test_a_pause_holds_the_number_or_sets_it() -> None:
    scaled = ScaledObject(replace(SPEC, behaviour=PROMPT))
    assert scaled.desired(0, 3, [500], Pause()) == 3
    assert scaled.desired(30 * SECOND_NS, 3, [500], Pause(replicas=0)) == 0
    assert scaled.desired(60 * SECOND_NS, 0, [500]) == 1


def test_a_pause_forgets_what_was_called_for() -> None:
    scaled = ScaledObject(SPEC)
    assert scaled.desired(0, 8, [160]) == 16
    assert scaled.desired(30 * SECOND_NS, 16, [160], Pause(replicas=4)) == 4
    # Sixteen were called for a minute ago, before the autoscaler was deleted.
    assert scaled.desired(60 * SECOND_NS, 4, [40]) == 4


def test_one_direction_can_be_paused() -> None:
    prompt = replace(SPEC, behaviour=PROMPT)
    no_fewer, no_more = Pause(direction="in"), Pause(direction="out")
    assert ScaledObject(prompt).desired(0, 5, [10], no_fewer) == 5
    assert ScaledObject(prompt).desired(0, 5, [90], no_fewer) == 9
    assert ScaledObject(prompt).desired(0, 5, [10], no_more) == 1
    assert ScaledObject(prompt).desired(0, 5, [90], no_more) == 5
    assert ScaledObject(prompt).desired(0, 0, [90], no_more) == 0
    assert ScaledObject(prompt).desired(0, 0, [90], no_fewer) == 1
    idle = ScaledObject(prompt)
    assert idle.desired(0, 1, [0]) == 1
    assert idle.desired(30 * SECOND_NS, 1, [0], no_fewer) == 1
    assert idle.desired(60 * SECOND_NS, 1, [0]) == 0


def test_a_queue_longer_than_sixty_four_bits_is_very_long() -> None:
    scaled = ScaledObject(replace(SPEC, behaviour=PROMPT))
    assert scaled.desired(0, 1, [2**63]) == 100


def test_negative_lengths_and_missing_ones_are_bugs_of_the_caller() -> None:
    with pytest.raises(AssertionError, match=r"negative lengths"):
        ScaledObject(SPEC).desired(0, 1, [-1])
    with pytest.raises(AssertionError, match=r"each trigger has a length"):
        ScaledObject(SPEC).desired(0, 1, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"triggers": ()}, "triggers must not be empty"),
        ({"min_replicas": -1}, "min_replicas must be at least 0, got -1"),
        ({"min_replicas": 5, "max_replicas": 4}, "max_replicas must be at least 5, got 4"),
        ({"max_replicas": 0}, "max_replicas must be at least 1, got 0"),
        ({"polling_interval_ns": 0}, "polling_interval_ns must be at least 1, got 0"),
        ({"cool_down_ns": -1}, "cool_down_ns must be at least 0, got -1"),
        ({"initial_cool_down_ns": -1}, "initial_cool_down_ns must be at least 0, got -1"),
        ({"min_replicas": 2, "idle_replicas": 1}, "idle_replicas must be 0, got 1"),
        ({"idle_replicas": 0}, "idle_replicas must be below min_replicas, got 0 and 0"),
    ],
)
def test_a_spec_out_of_range_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        replace(SPEC, **changes)


def test_parts_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^target must be at least 1, got 0"):
        Trigger(target=0)
    with pytest.raises(ValueError, match=r"^activation must be at least 0, got -1"):
        Trigger(target=1, activation=-1)
    with pytest.raises(ValueError, match=r"^failure_threshold must be at least 0, got -1"):
        Fallback(failure_threshold=-1, replicas=1)
    with pytest.raises(ValueError, match=r"^replicas must be at least 0, got -1"):
        Fallback(failure_threshold=1, replicas=-1)
    with pytest.raises(ValueError, match=r"^replicas must be at least 0, got -1"):
        Pause(replicas=-1)
    with pytest.raises(ValueError, match=r"^direction must be both where replicas are set"):
        Pause(replicas=1, direction="in")
