"""The live platform that a scenario describes, in the words of the services' settings."""

import json
from collections.abc import Iterable, Iterator, Mapping

from scenarios.routes import Cached, Read, Step, Write
from scenarios.spec import Limit, Scenario, Service
from scenarios.units import MILLISECOND_NS, SECOND_NS
from scenarios.workload import Tier
from worlds.parts import all_steps, services_of
from worlds.processes.shape import REPLICAS_MAX, SCALABLE, PlatformShape

_EDGE = "edge"
_CATALOG = "catalog"
_UPSTREAMS = (_CATALOG, "studio")
"""The services that the gateway calls; nobody else calls one."""

DEFAULT_TIER = "free"

_FOR_GOOD_NS = 30 * 24 * 3600 * SECOND_NS
"""What a cache without a lifetime keeps its entries for: no run lasts that long."""


class NotLive(ValueError):
    """A scenario describes something that the reference platform has not."""


def shape_of(scenario: Scenario) -> PlatformShape:
    """Return the platform that ``scenario`` is to be run on.

    What that platform ignores of the scenario is in ``unheeded``.

    Raises:
        NotLive: it names services, or asks for more replicas, than the reference platform has.
    """
    _require_live(scenario)
    services = scenario.services
    tiers = scenario.users or {DEFAULT_TIER: Tier()}
    return PlatformShape(
        replicas={name: service.replicas for name, service in services.items() if name != _EDGE},
        settings={
            "gateway": _gateway_settings(scenario),
            _CATALOG: _catalog_settings(scenario),
            "render_worker": _worker_settings(services.get("render_worker")),
        },
        users={name: tier.count for name, tier in tiers.items()},
        titles=max((cache.keys for cache in scenario.caches.values()), default=1_000),
        render="render_worker" in services,
    )


def unheeded(scenario: Scenario) -> tuple[str, ...]:
    """Return a sentence for each field of the scenario that its live platform ignores.

    Raises:
        NotLive: as of ``shape_of``.
    """
    _require_live(scenario)
    sentences: list[str] = []
    for name, service in scenario.services.items():
        sentences += (f"services.{name}.{why}" for why in _unheeded_of_service(name, service))
    caches, databases = _caches_of_catalog(scenario), _databases_of_catalog(scenario)
    for name, cache in scenario.caches.items():
        if cache.warm:
            sentences.append(f"caches.{name}.warm: live, every cache is empty at the start.")
        if name in caches[1:]:
            sentences.append(f"caches.{name}: the live catalog has one cache, set as {caches[0]}.")
        elif name not in caches and cache.ttl_ns is not None:
            sentences.append(f"caches.{name}.ttl: live, only the catalog's cache has a lifetime.")
    for name, database in scenario.databases.items():
        if database.replicas != 1:
            sentences.append(
                f"databases.{name}.replicas={database.replicas}: the live database has one replica."
            )
        if name in databases[1:]:
            sentences.append(
                f"databases.{name}: the live catalog has one database, set as {databases[0]}."
            )
    sentences += (
        f"queues.{name}.discipline={queue.discipline}: live, a job's priority is that in its "
        "request's body."
        for name, queue in scenario.queues.items()
        if queue.discipline != "fifo"
    )
    return tuple(sentences)


def _unheeded_of_service(name: str, service: Service) -> Iterator[str]:
    if name == _EDGE and service.replicas != 1:
        yield f"replicas={service.replicas}: the live platform has one edge."
    if name == _EDGE and service.autoscaler is not None:
        yield "autoscaler: the live edge is not scaled."
    yield from _unheeded_in_line(service)
    if name in {"gateway", *_UPSTREAMS} and service.concurrency != 1:
        yield f"concurrency={service.concurrency}: a live replica is one event loop."
    if name != "gateway" and service.limits:
        yield "limits: live, only the gateway limits its users."
    if name in _UPSTREAMS:
        return
    if service.balancing != "round_robin":
        yield f"balancing={service.balancing}: live, its callers take replicas in turn."
    for field in ("timeout_ns", "breaker", "retry"):
        if getattr(service, field) is not None:
            yield f"{field.removesuffix('_ns')}: live, only the gateway's calls have one."


def _unheeded_in_line(service: Service) -> Iterator[str]:
    if service.queue_max is not None:
        yield f"queue_max={service.queue_max}: no live service bounds the line of those who wait."
    if service.discipline != "fifo":
        yield f"discipline={service.discipline}: live, who has waited longest is next."


