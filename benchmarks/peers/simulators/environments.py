"""A virtual environment for each peer, made when it is first asked for.

They are under ``~/.cache/wavetank/peers``, or where ``XDG_CACHE_HOME`` says, with the versions
below and no others. What cannot be installed here is left out, and said.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

INSTALL_MAX_S: Final = 900
_MARK: Final = "installed.txt"
"""Written last, so that what was broken off is begun anew."""


class Peer(NamedTuple):
    """A simulator that others wrote."""

    name: str
    version: str
    pins: tuple[str, ...]
    """What it needs, in the versions that it is measured with."""

    form: str
    """How the work is written in it."""

    python_min: tuple[int, int] = (3, 11)

    @property
    def requirements(self) -> tuple[str, ...]:
        """What is installed, as pip takes it."""
        return (f"{self.name}=={self.version}", *self.pins)


class Ready(NamedTuple):
    """A peer that can run."""

    python: Path


class LeftOut(NamedTuple):
    """A peer that cannot."""

    reason: str


Environment: TypeAlias = Ready | LeftOut

PEERS: Final = {
    peer.name: peer
    for peer in (
        Peer(
            name="simpy",
            version="4.1.2",
            pins=(),
            form="one process for each request, resources for places",
        ),
        Peer(
            name="cimba",
            version="0.9.5",
            pins=(
                "formulaic==1.2.2",
                "interface_meta==2.0.1",
                "llvmlite==0.50.0",
                "narwhals==2.29.0",
                "numba==0.68.1",
                "numpy==2.4.6",
                "packaging==26.3",
                "pandas==3.1.1",
                "patsy==1.0.3",
                "python-dateutil==4.0.0",
                "scipy==1.17.1",
                "statsmodels==0.15.0",
                "typing_extensions==4.16.0",
                "tzdata==2026.6",
                "wrapt==2.5.2",
            ),
            form="one process for each place, stores for lines",
        ),
        Peer(
            name="ciw",
            version="3.2.7",
            pins=(
                "networkx==3.6.1",
                "numpy==2.4.6",
                "tqdm==4.70.1",
            ),
            form="its own nodes, with a record of each visit",
        ),
        Peer(
            name="happysim",
            version="0.2.5",
            pins=(
                "contourpy==1.4.0",
                "cycler==0.12.1",
                "fonttools==4.68.0",
                "kiwisolver==1.5.1",
                "matplotlib==3.11.2",
                "numpy==2.5.5",
                "packaging==26.3",
                "pandas==3.1.1",
                "pillow==13.0.0",
                "pyparsing==3.3.3",
                "python-dateutil==4.0.0",
                "tzdata==2026.6",
            ),
            form="its own servers and load balancer",
            python_min=(3, 13),
        ),
    )
}


def cache_folder() -> Path:
    """Return where the environments are."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return root / "wavetank" / "peers"


def environment(peer: Peer, folder: Path | None = None) -> Environment:
    """Return the environment of a peer, made now if it is not there.

    Args:
        peer: whose.
        folder: where the environments are. None: :func:`cache_folder`.
    """
    python = interpreter(peer.python_min)
    if python is None:
        return LeftOut(f"needs Python {_dotted(peer.python_min)} or later, and none is here")
    home = (folder or cache_folder()) / f"{peer.name}-{peer.version}"
    ready = Ready(home / "bin" / "python")
    mark = home / _MARK
    wanted = "\n".join((*peer.requirements, python))
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted and ready.python.exists():
        return ready
    shutil.rmtree(home, ignore_errors=True)
    for command in (
        [python, "-m", "venv", str(home)],
        [str(ready.python), "-m", "pip", *_INSTALL, *peer.requirements],
    ):
        reason = _why_it_failed(command)
        if reason:
            return LeftOut(f"could not be installed: {reason}")
    mark.write_text(wanted, encoding="utf-8")
    return ready


_INSTALL: Final = (
    "install",
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    # A peer that has to be built from source is another one on each machine.
    "--only-binary=:all:",
)


def interpreter(python_min: tuple[int, int]) -> str | None:
    """Return a Python of at least this version: our own if it is, or the oldest that is here."""
    if sys.version_info[:2] >= python_min:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    major, least = python_min
    for minor in range(least, least + 4):
        name = f"python{major}.{minor}"
        installed = sorted(pyenv.glob(f"versions/{major}.{minor}.*/bin/{name}"))
        for found in (shutil.which(name), *map(str, installed)):
            # Where pyenv has a version that is not chosen, its name is there and does not run.
            if found is not None and _why_it_failed([found, "-c", "import venv"]) is None:
                return found
    return None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _why_it_failed(command: list[str]) -> str | None:
    """Run a command, and return the last thing that it complained of; None if it succeeded."""
    try:
        done = subprocess.run(  # noqa: S603  # commands of our own
            command, capture_output=True, text=True, check=False, timeout=INSTALL_MAX_S
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {INSTALL_MAX_S} s"
    except OSError as error:
        return str(error.strerror)
    return complaint(done.stderr) if done.returncode else None


def complaint(stderr: str) -> str:
    """Return the last line of an error's text, without addresses of servers and their files."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")] or lines
    last = errors[-1] if errors else "without a word"
    return re.sub(r"(\w+://|(?<!\S)/)\S+", "...", last)
