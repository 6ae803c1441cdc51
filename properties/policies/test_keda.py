"""Laws of scaling by queue length, for an object that is asked, obeyed, paused and failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from policies.hpa_behaviour import Behaviour, ScalingPolicy, ScalingRules
from policies.hpa_metrics import replicas_by_average, tolerance_of
from policies.keda import Fallback, Pause, ScaledObject, ScaledObjectSpec, Trigger
from properties.profiles import scaled

POLL_NS, COOL_DOWN_NS = 3, 10

FREELY = Behaviour(
    ScalingRules((ScalingPolicy("pods", 1000, 1),)),
    ScalingRules((ScalingPolicy("percent", 100, 1),)),
)

FALLBACKS = st.none() | st.builds(
    Fallback,
    failure_threshold=st.integers(0, 2),
    replicas=st.integers(0, 5),
    behaviour=st.sampled_from(
        ["static", "current_replicas", "current_replicas_if_higher", "current_replicas_if_lower"]
    ),
)

LENGTHS = st.sampled_from([0, 0, 1, 2, 3, 9, 10, 11, 100])


@st.composite
def specs(draw: st.DrawFn) -> ScaledObjectSpec:
    """One or two triggers, with or without a least number, idle and fallback."""
    least = draw(st.integers(0, 3))
    return ScaledObjectSpec(
        triggers=draw(
            st.lists(
                st.builds(Trigger, target=st.sampled_from([1, 10]), activation=st.integers(0, 2)),
                min_size=1,
                max_size=2,
            ).map(tuple)
        ),
        min_replicas=least,
        max_replicas=draw(st.integers(max(least, 1), 12)),
        idle_replicas=draw(st.sampled_from([None, 0])) if least else None,
        polling_interval_ns=POLL_NS,
        cool_down_ns=COOL_DOWN_NS,
        initial_cool_down_ns=draw(st.sampled_from([0, 4])),
        fallback=draw(FALLBACKS),
        behaviour=draw(st.sampled_from([None, FREELY])),
    )


@dataclass(frozen=True)
class Asked:
    """One question, and what came of it."""

    at_ns: int
    current: int
    lengths: tuple[int | None, ...]
    pause: Pause | None
    answer: int


class ScaledObjects(RuleBasedStateMachine):
    """An object that is obeyed; the laws are read off all that was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.current = 0
        self.spec = ScaledObjectSpec((Trigger(1),))
        self.asked: list[Asked] = []
        self.polls_ns: list[int] = []
        self.scaled = ScaledObject(self.spec)

    @initialize(spec=specs(), current=st.sampled_from([0, 0, 1, 5, 14]))
    def make(self, spec: ScaledObjectSpec, current: int) -> None:
        """Make an object, with some replicas that somebody else started."""
        self.spec, self.current = spec, current
        self.scaled = ScaledObject(spec)

    @rule(data=st.data(), after_ns=st.integers(0, 2), times=st.integers(1, 4))
    def ask(self, data: st.DataObject, after_ns: int, times: int) -> None:
        """Ask, with queues of any length."""
        length = LENGTHS | st.none() if data.draw(st.booleans()) else LENGTHS
        for _ in range(times):
            lengths = tuple(data.draw(length) for _ in self.spec.triggers)
            self.put(after_ns, lengths, None)

    @rule(edge_ns=st.sampled_from([POLL_NS, COOL_DOWN_NS, 300 * 10**9]), off_ns=st.integers(-1, 1))
    def fall_silent(self, edge_ns: int, off_ns: int) -> None:
        """Ask with empty queues, at the edge of a poll, the cool-down or a window."""
        self.put(edge_ns + off_ns, (0,) * len(self.spec.triggers), None)

    @rule(length=LENGTHS, times=st.integers(1, 4))
    def fail(self, length: int, times: int) -> None:
        """Ask while the first scaler fails."""
        for _ in range(times):
            self.put(1, (None, length)[: len(self.spec.triggers)], None)

    @rule(
        length=LENGTHS,
        pause=st.sampled_from(
            [Pause(), Pause(0), Pause(7), Pause(direction="in"), Pause(direction="out")]
        ),
    )
    def pause(self, length: int, pause: Pause) -> None:
        """Ask while something is paused."""
        self.put(1, (length,) * len(self.spec.triggers), pause)

    @rule(current=st.sampled_from([0, 0, 1, 14]))
    def scale_by_hand(self, current: int) -> None:
        """Let somebody else set the number."""
        self.current = current

    def put(self, after_ns: int, lengths: Sequence[int | None], pause: Pause | None) -> None:
        """Ask once, obey, and take note."""
        self.now_ns += after_ns
        answer = self.scaled.desired(self.now_ns, self.current, lengths, pause)
        looks = pause is None or pause.direction != "both"
        if looks and (not self.polls_ns or self.now_ns - self.polls_ns[-1] >= POLL_NS):
            self.polls_ns.append(self.now_ns)
        self.asked.append(Asked(self.now_ns, self.current, tuple(lengths), pause, answer))
        self.current = answer

    def is_active(self, asked: Asked) -> bool:
        """Return whether a trigger was active."""
        return any(
            length is not None and length > trigger.activation
            for trigger, length in zip(self.spec.triggers, asked.lengths, strict=True)
        )

    @invariant()
    def a_pause_is_kept(self) -> None:
        """What a person forbade does not happen."""
        if not self.asked or self.asked[-1].pause is None:
            return
        last, pause = self.asked[-1], self.asked[-1].pause
        assert pause is not None
        within = self.spec.min_replicas <= last.current <= self.spec.max_replicas
        if pause.direction == "both":
            assert last.answer == (last.current if pause.replicas is None else pause.replicas)
        elif within and pause.direction == "in":
            assert last.answer >= last.current
        elif within and last.current > 0:
            assert last.answer <= last.current

    @invariant()
    def numbers_are_zero_or_within_bounds(self) -> None:
        """Zero, or what the bounds allow."""
        if not self.asked or (last := self.asked[-1]).pause is not None:
            return
        least = max(self.spec.min_replicas, 1)
        assert last.answer == 0 or least <= last.answer <= self.spec.max_replicas

    @invariant()
    def nobody_is_woken_for_nothing(self) -> None:
        """From zero, only activity or the least number leads, and at a poll."""
        if not self.asked or (last := self.asked[-1]).pause is not None:
            return
        if last.current == 0 and last.answer > 0:
            assert last.at_ns == self.polls_ns[-1]
            to_the_least = self.spec.idle_replicas is None and last.answer == self.spec.min_replicas
            assert self.is_active(last) or to_the_least

    @invariant()
    def somebody_is_woken_at_the_next_poll(self) -> None:
        """From zero, activity leads to the least number at once."""
        if not self.asked or (last := self.asked[-1]).pause is not None:
            return
        if last.current == 0 and self._polled(last) and self.is_active(last):
            assert last.answer == max(self.spec.min_replicas, 1)

    @invariant()
    def the_last_one_goes_only_after_a_cool_down_without_activity(self) -> None:
        """To zero, only the cool-down leads."""
        if not self.asked or (last := self.asked[-1]).pause is not None:
            return
        if last.current == 0 or last.answer > 0:
            return
        assert not self.is_active(last)
        zero = self.spec.fallback is not None and self.spec.fallback.replicas == 0
        assert zero or None not in last.lengths
        assert self.spec.min_replicas == 0 or self.spec.idle_replicas == 0
        recent = [
            asked
            for asked in self.asked
            if last.at_ns - asked.at_ns <= COOL_DOWN_NS and asked.at_ns in self.polls_ns
        ]
        # Who works on what one trigger has is not protected while another trigger fails.
        assert not any(
            self.is_active(asked)
            for asked in recent
            if None not in asked.lengths and asked.pause is None and self._polled(asked)
        )

    def _polled(self, asked: Asked) -> bool:
        """Whether this very question was a poll: of several at one time only the first is."""
        first = next(
            other
            for other in self.asked
            if other.at_ns == asked.at_ns
            and (other.pause is None or other.pause.direction != "both")
        )
        return first is asked and asked.at_ns in self.polls_ns


