"""Settings of the catalog."""

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from reference_services.runtime.cache import CacheLimits
from reference_services.runtime.cache_entries import Protection
from reference_services.runtime.clock import NS_PER_MS
from reference_services.runtime.database_server import DatabaseLimits
from reference_services.runtime.settings import SecretFile, ServiceSettings

_DRIVER = "postgresql+asyncpg"


def _is_database_url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError("is not a URL") from None
    if url.drivername != _DRIVER or not url.host:
        raise ValueError(f"must be like {_DRIVER}://user@host:5432/database")
    if url.password is not None:
        raise ValueError("holds a password; name a file that holds it instead")
    return value


DatabaseUrl = Annotated[str, AfterValidator(_is_database_url)]


class CatalogSettings(ServiceSettings):
    """Read once, at start, from ``CATALOG_*`` environment variables."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    cache_url: str = Field(pattern="^(redis|valkey)://")
    """Valkey of the cache, ``redis://host:port/number``, without a password."""

    cache_password_file: SecretFile | None = None
    """Holds its password, if it has one."""

    cache_ttl_ms: PositiveInt = 60_000
    """How long a value is cached, at most."""

    cache_protection: Protection = "lease"
    """``none``: cache-aside without leases, to compare with."""

    database_primary_url: DatabaseUrl
    """``postgresql+asyncpg://user@host:port/database``."""

    database_replica_urls: list[DatabaseUrl] = Field(default_factory=list)
    """JSON: the URLs of the replicas, none or more."""

    database_password_file: SecretFile
    """The user's password."""

    database_lag_max_ms: PositiveInt = 5_000
    """How far a replica may be behind and still be read while the primary answers."""

    pool_size: int = Field(default=10, ge=1, le=100)
    """Connections to the primary, and to each replica."""

    pool_wait_ms: PositiveInt = 1_000
    """How long a request waits for a free connection."""

    def cache_limits(self) -> CacheLimits:
        """Return how long things may take and are kept, as the cache takes it."""
        lag_max_ns = self.database_lag_max_ms * NS_PER_MS
        defaults = CacheLimits(ttl_ns=self.cache_ttl_ms * NS_PER_MS)
        transaction_max_ns = self.database_limits().transaction_max_ns
        return CacheLimits(
            ttl_ns=defaults.ttl_ns,
            lag_max_ns=lag_max_ns,
            transaction_max_ns=transaction_max_ns,
            floor_ns=max(defaults.floor_ns, 2 * (lag_max_ns + defaults.lease_ns)),
            write_ns=max(defaults.write_ns, 2 * (lag_max_ns + transaction_max_ns)),
        )

    def database_limits(self) -> DatabaseLimits:
        """Return what one process may ask of a server, as the database takes it."""
        return DatabaseLimits(connections=self.pool_size, wait_max_ns=self.pool_wait_ms * NS_PER_MS)


class MigrationSettings(BaseSettings):
    """What ``reference_services.catalog.migrate`` reads of the same variables."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_", frozen=True, extra="ignore")

    database_primary_url: DatabaseUrl
    database_password_file: SecretFile
