"""The parts of the platform, each with how it is started and how it shows that it is ready."""

import importlib.util
from dataclasses import dataclass, field

from reference_services.runtime.clock import NS_PER_S
from worlds.processes.child import Command, Launcher
from worlds.processes.edge import edge_command, edge_serves
from worlds.processes.home import Home
from worlds.processes.ports import PortClaim, claim_free_port
from worlds.processes.postgres import Cluster
from worlds.processes.services import Backends, Services, service_ready, why_not_ready
from worlds.processes.shape import PlatformShape
from worlds.processes.supervisor import Part
from worlds.processes.valkey import valkey_answers, valkey_command

_REPLICA_MAX_NS = 20 * NS_PER_S


@dataclass
class Parts:
    """Makes the parts of one instance."""

    home: Home
    shape: PlatformShape
    launcher: Launcher
    backends: Backends = field(default_factory=lambda: Backends(0, 0, 0))
    """Where the parts listen that services depend on; known once those are ready."""

    _edge_admin: PortClaim | None = None

    def valkey(self) -> Part:
        """Return the cache and queue."""
        password = self.home.secret("cache-password")
        return Part(
            "valkey",
            0,
            lambda port: valkey_command(self.home, port, self.home.log_of("valkey", 0)),
            lambda port: valkey_answers(port, password),
        )

    def primary(self, cluster: Cluster) -> Part:
        """Return the database that is written to."""
        log = self.home.log_of("postgres_primary", 0)
        return Part("postgres_primary", 0, lambda port: cluster.command(port, log), cluster.accepts)

    def replica(self, cluster: Cluster, primary_port: int) -> Part:
        """Return the database that follows the one on ``primary_port``."""
        log = self.home.log_of("postgres_replica", 0)
        return Part(
            "postgres_replica",
            0,
            lambda port: cluster.command(port, log, primary_port),
            cluster.streams,
            start_max_ns=_REPLICA_MAX_NS,
        )

    def edge(self) -> Part:
        """Return the edge, which begins without gateways."""
        return Part(
            "edge", 0, self._edge_command, lambda _: self.edge_serves([]), port=self.shape.edge_port
        )

    def _edge_command(self, port: int) -> Command:
        self.close()
        self._edge_admin = claim_free_port()
        return edge_command(self.home, port, self._edge_admin.port, self.home.log_of("edge", 0))

    def edge_serves(self, gateway_ports: list[int]) -> bool:
        """Say whether the edge balances over just the gateways on these ports."""
        return self._edge_admin is not None and edge_serves(self._edge_admin.port, gateway_ports)

    def close(self) -> None:
        """Give back the port that the edge had beside its own."""
        if self._edge_admin is not None:
            self._edge_admin.release()
            self._edge_admin = None

    def service(self, service: str, index: int) -> Part:
        """Return one replica of a reference service."""
        services = Services(self.home, self.shape)
        return Part(
            service,
            index,
            lambda port: services.command(service, index, port, self.backends),
            service_ready,
            why_not=why_not_ready,
        )


def rendering_problem() -> str:
    """Say why there can be no render workers, and what to do about it; empty: there can."""
    if importlib.util.find_spec("manim") is None:
        return (
            'Manim is not installed (pip install "wavetank[render]"; on Linux this wants a C '
            "compiler, pkg-config, libcairo2-dev and libpango1.0-dev)"
        )
    return ""
