"""How often look-ups will miss, before a run: an estimate from rates and popularity."""

import math
from collections.abc import Iterator, Mapping

from scenarios.spec import Cache, Scenario
from scenarios.units import SECOND_NS
from sim.demands import Keys, LookUps
from sim.theory.caches import entry_life_s, miss_share

_EXACT_KEYS = 512


def estimated_misses(scenario: Scenario, look_ups: Mapping[str, LookUps]) -> dict[str, float]:
    """Return the share of look-ups that misses, by cache.

    Keys are asked for independently, as the classes' popularity says. An entry lives until it
    expires or is written over; caches here evict nothing, so no approximation of a full cache
    (such as Che's) is needed. Loading takes no time in this estimate. In a run that is short
    beside the life of an entry, the first look-up of each key counts, unless the cache is warm.

    Args:
        scenario: the platform, and the length of its run.
        look_ups: what comes by each cache.
    """
    run_s = (scenario.warm_up_ns + scenario.duration_ns) / SECOND_NS
    return {
        name: _misses(scenario.caches[name], each, run_s)
        for name, each in look_ups.items()
        if each.asked_per_s
    }


def _misses(cache: Cache, look_ups: LookUps, run_s: float) -> float:
    ttl_s = math.inf if cache.ttl_ns is None else cache.ttl_ns / SECOND_NS
    missed_per_s = asked_per_s = 0.0
    for keys, rate_per_s in look_ups.asked_per_s.items():
        asked_per_s += rate_per_s
        written_per_s = look_ups.written_per_s.get(keys, 0.0)
        for count, share in popularities(keys):
            asked = rate_per_s * share
            life_s = entry_life_s(ttl_s, written_per_s * share)
            missed = miss_share(asked, life_s)
            if not cache.warm:
                missed = max(missed, -math.expm1(-asked * run_s) / (asked * run_s))
            missed_per_s += count * asked * missed
    return min(missed_per_s / asked_per_s, 1.0)


def popularities(keys: Keys) -> Iterator[tuple[int, float]]:
    """Yield numbers of keys, and the share of the requests that each of these is asked for.

    The most popular come one by one; of the others, ever more are taken together as if they
    were equally popular. The shares, times their numbers, add up to 1.
    """
    groups: list[tuple[int, float]] = []
    first = 1
    while first <= keys.number:
        width = 1 if first <= _EXACT_KEYS else min(first // 64, keys.number - first + 1)
        middle = first + (width - 1) / 2
        groups.append((width, middle**-keys.zipf))
        first += width
    whole = math.fsum(width * weight for width, weight in groups)
    for width, weight in groups:
        yield width, weight / whole
