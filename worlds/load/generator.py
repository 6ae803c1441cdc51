"""Starts the load generator in a process of its own, and waits for it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

FAILURE = "failure.txt"
"""Where the generator's process says why it could not go on."""

SUMMARY = "load.json"
"""Where it says what it has done."""

_HERE = Path(__file__).parent
_STOP_TIMEOUT_S = 10


class LoadTarget(NamedTuple):
    """Where the traffic goes, and as whom."""

    url: str
    """The edge, on this machine."""

    api_keys_file: Path
    """JSON: API key by user name."""


class LoadProgress(BaseModel):
    """How far the generator is."""

    at_ns: int
    sent: int
    returned: int


class LoadSummary(BaseModel):
    """What the generator says about itself."""

    started_at_unix_ns: int
    """The run's start: time 0 of its history."""

    ended_ns: int
    sent: int
    late: int
    """Requests sent more than 10 ms after their time."""

    late_max_ns: int

    complete: bool
    """Whether the whole plan was sent; an interrupted run has sent a part of it."""


class LoadFailed(RuntimeError):
    """The load generator itself failed: what it wrote is not a measurement."""


def generate(
    plan: Path,
    target: LoadTarget,
    out: Path,
    *,
    drain_ns: int,
    on_progress: Callable[[LoadProgress], None],
) -> LoadSummary:
    """Send the traffic planned in ``plan`` and return when the last answer is in.

    Writes ``history.jsonl``, ``jobs.jsonl`` and ``load.json`` under ``out``. An exception
    here, Ctrl-C included, stops the generator, which then writes what it has.

    Raises:
        LoadFailed: the generator ended without having sent the plan.
    """
    log = out / "generator.log"
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603  # our own module, arguments of our own
            [*locust_command(plan, target, out, drain_ns), "--headless", "--only-summary"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Ctrl-C is ours to handle: we tell the generator, in our own time.
            start_new_session=True,
        )
        try:
            _follow(process, on_progress)
        finally:
            _stop(process)
    summary = summary_so_far(out)
    if summary is None or not summary.complete:
        failure = out / FAILURE
        why = failure.read_text(encoding="utf-8") if failure.exists() else f"see {log}"
        raise LoadFailed(f"the load generator ended early: {why}")
    return summary


def summary_so_far(out: Path) -> LoadSummary | None:
    """Return what a generator that has ended says it did, or None if it did not come to that."""
    try:
        return LoadSummary.model_validate_json((out / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def locust_command(plan: Path, target: LoadTarget, out: Path, drain_ns: int) -> list[str]:
    """Return the command that starts Locust on a plan; without more, with its web page."""
    options = {
        "--locustfile": _HERE / "locustfile.py",
        "--host": target.url,
        "--users": 1,
        "--loglevel": "WARNING",
        "--exit-code-on-error": 0,
        "--plan": plan.absolute(),
        "--keys": target.api_keys_file.absolute(),
        "--out": out.absolute(),
        "--drain-ms": drain_ns // 1_000_000,
    }
    flat = [str(part) for option in options.items() for part in option]
    return [sys.executable, "-m", "locust", *flat]


def _follow(process: subprocess.Popen[str], on_progress: Callable[[LoadProgress], None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            on_progress(LoadProgress.model_validate(json.loads(line)))
        except ValueError:
            continue  # Locust's own summary table.
    process.wait()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
