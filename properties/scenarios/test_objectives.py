"""Laws of the interval by which objectives are judged."""

from hypothesis import given
from hypothesis import strategies as st

from scenarios.objectives import wilson_interval


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """A part and its whole."""
    total = draw(st.integers(1, 10**9))
    return draw(st.integers(0, total) | st.sampled_from([0, total])), total


@given(counts())
def test_the_interval_holds_what_was_seen_and_stays_within_0_and_1(seen: tuple[int, int]) -> None:
    bad, total = seen
    low, high = wilson_interval(bad, total)
    assert 0 <= low <= bad / total <= high <= 1
    assert low < high


@given(counts())
def test_the_interval_of_the_rest_is_the_mirror_image(seen: tuple[int, int]) -> None:
    bad, total = seen
    low, high = wilson_interval(bad, total)
    rest_low, rest_high = wilson_interval(total - bad, total)
    assert abs(low - (1 - rest_high)) < 1e-9
    assert abs(high - (1 - rest_low)) < 1e-9


@given(counts())
def test_more_of_the_same_narrows_the_interval(seen: tuple[int, int]) -> None:
    bad, total = seen
    low, high = wilson_interval(bad, total)
    more_low, more_high = wilson_interval(4 * bad, 4 * total)
    assert more_high - more_low < high - low


@given(counts())
def test_more_bad_ones_move_the_interval_up(seen: tuple[int, int]) -> None:
    bad, total = seen
    if bad < total:
        low, high = wilson_interval(bad, total)
        worse_low, worse_high = wilson_interval(bad + 1, total)
        assert low < worse_low
        assert high < worse_high or worse_high == 1
