"""The reference platform as ordinary processes in one folder: no root, no Docker, no network.

One rule: nothing outlives its supervisor. However the supervising process ends, by ``down``, by
Ctrl-C or by ``kill -9``, a guardian ends every process that belonged to it.

    with running_platform(home, PlatformShape(), on_progress=print) as platform:
        ...  # ask platform.edge_url

The real parts (Valkey, PostgreSQL, Traefik) come as Python wheels and listen on loopback only.
"""

from worlds.processes.errors import PlatformProblem
from worlds.processes.platform import Platform, running_platform
from worlds.processes.shape import Death, PlatformShape, ServiceState, ServiceStatus

__all__ = [
    "Death",
    "Platform",
    "PlatformProblem",
    "PlatformShape",
    "ServiceState",
    "ServiceStatus",
    "running_platform",
]
