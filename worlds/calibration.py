"""Calibration: how long things take here, measured under light load.

Under light load requests do not queue, so what a request spends in a service is that
service's own time. The live services report it part by part (the ``Server-Timing``
header); what no part accounts for is the edge, the network and the client. The measured
times replace the scenario's own, class by class, and the simulator then predicts what
the scenario's full load makes of them.

A service's time is divided into work that occupies its event loop and waiting that does
not by its processor time per request, less what it spends when nobody asks it anything:
the mean of it is the work, the rest is waiting.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from scenarios.distributions import Constant, Distribution, Empirical, Quantiles
from scenarios.history import Operation, Outcome
from scenarios.routes import Cached, Call, Enqueue, Read, RequestClass, StationTimes, Step, Write
from scenarios.spec import Scenario, Service
from worlds.parts import (
    CACHE,
    DATABASE,
    QUEUE,
    all_steps,
    services_of,
    stations_by_part,
    with_known_parts,
)

_SAMPLES_MIN = 10
_QUANTILES_MAX = 101


class LightLoad(NamedTuple):
    """What was seen under light load."""

    operations: Sequence[Operation]
    """With the spans that the live services report."""

    cpu_ns: Mapping[str, int]
    """By service that ``operations`` went through: processor time spent on them."""

    job_ns: Mapping[str, Sequence[int]]
    """By queue: from submission to the end of each job that had the workers to itself."""

    repeated_job_ns: Mapping[str, Sequence[int]]
    """By queue: the same for jobs whose result was there already."""

    submissions: Sequence[Operation] = ()
    """The requests that submitted jobs; what they cost is not in ``cpu_ns``."""


class Calibrated(NamedTuple):
    """A scenario with measured times, and what was measured."""

    scenario: Scenario
    notes: tuple[str, ...]
    """What was set to what, and what could not be measured, one sentence each."""


def calibrate(scenario: Scenario, seen: LightLoad) -> Calibrated:
    """Return ``scenario`` with the times of its stations as they were measured."""
    by_class: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in (*seen.operations, *seen.submissions):
        if operation.outcome is Outcome.OK and _reported(scenario, operation):
            by_class[operation.class_name].append(operation)
    work_ns = _work_ns(scenario, by_class, seen)
    notes: list[str] = []
    classes = dict(scenario.classes)
    for name, request_class in scenario.classes.items():
        operations = by_class[name]
        if len(operations) < _SAMPLES_MIN:
            notes.append(
                f"{name}: {len(operations)} samples under light load are too few; "
                "the scenario's own times stay"
            )
            continue
        times = _times(request_class, operations, work_ns[name])
        classes[name] = request_class.model_copy(update={"times": {**request_class.times, **times}})
        notes += [_note(name, station, found) for station, found in times.items()]
    update: dict[str, object] = {"classes": classes}
    update |= _with_measured_jobs(scenario, seen, notes)
    return Calibrated(scenario.model_copy(update=update), tuple(notes))


def _reported(scenario: Scenario, operation: Operation) -> bool:
    """Say whether a service on the way of an operation reported itself."""
    parts = {part for part, _ in operation.spans_ns}
    return not parts.isdisjoint(services_of(scenario.classes[operation.class_name]))


def _work_ns(
    scenario: Scenario, by_class: Mapping[str, Sequence[Operation]], seen: LightLoad
) -> dict[str, dict[str, float]]:
    """Return, by class, the processor time of one request in each service on its way.

    A service's processor time is known for all classes together. It is divided in
    proportion to how long each class keeps the service occupied: with itself, and with
    what it asks (a page of a database costs more to read than a cached value).
    """
    occupied = {
        name: _occupied_ns(scenario.classes[name], operations)
        for name, operations in by_class.items()
    }
    total: defaultdict[str, float] = defaultdict(float)
    for operation in seen.operations:
        for service, mean_ns in occupied.get(operation.class_name, {}).items():
            total[service] += mean_ns
    shares = {
        service: cpu_ns / total[service]
        for service, cpu_ns in seen.cpu_ns.items()
        if total[service]
    }
    return {
        name: {
            service: shares[service] * mean_ns
            for service, mean_ns in means.items()
            if service in shares
        }
        for name, means in occupied.items()
    }


def _occupied_ns(request_class: RequestClass, operations: Sequence[Operation]) -> dict[str, float]:
    """Return how long one request keeps each service occupied, in the mean."""
    stations = stations_by_part(request_class)
    services = services_of(request_class)
    sums: defaultdict[str, int] = defaultdict(int)
    for operation in operations:
        spans = dict(with_known_parts(request_class, operation.spans_ns, stations))
        reported = [service for service in services if service in spans]
        for part, span_ns in spans.items():
            # Caches, databases and queues are asked by the innermost service.
            sums[part if part in reported else reported[-1]] += span_ns
    return {service: total_ns / len(operations) for service, total_ns in sums.items()}


def _times(
    request_class: RequestClass, operations: Sequence[Operation], work_ns: Mapping[str, float]
) -> dict[str, StationTimes]:
    stations = stations_by_part(request_class)
    told = [
        dict(with_known_parts(request_class, operation.spans_ns, stations))
        for operation in operations
    ]
    parts: defaultdict[str, list[int]] = defaultdict(list)
    for spans in told:
        for part, span_ns in spans.items():
            parts[part].append(span_ns)
    measured = {
        service: parts[service]
        for service in services_of(request_class)
        if len(parts.get(service, ())) >= _SAMPLES_MIN
    }
    work = {
        service: round(work_ns.get(service, fmean(spans))) for service, spans in measured.items()
    }
    times = {service: _service_times(spans, work[service]) for service, spans in measured.items()}
    times |= _steps_times(request_class.steps, parts)
    silent = [service for service in request_class.through if service not in parts]
    if silent:
        # Nobody but the first service on the way can have spent what no part reports:
        # the edge keeps no books, and the network has no voice of its own.
        rest = [
            _untold_ns(operation, spans, work)
            for operation, spans in zip(operations, told, strict=True)
        ]
        times[silent[0]] = StationTimes(
            service_time_ns=Constant(constant_ns=0), wait_time_ns=empirical(rest)
        )
    return times


def _untold_ns(operation: Operation, spans: Mapping[str, int], work: Mapping[str, int]) -> int:
    """Return what of an operation's time is no station's.

    A service computes before and after the time that it can report, to read the request
    and to send the answer; where its work exceeds its report, the work counts.
    """
    assert operation.returned_ns is not None, "an ok operation has returned"
    told_ns = sum(max(span_ns, work.get(part, 0)) for part, span_ns in spans.items())
    return max(operation.returned_ns - operation.invoked_ns - told_ns, 0)


def _service_times(spans_ns: Sequence[int], work_ns: int) -> StationTimes:
    """Divide a service's exclusive times into work and waiting."""
    return StationTimes(
        service_time_ns=Constant(constant_ns=work_ns),
        wait_time_ns=empirical([max(span_ns - work_ns, 0) for span_ns in spans_ns]),
    )


