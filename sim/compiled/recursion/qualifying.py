"""Which scenarios the recursion can run: those in which nothing looks back."""

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel

from scenarios.routes import Call, Read, RequestClass, Step, Write
from scenarios.spec import Scenario, Service
from scenarios.workload import (
    ConstantArrivals,
    DiurnalArrivals,
    MmppArrivals,
    PiecewiseArrivals,
    PoissonArrivals,
    RampArrivals,
    SpikeArrivals,
    TraceArrivals,
)

REPLICAS_MAX: Final = 256
"""Of a service that calls another which has several, too: its replicas are told apart in 8 bits."""

LEVELS_MAX: Final = 7
"""Of calls within calls."""

_OPEN: Final = (
    ConstantArrivals,
    DiurnalArrivals,
    MmppArrivals,
    PiecewiseArrivals,
    PoissonArrivals,
    RampArrivals,
    SpikeArrivals,
    TraceArrivals,
)
"""Arrivals that come whatever became of those before."""

_SCENARIO: Final = frozenset(
    {
        *("name", "description", "seed", "warm_up_ns", "duration_ns", "drain_ns", "users"),
        *("workload", "services", "databases", "classes", "objectives"),
    }
)
_SERVICE: Final = frozenset(
    {"replicas", "concurrency", "service_time_ns", "wait_time_ns", "balancing"}
)
_DATABASE: Final = frozenset({"replicas", "pool", "read_time_ns", "write_time_ns", "lag_ns"})
_CLASS: Final = frozenset({"request", "through", "steps", "times", "priority"})


def qualifies(scenario: Scenario) -> bool:
    """Whether every request's way follows from what came before it, and from nothing later.

    That is: open arrivals; services without limits, bounds, time-outs, retries, breakers and
    autoscalers, whose callers take turns; databases; no caches and no queues. What is added to
    the vocabulary does not qualify until it is named here.
    """
    return (
        _says_only(scenario, _SCENARIO)
        and _says_only(scenario.workload, frozenset({"arrivals", "mix"}))
        and type(scenario.workload.arrivals) in _OPEN
        and all(_is_plain(each) for each in scenario.services.values())
        and all(_says_only(each, _DATABASE) for each in scenario.databases.values())
        and all(_goes_straight(each) for each in scenario.classes.values())
    )


def _is_plain(service: Service) -> bool:
    takes_turns = service.balancing == "round_robin" or service.replicas == 1
    return _says_only(service, _SERVICE) and takes_turns and service.replicas <= REPLICAS_MAX


def _goes_straight(request_class: RequestClass) -> bool:
    if not _says_only(request_class, _CLASS):
        return False
    if not (request_class.through or request_class.steps):
        return False
    calls = len(request_class.through)
    return calls + _levels(request_class.steps) <= LEVELS_MAX and _are_plain(request_class.steps)


def _are_plain(steps: Iterable[Step]) -> bool:
    for step in steps:
        match step:
            case Call():
                if not (_says_only(step, frozenset({"call", "steps"})) and _are_plain(step.steps)):
                    return False
            case Read():
                if not _says_only(step, frozenset({"read"})):
                    return False
            case Write():
                if not _says_only(step, frozenset({"write"})):
                    return False
            case _:
                return False
    return True


def _levels(steps: Iterable[Step]) -> int:
    return max((1 + _levels(it.steps) for it in steps if isinstance(it, Call)), default=0)


def _says_only(model: BaseModel, known: frozenset[str]) -> bool:
    """Whether all but ``known`` is as it is when nothing is said of it."""
    return all(
        name in known
        or (
            not field.is_required()
            and getattr(model, name) == field.get_default(call_default_factory=True)
        )
        for name, field in type(model).model_fields.items()
    )
