"""Starting, watching and ending one operating-system process."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from reference_services.runtime.clock import NS_PER_S, unix_ns
from worlds.processes.demotion import Demotion
from worlds.processes.errors import PlatformProblem, StartCancelled
from worlds.processes.guardian import MARK, Guardian
from worlds.processes.usage import started_at

Stream: TypeAlias = BinaryIO | int

# What a program needs of its surroundings to work. Everything else stays out: a GATEWAY_LIMITS
# exported in somebody's shell must not change a rehearsal, nor somebody's secrets reach a log.
_INHERITED = (
    "PATH",
    "HOME",
    "TMPDIR",
    "TZ",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "XDG_CACHE_HOME",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
)


@dataclass(frozen=True)
class Command:
    """A program to run until it is told to stop."""

    arguments: tuple[str, ...]
    log: Path = Path(os.devnull)
    """Where all that it says goes, unless somebody reads it."""

    environment: dict[str, str] = field(default_factory=dict)
    demotion: Demotion = field(default_factory=Demotion)

    stop_signal: signal.Signals = signal.SIGTERM
    """Asks it to finish what it does and end."""

    last_signal: signal.Signals = signal.SIGKILL
    """Ends it at once; SIGKILL unless the program has something better."""


class Child:
    """A running process, the leader of its own process group."""

    def __init__(self, command: Command, process: "subprocess.Popen[bytes]") -> None:
        self._command = command
        self._process = process
        self.started_at_unix_ns = unix_ns()
        # Asked before anybody waits for the process: until then its number is nobody else's.
        self.born_at = started_at(process.pid) or 0.0
        self._ended = threading.Event()

    @property
    def pid(self) -> int:
        """The process, and its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended (minus the number of the signal that ended it), or None while it runs."""
        return self._process.returncode if self._ended.is_set() else None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return not self._ended.is_set()

    def ask_to_stop(self) -> None:
        """Send the signal that its program takes as a request to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(self._command.stop_signal)

    def send_group(self, number: int) -> None:
        """Send a signal to the process and to all of its group."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def stop(self, patience_ns: int) -> None:
        """Ask it to stop, insist after ``patience_ns``; return when it has ended."""
        self.ask_to_stop()
        if not self._ended.wait(patience_ns / NS_PER_S):
            self.send_group(self._command.last_signal)
            if not self._ended.wait(1.0):
                self.send_group(signal.SIGKILL)
        self._ended.wait()

    def watch(self, on_end: Callable[[], None]) -> int:
        """Wait for the process to end, call ``on_end``, and only then let others know.

        For the one thread that watches the process. Returns the exit code.
        """
        exit_code = self._process.wait()
        on_end()
        self._ended.set()
        return exit_code


class Launcher:
    """Starts the processes of one instance: marked, guarded, watched, with an empty environment."""

    def __init__(self, guardian: Guardian, mark: str) -> None:
        self._guardian = guardian
        self._mark = mark
        self._fresh_logs: set[Path] = set()
        self._tools: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def launch(self, command: Command, on_exit: Callable[[int], None] = lambda _: None) -> Child:
        """Start ``command``; ``on_exit`` is told the exit code, in a thread of its own.

        Raises:
            PlatformProblem: the program cannot be executed.
        """
        with self._open_log(command.log) as log:
            process = self._start(command, log, subprocess.STDOUT)
        self._guardian.look_after(process.pid, command.last_signal)
        child = Child(command, process)
        threading.Thread(target=self._watch, args=(child, on_exit), daemon=True).start()
        return child

    def run(self, command: Command, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run ``command`` to its end, with ``given`` as its input; its output comes back.

        Raises:
            PlatformProblem: the program cannot be executed, or the platform is being ended.
        """
        with self._start(command, subprocess.PIPE, subprocess.PIPE, stdin=subprocess.PIPE) as tool:
            self._guardian.look_after(tool.pid, command.last_signal)
            self._tools.add(tool)
            try:
                out, err = tool.communicate(given.encode())
            finally:
                self._tools.discard(tool)
                self._guardian.forget(tool.pid)
        if self._closed:
            raise StartCancelled
        return subprocess.CompletedProcess(
            command.arguments, tool.returncode, out.decode(), err.decode()
        )

    def close(self) -> None:
        """End the programs that are being run, and start no more."""
        self._closed = True
        for tool in tuple(self._tools):
            with contextlib.suppress(ProcessLookupError):
                tool.terminate()

    def _start(
        self, command: Command, out: Stream, err: Stream, stdin: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        if self._closed:
            raise StartCancelled
        try:
            return subprocess.Popen(  # noqa: S603  # no shell; arguments are ours
                [*command.demotion.prefix, *command.arguments],
                stdin=stdin,
                stdout=out,
                stderr=err,
                cwd="/",
                env=self._environment(command.environment),
                # A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which
                # ends the others in their order.
                start_new_session=True,
                **command.demotion.options,
            )
        except OSError as error:
            raise PlatformProblem(
                f"{command.arguments[0]} cannot be started: {error.strerror}"
            ) from error

    def _environment(self, own: dict[str, str]) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {**inherited, MARK: self._mark, **own}

    def _watch(self, child: Child, on_exit: Callable[[int], None]) -> None:
        on_exit(child.watch(lambda: self._guardian.forget(child.pid)))

    def _open_log(self, path: Path) -> BinaryIO:
        # Logs begin anew with each instance; a replica that is started again adds to its own.
        mode = "ab" if path in self._fresh_logs else "wb"
        self._fresh_logs.add(path)
        return cast("BinaryIO", path.open(mode))
