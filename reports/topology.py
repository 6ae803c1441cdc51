"""The platform as a graph: who calls whom, read off the routes of the request classes."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from scenarios.routes import Cached, Call, Enqueue, Read, Step, Write
from scenarios.spec import Scenario

CLIENTS = "clients"
Kind = Literal["clients", "service", "cache", "database", "queue"]


class Node(NamedTuple):
    """One station, or the clients."""

    name: str
    kind: Kind
    detail: str
    """The second line of its box."""


class Edge(NamedTuple):
    """One station asks another."""

    source: str
    target: str
    verb: str
    """What it does there: calls, looks up, reads, writes, invalidates, submits, hands out."""

    classes: tuple[str, ...]
    """The request classes that go this way."""

    traffic: float
    """Their share of the requests, 0 to 1."""


class Topology(NamedTuple):
    """What is drawn."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    unused: tuple[str, ...]
    """Stations that no request comes by."""


_Ask = tuple[str, str, str]
"""Source, target, verb."""


def topology(scenario: Scenario) -> Topology:
    """Return the graph of the classes that the workload's mix sends."""
    asks: dict[_Ask, dict[str, None]] = {}
    for name in scenario.workload.mix:
        for ask in _asks_of_class(name, scenario):
            asks.setdefault(ask, {})[name] = None
    weights = scenario.workload.mix
    total = sum(weights.values())
    edges = tuple(
        Edge(*ask, tuple(classes), sum(weights[name] for name in classes) / total)
        for ask, classes in asks.items()
    )
    nodes = {node.name: node for node in _nodes(scenario)}
    reached = dict.fromkeys(
        [CLIENTS, *(end for edge in edges for end in (edge.source, edge.target))]
    )
    return Topology(
        nodes=tuple(nodes[name] for name in reached),
        edges=edges,
        unused=tuple(name for name in nodes if name not in reached),
    )


def _asks_of_class(name: str, scenario: Scenario) -> Iterator[_Ask]:
    caller = CLIENTS
    for service in scenario.classes[name].through:
        yield caller, service, "calls"
        caller = service
    yield from _asks_of_steps(caller, scenario.classes[name].steps, scenario)


def _asks_of_steps(caller: str, steps: Sequence[Step], scenario: Scenario) -> Iterator[_Ask]:
    for step in steps:
        match step:
            case Call():
                yield caller, step.call, "calls"
                yield from _asks_of_steps(step.call, step.steps, scenario)
            case Cached():
                yield caller, step.cache, "looks up"
                yield from _asks_of_steps(caller, step.miss, scenario)
            case Read():
                yield caller, step.read, "reads"
            case Write():
                yield caller, step.write, "writes"
                if step.invalidates is not None:
                    yield caller, step.invalidates, "invalidates"
            case Enqueue():
                yield caller, step.enqueue, "submits"
                queue = scenario.queues[step.enqueue]
                yield step.enqueue, queue.workers, "hands out"
                if queue.results is not None:
                    yield queue.workers, queue.results, "looks up"


def _nodes(scenario: Scenario) -> Iterator[Node]:
    yield Node(CLIENTS, "clients", _users(scenario))
    for name, service in scenario.services.items():
        scaler = service.autoscaler
        replicas = _counted(service.replicas, "replica")
        if scaler is not None:
            replicas = f"{scaler.min_replicas} to {scaler.max_replicas} replicas"
        yield Node(name, "service", replicas)
    for name, cache in scenario.caches.items():
        yield Node(name, "cache", f"{_counted(cache.keys, 'key')}")
    for name, database in scenario.databases.items():
        replicas = (
            f"plus {_counted(database.replicas, 'replica')}" if database.replicas else "no replica"
        )
        yield Node(name, "database", replicas)
    for name in scenario.queues:
        yield Node(name, "queue", "queue")


def _users(scenario: Scenario) -> str:
    return _counted(sum(tier.count for tier in scenario.users.values()) or 1, "user")


def _counted(number: int, noun: str) -> str:
    return (
        f"{number} {noun}"
        if number == 1
        else f"{number:,} {noun}s".replace(",", "\N{NO-BREAK SPACE}")
    )
