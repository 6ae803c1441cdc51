"""The timeline is SimPy's: what happens, happens when and in which order it would there."""

from collections.abc import Callable, Generator
from itertools import cycle

import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.models.timeline import Pause, Timeline

# Small numbers, so that much happens at the same time, and some of it not at all.
DELAYS_NS = st.lists(st.integers(0, 3), max_size=5)
PROCESSES = st.lists(DELAYS_NS, max_size=5)
END_NS = 6

Log = list[tuple[int, int, int]]


def sleeper(
    env: simpy.Environment,
    pause: Callable[[int], simpy.Event],
    who: int,
    delays_ns: list[int],
    log: Log,
) -> Generator[simpy.Event, None, None]:
    """Sleep again and again, and start another at each waking."""
    for number, delay_ns in enumerate(delays_ns):
        yield pause(delay_ns)
        log.append((int(env.now), who, number))
        env.process(sleeper(env, pause, who, delays_ns[number + 1 :], log))


@given(PROCESSES, st.lists(st.booleans(), min_size=1, max_size=8))
def test_pauses_and_timeouts_end_in_the_order_in_which_simpy_s_timeouts_would(
    processes: list[list[int]], kinds: list[bool]
) -> None:
    env = simpy.Environment()
    expected: Log = []
    for who, delays_ns in enumerate(processes):
        env.process(sleeper(env, env.timeout, who, delays_ns, expected))
    env.run(until=END_NS)

    timeline = Timeline()
    happened: Log = []
    is_pause = cycle(kinds)

    def either(delay_ns: int) -> simpy.Event:
        if next(is_pause):
            return Pause(timeline, delay_ns)
        return timeline.timeout(delay_ns)

    for who, delays_ns in enumerate(processes):
        timeline.process(sleeper(timeline, either, who, delays_ns, happened))
    timeline.advance_to(END_NS // 2)
    timeline.advance_to(END_NS)
    assert happened == expected
    assert timeline.now == timeline.now_ns == END_NS
