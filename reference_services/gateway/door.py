"""Who comes in: everything that is decided about a request before an upstream is asked."""

from typing import NamedTuple

from policies.rate_limit import Admission, RateLimit
from reference_services.gateway.authentication import Authenticator, Identity
from reference_services.gateway.forwarding import ClientRequest
from reference_services.gateway.limiter import Limiter
from reference_services.gateway.upstream_connection import Header
from reference_services.gateway.upstreams import Upstreams
from reference_services.runtime.clock import NS_PER_S
from reference_services.runtime.errors import NotFound, ServiceError
from reference_services.runtime.timing import current_timings


class RateLimited(ServiceError):
    """The user has used up what the tier allows; says when there is room again."""

    status, code = 429, "rate_limited"


class Entrant(NamedTuple):
    """A request that got in: whose it is, and what is left of the user's limit."""

    identity: Identity
    limit: RateLimit | None
    remaining: int

    def headers(self) -> list[Header]:
        """Return what tells the client about its limit, if it has one."""
        if self.limit is None:
            return []
        return [
            (b"ratelimit-limit", b"%d" % self.limit.requests),
            (b"ratelimit-remaining", b"%d" % min(self.remaining, self.limit.requests)),
        ]


class Door:
    """Identifies, counts, and lets in or not."""

    def __init__(
        self, authenticator: Authenticator, limiter: Limiter, upstreams: Upstreams
    ) -> None:
        self._authenticator = authenticator
        self._limiter = limiter
        self._upstreams = upstreams

    async def enter(self, request: ClientRequest) -> Entrant:
        """Return who got in with the request.

        Raises:
            Unauthenticated: it does not say, or cannot prove, whose it is.
            TierUnknown:     the user's tier has no limit.
            RateLimited:     the user's limit is used up.
            Unavailable:     limits cannot be counted, and nobody is to get in then.
            NotFound:        it names no service, or what only operators may see of one.
        """
        identity = self._authenticator.identify(request.api_key, request.authorization)
        limit = self._limiter.limit_of(identity.tier)
        with current_timings().part("rate_limit"):
            admission = await self._limiter.admit(identity)
        if limit is not None and not admission.admitted:
            raise _refusal(limit, admission)
        if request.service not in self._upstreams.services():
            raise NotFound(f"there is no service {request.service}")
        if request.operational:
            raise NotFound("there is no such thing")
        return Entrant(identity, limit, admission.remaining)


def _refusal(limit: RateLimit, admission: Admission) -> RateLimited:
    return RateLimited(
        f"{limit.requests} requests in {limit.window_ns / NS_PER_S:g} s are used up",
        retry_after_ns=admission.retry_after_ns,
        headers={"RateLimit-Limit": str(limit.requests), "RateLimit-Remaining": "0"},
    )
