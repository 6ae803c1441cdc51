"""Settings of a render worker."""

from pathlib import Path

from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict

from reference_services.runtime.clock import NS_PER_MS
from reference_services.runtime.queue import WorkerLimits
from reference_services.runtime.queue_bullmq import QueueServer
from reference_services.runtime.settings import SecretFile, ServiceSettings


class RenderWorkerSettings(ServiceSettings):
    """Read once, at start, from ``RENDER_WORKER_*`` environment variables."""

    model_config = SettingsConfigDict(env_prefix="RENDER_WORKER_")

    cache_url: str
    """The queue's Valkey, ``redis://host:port/number``."""

    cache_password_file: SecretFile | None = None
    """Holds its password, if it has one."""

    queue: str = "render"
    """Name of the queue."""

    results_dir: Path
    """Where finished videos go; shared with the studio."""

    concurrency: PositiveInt = 1
    """Scenes rendered at a time; each takes about one core."""

    lock_ms: int = Field(default=5_000, ge=100)
    """How long a silent worker keeps a job."""

    attempts_max: PositiveInt = 3
    """How often a job is tried before it goes to the dead letters."""

    backoff_ms: PositiveInt = 1_000
    """Wait before the second attempt; doubles with every further one."""

    render_limit_ms: PositiveInt = 60_000
    """How long one scene may take before its process is killed."""

    def server(self) -> QueueServer:
        """Return the queue's server as the adapter takes it."""
        secret = self.cache_password_file
        return QueueServer(self.cache_url, secret.reveal() if secret else None)

    def limits(self) -> WorkerLimits:
        """Return the limits as the worker takes them."""
        return WorkerLimits(
            concurrency=self.concurrency,
            lock_ns=self.lock_ms * NS_PER_MS,
            attempts_max=self.attempts_max,
            backoff_ns=self.backoff_ms * NS_PER_MS,
        )
