"""The limit on each user's requests, over all gateways together.

The log of a user's requests is in the store, where one script decides and notes in one round trip.
While the store is away, the gateway does what ``GATEWAY_LIMIT_STORE_DOWN`` declares:

- ``local``: each replica counts for itself. A user may then get up to the limit from each replica,
  and what the store had counted before is not known.
- ``open``: everybody is let in.
- ``closed``: nobody is.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Literal, Protocol, cast

import structlog
from prometheus_client import CollectorRegistry, Counter

from policies import (
    UNLIMITED,
    Admission,
    BreakerLimits,
    CircuitBreaker,
    RateLimit,
    State,
    TieredLimiter,
)
from reference_services.gateway.authentication import Identity, TierUnknown
from reference_services.runtime.clock import NS_PER_S, NS_PER_US, monotonic_ns
from reference_services.runtime.errors import Unavailable
from reference_services.runtime.script_store import Script, StoreDown

StoreDownMode = Literal["local", "open", "closed"]

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
        limits: Mapping[str, RateLimit],
        store_down: StoreDownMode,
        registry: CollectorRegistry,
    ) -> None:
        self._store = store
        self._limits = dict(limits)
        # A user may come now in one tier, now in another: the log must do for all of them.
        self._kept_requests = max(limit.requests for limit in limits.values())
        self._kept_us = max(limit.window_ns for limit in limits.values()) // NS_PER_US
        self._store_down = store_down
        self._local = TieredLimiter(limits)
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
            for by in ("store", "local", "open", "closed")
            for admitted in (True, False)
        }

    def limit_of(self, tier: str) -> RateLimit:
        """Return the limit of a tier.

        Raises:
            TierUnknown: it has none; such a user is let in nowhere.
        """
        limit = self._limits.get(tier)
        if limit is None:
            raise TierUnknown(f"tier {tier} has no limit here")
        return limit

    async def admit(self, identity: Identity) -> Admission:
        """Decide a request that arrives now.

        Raises:
            TierUnknown: the user's tier has no limit.
            Unavailable: the store is away, and the gateway was told to let nobody in then.
        """
        limit = self.limit_of(identity.tier)
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
            limit.window_ns // NS_PER_US,
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
            _logger.warning("limit_store_down", reason=str(error), limits=self._store_down)

    def _admit_without_store(self, identity: Identity) -> Admission:
        if self._store_down == "closed":
            self._counts["closed", False].inc()
            raise Unavailable("limits cannot be counted now", retry_after_ns=NS_PER_S)
        if self._store_down == "open":
            self._counts["open", True].inc()
            return Admission(admitted=True, retry_after_ns=0, remaining=UNLIMITED)
        admission = self._local.admit(identity.tier, identity.user, monotonic_ns())
        self._counts["local", admission.admitted].inc()
        return admission
