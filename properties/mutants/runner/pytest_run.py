"""One run of pytest in a copy of the tree, and what came of it."""

import base64
import binascii
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET  # we read what our own pytest wrote

NOTHING_COLLECTED: Final = 5
_END_S: Final = 10
_STATISTICS: Final = "hypothesis-statistics-"


class Failure(NamedTuple):
    """A test that went wrong."""

    test: str
    """Its id, relative to the tree."""

    is_error: bool
    """Whether something went wrong around the test, so that it says nothing."""

    message: str
    """What was raised, in short."""

    report: str
    """What pytest shows of it."""

    examples: int | None
    """How many examples Hypothesis tried up to the one that failed; None: it is no property."""


class Ended(NamedTuple):
    """What came of a run."""

    code: int | None
    """Pytest's exit code; None if it took too long and was stopped."""

    failures: tuple[Failure, ...]
    output: str


class PytestRuns:
    """Runs pytest in copies of the tree; can stop all that is running, from another thread."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self, tree: Path, tests: Sequence[str], *, profile: str, limit_s: int, first: bool = True
    ) -> Ended:
        """Run ``tests`` of the tree.

        Args:
            tree:    root of a copy.
            tests:   files or ids, relative to it.
            profile: how hard the properties look; see ``properties.profiles``.
            limit_s: after so many seconds the run is stopped.
            first:   whether the first failure ends it.
        """
        with tempfile.TemporaryDirectory(prefix="wavetank-pytest-") as folder:
            results, output = Path(folder) / "results.xml", Path(folder) / "output"
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            command += ["-p", "properties.profiles", f"--hypothesis-profile={profile}"]
            command += [f"--junitxml={results}", "-o", "junit_family=xunit1"]
            command += [*(["-x"] if first else []), *tests]
            with output.open("wb") as log:
                code = self._run(command, tree, log.fileno(), limit_s)
            failures = _failures(results, tree) if results.exists() else ()
            return Ended(code, failures, output.read_text(encoding="utf-8", errors="replace"))

    def stop_all(self) -> None:
        """Stop what is running, and start nothing more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGINT)

    def _run(self, command: list[str], tree: Path, log: int, limit_s: int) -> int | None:
        with self._lock:
            if self._stopped:
                return None
            # A session of its own, so that the servers which tests start can be stopped with it.
            process = subprocess.Popen(  # noqa: S603  # our own Python, with our own arguments
                command,
                cwd=tree,
                env={**os.environ, "PYTHONPATH": str(tree)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            # First in a way that lets tests stop their servers themselves.
            _signal(process, signal.SIGINT)
            return None
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            _signal(process, signal.SIGKILL)
            process.wait()
            with self._lock:
                self._running.discard(process)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _failures(results: Path, tree: Path) -> tuple[Failure, ...]:
    document = ET.parse(results).getroot()  # noqa: S314  # our own pytest wrote it
    examples = {
        each.get("name", "").removeprefix(_STATISTICS): _examples(each.get("value", ""))
        for each in document.iter("property")
        if each.get("name", "").startswith(_STATISTICS)
    }
    found = []
    for case in document.iter("testcase"):
        for kind in ("failure", "error"):
            for wrong in case.iter(kind):
                test, report = _test_id(case, tree), wrong.text or ""
                message = wrong.get("message", "").partition("\n")[0]
                found.append(Failure(test, kind == "error", message, report, examples.get(test)))
    return tuple(found)


def _test_id(case: ET.Element, tree: Path) -> str:
    """Return the id of a test, which stands in the results with dots for everything."""
    # What could not be collected has no class, and all of it is its name.
    parts = (case.get("classname", "") or case.get("name", "")).split(".")
    for upto in range(len(parts), 0, -1):
        file = Path("/".join(parts[:upto]) + ".py")
        if (tree / file).is_file():
            return "::".join([file.as_posix(), *parts[upto:], case.get("name", "")])
    return case.get("name", "")


def _examples(statistics: str) -> int | None:
    """Return the number of the example that failed, from what Hypothesis tells of its search."""
    try:
        told = base64.b64decode(statistics).decode()
    except (binascii.Error, UnicodeDecodeError):
        told = statistics
    # Making the example small comes after it was found.
    searched = told.partition("during shrink phase")[0]
    passing = [int(count) for count in re.findall(r"(\d+) passing", searched)]
    return sum(passing) + 1 if passing else None
