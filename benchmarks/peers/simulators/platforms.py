"""The work as Wavetank's scenarios."""

import math
from typing import Any, Final

from benchmarks.peers.simulators.work import LINES, SERVICE_S, TIERS
from scenarios import units
from scenarios.load import load_scenario
from scenarios.spec import Scenario
from sim.theory.many_places import e_k_m_c, m_m_c

Parts = dict[str, Any]
"""Part of a scenario, as it is written in a file."""

CROWD_PER_S: Final = 600
CROWD_OF_A_DAY: Final = (
    f"workload.arrivals.diurnal={{base: {CROWD_PER_S}/s, amplitude: 0.5}}",
    # The seventy users of the laptop's crowd would be refused nearly everything.
    "users.free.count=5000",
    "users.pro.count=2000",
    "services.catalog.autoscaler.target_percent=50",
    "services.catalog.autoscaler.max_replicas=8",
    "warm_up=0s",
)
"""What turns the catalogue's ``flash_crowd`` into a day of traffic that goes up and down."""


def scenario(item: str, seed: int, requests: int) -> Scenario:
    """Return an item of the work, with about so many requests."""
    match item:
        case "c":
            return _three_tiers(seed, _seconds(requests, TIERS.rate_per_s))
        case "full":
            return _every_feature(seed, _seconds(requests, TIERS.rate_per_s))
        case "day":
            duration = f"duration={_seconds(requests, CROWD_PER_S)}s"
            return load_scenario("flash_crowd", (*CROWD_OF_A_DAY, f"seed={seed}", duration))
        case _:
            return _line(item, seed, requests)


def exact_s(item: str) -> float | None:
    """Return what theory says of an item: the mean wait of lines, the mean latency of tiers."""
    if item in LINES:
        return m_m_c(LINES[item].rate_per_s, SERVICE_S, LINES[item].places).mean_s
    if item == "c":
        # Requests take turns, so each replica sees every fourth: gaps of four phases.
        rate_per_s = TIERS.rate_per_s / TIERS.replicas
        gateway = e_k_m_c(rate_per_s, TIERS.gateway_s, TIERS.places, TIERS.replicas)
        return gateway.mean_sojourn_s + TIERS.misses * TIERS.database_s
    return None


def _seconds(requests: int, rate_per_s: float) -> int:
    return max(1, round(requests / rate_per_s))


def _line(item: str, seed: int, requests: int) -> Scenario:
    system = LINES[item]
    return _scenario(
        {
            "name": "line",
            "seed": seed,
            "duration": f"{max(1, round(1_000 * requests / system.rate_per_s))}ms",
            "drain": "1s",
            "workload": {
                "arrivals": {"poisson": {"rate": f"{system.rate_per_s:g}/s"}},
                "mix": {"ask": 1},
            },
            "services": {
                "door": {
                    "concurrency": system.places,
                    "service_time": _exponential(SERVICE_S),
                }
            },
            "classes": {"ask": {"through": ["door"]}},
        }
    )


def _three_tiers(seed: int, seconds: int) -> Scenario:
    return _scenario(
        {
            "name": "three_tier",
            "seed": seed,
            "duration": f"{seconds}s",
            "drain": "1s",
            "workload": {
                "arrivals": {"poisson": {"rate": f"{TIERS.rate_per_s:g}/s"}},
                "mix": {"hit": 1 - TIERS.misses, "miss": TIERS.misses},
            },
            "services": {
                "gateway": {
                    "replicas": TIERS.replicas,
                    "concurrency": TIERS.places,
                    "service_time": _exponential(TIERS.gateway_s),
                }
            },
            "databases": {"main": _database()},
            "classes": {
                "hit": {"through": ["gateway"]},
                "miss": {"through": ["gateway"], "steps": [{"read": "main"}]},
            },
        }
    )


def _every_feature(seed: int, seconds: int) -> Scenario:
    """Return the three tiers with all that a platform has, under traffic that goes up and down."""
    return _scenario(
        {
            "name": "every_feature",
            "seed": seed,
            "duration": f"{seconds}s",
            "drain": "1s",
            "workload": {
                "arrivals": {
                    "diurnal": {
                        "base": f"{TIERS.rate_per_s:g}/s",
                        "amplitude": 0.5,
                        "period": f"{seconds}s",
                    }
                },
                "mix": {"read": 1},
            },
            "services": {"gateway": _gateway()},
            "caches": {"pages": {"keys": 20_000, "zipf": 1.0, "ttl": "20s"}},
            "databases": {"main": _database()},
            "classes": {
                "read": {
                    "through": ["gateway"],
                    "steps": [{"cache": "pages", "miss": [{"read": "main"}]}],
                }
            },
        }
    )


def _gateway() -> Parts:
    """Return a gateway that scales, and callers that give up, try again, and stop asking."""
    return {
        "replicas": TIERS.replicas,
        "concurrency": TIERS.places,
        "service_time": _exponential(TIERS.gateway_s),
        "timeout": "30ms",
        "queue_max": 4,
        "breaker": {"failures": 5, "cool_down": "1s"},
        "retry": {"attempts": 3, "base": "5ms", "cap": "50ms", "budget_percent": 20},
        "autoscaler": {
            "min_replicas": 2,
            "max_replicas": 12,
            "target_percent": 40,
            "sync": "15s",
            "scale_down_stabilisation": "60s",
            "start_up": "5s",
        },
    }


def _exponential(mean_s: float) -> Parts:
    return {"exponential": {"mean": f"{1_000 * mean_s:g}ms"}}


def _database() -> Parts:
    cv = math.sqrt(math.exp(TIERS.sigma**2) - 1)
    time = {"lognormal": {"mean": f"{1_000 * TIERS.database_s:g}ms", "cv": cv}}
    return {"pool": TIERS.pool, "read_time": time, "write_time": time}


def _scenario(parts: Parts) -> Scenario:
    return Scenario.model_validate(parts, context=units.FILE)
