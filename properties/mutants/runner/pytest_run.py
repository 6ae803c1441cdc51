"""One run of pytest in a copy of the tree, and what came of it."""

import base64
import binascii
import json
import os
import re
import select
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
_WARM: Final = Path(__file__).with_name("warm_pytest.py")
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


class _WarmPytest:
    """A process that runs pytest again and again, one run after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own Python
            [sys.executable, str(_WARM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C is for the runs, which we tell ourselves.
            start_new_session=True,
        )
        self._told = b""

    def begin(self, tree: Path, log: Path, arguments: Sequence[str]) -> int:
        """Begin a run; return the number of its session."""
        asked = {"tree": str(tree), "log": str(log), "arguments": [*arguments]}
        assert self._process.stdin is not None, "we asked for a pipe"
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        session = self._next_number(None)
        assert session is not None, "without a limit it is waited for"
        return session

    def end(self, limit_s: float | None) -> int | None:
        """Wait for the end of the run; return its exit code, None after so many seconds."""
        return self._next_number(limit_s)

    def close(self) -> None:
        """Let the process end; the last run has."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "we asked for a pipe"
            pipe.close()
        self._process.wait()

    def _next_number(self, limit_s: float | None) -> int | None:
        pipe = self._process.stdout
        assert pipe is not None, "we asked for a pipe"
        while b"\n" not in self._told:
            if not select.select([pipe], [], [], limit_s)[0]:
                return None
            told = os.read(pipe.fileno(), 100)
            if not told:
                raise RuntimeError(f"a process that runs pytest ended: {self._process.wait()}")
            self._told += told
        number, _, self._told = self._told.partition(b"\n")
        return int(number)


class PytestRuns:
    """Runs pytest in copies of the tree; can stop all that is running, from another thread."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._idle: list[_WarmPytest] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()

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
            arguments = ["-q", "-p", "no:cacheprovider", "-p", "properties.profiles"]
            # What is imported already needs no assertions that explain themselves.
            arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
            arguments += [f"--hypothesis-profile={profile}"]
            arguments += [f"--junitxml={results}", "-o", "junit_family=xunit1"]
            arguments += [*(["-x"] if first else []), *tests]
            output.touch()
            code = self._run(tree, output, arguments, limit_s)
            failures = _failures(results, tree) if results.exists() else ()
            return Ended(code, failures, output.read_text(encoding="utf-8", errors="replace"))

    def stop_all(self) -> None:
        """Stop what is running, and start nothing more."""
        with self._lock:
            self._stopped.set()
            running = list(self._running)
            idle, self._idle = self._idle, []
        for session in running:
            _signal(session, signal.SIGINT)
        for warm in idle:
            warm.close()

    def _run(self, tree: Path, log: Path, arguments: list[str], limit_s: int) -> int | None:
        with self._lock:
            if self._stopped.is_set():
                return None
            warm = self._idle.pop() if self._idle else None
        warm = warm or _WarmPytest()
        session = warm.begin(tree, log, arguments)
        with self._lock:
            self._running.add(session)
            limit_s = 0 if self._stopped.is_set() else limit_s
        code = None
        try:
            code = warm.end(limit_s)
            if code is None:
                # First in a way that lets tests stop their servers themselves.
                _signal(session, signal.SIGINT)
            return code
        finally:
            ended = code is not None or warm.end(_END_S) is not None
            _signal(session, signal.SIGKILL)
            if not ended:
                warm.end(None)
            with self._lock:
                self._running.discard(session)
                kept = not self._stopped.is_set()
                if kept:
                    self._idle.append(warm)
            if not kept:
                warm.close()


def _signal(session: int, number: signal.Signals) -> None:
    try:
        os.killpg(session, number)
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
