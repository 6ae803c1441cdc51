"""The scenario: what the platform is, what traffic arrives, what must hold."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from scenarios.distributions import Constant, Distribution
from scenarios.model import Model, Name
from scenarios.names import inconsistencies
from scenarios.objectives import Objective
from scenarios.routes import RequestClass
from scenarios.units import SECOND_NS, DurationNs, PositiveDurationNs
from scenarios.workload import Tier, Workload

Discipline = Literal["fifo", "lifo", "priority"]
"""Who is next of those who wait: who has waited longest, who came last, or who has the lowest
priority and of these has waited longest. Nobody who is being served is interrupted."""


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

    discipline: Discipline = "fifo"
    """Who is next of those who wait for a place at a replica: with ``fifo`` who has waited longest,
    with ``lifo`` who came last, with ``priority`` the class whose ``priority`` is lowest."""

    balancing: Literal["round_robin", "least_outstanding", "power_of_two", "latency_aware"] = (
        "round_robin"
    )
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

    discipline: Discipline = "fifo"
    """Which job is next: with ``fifo`` the oldest, with ``lifo`` the youngest, with ``priority``
    that of the class whose ``priority`` is lowest."""

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
        problems = inconsistencies(self.model_dump())
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
