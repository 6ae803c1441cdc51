"""Names in a scenario that lead nowhere, stand for two things, or go round in a circle.

They are looked for in what a file says, not in a scenario made of it, so that a file with other
mistakes is told all of them at once. What has not the right form is passed over: the models
complain of it. Nothing is looked up in a table that is itself not in order.
"""

import re
from collections.abc import Mapping, Sequence

from scenarios.errors import remedy
from scenarios.model import NAME_PATTERN

Problem = tuple[tuple[str, ...], str]
"""Where in the scenario, by the names used in files; and the reason, as a sentence's end."""

_Chain = tuple[object, ...]
"""The services that wait for the one that is called, outermost first."""

_Known = Mapping[str, tuple[str, ...] | None]
"""By table: the names that it defines, or None where that cannot be told."""

_STATIONS = {"services": "service", "caches": "cache", "databases": "database", "queues": "queue"}
_NEVER_EMPTY = ("services", "classes")
_STEPS = {
    "call": "services",
    "cache": "caches",
    "read": "databases",
    "write": "databases",
    "enqueue": "queues",
}
"""By kind of step: the table of the name that it gives. The first that a step has is its kind."""

_NAME = re.compile(NAME_PATTERN)


def inconsistencies(data: Mapping[str, object]) -> list[Problem]:
    """Return what no field shows alone: names that lead nowhere or clash, routes in a circle.

    Args:
        data: what a scenario's file says; it need not be valid.
    """
    known = {table: _defined(data, table) for table in (*_STATIONS, "classes")}
    problems = _clashes(known)
    for name, queue in _table(data.get("queues")).items():
        at = ("queues", name)
        problems += _unknown((*at, "workers"), _table(queue).get("workers"), known, "services")
        problems += _unknown((*at, "results"), _table(queue).get("results"), known, "caches")
    for name in _table(_table(data.get("workload")).get("mix")):
        problems += _unknown(("workload", "mix", name), name, known, "classes")
    for name, request_class in _table(data.get("classes")).items():
        problems += _class_problems(("classes", name), _table(request_class), known)
    for i, objective in enumerate(_entries(data.get("objectives"))):
        of = _table(objective).get("of")
        problems += _unknown(("objectives", str(i), "of"), of, known, "classes", "queues")
    return problems


def _defined(data: Mapping[str, object], table: str) -> tuple[str, ...] | None:
    defined = data.get(table, {})
    if not isinstance(defined, dict) or (table in _NEVER_EMPTY and not defined):
        return None
    # Who misspelled a definition need not be told of each place that has it right.
    return tuple(defined) if all(_NAME.fullmatch(name) for name in defined) else None


def _clashes(known: _Known) -> list[Problem]:
    """Return what would be one line in a report although it is two things."""
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    for table, kind in _STATIONS.items():
        for name in known[table] or ():
            if name in owners:
                reason = f"is the name of a {owners[name]} as well"
                problems.append(((table, name), reason))
            owners.setdefault(name, kind)
    problems += [
        (("queues", name), "has the name of a request class")
        for name in known["queues"] or ()
        if name in (known["classes"] or ())
    ]
    return problems


def _class_problems(
    at: tuple[str, ...], request_class: Mapping[str, object], known: _Known
) -> list[Problem]:
    problems = _unknown((*at, "keys"), request_class.get("keys"), known, "caches")
    chain: _Chain = ()
    for i, service in enumerate(_entries(request_class.get("through"))):
        problems += _call_problems((*at, "through", str(i)), service, chain, known)
        chain += (service,)
    for station in _table(request_class.get("times")):
        problems += _unknown((*at, "times", station), station, known, *_STATIONS)
    return problems + _step_problems((*at, "steps"), request_class.get("steps"), chain, known)


def _step_problems(
    at: tuple[str, ...], steps: object, chain: _Chain, known: _Known
) -> list[Problem]:
    problems: list[Problem] = []
    for i, entry in enumerate(_entries(steps)):
        here, step = (*at, str(i)), _table(entry)
        kind = next((kind for kind in _STEPS if kind in step), None)
        match kind:
            case None:
                continue
            case "call":
                problems += _call_problems((*here, kind), step[kind], chain, known)
                inner = (*chain, step[kind])
                problems += _step_problems((*here, "steps"), step.get("steps"), inner, known)
                continue
            case "cache":
                problems += _step_problems((*here, "miss"), step.get("miss"), chain, known)
            case "write":
                stale = step.get("invalidates")
                problems += _unknown((*here, "invalidates"), stale, known, "caches")
            case _:
                pass
        problems += _unknown((*here, kind), step[kind], known, _STEPS[kind])
    return problems


def _call_problems(
    at: tuple[str, ...], service: object, chain: _Chain, known: _Known
) -> list[Problem]:
    if isinstance(service, str) and service in chain:
        circle = " -> ".join(map(str, (*chain[chain.index(service) :], service)))
        return [(at, f"makes the route call itself: {circle}")]
    return _unknown(at, service, known, "services")


def _unknown(at: tuple[str, ...], name: object, known: _Known, *tables: str) -> list[Problem]:
    if not isinstance(name, str):
        return []
    names: list[str] = []
    for table in tables:
        defined = known[table]
        if defined is None:
            return []
        names += defined
    if name in names:
        return []
    return [(at, f"names {name!r}, which is not defined; {remedy(name, names)}")]


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _entries(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
