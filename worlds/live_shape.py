"""The live platform that a scenario describes, in the words of the services' settings."""

import json
from collections.abc import Iterable, Mapping

from scenarios.spec import Limit, Scenario, Service
from scenarios.units import MILLISECOND_NS
from scenarios.workload import Tier
from worlds.processes.shape import SCALABLE, PlatformShape

_EDGE = "edge"
DEFAULT_TIER = "free"


class NotLive(ValueError):
    """A scenario describes something that the reference platform has not."""


def shape_of(scenario: Scenario) -> PlatformShape:
    """Return the platform that ``scenario`` is to be run on.

    Raises:
        NotLive: it names services that the reference platform has not.
    """
    foreign = sorted(set(scenario.services) - {_EDGE, *SCALABLE})
    if foreign:
        raise NotLive(
            f"{', '.join(foreign)}: not a service of the reference platform "
            f"({', '.join((_EDGE, *SCALABLE))}); such a scenario can be simulated: "
            "--world simulated"
        )
    services = scenario.services
    tiers = scenario.users or {DEFAULT_TIER: Tier()}
    return PlatformShape(
        replicas={name: service.replicas for name, service in services.items() if name != _EDGE},
        settings={
            "gateway": _gateway_settings(scenario),
            "catalog": _catalog_settings(scenario),
            "render_worker": _worker_settings(services.get("render_worker")),
        },
        users={name: tier.count for name, tier in tiers.items()},
        titles=max((cache.keys for cache in scenario.caches.values()), default=1_000),
        render="render_worker" in services,
    )


def _gateway_settings(scenario: Scenario) -> dict[str, str]:
    gateway = scenario.services.get("gateway", Service())
    tiers = scenario.users or {DEFAULT_TIER: Tier()}
    settings = {"GATEWAY_LIMITS": json.dumps(_limits(gateway.limits, tiers))}
    # The gateway keeps one rule for all its upstreams: the strictest that the scenario states.
    upstreams = [
        scenario.services[name] for name in ("catalog", "studio") if name in scenario.services
    ]
    timeouts = [service.timeout_ns for service in upstreams if service.timeout_ns]
    if timeouts:
        settings["GATEWAY_UPSTREAM_TIMEOUT_MS"] = str(max(timeouts) // MILLISECOND_NS)
    breakers = [service.breaker for service in upstreams if service.breaker]
    if breakers:
        settings["GATEWAY_BREAKER_FAILURES"] = str(min(b.failures for b in breakers))
        cool_down_ns = min(b.cool_down_ns for b in breakers)
        settings["GATEWAY_BREAKER_COOL_DOWN_MS"] = str(cool_down_ns // MILLISECOND_NS)
    retries = [service.retry for service in upstreams if service.retry]
    if retries:
        settings["GATEWAY_RETRY_ATTEMPTS"] = str(max(r.attempts for r in retries))
        settings["GATEWAY_RETRY_BASE_MS"] = str(min(r.base_ns for r in retries) // MILLISECOND_NS)
        settings["GATEWAY_RETRY_BUDGET_PERCENT"] = str(min(r.budget_percent for r in retries))
    if upstreams:
        settings["GATEWAY_BALANCING"] = upstreams[0].balancing
    return settings


def _limits(limits: Mapping[str, Limit], tiers: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return every tier's limit; the gateway lets in no tier that it has none for."""
    # So many in a moment so short that nobody can reach it, nor is much to be remembered.
    unlimited = {"requests": 10**9, "window_ms": 1}
    return dict.fromkeys(tiers, unlimited) | {
        tier: {"requests": limit.requests, "window_ms": limit.window_ns // MILLISECOND_NS}
        for tier, limit in limits.items()
    }


def _catalog_settings(scenario: Scenario) -> dict[str, str]:
    settings = {}
    for database in scenario.databases.values():
        settings["CATALOG_POOL_SIZE"] = str(database.pool)
    for cache in scenario.caches.values():
        if cache.ttl_ns is not None:
            settings["CATALOG_CACHE_TTL_MS"] = str(cache.ttl_ns // MILLISECOND_NS)
            settings["CATALOG_CACHE_PROTECTION"] = cache.protection
    return settings


def _worker_settings(worker: Service | None) -> dict[str, str]:
    return {} if worker is None else {"RENDER_WORKER_CONCURRENCY": str(worker.concurrency)}