def _require_live(scenario: Scenario) -> None:
    """Refuse a scenario that the reference platform has not the parts for.

    Raises:
        NotLive: as of ``shape_of``.
    """
    foreign = sorted(set(scenario.services) - {_EDGE, *SCALABLE})
    if foreign:
        raise NotLive(
            f"{', '.join(foreign)}: not a service of the reference platform "
            f"({', '.join((_EDGE, *SCALABLE))}); such a scenario can be simulated: "
            "--world simulated"
        )
    for name, service in scenario.services.items():
        scaler = service.autoscaler
        field, most = "replicas", service.replicas
        if scaler is not None:
            field, most = "autoscaler.max_replicas", scaler.max_replicas
        if name != _EDGE and most > REPLICAS_MAX:
            raise NotLive(
                f"services.{name}.{field}={most}: a live service has at most {REPLICAS_MAX} "
                "replicas; such a scenario can be simulated: --world simulated"
            )


def _caches_of_catalog(scenario: Scenario) -> tuple[str, ...]:
    """Return the caches on routes through the catalog, in the order of the routes.

    The live catalog has one, with the settings of the first of these.
    """
    names: dict[str, None] = {}
    for step in _steps_through_catalog(scenario):
        match step:
            case Cached(cache=name) | Write(invalidates=str(name)):
                names[name] = None
            case _:
                continue
    return tuple(names)


def _databases_of_catalog(scenario: Scenario) -> tuple[str, ...]:
    """Return the databases on routes through the catalog, in the order of the routes.

    The live catalog has one, with the pool of the first of these.
    """
    names: dict[str, None] = {}
    for step in _steps_through_catalog(scenario):
        match step:
            case Read(read=name) | Write(write=name):
                names[name] = None
            case _:
                continue
    return tuple(names)


def _steps_through_catalog(scenario: Scenario) -> Iterator[Step]:
    for request_class in scenario.classes.values():
        if _CATALOG in services_of(request_class):
            yield from all_steps(request_class.steps)


def _gateway_settings(scenario: Scenario) -> dict[str, str]:
    gateway = scenario.services.get("gateway", Service())
    tiers = scenario.users or {DEFAULT_TIER: Tier()}
    policies = {
        name: _upstream_policy(scenario.services[name])
        for name in _UPSTREAMS
        if name in scenario.services
    }
    return {
        "GATEWAY_LIMITS": json.dumps(_limits(gateway.limits, tiers)),
        "GATEWAY_UPSTREAMS_POLICY": json.dumps(policies),
    }


def _upstream_policy(service: Service) -> dict[str, object]:
    breaker, retry = service.breaker, service.retry
    return {
        "timeout_ms": None if service.timeout_ns is None else _milliseconds(service.timeout_ns),
        "breaker": None
        if breaker is None
        else {
            "failures": breaker.failures,
            "cool_down_ms": _milliseconds(breaker.cool_down_ns),
        },
        "retry": None
        if retry is None
        else {
            "attempts": retry.attempts,
            "base_ms": _milliseconds(retry.base_ns),
            "cap_ms": _milliseconds(retry.cap_ns),
            "budget_percent": retry.budget_percent,
        },
        "balancing": service.balancing,
    }


def _limits(limits: Mapping[str, Limit], tiers: Iterable[str]) -> dict[str, object]:
    """Return every tier's limit, None for none; the gateway lets in no tier that is not named."""
    return dict.fromkeys(tiers) | {
        tier: {"requests": limit.requests, "window_ms": _milliseconds(limit.window_ns)}
        for tier, limit in limits.items()
    }


def _milliseconds(time_ns: int) -> float:
    """Return a time as settings have it, without a fraction where it needs none."""
    whole, rest = divmod(time_ns, MILLISECOND_NS)
    return time_ns / MILLISECOND_NS if rest else whole


def _catalog_settings(scenario: Scenario) -> dict[str, str]:
    settings = {}
    for name in _databases_of_catalog(scenario)[:1]:
        settings["CATALOG_POOL_SIZE"] = str(scenario.databases[name].pool)
    for name in _caches_of_catalog(scenario)[:1]:
        cache = scenario.caches[name]
        ttl_ns = _FOR_GOOD_NS if cache.ttl_ns is None else cache.ttl_ns
        # The catalog knows whole milliseconds; a shorter life is still one.
        settings["CATALOG_CACHE_TTL_MS"] = str(max(1, round(ttl_ns / MILLISECOND_NS)))
        settings["CATALOG_CACHE_PROTECTION"] = cache.protection
    return settings


def _worker_settings(worker: Service | None) -> dict[str, str]:
    return {} if worker is None else {"RENDER_WORKER_CONCURRENCY": str(worker.concurrency)}
