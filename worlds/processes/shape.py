"""How large a platform is to be, and what its parts report of themselves."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

SCALABLE = ("gateway", "catalog", "studio", "render_worker")
"""The services that may have several replicas."""

REPLICAS_MAX = 64
"""Of one service; one machine has memory for no more."""

REPLICAS_DEFAULT = {"gateway": 2, "catalog": 2, "studio": 1, "render_worker": 1}


@dataclass(frozen=True)
class PlatformShape:
    """What to start.

    Raises:
        ValueError: a service that cannot be scaled is named, or a count is out of range.
    """

    replicas: dict[str, int] = field(default_factory=dict)
    """Replicas of each service; one that is not named has its default (``REPLICAS_DEFAULT``)."""

    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each service: environment variables that overrule what the platform would set."""

    users: dict[str, int] = field(default_factory=lambda: {"free": 8, "pro": 4})
    """How many users of each tier get an API key; user ``free-3`` is the fourth of tier free."""

    titles: int = 1_000
    """How many titles the catalog is seeded with."""

    render: bool = True
    """Whether to start render workers; without Manim the platform comes up without them."""

    edge_port: int | None = None
    """The port of the edge; None: a free one."""

    restart: bool = False
    """Whether a replica that dies unasked is started again; off, a death stays visible."""

    def __post_init__(self) -> None:
        unknown = sorted({*self.replicas, *self.settings} - set(SCALABLE))
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)}: no such service; known are {', '.join(SCALABLE)}"
            )
        for service, count in self.replicas.items():
            if not 0 <= count <= REPLICAS_MAX:
                raise ValueError(
                    f"{service}: {count} replicas; between 0 and {REPLICAS_MAX} are possible"
                )
        if self.titles < 1:
            raise ValueError(f"titles must be at least 1, not {self.titles}")

    def count(self, service: str) -> int:
        """Return how many replicas of ``service`` to start."""
        if service == "render_worker" and not self.render:
            return 0
        return self.replicas.get(service, REPLICAS_DEFAULT[service])


class ServiceState(Enum):
    """What a part of the platform is doing."""

    STARTING = "starting"  # its process runs, it is not ready yet
    READY = "ready"
    STOPPING = "stopping"  # told to stop, finishing what it has accepted
    DEAD = "dead"  # ended without having been told to by the supervisor


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One replica of one part."""

    name: str
    index: int
    pid: int
    port: int
    """Where it listens on loopback; 0: nowhere."""

    state: ServiceState
    started_at_unix_ns: int

    born_at: float
    """When the kernel says that ``pid`` started; the two together name a process for good."""


class Death(NamedTuple):
    """A process that ended without having been told to stop."""

    at_unix_ns: int
    service: str
    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody calls
    exit_code: int
    """As ``subprocess`` has it: the exit code, or minus the number of the signal."""
