"""The platform of one home: brought up, scaled, hurt and taken down again."""

import contextlib
import itertools
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S
from worlds.processes.child import Launcher
from worlds.processes.cold_start import forget_cached
from worlds.processes.control import ControlServer, Request
from worlds.processes.edge import write_routes
from worlds.processes.errors import PlatformProblem
from worlds.processes.guardian import Guardian
from worlds.processes.home import Home, HomeLock
from worlds.processes.leftovers import occupy
from worlds.processes.logs import LogTail, logs_of
from worlds.processes.parts import Parts, rendering_problem
from worlds.processes.ports import LOOPBACK
from worlds.processes.services import GRACE_MS, make_api_keys, upstreams_known, write_upstreams
from worlds.processes.shape import (
    REPLICAS_MAX,
    SCALABLE,
    Death,
    PlatformShape,
    ServiceState,
    ServiceStatus,
)
from worlds.processes.startup import Startup
from worlds.processes.supervisor import Supervisor
from worlds.processes.usage import Usage, own_cpu_ns, started_at, usage
from worlds.processes.waiting import Cancellation

OnProgress = Callable[[str], None]

_DRAIN_NS = (GRACE_MS + 2_000) * NS_PER_MS
_UPSTREAMS = ("catalog", "studio")
_NOTICE_MAX_NS = 5 * NS_PER_S
_PUBLISH_MAX_NS = 10 * NS_PER_S
# Each waits for those before it: nobody loses what it depends on while it finishes.
_STOP_ORDER = (
    ("edge",),
    ("gateway",),
    ("catalog", "studio", "render_worker"),
    ("postgres_replica",),
    ("postgres_primary", "valkey"),
)


