"""Settings of the studio."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from reference_services.runtime.queue_bullmq import QueueServer
from reference_services.runtime.settings import SecretFile, ServiceSettings


class StudioSettings(ServiceSettings):
    """Read once, at start, from ``STUDIO_*`` environment variables."""

    model_config = SettingsConfigDict(env_prefix="STUDIO_")

    cache_url: str
    """Valkey of the queue and of the idempotency keys, ``redis://host:port/number``."""

    cache_password_file: SecretFile | None = None
    """Holds its password, if it has one."""

    queue: str = "render"
    """Name of the queue."""

    results_dir: Path
    """Where workers put finished videos."""

    def server(self) -> QueueServer:
        """Return the queue's server as the adapter takes it."""
        secret = self.cache_password_file
        return QueueServer(self.cache_url, secret.reveal() if secret else None)
