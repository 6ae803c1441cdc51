"""The scenario: what the platform is, what traffic arrives, what must hold."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, assert_never

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from scenarios.distributions import Constant, Distribution
from scenarios.errors import remedy
from scenarios.model import Model, Name
from scenarios.objectives import Objective
from scenarios.routes import Cached, Call, Enqueue, Read, RequestClass, Step, Write
from scenarios.units import SECOND_NS, DurationNs, PositiveDurationNs
from scenarios.workload import Tier, Workload


class Limit(Model):
    """At most so many requests of one user in any window of this length."""

    requests: PositiveInt
    window_ns: PositiveDurationNs


class Breaker(Model):
    """When callers stop asking one replica of this service, and for how long."""

    failures: PositiveInt = 5
    """Failures in a row that open it."""

    cool_down_ns: PositiveDurationNs = 10 * SECOND_NS
    """How long it stays open before one probe is let through."""


class Retry(Model):
    """How callers of this service try again."""

    attempts: PositiveInt = 2
    """Tries in all, the first included."""

    base_ns: PositiveDurationNs = 20_000_000
    """The first back-off; doubled with each attempt, then drawn from 0 up to it."""

    cap_ns: PositiveDurationNs = SECOND_NS
    """The longest back-off."""

    budget_percent: Annotated[int, Field(ge=0, le=100)] = 10
    """Retries allowed for every hundred first attempts."""


class Autoscaler(Model):
    """The Kubernetes HorizontalPodAutoscaler's rule for one service."""

    min_replicas: PositiveInt
    max_replicas: PositiveInt
    target_percent: Annotated[int, Field(ge=1, le=1000)]
    """Utilisation of the replicas' slots to aim at."""

    sync_ns: PositiveDurationNs = 15 * SECOND_NS
    """How often the rule is asked."""

    scale_down_stabilisation_ns: DurationNs = 300 * SECOND_NS
    start_up_ns: DurationNs = 5 * SECOND_NS
    """From the decision until a new replica takes requests."""

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("should not have a min_replicas above its max_replicas")
        return self


class Service(Model):
    """One service: how many replicas, how much each can do at once, how callers treat it."""

    replicas: PositiveInt = 1
    concurrency: PositiveInt = 1
    """Requests that one replica works on at the same time. A single-threaded event loop has 1."""

    service_time_ns: Distribution = Constant(constant_ns=0)
    """Work that occupies one of the ``concurrency`` places."""

    wait_time_ns: Distribution = Constant(constant_ns=0)
    """Waiting that delays the request and occupies nothing, such as a network round trip."""

    queue_max: NonNegativeInt | None = None
    """Requests that may wait for a place at one replica; more are refused. None: no bound."""

    balancing: Literal["round_robin", "least_outstanding", "power_of_two"] = "round_robin"
    """How callers pick a replica."""

    limits: dict[Name, Limit] = Field(default_factory=dict)
    """By tier: what one user may ask of this service. A tier without an entry has no limit."""

    timeout_ns: PositiveDurationNs | None = None
    """How long callers wait for an answer."""

    breaker: Breaker | None = None
    retry: Retry | None = None
    autoscaler: Autoscaler | None = None

    @model_validator(mode="after")
    def _replicas_are_within_the_autoscaler_s_bounds(self) -> Self:
        scaler = self.autoscaler
        if scaler and not scaler.min_replicas <= self.replicas <= scaler.max_replicas:
            raise ValueError(
                f"should start with {scaler.min_replicas} to {scaler.max_replicas} replicas, "
                f"as its autoscaler says, not with {self.replicas}"
            )
        return self