class Platform:
    """A platform that is up. Its methods may be called from any thread."""

    def __init__(
        self,
        home: Home,
        shape: PlatformShape,
        guardian: Guardian,
        mark: str,
        on_progress: OnProgress,
    ) -> None:
        self._home = home
        self._shape = shape
        self._guardian = guardian
        self._mark = mark
        self._on_progress = on_progress
        self._cancellation = Cancellation()
        self._launcher = Launcher(guardian, mark)
        self._parts = Parts(home, shape, self._launcher)
        self._supervisor = Supervisor(
            home, self._launcher, self._cancellation, restart=shape.restart
        )
        self._scaling = threading.Lock()
        self._writing = threading.Lock()
        self._published: dict[str, list[int]] = {}
        self._left_out: list[str] = []
        self._control: ControlServer | None = None
        self.api_keys: dict[str, str] = {}
        """The API key of each user."""

    @property
    def edge_url(self) -> str:
        """Where clients go: ``https://127.0.0.1:PORT``."""
        return f"https://{LOOPBACK}:{self._port_of('edge')}"

    @property
    def ca_file(self) -> Path:
        """The certificate authority that clients have to trust (PEM)."""
        return self._home.ca_file

    @property
    def api_keys_file(self) -> Path:
        """The API keys as a JSON object: user -> key."""
        return self._home.api_keys_file

    @property
    def left_out(self) -> tuple[str, ...]:
        """Why parts that were asked for are missing, one sentence each."""
        return tuple(self._left_out)

    def start(self) -> None:
        """Bring everything up.

        Raises:
            PlatformProblem: a part does not start; ``stop`` ends the others.
        """
        self._supervisor.when_changed(self._write_state)
        self._write_state()
        self.api_keys = make_api_keys(self._home, self._shape.users)
        write_upstreams(self._home, {})
        startup = Startup(
            self._home,
            self._parts,
            self._supervisor,
            self._launcher,
            self._cancellation,
            self._publish_upstreams,
            _one_at_a_time(self._on_progress),
        )
        startup.run()
        self._left_out = startup.left_out
        self._published["gateway"] = self._living("gateway")
        self._publish_gateways()
        self._control = ControlServer(self._home.control_socket, self._answer)
        self._write_state()

    def stop(self) -> None:
        """Take everything down, in an order in which nothing loses what it still needs."""
        self._cancellation.request()
        self._launcher.close()
        if self._control is not None:
            self._control.close()
        for names in _STOP_ORDER:
            keys = [(each.name, each.index) for each in self.services() if each.name in names]
            self._supervisor.stop(keys, _DRAIN_NS)
        self._parts.close()

    def services(self) -> list[ServiceStatus]:
        """Return all parts, dead ones included."""
        return self._supervisor.statuses()

    def logs_of(self, service: str) -> list[LogTail]:
        """Return the logs of the service's replicas, those included that are gone; maybe none."""
        with contextlib.suppress(PlatformProblem):
            return [LogTail(path) for path in logs_of(self._home, service)]
        return []

    def poll_deaths(self) -> list[Death]:
        """Return what died unasked since the last call."""
        return self._supervisor.poll_deaths()

    def cpu_ns(self, service: str) -> dict[int, int]:
        """Return the processor time that each ready replica of ``service`` has used so far.

        What its child processes use is left out.
        """
        return {
            status.index: own_cpu_ns(status.pid)
            for status in self.services()
            if status.name == service and status.state is ServiceState.READY
        }

    def kill(self, service: str, index: int, number: int = signal.SIGKILL) -> None:
        """Send a replica and its children a signal, as a fault from outside.

        Raises:
            PlatformProblem: it does not run.
        """
        self._supervisor.kill(service, index, signal.Signals(number))

    def forget_what_was_cached(self) -> None:
        """Empty the caches, the rate limits' logs and the store of finished videos.

        What comes next starts cold. The database and the queue's jobs stay.

        Raises:
            redis.RedisError: the cache does not answer.
        """
        password = self._home.secret("cache-password").read_text("utf-8").strip()
        forget_cached(self._port_of("valkey"), password)
        for video in self._home.results.glob("*.mp4"):
            video.unlink(missing_ok=True)

    def scale(self, service: str, count: int) -> None:
        """Have ``count`` living replicas of ``service``; return when they serve.

        New ones get work once they are ready; those to go get none before they are asked to stop,
        and finish what they have. Dead ones are cleared away.

        Raises:
            PlatformProblem: the service cannot be scaled, or a new replica does not start.
        """
        self._check_scalable(service, count)
        with self._scaling:
            living = self._living(service)
            free = (index for index in itertools.count() if index not in living)
            added = list(itertools.islice(free, max(count - len(living), 0)))
            self._start_replicas(service, added)
            before = [each.index for each in self.services() if each.name == service]
            self._published[service] = sorted([*living, *added])[:count]
            if service == "gateway":
                self._publish_gateways()
            elif service in _UPSTREAMS:
                self._publish_upstreams()
            surplus = set(before) - set(self._published[service])
            self._supervisor.stop([(service, index) for index in surplus], _DRAIN_NS)

    def _check_scalable(self, service: str, count: int) -> None:
        if service not in SCALABLE:
            raise PlatformProblem(
                f"{service} cannot be scaled", f"these can: {', '.join(SCALABLE)}"
            )
        if not 0 <= count <= REPLICAS_MAX:
            raise PlatformProblem(f"{count} replicas; between 0 and {REPLICAS_MAX} are possible")
        if service == "render_worker" and count and (reason := rendering_problem()):
            raise PlatformProblem(f"videos are not rendered: {reason}")

    def _start_replicas(self, service: str, indices: list[int]) -> None:
        with ThreadPoolExecutor(max_workers=max(len(indices), 1)) as pool:
            starts = [
                pool.submit(self._supervisor.start, self._parts.service(service, index))
                for index in indices
            ]
        failed = next((start.exception() for start in starts if start.exception()), None)
        if failed is not None:
            self._supervisor.stop([(service, index) for index in indices], _DRAIN_NS)
            raise failed

    def _living(self, service: str) -> list[int]:
        return [
            status.index
            for status in self.services()
            if status.name == service and status.state is ServiceState.READY
        ]

    def _publish_upstreams(self) -> None:
        """Tell the gateways which replicas there are; return when those that can have noticed."""
        for service in _UPSTREAMS:
            self._published.setdefault(service, self._living(service))
        ports = {service: self._published_ports(service) for service in _UPSTREAMS}
        write_upstreams(self._home, ports)
        listed = {port for service in _UPSTREAMS for port in ports[service]}
        # One that was stopped by a fault does not notice; that is for the rehearsal to show.
        self._cancellation.wait_until(
            lambda: all(upstreams_known(port) == listed for port in self._ready_ports("gateway")),
            _NOTICE_MAX_NS,
        )

    def _publish_gateways(self) -> None:
        """Tell the edge which gateways there are; return when it has noticed."""
        ports = self._published_ports("gateway")
        write_routes(self._home, ports)
        noticed = self._cancellation.wait_until(
            lambda: self._parts.edge_serves(ports), _PUBLISH_MAX_NS
        )
        if not noticed:
            raise PlatformProblem(
                "the edge does not take up its gateways",
                f"its log is {self._home.log_of('edge', 0)}",
            )

    def _ready_ports(self, service: str) -> list[int]:
        return [
            status.port
            for status in self.services()
            if status.name == service and status.state is ServiceState.READY
        ]

    def _published_ports(self, service: str) -> list[int]:
        return [
            status.port
            for status in self.services()
            if status.name == service and status.index in self._published[service]
        ]

    def _port_of(self, name: str) -> int:
        return next((status.port for status in self.services() if status.name == name), 0)

    def describe(self) -> dict[str, Any]:
        """Return what there is to know about the platform at present, as JSON has it."""
        return {
            "home": str(self._home.path),
            "edge_url": self.edge_url,
            "ca_file": str(self.ca_file),
            "api_keys_file": str(self.api_keys_file),
            "left_out": list(self._left_out),
            "supervisor": {"pid": os.getpid(), "born_at": started_at(os.getpid())},
            "mark": self._mark,
            "services": list(map(_described, self.services())),
        }

    def _write_state(self) -> None:
        # Several threads report changes; the last one to write must be the last one to look.
        with self._writing:
            self._home.write_state(self.describe())

    def _answer(self, request: Request) -> object:
        match request.pop("ask"):
            case "status":
                return self.describe() | {"services": list(map(_measured, self.services()))}
            case "scale":
                self.scale(**request)
            case "kill":
                self.kill(**request)
            case unknown:
                raise PlatformProblem(f"{unknown!r} is not something to ask for")
        return None


