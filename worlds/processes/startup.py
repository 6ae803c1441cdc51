"""Bringing everything up, as much at once as dependencies allow.

valkey --+--> gateways      render workers
         +--> studio ------------------+--> gateways know them, --> the edge knows
primary --+--> replica --> catalog ----|    and are ready           the gateways
          +--> migration --------------+
certificate --> edge
"""

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

from reference_services.runtime.clock import NS_PER_S, monotonic_ns
from worlds.processes.child import Launcher
from worlds.processes.edge import make_certificate, write_routes
from worlds.processes.errors import PlatformProblem, StartCancelled
from worlds.processes.home import Home
from worlds.processes.parts import Parts, rendering_problem
from worlds.processes.postgres import Cluster
from worlds.processes.services import Services
from worlds.processes.supervisor import Part, Supervisor
from worlds.processes.waiting import Cancellation, seconds

_MIGRATION_MAX_NS = 600 * NS_PER_S
_THREADS_MAX = 96


@dataclass
class Startup:
    """One attempt to bring a platform up."""

    home: Home
    parts: Parts
    supervisor: Supervisor
    launcher: Launcher
    cancellation: Cancellation
    publish_upstreams: Callable[[], None]
    """Tells the gateways which services are ready."""

    on_progress: Callable[[str], None]
    left_out: list[str] = field(default_factory=list)
    """Why parts that were asked for are missing, one sentence each."""

    def run(self) -> None:
        """Start all parts; return when they are ready.

        Raises:
            PlatformProblem: a part does not start; the others are left to whoever stops all.
        """
        with ThreadPoolExecutor(max_workers=_THREADS_MAX) as self._pool:
            try:
                self._start_all()
            except BaseException:
                # Ctrl-C among them: the threads of the pool are waited for, so let them end.
                self.cancellation.request()
                self.launcher.close()
                raise

    def _start_all(self) -> None:
        write_routes(self.home, [])
        edge = self._pool.submit(self._start_edge)
        cache = self._pool.submit(self._start, self.parts.valkey())
        primary = self._pool.submit(self._start_primary)
        _all(cache)
        self._know(cache_port=cache.result())
        # They need no database; most of their start is spent on imports, so begin early.
        gateways = self._start_service("gateway")
        studios = self._start_service("studio")
        workers = self._start_service("render_worker")
        _all(primary, edge)
        replica = self._pool.submit(self._start_replica, primary.result())
        self._know(primary_port=primary.result())
        migration = self._pool.submit(self._migrate)
        _all(replica)
        self._know(replica_port=replica.result())
        # The catalog need not wait for its tables: nobody asks it before the gateways know it.
        _all(*self._start_service("catalog"), *studios, migration)
        # A gateway is ready once it knows somebody to pass requests to.
        self.publish_upstreams()
        _all(*gateways, *workers)

    def _know(self, **ports: int) -> None:
        self.parts.backends = replace(self.parts.backends, **ports)

    def _start_edge(self) -> int:
        make_certificate(self.home)
        return self._start(self.parts.edge())

    def _start_primary(self) -> int:
        cluster = Cluster(self.home, self.launcher, "primary")
        if not cluster.is_initialised():
            began_ns = monotonic_ns()
            cluster.initialise()
            self.on_progress(f"database created ({seconds(monotonic_ns() - began_ns)})")
        return self._start(self.parts.primary(cluster))

    def _start_replica(self, primary_port: int) -> int:
        cluster = Cluster(self.home, self.launcher, "replica-0")
        if not cluster.is_initialised() or not cluster.can_follow(primary_port):
            cluster.copy_from(primary_port)
        return self._start(self.parts.replica(cluster, primary_port))

    def _migrate(self) -> None:
        command = Services(self.home, self.parts.shape).migration(self.parts.backends)
        began_ns = monotonic_ns()
        child = self.launcher.launch(command)
        ended = self.cancellation.wait_until(lambda: not child.alive, _MIGRATION_MAX_NS)
        if not ended or child.exit_code != 0:
            child.stop(patience_ns=0)
            raise PlatformProblem(
                f"the catalog's tables were not made (exit code {child.exit_code})",
                f"its log is {command.log}",
            )
        self.on_progress(f"catalog filled ({seconds(monotonic_ns() - began_ns)})")

    def _start_service(self, service: str) -> list["Future[int]"]:
        parts = [
            self.parts.service(service, index) for index in range(self.parts.shape.count(service))
        ]
        if service != "render_worker":
            return [self._pool.submit(self._start, part) for part in parts]
        reason = rendering_problem() if parts else ""
        if reason:
            self._leave_out(reason)
            return []
        return [self._pool.submit(self._start_or_leave_out, part) for part in parts]

    def _start_or_leave_out(self, part: Part) -> int:
        try:
            return self._start(part)
        except StartCancelled:
            raise
        except PlatformProblem as problem:
            self._leave_out(f"{problem.reason}; {problem.remedy}")
            return 0

    def _leave_out(self, reason: str) -> None:
        sentence = f"videos are not rendered: {reason}"
        self.left_out.append(sentence)
        self.on_progress(sentence)

    def _start(self, part: Part) -> int:
        began_ns = monotonic_ns()
        port = self.supervisor.start(part)
        took = seconds(monotonic_ns() - began_ns)
        self.on_progress(f"{part.label} is ready on port {port} ({took})")
        return port


def _all(*futures: "Future[Any]") -> None:
    """Return when all ``futures`` are done; raise what the first of them that failed raised."""
    for future in wait(futures, return_when=FIRST_EXCEPTION).done:
        future.result()
