"""A process that has imported whatever tests import from elsewhere, and forks for each run.

    python warm_pytest.py

Reads a line for each run from standard input, JSON with ``tree``, ``log`` and ``arguments``, and
writes two: the process id of the run, which leads a session of its own, and its exit code. Starting
pytest costs seconds of a processor, forking costs milliseconds. Nothing of the tree itself is
imported here, so that each run imports its own copy. Ends when standard input does.
"""

import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Final

_ELSEWHERE: Final = (
    "hypothesis.strategies",
    "hypothesis.stateful",
    "hypothesis.internal.conjecture.engine",
    "hypothesis.internal.constants_ast",
    "numpy",
    "numba",
    "pydantic",
    "redis.asyncio",
    "simpy",
    "yaml",
)


def main() -> None:
    """Serve until nobody asks any more."""
    # What is beside this file is of one tree, and not to be found by the runs.
    here = str(Path(__file__).parent)
    sys.path[:] = [entry for entry in sys.path if entry not in {here, ""}]
    for entry in importlib.metadata.entry_points(group="pytest11"):
        with contextlib.suppress(ImportError):
            importlib.import_module(entry.module)
    for name in _ELSEWHERE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # What is here stays: no run need look through it for what could go.
    gc.collect()
    gc.freeze()
    while line := sys.stdin.readline():
        asked = json.loads(line)
        leads, begun = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.close(leads)
            os.close(begun)
            sys.exit(_run(asked["tree"], asked["log"], asked["arguments"]))
        os.close(begun)
        # Only then can all of the run be told to end.
        os.read(leads, 1)
        os.close(leads)
        _tell(pid)
        _tell(_exit_code(pid))


def _run(tree: str, log: str, arguments: list[str]) -> int:
    """Run pytest in this process, which is the run's own."""
    import pytest  # noqa: PLC0415  # imported before; the parent has no use for it

    os.chdir(tree)
    for number, target in enumerate((os.devnull, log, log)):
        file = os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["PYTHONPATH"] = tree
    sys.path.insert(0, tree)
    sys.argv = ["pytest", *arguments]
    importlib.invalidate_caches()
    try:
        return int(pytest.main(arguments))
    except BaseException:
        traceback.print_exc()
        raise


def _exit_code(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _tell(number: int) -> None:
    os.write(sys.stdout.fileno(), f"{number}\n".encode())


if __name__ == "__main__":
    # Whoever asked may have ended before its answer.
    with contextlib.suppress(BrokenPipeError):
        main()