@contextlib.contextmanager
def running_platform(
    home: Path, shape: PlatformShape, on_progress: OnProgress
) -> Iterator[Platform]:
    """Bring a platform up, give it, and take it down again, whatever happens in between.

    Args:
        home:        the folder of the instance; made if there is none, kept afterwards.
        shape:       what to start.
        on_progress: is told in sentences what is being done; from several threads, in turn.

    Raises:
        PlatformProblem: the platform cannot be brought up; nothing is left running.
    """
    place = Home(home.absolute())
    place.prepare()
    mark = secrets.token_hex(16)
    with contextlib.ExitStack() as ending:
        lock = HomeLock(place)
        ending.callback(lock.close)
        occupy(place, lock, Cancellation())
        guardian = Guardian(mark, lock.descriptor)
        # Should the orderly end be interrupted (a second Ctrl-C), the guardian ends what is left.
        ending.callback(guardian.dismiss)
        ending.callback(place.state_file.unlink, missing_ok=True)
        platform = Platform(place, shape, guardian, mark, on_progress)
        ending.callback(platform.stop)
        platform.start()
        yield platform


def _one_at_a_time(on_progress: OnProgress) -> OnProgress:
    lock = threading.Lock()

    def tell(sentence: str) -> None:
        with lock:
            on_progress(sentence)

    return tell


def _described(status: ServiceStatus) -> dict[str, Any]:
    return {**asdict(status), "state": status.state.value}


def _measured(status: ServiceStatus) -> dict[str, Any]:
    used = Usage(0, 0) if status.state is ServiceState.DEAD else usage(status.pid)
    return {**_described(status), **used._asdict()}
