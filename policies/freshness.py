"""Freshness of one cached value: fresh, stale but good enough, or expired.

    age              0 ......... ttl ........ + while_revalidate ........ + if_error ......
                     |   FRESH   |   STALE    |        ON_ERROR          |   EXPIRED
    answered         |  at once  |  at once,  |  if loading failed       |  never
                     |           |  one loads |  a moment ago, one loads |  one loads

Times to live are shortened at random, so that values which were stored together do not end
together. Each epoch of staleness is mended by exactly one reader: the first one is handed a
ticket, and until that is used, or its time is over, or a pause after its failure is, nobody else
is handed one.

A value served stale is old by less than ``while_revalidate_ns``, or ``if_error_ns`` while loads
fail, after its time to live. Against a load that began before a write: ``invalidate`` after the
commit; the ticket is void then, as the lease of ``policies.cache`` is.

Source: M. Nottingham, RFC 5861 (2010), stale-while-revalidate and stale-if-error; freshness as in
RFC 9111 (2022), section 4.2: a value whose age equals its lifetime is not fresh any more.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from policies.cache import FOREVER_NS, NEVER_YET_NS

FRESH: Final = 0
"""Serve."""

STALE: Final = 1
"""Serve, and let one reader revalidate."""

ON_ERROR: Final = 2
"""Serve if the value cannot be loaded."""

EXPIRED: Final = 3
"""Do not serve."""

PERMILLE: Final = 1000


def jittered_ttl_ns(ttl_ns: int, jitter_permille: int, uniform: float) -> int:
    """Return a time to live that is shorter by up to ``jitter_permille`` of it.

    Args:
        ttl_ns:          1 to 2^63 - 1.
        jitter_permille: 0 to 999.
        uniform:         a draw from [0, 1).

    Returns:
        At least 1; ``ttl_ns`` for a draw of 0. For long times the draw is the coarser one: above
        2^53 ns (104 days) of jitter not every nanosecond can come out.
    """
    # Divided before it is multiplied: the product may not fit into 64 bits.
    whole, rest = ttl_ns // PERMILLE, ttl_ns % PERMILLE
    spread_ns = whole * jitter_permille + rest * jitter_permille // PERMILLE
    return ttl_ns - int(spread_ns * uniform)


def freshness_step(
    now_ns: int, fresh_until_ns: int, while_revalidate_ns: int, if_error_ns: int
) -> int:
    """Return FRESH, STALE, ON_ERROR or EXPIRED.

    Times are 0 to 2^63 - 1. The end of each stretch belongs to the next one.
    """
    stale_for_ns = now_ns - fresh_until_ns
    if stale_for_ns < 0:
        return FRESH
    if stale_for_ns < while_revalidate_ns:
        return STALE
    if stale_for_ns < if_error_ns:
        return ON_ERROR
    return EXPIRED


@dataclass(frozen=True, slots=True)
class FreshnessLimits:
    """How long a value is good, and how long for want of a better one.

    Raises:
        ValueError: a number is out of its range.
    """

    ttl_ns: int
    """How long a value is fresh, at most; 1 or more."""

    jitter_permille: int = 0
    """By how much of that it may be shorter; 0 to 999."""

    while_revalidate_ns: int = 0
    """How long after that it is served while somebody loads it anew."""

    if_error_ns: int = 0
    """How long after that it is served when loading fails."""

    load_max_ns: int = 5_000_000_000
    """How long a reader may take to load; 1 or more."""

    error_pause_ns: int = 1_000_000_000
    """How long nobody loads after a load that failed; 1 or more."""

    def __post_init__(self) -> None:
        for name in ("ttl_ns", "load_max_ns", "error_pause_ns"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("while_revalidate_ns", "if_error_ns"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.jitter_permille < PERMILLE:
            raise ValueError(f"jitter_permille must be 0 to 999, got {self.jitter_permille}")


class Serve(NamedTuple):
    """The value may be answered."""

    stored: int
    """The ticket under which it was stored: tells one value from another."""

    ticket: int
    """At least 1: also load it anew, beside the answer, under this ticket. 0: do not."""


class Load(NamedTuple):
    """The value may not be answered: load it, and store it under this ticket."""

    ticket: int
    until_ns: int
    """When the ticket is void; the value must come before."""


class Hold(NamedTuple):
    """The value may not be answered, and somebody else is loading it, or failed a moment ago."""

    until_ns: int
    """When to read again, at the latest."""


Freshness: TypeAlias = Serve | Load | Hold


class StaleableEntry:
    """What a cache knows of one key, whose old value is better than none."""

    __slots__ = (
        "_failed",
        "_fresh_until_ns",
        "_limits",
        "_nobody_until_ns",
        "_stored",
        "_ticket",
    )

    def __init__(self, limits: FreshnessLimits) -> None:
        self._limits = limits
        self._stored = 0
        self._fresh_until_ns = NEVER_YET_NS
        self._ticket = 0
        self._nobody_until_ns = NEVER_YET_NS
        self._failed = False

    def read(self, now_ns: int) -> Freshness:
        """Say what a reader is to do at ``now_ns``; it may be handed the ticket to load."""
        verdict = self._verdict(now_ns)
        if verdict == FRESH:
            return Serve(self._stored, ticket=0)
        taken = now_ns < self._nobody_until_ns
        if verdict == STALE or (verdict == ON_ERROR and self._failed and taken):
            return Serve(self._stored, ticket=0 if taken else self._hand_out(now_ns))
        if taken:
            return Hold(self._nobody_until_ns)
        return Load(self._hand_out(now_ns), self._nobody_until_ns)

    def store(self, ticket: int, now_ns: int, uniform: float) -> bool:
        """Store what was loaded under ``ticket``; ``uniform`` decides how long it is fresh.

        Returns:
            False, and nothing is stored, if the ticket is void: its time is over, another one
            was handed out, a failure was reported, or the value was invalidated.
        """
        if not self._is_good(ticket, now_ns):
            return False
        limits = self._limits
        ttl_ns = jittered_ttl_ns(limits.ttl_ns, limits.jitter_permille, uniform)
        self._stored = ticket
        self._fresh_until_ns = min(now_ns + ttl_ns, FOREVER_NS)
        self._nobody_until_ns = now_ns
        return True

    def failed(self, ticket: int, now_ns: int) -> bool:
        """Take note that the load under ``ticket`` failed; nobody loads for a while.

        Returns:
            Whether the old value may be answered in place of the one that could not be loaded,
            by whoever asks, also where the ticket was void by now.
        """
        if self._is_good(ticket, now_ns):
            self._failed = True
            self._nobody_until_ns = now_ns + self._limits.error_pause_ns
        return self._verdict(now_ns) != EXPIRED

    def invalidate(self, now_ns: int) -> None:
        """Forget the value, and make its ticket void, after a commit that changed the value."""
        self._stored = 0
        self._ticket += 1
        self._nobody_until_ns = now_ns

    def _verdict(self, now_ns: int) -> int:
        if self._stored == 0:
            return EXPIRED
        limits = self._limits
        return freshness_step(
            now_ns, self._fresh_until_ns, limits.while_revalidate_ns, limits.if_error_ns
        )

    def _is_good(self, ticket: int, now_ns: int) -> bool:
        return ticket == self._ticket and now_ns < self._nobody_until_ns and not self._failed

    def _hand_out(self, now_ns: int) -> int:
        self._ticket += 1
        self._failed = False
        self._nobody_until_ns = now_ns + self._limits.load_max_ns
        return self._ticket