def _steps_times(
    steps: tuple[Step, ...], parts: Mapping[str, Sequence[int]]
) -> dict[str, StationTimes]:
    times: dict[str, StationTimes] = {}

    def measured(station: str, samples: Sequence[int]) -> None:
        if station not in times and len(samples) >= _SAMPLES_MIN:
            times[station] = StationTimes(service_time_ns=empirical(samples))

    for step in all_steps(steps):
        match step:
            case Cached():
                measured(step.cache, parts.get(CACHE, ()))
            case Read():
                measured(step.read, parts.get(DATABASE, ()))
            case Write(invalidates=None):
                measured(step.write, parts.get(DATABASE, ()))
            case Write():
                # Telling the cache is a part of the write, as the scenario sees it.
                both = zip(parts.get(DATABASE, ()), parts.get(CACHE, ()), strict=False)
                measured(step.write, [write_ns + tell_ns for write_ns, tell_ns in both])
            case Enqueue():
                measured(step.enqueue, parts.get(QUEUE, ()))
            case Call():
                continue
    return times


def _with_measured_jobs(scenario: Scenario, seen: LightLoad, notes: list[str]) -> dict[str, object]:
    services = dict(scenario.services)
    caches = dict(scenario.caches)
    for name, queue in scenario.queues.items():
        jobs = seen.job_ns.get(name, ())
        if not jobs:
            notes.append(f"{name}: no job was measured; the scenario's own times stay")
            continue
        worker: Service = services[queue.workers]
        found = empirical(jobs)
        services[queue.workers] = worker.model_copy(update={"service_time_ns": found})
        notes.append(f"{name}: a job takes {found.expected_ns() / 1e6:.0f} ms ({len(jobs)} jobs)")
        repeated = seen.repeated_job_ns.get(name, ())
        if queue.results is not None and repeated:
            cached = empirical(repeated)
            caches[queue.results] = caches[queue.results].model_copy(
                update={"service_time_ns": cached}
            )
            notes.append(f"{name}: a repeated job takes {cached.expected_ns() / 1e6:.0f} ms")
    return {"services": services, "caches": caches}


def empirical(samples: Sequence[int]) -> Distribution:
    """Return the distribution that ``samples`` show: their quantiles, at most 101 of them.

    Args:
        samples: at least one duration, in nanoseconds.
    """
    ordered = sorted(samples)
    if ordered[0] == ordered[-1]:
        return Constant(constant_ns=ordered[0])
    intervals = min(len(ordered), _QUANTILES_MAX) - 1
    last = len(ordered) - 1
    quantiles = [_between(ordered, i * last / intervals) for i in range(intervals + 1)]
    return Empirical(empirical=Quantiles(quantiles_ns=tuple(quantiles)))


def _between(ordered: Sequence[int], position: float) -> int:
    """Return the value at a fractional position, linear between its neighbours."""
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return round(ordered[low] + (ordered[high] - ordered[low]) * (position - low))


def _note(name: str, station: str, found: StationTimes) -> str:
    work_ns = found.service_time_ns.expected_ns() if found.service_time_ns else 0.0
    wait_ns = found.wait_time_ns.expected_ns() if found.wait_time_ns else 0.0
    return f"{name} at {station}: {work_ns / 1e6:.3f} ms of work, {wait_ns / 1e6:.3f} ms of waiting"
