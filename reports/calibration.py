"""What calibration set to what: the times of two tellings of one scenario, side by side."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.quantities import duration
from scenarios.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Pareto,
)
from scenarios.routes import Cached, Call, RequestClass, StationTimes, Step, Write
from scenarios.spec import Scenario


class Adjustment(NamedTuple):
    """One time that was set."""

    where: str
    """The station."""

    whose: str
    """The request class, or all of them."""

    what: str
    """``work``, which occupies a place, or ``waiting``, which does not."""

    before: str
    after: str
    before_mean_ns: float
    after_mean_ns: float


def adjustments(scenario: Scenario, calibrated: Scenario) -> list[Adjustment]:
    """Return where the times of ``calibrated`` differ from those of ``scenario``."""
    return [*_of_stations(scenario, calibrated), *_of_classes(scenario, calibrated)]


def _of_stations(scenario: Scenario, calibrated: Scenario) -> Iterator[Adjustment]:
    for name, after in _own_times(calibrated).items():
        before = _own_times(scenario).get(name, {})
        yield from _differences(name, "all requests", before, after)


def _of_classes(scenario: Scenario, calibrated: Scenario) -> Iterator[Adjustment]:
    own = _own_times(scenario)
    for name, request_class in calibrated.classes.items():
        asked = scenario.classes.get(name, RequestClass())
        for station, times in request_class.times.items():
            before = dict(own.get(station, {}))
            if station in scenario.databases:
                # A class has one time at a database, whether it reads or writes there.
                written_to = _writes(asked.steps, station)
                before["work"] = before["write" if written_to else "read"]
            before |= _stated(asked.times.get(station))
            yield from _differences(station, name, before, _stated(times))


def _writes(steps: Sequence[Step], database: str) -> bool:
    return any(
        (isinstance(step, Write) and step.write == database)
        or (isinstance(step, Call) and _writes(step.steps, database))
        or (isinstance(step, Cached) and _writes(step.miss, database))
        for step in steps
    )


def _own_times(scenario: Scenario) -> dict[str, dict[str, Distribution]]:
    times: dict[str, dict[str, Distribution]] = {}
    for name, service in scenario.services.items():
        times[name] = {"work": service.service_time_ns, "waiting": service.wait_time_ns}
    for name, cache in scenario.caches.items():
        times[name] = {"work": cache.service_time_ns}
    for name, database in scenario.databases.items():
        times[name] = {"read": database.read_time_ns, "write": database.write_time_ns}
    for name, queue in scenario.queues.items():
        times[name] = {"work": queue.enqueue_time_ns}
    return times


def _stated(times: StationTimes | None) -> dict[str, Distribution]:
    if times is None:
        return {}
    stated = {"work": times.service_time_ns, "waiting": times.wait_time_ns}
    return {what: found for what, found in stated.items() if found is not None}


def _differences(
    station: str, whose: str, before: dict[str, Distribution], after: dict[str, Distribution]
) -> Iterator[Adjustment]:
    for what, found in after.items():
        earlier = before.get(what)
        if earlier is None or earlier == found:
            continue
        yield Adjustment(
            where=station,
            whose=whose,
            what=what,
            before=described(earlier),
            after=described(found),
            before_mean_ns=earlier.expected_ns(),
            after_mean_ns=found.expected_ns(),
        )


def described(times: Distribution) -> str:
    """Return a distribution in a few words."""
    mean = duration(times.expected_ns())
    match times:
        case Constant():
            return f"always {mean}"
        case Exponential():
            return f"exponential, mean {mean}"
        case Lognormal(lognormal=shape):
            return f"lognormal, mean {mean}, cv {shape.cv:g}"
        case Gamma(gamma=shape):
            return f"gamma, mean {mean}, cv {shape.cv:g}"
        case Pareto(pareto=shape):
            return f"Pareto, mean {mean}, alpha {shape.alpha:g}"
        case Empirical(empirical=measured):
            values = measured.quantiles_ns
            median = values[len(values) // 2]
            return f"as measured, mean {mean}, p50 {duration(median)}, most {duration(values[-1])}"