class Cache(Model):
    """A cache in front of a database or of costly work."""

    keys: PositiveInt
    """Distinct keys that requests ask for."""

    zipf: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Popularity: the k-th key is asked for in proportion to k to the power of minus this."""

    ttl_ns: PositiveDurationNs | None = None
    """How long an entry is fresh. None: for good."""

    protection: Literal["lease", "none"] = "lease"
    """With ``lease`` one reader fills a missing entry while the others wait for it."""

    service_time_ns: Distribution = Constant(constant_ns=0)
    """One look-up."""

    warm: bool = False
    """Whether every key is fresh at the start."""


class Database(Model):
    """A primary, its streaming replicas, and the pool of connections to each."""

    replicas: NonNegativeInt = 0
    pool: PositiveInt = 10
    """Connections to the primary, and to each replica."""

    read_time_ns: Distribution
    """One read, which occupies a connection. Reads go to a replica where there is one."""

    write_time_ns: Distribution
    """One write and its commit on the primary."""

    lag_ns: Distribution = Constant(constant_ns=0)
    """From a commit until a replica shows it."""


class Queue(Model):
    """A job queue and the service whose replicas work it off."""

    workers: Name
    """The service that takes jobs; its ``service_time`` is the time of one job."""

    enqueue_time_ns: Distribution = Constant(constant_ns=0)
    """Until a submitted job is acknowledged."""

    results: Name | None = None
    """The cache of finished work by content, if a repeated job need not be done again."""


class Scenario(Model):
    """What the platform is, what traffic arrives, and what must hold."""

    name: Name
    description: str = ""
    seed: NonNegativeInt
    """All chance of a simulated run follows from it, and the arrivals of a live one."""

    warm_up_ns: DurationNs = 0
    """Traffic before the measurement starts; it is in the history, not in the figures."""

    duration_ns: PositiveDurationNs
    """The measured part."""

    drain_ns: DurationNs = 10 * SECOND_NS
    """How long after the last arrival answers and jobs are still waited for."""

    users: dict[Name, Tier] = Field(default_factory=dict)
    """By tier: who sends the traffic. Empty: one user of tier ``free``."""

    workload: Workload
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    caches: dict[Name, Cache] = Field(default_factory=dict)
    databases: dict[Name, Database] = Field(default_factory=dict)
    queues: dict[Name, Queue] = Field(default_factory=dict)
    classes: Annotated[dict[Name, RequestClass], Field(min_length=1)]
    """The kinds of requests, and the way of each through the platform."""

    objectives: tuple[Objective, ...] = ()
    """What must hold."""

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        problems = inconsistencies(self)
        if problems:
            raise PydanticCustomError(
                "inconsistent",
                "{problems_text}",
                {
                    "problems": problems,
                    "problems_text": "; ".join(f"{'.'.join(at)} {why}" for at, why in problems),
                },
            )
        return self


Problem = tuple[tuple[str, ...], str]
"""Where in the scenario, by the names used in files; and the reason, as a sentence's end."""


def inconsistencies(scenario: Scenario) -> list[Problem]:
    """Return what no field shows alone: names that lead nowhere, and routes in a circle."""
    problems: list[Problem] = []
    for name, queue in scenario.queues.items():
        if name in scenario.classes:
            problems.append((("queues", name), "has the name of a request class"))
        problems += _unknown(("queues", name, "workers"), queue.workers, scenario.services)
        if queue.results is not None:
            problems += _unknown(("queues", name, "results"), queue.results, scenario.caches)
    for name in scenario.workload.mix:
        problems += _unknown(("workload", "mix", name), name, scenario.classes)
    for name, request_class in scenario.classes.items():
        problems += _class_problems(("classes", name), request_class, scenario)
    for i, objective in enumerate(scenario.objectives):
        if objective.of is not None:
            known = {**scenario.classes, **scenario.queues}
            problems += _unknown(("objectives", str(i), "of"), objective.of, known)
    return problems


def _class_problems(
    at: tuple[str, ...], request_class: RequestClass, scenario: Scenario
) -> list[Problem]:
    problems: list[Problem] = []
    if request_class.keys is not None:
        problems += _unknown((*at, "keys"), request_class.keys, scenario.caches)
    chain: tuple[str, ...] = ()
    for i, service in enumerate(request_class.through):
        problems += _call_problems((*at, "through", str(i)), service, chain, scenario)
        chain += (service,)
    stations = {
        **scenario.services,
        **scenario.caches,
        **scenario.databases,
        **scenario.queues,
    }
    for station in request_class.times:
        problems += _unknown((*at, "times", station), station, stations)
    return problems + _step_problems((*at, "steps"), request_class.steps, chain, scenario)


def _step_problems(
    at: tuple[str, ...], steps: tuple[Step, ...], chain: tuple[str, ...], scenario: Scenario
) -> list[Problem]:
    problems: list[Problem] = []
    for i, step in enumerate(steps):
        here = (*at, str(i))
        match step:
            case Call():
                problems += _call_problems((*here, "call"), step.call, chain, scenario)
                inner = (*chain, step.call)
                problems += _step_problems((*here, "steps"), step.steps, inner, scenario)
            case Cached():
                problems += _unknown((*here, "cache"), step.cache, scenario.caches)
                problems += _step_problems((*here, "miss"), step.miss, chain, scenario)
            case Read():
                problems += _unknown((*here, "read"), step.read, scenario.databases)
            case Write():
                problems += _unknown((*here, "write"), step.write, scenario.databases)
                if step.invalidates is not None:
                    problems += _unknown((*here, "invalidates"), step.invalidates, scenario.caches)
            case Enqueue():
                problems += _unknown((*here, "enqueue"), step.enqueue, scenario.queues)
            case _:
                assert_never(step)
    return problems


def _call_problems(
    at: tuple[str, ...], service: str, chain: tuple[str, ...], scenario: Scenario
) -> list[Problem]:
    if service in chain:
        circle = " -> ".join((*chain[chain.index(service) :], service))
        return [(at, f"makes the route call itself: {circle}")]
    return _unknown(at, service, scenario.services)


def _unknown(at: tuple[str, ...], name: str, known: Mapping[str, object]) -> list[Problem]:
    if name in known:
        return []
    return [(at, f"names {name!r}, which is not defined; {remedy(name, known)}")]
