"""Caches whose entries live for a while: how often a key has to be loaded."""

import math


def entry_life_s(ttl_s: float, invalidations_per_s: float) -> float:
    """Return how long an entry lives on average, if nobody loads it anew while it is there.

    Args:
        ttl_s: after so long it has expired; infinite if it never does.
        invalidations_per_s: Poisson rate at which writes remove it, at least 0.
    """
    if not invalidations_per_s:
        return ttl_s
    return -math.expm1(-invalidations_per_s * ttl_s) / invalidations_per_s


def miss_share(asked_per_s: float, life_s: float) -> float:
    """Return the share of look-ups of one key that has to load it.

    A miss begins a life, in which all look-ups hit; the next one after it misses. Loading
    takes no time here; while it does take time, more may miss.

    Args:
        asked_per_s: Poisson rate of look-ups of the key.
        life_s: as :func:`entry_life_s` returns it; may be infinite.

    Source: J. Jung, A. Berger, H. Balakrishnan, "Modeling TTL-based Internet caches",
    INFOCOM (2003).
    """
    return 1 / (1 + asked_per_s * life_s)
