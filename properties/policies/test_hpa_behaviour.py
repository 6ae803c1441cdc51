"""Laws of the pace: as published, within bounds, no farther than windows and policies allow."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.hpa_behaviour import (
    Behaviour,
    ReplicaPace,
    default_limit,
    scale_down_limit,
    scale_up_limit,
)
from properties.policies.naive_hpa import NaivePace
from properties.profiles import scaled
from properties.strategies.autoscaling import Asked, behaviours, edges_of, proposals


@dataclass(frozen=True)
class Watch:
    """What a pace was asked and answered; it was obeyed, but for what was done by hand."""

    least: int
    most: int
    behaviour: Behaviour | None
    window_ns: int
    start: int
    asked: list[Asked]


@st.composite
def watches(draw: st.DrawFn) -> Watch:
    """A pace and a history that reaches the ends of its windows and periods."""
    behaviour = draw(behaviours())
    window_ns = draw(st.integers(0, 6))
    wide = st.sampled_from([(0, 40), (1, 30), (1, 40)])
    narrow = st.tuples(st.integers(0, 20), st.integers(1, 30)).map(sorted)
    least, most = draw(wide | narrow)
    return Watch(
        least,
        most,
        behaviour,
        window_ns,
        draw(st.integers(0, 32)),
        draw(proposals(edges_of(behaviour, window_ns))),
    )


def played(watch: Watch) -> list[tuple[int, int, int | None, int, int]]:
    """Return time, number, proposal, answer and the naive answer of each question."""
    pace = ReplicaPace(watch.least, watch.most, watch.behaviour, watch.window_ns)
    naive = NaivePace(watch.least, watch.most, watch.behaviour, watch.window_ns)
    now_ns, current, answers = 0, watch.start, []
    for asked in watch.asked:
        now_ns += asked.after_ns
        current = current if asked.by_hand is None else asked.by_hand
        answer = pace.follow(now_ns, current, asked.proposal)
        expected = naive.follow(now_ns, current, asked.proposal)
        answers.append((now_ns, current, asked.proposal, answer, expected))
        current = answer
    return answers


# Changes of both directions within one period are one history in many.
@settings(max_examples=scaled(200))
@given(watch=watches())
def test_a_pace_follows_as_published(watch: Watch) -> None:
    for _, _, _, answer, expected in played(watch):
        assert answer == expected


@given(watch=watches())
def test_the_number_stays_within_its_bounds_unless_it_is_off(watch: Watch) -> None:
    for _, current, _, answer, _ in played(watch):
        if current == 0 and watch.least > 0:
            assert answer == 0
        else:
            assert watch.least <= answer <= watch.most


@given(watch=watches())
def test_the_number_never_moves_away_from_all_that_was_called_for(watch: Watch) -> None:
    called_for: list[int] = [watch.start]
    for _, current, proposal, answer, _ in played(watch):
        called_for += [current] if proposal is None else [current, proposal]
        if watch.least <= current <= watch.most:
            assert min(*called_for, watch.least) <= answer
            assert answer <= max(*called_for, watch.least)
        if proposal is None and watch.least <= current <= watch.most:
            assert answer == current


@given(watch=watches())
def test_a_disabled_direction_is_never_taken_within_bounds(watch: Watch) -> None:
    for _, current, _, answer, _ in played(watch):
        if watch.behaviour is None or not watch.least <= current <= watch.most:
            continue
        if watch.behaviour.scale_up.select == "disabled":
            assert answer <= current
        if watch.behaviour.scale_down.select == "disabled":
            assert answer >= current


@given(watch=watches())
def test_fewer_replicas_were_called_for_throughout_the_window(watch: Watch) -> None:
    down_ns = (
        watch.window_ns if watch.behaviour is None else watch.behaviour.scale_down.stabilisation_ns
    )
    called_for: list[tuple[int, int]] = []
    for now_ns, current, proposal, answer, _ in played(watch):
        if proposal is None or not watch.least <= current <= watch.most:
            continue
        called_for.append((now_ns, proposal))
        in_window = [number for at_ns, number in called_for if now_ns - at_ns < down_ns]
        if answer < current:
            assert answer >= min(max([proposal, *in_window]), current)


@given(start=st.integers(0, 10_000), value=st.integers(1, 1000))
def test_limits_leave_room_for_a_change_and_are_off_by_one_at_most(start: int, value: int) -> None:
    up = scale_up_limit(start, value, percent=True)
    down = scale_down_limit(start, value, percent=True)
    assert scale_up_limit(start, value, percent=False) - start == value
    assert start - scale_down_limit(start, value, percent=False) == value
    assert up > start or start == 0
    assert down < start or start == 0
    assert 0 <= up * 100 - start * (100 + value) <= 100 + 100
    assert abs(start * (100 - value) - down * 100) <= 100
    assert default_limit(start) >= max(start + 1, 4)


@settings(max_examples=scaled(20))
@given(watch=watches(), times=st.integers(2, 5))
def test_a_pace_forgets_what_it_can_never_need_again(watch: Watch, times: int) -> None:
    behaviour = watch.behaviour or Behaviour()
    longest_ns = max(edges_of(behaviour, watch.window_ns)) + 1
    pace = ReplicaPace(watch.least, watch.most, watch.behaviour, watch.window_ns)
    current = max(watch.start, 1)
    for index in range(times * 40):
        current = max(pace.follow(index * longest_ns, current, 1 + index % 7), 1)
    # Two notes are enough where each question finds everything before it outdated.
    assert len(pace._recommended) <= 2  # noqa: SLF001  # its memory is what this is about
    assert len(pace._ups) <= 1 + times  # noqa: SLF001  # the same
    assert len(pace._downs) <= 1 + times  # noqa: SLF001  # the same
