"""What policies make of the time: where it begins does not matter, and when it runs backwards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.clocked_plays import POLICIES, Clocked, W
from properties.profiles import scaled

GAPS_NS = st.sampled_from([0, 0, 1, W // 2 - 1, W // 2, W - 1, W, W + 1, 2 * W])
WAYS = st.integers(0, 5)
STEPS = st.lists(st.tuples(GAPS_NS, WAYS), max_size=20)
# Whole windows, so that those that begin by the clock begin as before.
ORIGINS_NS = st.sampled_from([0, W, 2**60]) | st.integers(0, 100).map(lambda windows: windows * W)
EVERY = pytest.mark.parametrize("clocked", POLICIES.values(), ids=POLICIES.keys())


def played(clocked: Clocked, steps: list[tuple[int, int]], origin_ns: int) -> list[object]:
    """Return what was said in a play that begins at a time."""
    play, now_ns, said = clocked.new(), origin_ns, []
    for gap_ns, way in steps:
        now_ns += gap_ns
        said.append(play(way, now_ns))
    return said


@EVERY
@settings(max_examples=scaled(60), deadline=None)
@given(steps=STEPS, origin_ns=ORIGINS_NS, before=st.booleans())
def test_where_time_begins_changes_nothing(
    *, clocked: Clocked, steps: list[tuple[int, int]], origin_ns: int, before: bool
) -> None:
    if before and not clocked.from_zero:
        origin_ns = -origin_ns
    assert played(clocked, steps, origin_ns) == played(clocked, steps, 0)


@EVERY
@settings(max_examples=scaled(30), deadline=None)
@given(
    steps=STEPS,
    way=WAYS,
    back_ns=st.sampled_from([1, W, 2 * W, 2**40]),
    after=STEPS,
)
def test_time_that_runs_backwards_is_refused_by_its_name_or_decided_on(
    clocked: Clocked,
    steps: list[tuple[int, int]],
    way: int,
    back_ns: int,
    after: list[tuple[int, int]],
) -> None:
    play, now_ns = clocked.new(), 2**41
    for gap_ns, each in steps:
        now_ns += gap_ns
        play(each, now_ns)
    try:
        for gap_ns, each in [(-back_ns, way), *after]:
            now_ns += gap_ns
            play(each, now_ns)
    except (AssertionError, ValueError) as refused:
        told = str(refused)
        assert clocked.refusal is not None, told
        assert told.startswith(clocked.refusal)


@pytest.mark.parametrize("name", [name for name, each in POLICIES.items() if each.refusal])
@pytest.mark.parametrize("now_ns", [0, 1, 2**41])
def test_what_was_done_cannot_be_done_before_where_that_is_refused(name: str, now_ns: int) -> None:
    clocked = POLICIES[name]
    play = clocked.new()
    play(clocked.ways[0], now_ns)
    before_ns = -1 if name == "ageing queue" else now_ns - 1
    with pytest.raises((AssertionError, ValueError), match=f"^{clocked.refusal}"):
        play(clocked.ways[1], before_ns)


@pytest.mark.parametrize("name", [name for name, each in POLICIES.items() if each.from_zero])
@given(way=WAYS, at_ns=st.integers(-(2**62), -1))
def test_time_before_zero_has_run_backwards_where_time_begins_at_zero(
    name: str, way: int, at_ns: int
) -> None:
    play = POLICIES[name].new()
    try:
        play(way, at_ns)
    except (AssertionError, ValueError) as refused:
        told = str(refused)
        assert told.startswith(POLICIES[name].refusal or "")
