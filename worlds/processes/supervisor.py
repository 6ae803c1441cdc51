"""The supervisor: starts parts, watches them, remembers how they ended.

            start            ready
   (none) ---------> STARTING ----> READY ----> STOPPING ----> (none)
                         |            |  stop                    ended
                         v            v
                       DEAD, when it ends without having been told to

A replica that dies is recorded and stays dead, since a rehearsal is about what happens then; with
``restart`` it is started again, on its old port, as an orchestrator would.
"""

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reference_services.runtime.clock import NS_PER_S, unix_ns
from worlds.processes.child import Child, Command, Launcher
from worlds.processes.errors import PlatformProblem, PortTaken, StartCancelled
from worlds.processes.home import Home
from worlds.processes.ports import PortClaim, claim_free_port, claim_port, port_is_free
from worlds.processes.shape import Death, ServiceState, ServiceStatus
from worlds.processes.waiting import Cancellation, seconds

_PORTS_TRIED_MAX = 5
_SAID_MAX = 300
_RESTART_FIRST_NS = NS_PER_S // 2
_RESTART_MOST_NS = 30 * NS_PER_S


@dataclass(frozen=True)
class Part:
    """Something that runs as one process, and how to tell that it is ready."""

    name: str
    index: int
    command: Callable[[int], Command]
    """The command that serves it on a port."""

    ready: Callable[[int], bool]
    """Whether what listens on a port is this part, able to work."""

    why_not: Callable[[int], str] = lambda _: ""
    """What it says of itself while it is not ready."""

    start_max_ns: int = 60 * NS_PER_S
    port: int | None = None
    """The port that somebody asked for; None: any."""

    @property
    def label(self) -> str:
        """The part as people name it: ``catalog/1``."""
        return f"{self.name}/{self.index}"


class _Running:
    """A part and its present process."""

    def __init__(self, part: Part, claim: PortClaim) -> None:
        self.part = part
        self.claim = claim
        self.state = ServiceState.STARTING
        self.child: Child | None = None

    def status(self) -> ServiceStatus:
        child = self.child
        return ServiceStatus(
            name=self.part.name,
            index=self.part.index,
            pid=child.pid if child else 0,
            port=self.claim.port,
            state=self.state,
            started_at_unix_ns=child.started_at_unix_ns if child else 0,
            born_at=child.born_at if child else 0.0,
        )


