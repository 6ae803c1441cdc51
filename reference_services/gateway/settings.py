"""What the gateway reads from its environment."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from policies.circuit_breaker import BreakerLimits
from policies.rate_limit import RateLimit
from policies.retry import Backoff
from policies.store_failure import CountLocally, LetEverybodyIn, LetNobodyIn, StoreFailure
from reference_services.gateway.authentication import parse_api_keys
from reference_services.gateway.upstream_policy import (
    Balancing,
    Milliseconds,
    UpstreamPolicies,
    UpstreamPolicy,
    UpstreamPolicySetting,
    nanoseconds,
)
from reference_services.gateway.upstreams import parse_upstreams
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S
from reference_services.runtime.script_store import store_address
from reference_services.runtime.settings import SecretFile, ServiceSettings

SECRET_BYTES_MIN = 32
"""RFC 7518, section 3.2: an HS256 key is at least as long as the hash."""


class TierLimit(BaseModel):
    """How many requests a user of one tier has, as the environment says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: PositiveInt
    window_ms: Milliseconds

    def limit(self) -> RateLimit:
        """Return the limit as the policy takes it."""
        return RateLimit(requests=self.requests, window_ns=nanoseconds(self.window_ms))


class GatewaySettings(ServiceSettings):
    """Read once, at start, from ``GATEWAY_*``; files named here are read again when they change."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    cache_url: str
    """Redis URL of the store that holds the limits' logs, without a password."""

    cache_password_file: SecretFile | None = None
    """The store's password, if it wants one."""

    upstreams_file: Path
    """JSON: service -> list of base URLs of its replicas."""

    api_keys_file: Path
    """JSON: SHA-256 (hex) of a key -> ``{"user": ..., "tier": ...}``."""

    jwt_secret_file: SecretFile
    """The secret that signs tokens (HS256)."""

    limits: dict[str, TierLimit | None] = Field(min_length=1)
    """Tier -> its users' limit, null: none; a tier that is not named here is let in nowhere."""

    limit_store_down: Literal["local", "open", "closed"] = "local"
    """Without the store: count in this replica alone, let everybody in, or nobody."""

    limit_local_percent: int = Field(default=100, ge=1, le=100)
    """Counting alone: how much of each limit this replica lets in."""

    upstream_timeout_ms: PositiveInt = 5_000
    """How long an upstream may take to begin its answer, all attempts together."""

    breaker_failures: PositiveInt = 5
    """Failures in a row after which a replica is left alone."""

    breaker_cool_down_ms: PositiveInt = 10_000
    """How long it is left alone then."""

    retry_attempts: PositiveInt = 2
    """Attempts in all for a request that may be sent twice."""

    retry_budget_percent: int = Field(default=10, ge=0, le=100)
    """Retries for every 100 requests, at most."""

    retry_base_ms: PositiveInt = 20
    """The longest wait before the first retry; it doubles with each further one."""

    balancing: Balancing = "round_robin"
    """How a replica is chosen."""

    upstreams_policy: dict[str, UpstreamPolicySetting] = Field(default_factory=dict)
    """Upstream -> its own policy, which replaces all of the six above for it."""

    @field_validator("cache_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        store_address(url)
        return url

    @field_validator("api_keys_file", "upstreams_file")
    @classmethod
    def _is_usable(cls, path: Path, info: ValidationInfo) -> Path:
        parse = parse_api_keys if info.field_name == "api_keys_file" else parse_upstreams
        try:
            parse(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return path

    @field_validator("jwt_secret_file")
    @classmethod
    def _is_long_enough(cls, secret: SecretFile) -> SecretFile:
        if len(secret.reveal().encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"{secret.path} holds fewer than {SECRET_BYTES_MIN} bytes")
        return secret

    def rate_limits(self) -> dict[str, RateLimit | None]:
        """Return each tier's limit as the policy takes it; None where it has none."""
        return {
            tier: None if limit is None else limit.limit() for tier, limit in self.limits.items()
        }

    def store_failure(self) -> StoreFailure:
        """Return what happens while nobody counts for all gateways."""
        if self.limit_store_down == "local":
            return CountLocally(share_percent=self.limit_local_percent)
        if self.limit_store_down == "open":
            return LetEverybodyIn()
        return LetNobodyIn(retry_after_ns=NS_PER_S)

    def upstream_policies(self) -> UpstreamPolicies:
        """Return how each upstream is treated."""
        base_ns = self.retry_base_ms * NS_PER_MS
        timeout_ns = self.upstream_timeout_ms * NS_PER_MS
        default = UpstreamPolicy(
            timeout_ns=timeout_ns,
            breaker=BreakerLimits(
                cool_down_ns=self.breaker_cool_down_ms * NS_PER_MS,
                failures_max=self.breaker_failures,
            ),
            backoff=Backoff(
                base_ns=base_ns,
                cap_ns=max(base_ns, timeout_ns),
                attempts_max=self.retry_attempts,
            ),
            retry_budget_percent=self.retry_budget_percent,
            balancing=self.balancing,
        )
        own = {name: setting.policy() for name, setting in self.upstreams_policy.items()}
        return UpstreamPolicies(default, own)
