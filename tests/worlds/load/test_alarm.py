"""The alarm that paces the load: never early, and nobody else is held up by it."""

from collections.abc import Callable, Iterator

import gevent
import pytest

from reference_services.runtime.clock import NS_PER_MS, monotonic_ns
from worlds.load.alarm import Alarm, _ThreadAlarm, alarm


@pytest.fixture(params=[alarm, _ThreadAlarm])
def clock(request: pytest.FixtureRequest) -> Iterator[Alarm]:
    make: Callable[[], Alarm] = request.param
    made = make()
    yield made
    made.close()


def test_it_never_wakes_before_its_moment(clock: Alarm) -> None:
    for wait_ns in (1, 50_000, NS_PER_MS, 20 * NS_PER_MS):
        at_ns = monotonic_ns() + wait_ns
        clock.wait_until(at_ns)
        assert monotonic_ns() >= at_ns


def test_a_moment_that_is_past_is_no_wait_but_lets_others_run(clock: Alarm) -> None:
    ran = gevent.spawn(lambda: True)
    clock.wait_until(monotonic_ns() - NS_PER_MS)
    assert ran.ready()


def test_others_run_while_it_waits(clock: Alarm) -> None:
    seen: list[int] = []

    def look() -> None:
        while True:
            seen.append(monotonic_ns())
            gevent.sleep(0)

    other = gevent.spawn(look)
    clock.wait_until(monotonic_ns() + 20 * NS_PER_MS)
    other.kill()
    assert len(seen) > 1
