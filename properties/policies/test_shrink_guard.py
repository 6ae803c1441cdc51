"""Laws of the second opinion: it holds back what it must, and nothing else."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from policies.shrink_guard import Calm, ShrinkGuard

WINDOW_NS = 5
CALM = Calm(signal_max=10, window_ns=WINDOW_NS)


class Look(NamedTuple):
    """What the guard sees at a time."""

    at_ns: int
    current: int
    proposal: int | None
    signal: int | None


@st.composite
def looks(draw: st.DrawFn) -> list[Look]:
    """Phrases: calm, trouble, blindness, and waits that end at the edge of the window."""
    at_ns, history = 0, []
    for phrase in draw(
        st.lists(st.sampled_from(["calm", "trouble", "blind", "wait"]), max_size=12)
    ):
        at_ns += draw(
            st.sampled_from([WINDOW_NS - 1, WINDOW_NS, WINDOW_NS + 1])
            if phrase == "wait"
            else st.integers(0, 1)
        )
        signal = {"trouble": draw(st.sampled_from([11, 500])), "blind": None}.get(
            phrase, draw(st.sampled_from([0, 10]))
        )
        proposal = draw(st.none() | st.integers(0, 20))
        history.append(Look(at_ns, draw(st.integers(0, 20)), proposal, signal))
    return history


@given(history=looks())
def test_the_fleet_shrinks_just_when_the_whole_window_was_calm(history: list[Look]) -> None:
    guard = ShrinkGuard(CALM)
    for index, look in enumerate(history):
        answer = guard.guarded(look.at_ns, look.current, look.proposal, look.signal)
        in_window = [
            other for other in history[: index + 1] if look.at_ns - other.at_ns <= WINDOW_NS
        ]
        # What was before the first look is not known, so that it was not calm.
        seen = look.at_ns - history[0].at_ns >= WINDOW_NS
        calm = seen and all(it.signal is not None and it.signal <= 10 for it in in_window)
        if look.proposal is None or look.proposal >= look.current or calm:
            assert answer == look.proposal
        else:
            assert answer == look.current


@given(history=looks(), restarts=st.sets(st.integers(0, 11)))
def test_a_guard_that_is_started_anew_lets_nobody_go_whom_the_old_one_would_have_kept(
    history: list[Look], restarts: set[int]
) -> None:
    old = new = ShrinkGuard(CALM)
    for index, look in enumerate(history):
        if index in restarts:
            new = ShrinkGuard(CALM)
        kept = old.guarded(look.at_ns, look.current, look.proposal, look.signal)
        answer = new.guarded(look.at_ns, look.current, look.proposal, look.signal)
        assert answer in {kept, look.current}
        if kept is not None and answer is not None:
            assert answer >= kept
