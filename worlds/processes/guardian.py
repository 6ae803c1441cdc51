"""The guardian: a small process that ends the platform when its supervisor is gone.

A process killed with ``kill -9`` cannot tidy up, so somebody else has to. The guardian reads a
pipe whose only writing end the supervisor holds. However the supervisor ends, the kernel closes
that end, the guardian reads end-of-file, and ends

1. every process group it was told of, with the signal it was told (PostgreSQL tidies up its shared
   memory when asked with SIGQUIT), and with SIGKILL if that is not obeyed in time;
2. every process that carries the instance's mark in its environment: those that were started in the
   instant before the supervisor could tell, and children that made groups of their own.

It also holds the lock of the home meanwhile, so that nobody moves in before it is done.

This works alike on Linux and macOS; ``PR_SET_PDEATHSIG`` would not: it is Linux's alone, is tied to
the thread that forked, and is forgotten when a child changes its user, as PostgreSQL's does.

Messages, one a line: ``+ GROUP SIGNAL`` (look after it), ``- GROUP`` (it has ended).
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = "WAVETANK_INSTANCE"
"""The environment variable that every process of an instance carries."""

_PATIENCE_S = 3.0


class Guardian:
    """The supervisor's side: tells the guardian whom to look after."""

    def __init__(self, mark: str, lock_descriptor: int) -> None:
        self._lock = threading.Lock()
        self._dismissed = False
        reading, self._writing = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own file, no shell
                # Run by path: importing the package would cost time and memory for nothing.
                [sys.executable, "-P", str(Path(__file__)), mark],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                pass_fds=(lock_descriptor,),
                # Ctrl-C in the terminal must not reach it.
                start_new_session=True,
            )
        finally:
            os.close(reading)

    @property
    def pid(self) -> int:
        """The guardian's process."""
        return self._process.pid

    def look_after(self, group: int, last_signal: signal.Signals) -> None:
        """End the process group ``group`` with ``last_signal`` should the supervisor be gone."""
        self._tell(f"+ {group} {int(last_signal)}\n")

    def forget(self, group: int) -> None:
        """Take note that ``group`` has ended; its number may soon be somebody else's."""
        self._tell(f"- {group}\n")

    def dismiss(self) -> None:
        """Let it sweep once more and end; returns when it has."""
        with self._lock:
            self._dismissed = True
            os.close(self._writing)
        self._process.wait(timeout=10 * _PATIENCE_S)

    def _tell(self, message: str) -> None:
        # A guardian that was killed cannot help; the platform goes on without its net.
        with self._lock, contextlib.suppress(BrokenPipeError):
            # Once it is closed, the number of the pipe may soon be somebody else's file.
            if not self._dismissed:
                os.write(self._writing, message.encode())


def _main() -> None:
    mark = sys.argv[1]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups = _listen(sys.stdin)
    _end(groups)
    _sweep(mark)


def _listen(messages: Iterable[str]) -> dict[int, int]:
    """Return the groups that live, with their last signals, once there are no more messages."""
    groups: dict[int, int] = {}
    for message in messages:
        match message.split():
            case ["+", group, number]:
                groups[int(group)] = int(number)
            case ["-", group]:
                groups.pop(int(group), None)
            case _:
                pass  # Half a line: the supervisor died while writing it.
    return groups


def _end(groups: dict[int, int]) -> None:
    for group, number in groups.items():
        _signal_group(group, number)
    _wait_for(set(groups))
    for group in groups:
        _signal_group(group, signal.SIGKILL)


def _wait_for(leaders: set[int]) -> None:
    import psutil  # noqa: PLC0415  # loaded only in need: the guardian idles for hours

    living = []
    for leader in leaders:
        with contextlib.suppress(psutil.NoSuchProcess):
            living.append(psutil.Process(leader))
    psutil.wait_procs(living, timeout=_PATIENCE_S)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _sweep(mark: str) -> None:
    for pid in marked(mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> Iterator[int]:
    """Yield the processes, other than this one, that belong to the instance with this ``mark``."""
    import psutil  # noqa: PLC0415  # as above

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                yield process.pid


if __name__ == "__main__":
    _main()