TestScaledObjects = ScaledObjects.TestCase
TestScaledObjects.settings = settings(max_examples=scaled(50), stateful_step_count=25)


@given(
    target=st.integers(1, 50),
    length=st.integers(0, 2000),
    current=st.integers(1, 60),
)
def test_from_one_on_it_is_the_autoscaler_on_an_average_value(
    target: int, length: int, current: int
) -> None:
    spec = ScaledObjectSpec((Trigger(target),), min_replicas=1, max_replicas=60, behaviour=FREELY)
    expected = replicas_by_average(current, length, target, tolerance_of(0.1, 0.1))
    assert ScaledObject(spec).desired(0, current, [length]) == min(max(expected, 1), 60)


@given(lengths=st.lists(LENGTHS, min_size=1, max_size=20), more=st.integers(0, 50))
def test_longer_queues_never_make_for_fewer_replicas(lengths: list[int], more: int) -> None:
    spec = ScaledObjectSpec((Trigger(3),), max_replicas=30, polling_interval_ns=1, behaviour=FREELY)
    short, long = ScaledObject(spec), ScaledObject(spec)
    for at_ns, length in enumerate(lengths):
        assert short.desired(at_ns, 5, [length]) <= long.desired(at_ns, 5, [length + more])


@given(failures=st.integers(0, 6), threshold=st.integers(0, 6), replicas=st.integers(1, 20))
def test_a_fallback_starts_with_the_first_failure_above_its_threshold(
    failures: int, threshold: int, replicas: int
) -> None:
    fallback = Fallback(threshold, replicas)
    spec = ScaledObjectSpec((Trigger(7),), fallback=fallback, behaviour=FREELY)
    scaled = ScaledObject(spec)
    assert scaled.desired(0, 40, [7 * 40]) == 40
    answers = [scaled.desired(1 + index, 40, [None]) for index in range(failures)]
    assert answers == [replicas if index >= threshold else 40 for index in range(failures)]


