"""The parts that live services report, and the stations that a scenario calls by name.

A service reports itself under its own name. What it asks on the way it reports by kind
(``cache``, ``database``, ``queue``), because it does not know what a scenario calls it.
"""

from collections.abc import Iterator, Mapping

from scenarios.routes import Cached, Call, Enqueue, Read, RequestClass, Step, Write

Spans = tuple[tuple[str, int], ...]
"""Exclusive nanoseconds by part."""

CACHE = "cache"
DATABASE = "database"
QUEUE = "queue"


def all_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield the steps of a route, at any depth, in the order in which they are taken."""
    for step in steps:
        yield step
        match step:
            case Call(steps=inner) | Cached(miss=inner):
                yield from all_steps(inner)
            case _:
                continue


def services_of(request_class: RequestClass) -> tuple[str, ...]:
    """Return the services on a class's way, the outermost first."""
    called = (step.call for step in all_steps(request_class.steps) if isinstance(step, Call))
    return (*request_class.through, *called)


def queue_in(steps: tuple[Step, ...]) -> str | None:
    """Return the first queue that a route submits to, or None."""
    return next((step.enqueue for step in all_steps(steps) if isinstance(step, Enqueue)), None)


def stations_by_part(request_class: RequestClass) -> dict[str, str]:
    """Return which station of a class's way reports itself as which part."""
    stations = {service: service for service in services_of(request_class)}
    for step in all_steps(request_class.steps):
        match step:
            case Cached():
                stations.setdefault(CACHE, step.cache)
            case Read():
                stations.setdefault(DATABASE, step.read)
            case Write():
                stations.setdefault(DATABASE, step.write)
                if step.invalidates is not None:
                    stations.setdefault(CACHE, step.invalidates)
            case Enqueue():
                stations.setdefault(QUEUE, step.enqueue)
            case Call():
                continue
    return stations


def with_known_parts(
    request_class: RequestClass, spans_ns: Spans, stations: Mapping[str, str]
) -> Spans:
    """Return spans of parts that the scenario knows.

    A part that it does not know, such as the gateway's look at its limits, belongs to the
    outermost service that reported itself.

    Args:
        request_class: the class of the request.
        spans_ns: as reported.
        stations: of :func:`stations_by_part`.
    """
    if all(part in stations for part, _ in spans_ns):
        return spans_ns
    known = {part: span_ns for part, span_ns in spans_ns if part in stations}
    owner = next((name for name in services_of(request_class) if name in known), None)
    if owner is not None:
        known[owner] += sum(span_ns for part, span_ns in spans_ns if part not in stations)
    return tuple(known.items())
