"""The limit on each user's requests, over all gateways together.

The log of a user's requests is in the store, where one script decides and notes in one round trip.
While the store is away, the gateway does what ``GATEWAY_LIMIT_STORE_DOWN`` declares:

- ``local``: each replica counts for itself, up to ``GATEWAY_LIMIT_LOCAL_PERCENT`` of each limit.
  What the store had counted before is not known; ``policies.store_failure`` has the bound.
- ``open``: everybody is let in.
- ``closed``: nobody is.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Protocol, cast

import structlog
from prometheus_client import CollectorRegistry, Counter

from policies.circuit_breaker import BreakerLimits, CircuitBreaker, State
from policies.rate_limit import UNLIMITED, Admission, RateLimit
from policies.store_failure import (
    CountLocally,
    LetEverybodyIn,
    LetNobodyIn,
    StoreFailure,
    WithoutStore,
)
from reference_services.gateway.authentication import Identity, TierUnknown
from reference_services.runtime.clock import NS_PER_S, NS_PER_US, monotonic_ns
from reference_services.runtime.errors import Unavailable
from reference_services.runtime.script_store import Script, StoreDown

LUA_BODY = files(__package__).joinpath("limiter.lua").read_text(encoding="utf-8")
"""The script without its last line: the function that decides, and nobody who calls it."""

LUA_BY_SERVER_CLOCK = (
    LUA_BODY
    + """
local time = redis.call('TIME')
return admit(KEYS[1], time[1] * 1000000 + time[2],
    tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]))
"""
)

# Asking a store that is away costs its timeout each time; after a few it is left alone a while.
_STORE_BREAKER = BreakerLimits(cool_down_ns=NS_PER_S, failures_max=3)

_BY = {CountLocally: "local", LetEverybodyIn: "open", LetNobodyIn: "closed"}

_UNLIMITED = Admission(admitted=True, retry_after_ns=0, remaining=UNLIMITED)

_logger = structlog.stdlib.get_logger(__name__)


class LimitStore(Protocol):
    """Runs the limit's script where all gateways share its data."""

    async def run(self, script: Script, keys: Sequence[str], *arguments: int) -> object:
        """Return what the script answers.

        Raises:
            StoreDown: there is no answer.
        """
        ...


class Limiter:
    """Decides each user's requests by the limit of the user's tier."""

    def __init__(
        self,
        store: LimitStore,
        limits: Mapping[str, RateLimit | None],
        store_failure: StoreFailure,
        registry: CollectorRegistry,
    ) -> None:
        self._store = store
        self._limits = dict(limits)
        limited = {tier: limit for tier, limit in limits.items() if limit is not None}
        # A user may come now in one tier, now in another: the log must do for all of them.
        self._kept_requests = max((limit.requests for limit in limited.values()), default=0)
        kept_ns = max((limit.window_ns for limit in limited.values()), default=0)
        self._kept_us = _whole_us(kept_ns)
        self._by_without_store = _BY[type(store_failure)]
        self._without_store = WithoutStore(store_failure, limited)
        self._breaker = CircuitBreaker(_STORE_BREAKER)
        self._script = Script(LUA_BY_SERVER_CLOCK)
        decisions = Counter(
            "rate_limit_decisions",
            "Requests that were counted, and by whom.",
            ("by", "admitted"),
            registry=registry,
        )
        self._counts = {
            (by, admitted): decisions.labels(by, str(admitted).lower())
            for by in ("store", *_BY.values())
            for admitted in (True, False)
        }

    def limit_of(self, tier: str) -> RateLimit | None:
        """Return the limit of a tier; None: its users may ask as often as they like.

        Raises:
            TierUnknown: nothing is said of it; such a user is let in nowhere.
        """
        if tier not in self._limits:
            raise TierUnknown(f"tier {tier} has no limit here")
        return self._limits[tier]

    async def admit(self, identity: Identity) -> Admission:
        """Decide a request that arrives now.

        Raises:
            TierUnknown: the user's tier has no limit.
            Unavailable: the store is away, and the gateway was told to let nobody in then.
        """
        limit = self.limit_of(identity.tier)
        if limit is None:
            # Nothing is noted either: no limit will ever ask how often this user has been here.
            return _UNLIMITED
        ticket = self._breaker.admit(monotonic_ns())
        if ticket is None:
            return self._admit_without_store(identity)
        try:
            admitted, wait_us, remaining = await self._counted(identity.user, limit)
        except StoreDown as error:
            self._store_failed(ticket, error)
            return self._admit_without_store(identity)
        self._breaker.succeeded(ticket)
        self._counts["store", bool(admitted)].inc()
        return Admission(bool(admitted), wait_us * NS_PER_US, remaining)

    async def _counted(self, user: str, limit: RateLimit) -> tuple[int, int, int]:
        answer = await self._store.run(
            self._script,
            (f"limit:{user}",),
            limit.requests,
            _whole_us(limit.window_ns),
            self._kept_requests,
            self._kept_us,
        )
        # The script is ours: it answers three whole numbers.
        admitted, wait_us, remaining = cast("list[int]", answer)
        return admitted, wait_us, remaining

    def _store_failed(self, ticket: int, error: StoreDown) -> None:
        was = self._breaker.state
        self._breaker.failed(ticket, monotonic_ns())
        if self._breaker.state is State.OPEN and was is State.CLOSED:
            _logger.warning("limit_store_down", reason=str(error), limits=self._by_without_store)

    def _admit_without_store(self, identity: Identity) -> Admission:
        by, now_ns = self._by_without_store, monotonic_ns()
        admission = self._without_store.admit(identity.tier, identity.user, now_ns)
        self._counts[by, admission.admitted].inc()
        if by == "closed":
            raise Unavailable(
                "limits cannot be counted now", retry_after_ns=admission.retry_after_ns
            )
        return admission


def _whole_us(window_ns: int) -> int:
    # The store counts in microseconds; rounded up, no window lets in more than it may.
    return -(-window_ns // NS_PER_US)