@given(spec=specs(), above=st.integers(-1, 3), first=st.booleans())
def test_from_zero_the_first_item_above_an_activation_threshold_wakes_the_least_number(
    spec: ScaledObjectSpec,
    above: int,
    first: bool,  # noqa: FBT001  # drawn
) -> None:
    woken = max(spec.min_replicas, 1)
    chosen = 0 if first else len(spec.triggers) - 1
    lengths = [0] * len(spec.triggers)
    lengths[chosen] = max(0, spec.triggers[chosen].activation + above)
    asleep = 0 if spec.idle_replicas == 0 else spec.min_replicas
    expected = woken if lengths[chosen] > spec.triggers[chosen].activation else asleep
    assert ScaledObject(spec).desired(0, 0, lengths) == expected


@given(
    active_ns=st.lists(st.integers(0, COOL_DOWN_NS), max_size=6),
    silent_ns=st.lists(st.integers(1, COOL_DOWN_NS + 2), min_size=1, max_size=6),
    off_ns=st.integers(-1, 1),
)
def test_the_last_one_goes_at_the_first_look_a_cool_down_after_the_last_activity(
    active_ns: list[int], silent_ns: list[int], off_ns: int
) -> None:
    spec = ScaledObjectSpec((Trigger(1),), polling_interval_ns=1, cool_down_ns=COOL_DOWN_NS)
    scaled_object = ScaledObject(spec)
    now_ns = 0
    assert scaled_object.desired(now_ns, 0, [1]) == 1
    for gap_ns in active_ns:
        now_ns += 1 + gap_ns
        assert scaled_object.desired(now_ns, 1, [1]) == 1
    last_ns = now_ns
    for gap_ns in [COOL_DOWN_NS + off_ns, *silent_ns]:
        now_ns += gap_ns
        gone = now_ns - last_ns > COOL_DOWN_NS
        assert scaled_object.desired(now_ns, 1, [0]) == (0 if gone else 1)


@given(
    current=st.integers(1, 9),
    gaps_ns=st.lists(st.integers(1, 2 * COOL_DOWN_NS), min_size=1, max_size=6),
)
def test_a_queue_that_cannot_be_asked_loses_nobody(current: int, gaps_ns: list[int]) -> None:
    spec = ScaledObjectSpec((Trigger(1),), polling_interval_ns=1, cool_down_ns=COOL_DOWN_NS)
    scaled_object = ScaledObject(spec)
    now_ns = 0
    assert scaled_object.desired(now_ns, current, [current]) == current
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        assert scaled_object.desired(now_ns, current, [None]) == current


@given(gap_ns=st.integers(0, 2 * POLL_NS), looks=st.integers(1, 3))
def test_between_two_polls_nobody_is_woken(gap_ns: int, looks: int) -> None:
    scaled_object = ScaledObject(ScaledObjectSpec((Trigger(1),), polling_interval_ns=POLL_NS))
    assert scaled_object.desired(0, 0, [0]) == 0
    for look in range(1, looks + 1):
        woken = scaled_object.desired(look * gap_ns, 0, [1]) > 0
        assert woken == (look * gap_ns >= POLL_NS)
        if woken:
            break


@given(
    current=st.integers(1, 9),
    gaps_ns=st.lists(st.integers(0, 2 * COOL_DOWN_NS), max_size=6),
    lengths=st.lists(LENGTHS, min_size=6, max_size=6),
    behaviour=st.sampled_from([None, FREELY]),
)
def test_a_paused_direction_is_not_taken(
    current: int, gaps_ns: list[int], lengths: list[int], behaviour: Behaviour | None
) -> None:
    spec = ScaledObjectSpec(
        (Trigger(1),),
        max_replicas=9,
        polling_interval_ns=POLL_NS,
        cool_down_ns=COOL_DOWN_NS,
        behaviour=behaviour,
    )
    no_fewer, no_more = Pause(direction="in"), Pause(direction="out")
    for paused, allowed in ((no_fewer, range(current, 10)), (no_more, range(current + 1))):
        scaled_object, now_ns = ScaledObject(spec), 0
        for gap_ns, length in zip(gaps_ns, lengths, strict=False):
            now_ns += gap_ns
            assert scaled_object.desired(now_ns, current, [length], paused) in allowed
