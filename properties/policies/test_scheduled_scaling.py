"""Laws of scaling by the clock: held to a clock that is walked tick by tick."""

from hypothesis import given
from hypothesis import strategies as st

from policies.scheduled_scaling import ScheduleWindow, is_open, scheduled_replicas


@st.composite
def windows(draw: st.DrawFn) -> ScheduleWindow:
    """Windows of a few ticks, over the period's end or not."""
    period_ns = draw(st.integers(2, 9))
    start_ns = draw(st.integers(0, period_ns - 1))
    end_ns = draw(st.integers(0, period_ns - 1).filter(lambda end_ns: end_ns != start_ns))
    return ScheduleWindow(period_ns, start_ns, end_ns, draw(st.integers(1, 9)))


def walked_to(window: ScheduleWindow, now_ns: int) -> bool:
    """Open and close the window by hand, from well before the epoch on."""
    opened = False
    for at_ns in range(-3 * window.period_ns, now_ns + 1):
        into_ns = at_ns % window.period_ns
        opened = into_ns == window.start_ns or (opened and into_ns != window.end_ns)
    return opened


@given(window=windows(), now_ns=st.integers(-9, 40))
def test_a_window_is_open_between_its_start_and_its_end(
    window: ScheduleWindow, now_ns: int
) -> None:
    expected = walked_to(window, now_ns)
    assert is_open(now_ns, window.period_ns, window.start_ns, window.end_ns) == expected


@given(schedule=st.lists(windows(), max_size=4), now_ns=st.integers(-100, 100))
def test_the_largest_open_window_counts_in_any_order(
    schedule: list[ScheduleWindow], now_ns: int
) -> None:
    replicas = scheduled_replicas(schedule, now_ns)
    each = [scheduled_replicas([window], now_ns) for window in schedule]
    assert replicas == max(each, default=0)
    assert scheduled_replicas(schedule[::-1], now_ns) == replicas


@given(window=windows(), now_ns=st.integers(-(2**63), 2**63), periods=st.integers(-9, 9))
def test_a_window_comes_again_every_period(
    window: ScheduleWindow, now_ns: int, periods: int
) -> None:
    later_ns = now_ns + periods * window.period_ns
    assert scheduled_replicas([window], later_ns) == scheduled_replicas([window], now_ns)


@given(window=windows(), now_ns=st.integers(-100, 100))
def test_the_complement_of_a_window_is_open_when_it_is_not(
    window: ScheduleWindow, now_ns: int
) -> None:
    here = is_open(now_ns, window.period_ns, window.start_ns, window.end_ns)
    there = is_open(now_ns, window.period_ns, window.end_ns, window.start_ns)
    assert here != there
