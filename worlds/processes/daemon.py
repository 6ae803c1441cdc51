"""The supervisor as a process of its own, which outlives the terminal it was started from.

``start_daemon`` is the side of whoever wants a platform; this module run as a program is the other.
The request goes in on standard input; progress comes back on standard output, a JSON object a line:
``{"progress": sentence}``, and last either ``{"up": description}`` or ``{"reason", "remedy"}``.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from worlds.processes.errors import PlatformProblem, problem_of
from worlds.processes.home import Home
from worlds.processes.platform import running_platform
from worlds.processes.shape import PlatformShape

_END_MAX_S = 60.0


def start_daemon(
    home: Path, shape: PlatformShape, on_progress: Callable[[str], None]
) -> dict[str, Any]:
    """Bring up a platform that stays up when this process ends; return its description.

    Raises:
        PlatformProblem: it cannot be brought up; nothing is left running.
    """
    place = Home(home.absolute())
    place.prepare()
    with (place.logs / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Neither Ctrl-C here nor the end of this terminal reaches it.
            start_new_session=True,
            text=True,
        )
    with process:
        try:
            return _follow(process, place, {"home": str(place.path), **asdict(shape)}, on_progress)
        except BaseException:
            # Ctrl-C among them: what was not seen to come up is taken down.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_MAX_S)
            process.kill()
            raise


def _follow(
    process: "subprocess.Popen[str]",
    place: Home,
    request: dict[str, Any],
    on_progress: Callable[[str], None],
) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    for line in process.stdout:
        match json.loads(line):
            case {"progress": str(sentence)}:
                on_progress(sentence)
            case {"up": dict(description)}:
                # ``with process`` would wait for an end that is not due.
                process.returncode = 0
                return description
            case {"reason": str(reason), "remedy": str(remedy)}:
                raise PlatformProblem(reason, remedy)
            case other:
                raise AssertionError(f"the supervisor says {other!r}")
    raise PlatformProblem(
        f"the supervisor ended unexpectedly, with exit code {process.wait()}",
        f"its log is {place.logs / 'supervisor.log'}",
    )


def _main() -> None:
    request = json.load(sys.stdin)
    home = Path(request.pop("home"))
    # Until it is up, being told to end interrupts the start, as Ctrl-C would.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        _serve(home, PlatformShape(**request))
    except PlatformProblem as problem:
        _refuse(problem)
    except (KeyboardInterrupt, BrokenPipeError):
        # Nobody is there to be told that it is up: nobody would know how to take it down.
        sys.exit(1)
    except OSError as error:
        _refuse(problem_of(error))


def _refuse(problem: PlatformProblem) -> NoReturn:
    _tell({"reason": problem.reason, "remedy": problem.remedy})
    sys.exit(1)


def _serve(home: Path, shape: PlatformShape) -> None:
    told_to_end = threading.Event()

    def on_progress(sentence: str) -> None:
        _tell({"progress": sentence})

    with running_platform(home, shape, on_progress) as platform:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told_to_end.set())
        _tell({"up": platform.describe()})
        _let_go_of_the_terminal()
        told_to_end.wait()


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _let_go_of_the_terminal() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


if __name__ == "__main__":
    _main()
