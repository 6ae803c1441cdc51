"""How the gateway treats each of its upstreams: patience, breaker, retries, balancing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from policies.circuit_breaker import BreakerLimits
from policies.retry import Backoff
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S

Balancing = Literal["round_robin", "least_outstanding", "power_of_two", "latency_aware"]

# The longest time that fits a back-off: 2**53 ns, in whole milliseconds.
_MILLISECONDS_MAX = 2**53 // NS_PER_MS

Milliseconds = Annotated[float, Field(gt=0, le=_MILLISECONDS_MAX, allow_inf_nan=False)]
"""May have a fraction, down to the nanosecond."""

PATIENCE_MAX_NS = 600 * NS_PER_S
"""How long an upstream without a timeout is waited for: so that nothing is kept for ever."""

NEVER_OPENS = BreakerLimits(cool_down_ns=1, failures_max=2**63 - 1)
"""The limits of a breaker that no upstream lives long enough to open."""

ONE_ATTEMPT = Backoff(base_ns=1, cap_ns=1, attempts_max=1)
"""No retry."""


@dataclass(frozen=True, slots=True)
class UpstreamPolicy:
    """How one upstream is treated."""

    timeout_ns: int
    """How long it may take to begin its answer, all attempts together."""

    breaker: BreakerLimits
    """When one of its replicas is left alone."""

    backoff: Backoff
    """When it is asked again."""

    retry_budget_percent: int
    """Retries for every 100 requests, at most."""

    balancing: Balancing
    """How a replica is chosen."""


class UpstreamPolicies:
    """The policy of each upstream: its own, or that of all that have none."""

    def __init__(self, default: UpstreamPolicy, own: Mapping[str, UpstreamPolicy]) -> None:
        self._default = default
        self._own = dict(own)

    def of(self, service: str) -> UpstreamPolicy:
        """Return the policy of a service."""
        return self._own.get(service, self._default)


class _Setting(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BreakerSetting(_Setting):
    """A breaker, as the environment says it."""

    failures: PositiveInt
    cool_down_ms: Milliseconds


class RetrySetting(_Setting):
    """Retries, as the environment says them."""

    attempts: PositiveInt
    base_ms: Milliseconds
    cap_ms: Milliseconds
    budget_percent: int = Field(ge=0, le=100)

    def backoff(self) -> Backoff:
        """Return when to try again, as the policy takes it."""
        base_ns = nanoseconds(self.base_ms)
        cap_ns = max(base_ns, nanoseconds(self.cap_ms))
        return Backoff(base_ns=base_ns, cap_ns=cap_ns, attempts_max=self.attempts)


class UpstreamPolicySetting(_Setting):
    """One upstream's policy, as the environment says it; null means none, so nothing is left out.

    Without a timeout the upstream is waited for ``PATIENCE_MAX_NS``.
    """

    timeout_ms: Milliseconds | None
    breaker: BreakerSetting | None
    retry: RetrySetting | None
    balancing: Balancing

    def policy(self) -> UpstreamPolicy:
        """Return it as the gateway takes it."""
        return UpstreamPolicy(
            timeout_ns=PATIENCE_MAX_NS if self.timeout_ms is None else nanoseconds(self.timeout_ms),
            breaker=NEVER_OPENS
            if self.breaker is None
            else BreakerLimits(
                cool_down_ns=nanoseconds(self.breaker.cool_down_ms),
                failures_max=self.breaker.failures,
            ),
            backoff=ONE_ATTEMPT if self.retry is None else self.retry.backoff(),
            retry_budget_percent=0 if self.retry is None else self.retry.budget_percent,
            balancing=self.balancing,
        )


def nanoseconds(milliseconds: float) -> int:
    """Return a time of the environment as the code takes it; at least 1."""
    return max(1, round(milliseconds * NS_PER_MS))