class Supervisor:
    """Holds the parts of one instance. Its methods may be called from any thread."""

    def __init__(
        self, home: Home, launcher: Launcher, cancellation: Cancellation, *, restart: bool
    ) -> None:
        self._home = home
        self._launcher = launcher
        self._cancellation = cancellation
        self._restart = restart
        self._lock = threading.RLock()
        self._parts: dict[tuple[str, int], _Running] = {}
        self._deaths: list[Death] = []
        self._on_change: Callable[[], None] = lambda: None

    def when_changed(self, on_change: Callable[[], None]) -> None:
        """Have ``on_change`` called after each change of a part's state."""
        self._on_change = on_change

    def statuses(self) -> list[ServiceStatus]:
        """Return all parts, dead ones included, by name and index."""
        with self._lock:
            return [self._parts[key].status() for key in sorted(self._parts)]

    def poll_deaths(self) -> list[Death]:
        """Return the deaths since the last call."""
        with self._lock:
            deaths, self._deaths = self._deaths, []
            return deaths

    def start(self, part: Part) -> int:
        """Start ``part``, replacing a dead one of its name; return its port once it is ready.

        Raises:
            PlatformProblem: it ended, or was not ready in time, or its port is taken.
            StartCancelled: the start was called off; whoever called it off stops the part.
        """
        for _ in range(_PORTS_TRIED_MAX):
            claim = claim_free_port() if part.port is None else claim_port(part.name, part.port)
            running = _Running(part, claim)
            with self._lock:
                self._drop(part.name, part.index)
                self._parts[part.name, part.index] = running
            if self._comes_up(running):
                return claim.port
            self._drop(part.name, part.index)
            if part.port is not None:
                raise PortTaken(part.name, part.port)
        raise PlatformProblem(
            f"{part.label} found each of {_PORTS_TRIED_MAX} ports taken as it was about to listen",
            "start again",
        )

    def _comes_up(self, running: _Running) -> bool:
        self._launch(running)
        try:
            return self._becomes_ready(running)
        except StartCancelled:
            raise
        except PlatformProblem:
            self.stop([(running.part.name, running.part.index)], patience_ns=NS_PER_S)
            raise

    def _launch(self, running: _Running) -> None:
        command = running.part.command(running.claim.port)
        with self._lock:
            running.child = self._launcher.launch(
                command, lambda exit_code: self._note_end(running, exit_code)
            )
        self._note("started", running.part)

    def _becomes_ready(self, running: _Running) -> bool:
        """Say whether the part is ready; False: somebody took its port in the last moment."""
        part, child = running.part, running.child
        assert child is not None
        port = running.claim.port
        in_time = self._cancellation.wait_until(
            lambda: not child.alive or part.ready(port), part.start_max_ns
        )
        if child.alive and in_time:
            with self._lock:
                if running.state is ServiceState.STARTING:
                    running.state = ServiceState.READY
            self._note("ready", part)
            return True
        if not child.alive and not port_is_free(port):
            return False
        raise self._not_ready(running)

    def _not_ready(self, running: _Running) -> PlatformProblem:
        part, child = running.part, running.child
        assert child is not None
        how = (
            f"was not ready within {seconds(part.start_max_ns)}"
            if child.alive
            else f"ended with exit code {child.exit_code} before it was ready"
        )
        log = self._home.log_of(part.name, part.index)
        said = part.why_not(running.claim.port) if child.alive else _last_line(log)
        said = f": {said[:_SAID_MAX]}" if said else ""
        return PlatformProblem(f"{part.label} {how}{said}", f"its log is {log}")

    def stop(self, keys: Iterable[tuple[str, int]], patience_ns: int) -> None:
        """Ask parts to stop, all at once, insist after ``patience_ns``; return when all ended."""
        with self._lock:
            found = [self._parts[key] for key in keys if key in self._parts]
            for running in found:
                running.state = ServiceState.STOPPING
        self._on_change()
        children = [running.child for running in found if running.child is not None]
        with ThreadPoolExecutor(max_workers=max(len(children), 1)) as pool:
            for child in children:
                pool.submit(child.stop, patience_ns)
        for running in found:
            self._drop(running.part.name, running.part.index)
            self._note("stopped", running.part)

    def kill(self, name: str, index: int, number: signal.Signals) -> None:
        """Send a signal to a part, as a fault from outside: its end counts as a death.

        Raises:
            PlatformProblem: there is no such part, or it does not run.
        """
        with self._lock:
            running = self._parts.get((name, index))
        if running is None or running.child is None or not running.child.alive:
            known = ", ".join(f"{each.name}/{each.index}" for each in self.statuses())
            raise PlatformProblem(f"{name}/{index} does not run", f"there are {known}")
        self._note("signalled", running.part, signal=number.name)
        running.child.send_group(number)

    def _drop(self, name: str, index: int) -> None:
        with self._lock:
            running = self._parts.pop((name, index), None)
        if running is not None:
            running.claim.release()

    def _note_end(self, running: _Running, exit_code: int) -> None:
        with self._lock:
            if running.state is ServiceState.STOPPING or self._cancellation.requested:
                return
            died_ready = running.state is ServiceState.READY
            running.state = ServiceState.DEAD
            part = running.part
            if died_ready:
                self._deaths.append(Death(unix_ns(), part.name, part.index, exit_code))
        self._note("died", part, exit_code=exit_code)
        if died_ready and self._restart:
            self._start_again(running)

    def _start_again(self, running: _Running) -> None:
        """Start a dead part until it is ready, waiting longer each time it is not."""
        wait_ns = _RESTART_FIRST_NS
        with contextlib.suppress(StartCancelled):
            while not self._started_again(running):
                self._cancellation.wait_until(_never, wait_ns)
                wait_ns = min(2 * wait_ns, _RESTART_MOST_NS)

    def _started_again(self, running: _Running) -> bool:
        """Try once; say whether there is nothing left to do."""
        with self._lock:
            if self._parts.get((running.part.name, running.part.index)) is not running:
                return True  # Scaled away, or replaced, in the meantime.
            running.state = ServiceState.STARTING
        try:
            self._launch(running)
            return self._becomes_ready(running)
        except StartCancelled:
            raise
        except PlatformProblem as problem:
            self._note("restart_failed", running.part, reason=problem.reason)
        assert running.child is not None
        running.child.stop(patience_ns=0)
        return False

    def _note(self, event: str, part: Part, **details: object) -> None:
        line = {"at_unix_ns": unix_ns(), "event": event, "part": part.label, **details}
        with self._lock, self._home.events_file.open("a", encoding="utf-8") as events:
            events.write(json.dumps(line) + "\n")
        self._on_change()


def _never() -> bool:
    return False


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text("utf-8", errors="replace").splitlines()]
    return next(filter(None, reversed(lines)), "")
