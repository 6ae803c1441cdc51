"""The plan of a run's traffic: each request with its time, written before the run starts."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from scenarios.spec import Scenario
from scenarios.trace import check_trace
from scenarios.workload import ClosedArrivals, TraceArrivals
from sim.arrivals import Arrival, arrivals
from worlds.parts import queue_in


class NotSendable(ValueError):
    """A class of the mix does not say what to send, so it can only be simulated."""


class PlannedRequest(NamedTuple):
    """One request, ready to be sent."""

    id: int
    """Number of the arrival."""

    at_ns: int
    """When, from the run's start."""

    class_name: str
    user: str
    key: int
    method: str
    path: str
    body: str | None
    """JSON, or None for no body."""

    submits: str | None
    """The queue of the job that an ``ok`` answer acknowledges."""


def plan(scenario: Scenario) -> Iterator[PlannedRequest]:
    """Yield the requests of a run, ascending in time.

    Raises:
        NotSendable: as of :func:`check_sendable`.
    """
    check_sendable(scenario)
    for arrival in arrivals(scenario):
        yield plan_of(scenario, arrival)


def check_sendable(scenario: Scenario) -> None:
    """Refuse a scenario that no live client can play.

    Raises:
        NotSendable: a class of the mix, or of the trace, says of no request what to send; or
            requests are sent when others are answered.
        InvalidTrace: the trace cannot be read.
        OSError: it cannot be opened.
    """
    sent = dict.fromkeys(scenario.workload.mix)
    match scenario.workload.arrivals:
        case ClosedArrivals():
            raise NotSendable(
                "workload.arrivals.closed: users who wait for their answers can only be "
                "simulated; use open arrivals, such as poisson: {rate: 10/s}, to run it live"
            )
        case TraceArrivals(trace=source):
            sent |= dict.fromkeys(check_trace(Path(source.file)).classes)
        case _:
            pass
    simulated_only = [
        name for name in sent if name in scenario.classes and scenario.classes[name].request is None
    ]
    if simulated_only:
        raise NotSendable(
            f"{', '.join(simulated_only)}: no request is given, so this can only be simulated; "
            "add request: {method: ..., path: ...} to run it live"
        )


def plan_of(scenario: Scenario, arrival: Arrival) -> PlannedRequest:
    """Return the request that an arrival of ``scenario`` sends."""
    request_class = scenario.classes[arrival.class_name]
    request = request_class.request
    assert request is not None, "checked before the first arrival"
    body = None if request.body is None else json.dumps(filled(request.body, arrival.key))
    return PlannedRequest(
        id=arrival.index,
        at_ns=arrival.at_ns,
        class_name=arrival.class_name,
        user=arrival.user,
        key=arrival.key,
        method=request.method,
        path=request.path.replace("{key}", str(arrival.key)),
        body=body,
        submits=queue_in(request_class.steps),
    )


def filled(template: object, key: int) -> object:
    """Fill the key into every string of a JSON value."""
    match template:
        case str():
            return template.replace("{key}", str(key))
        case dict():
            return {name: filled(value, key) for name, value in template.items()}
        case list():
            return [filled(value, key) for value in template]
        case _:
            return template


def submitted_queues(scenario: Scenario) -> dict[str, str]:
    """Return, by request class, the queue that its requests submit a job to."""
    found = {
        name: queue_in(request_class.steps) for name, request_class in scenario.classes.items()
    }
    return {name: queue for name, queue in found.items() if queue is not None}


def write_plan(scenario: Scenario, path: Path) -> int:
    """Write the plan of ``scenario`` to ``path``, one JSON array a line; return how many."""
    return write_requests(plan(scenario), path)


def write_requests(requests: Iterable[PlannedRequest], path: Path) -> int:
    """Write planned requests, ascending in time, to ``path``; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as lines:
        for request in requests:
            lines.write(json.dumps(request) + "\n")
            count += 1
    return count


def read_plan(path: Path) -> Iterator[PlannedRequest]:
    """Yield the requests that :func:`write_plan` wrote."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield PlannedRequest(*json.loads(line))
