"""The folder of one instance: its data, secrets, logs, its state, and the lock that guards them."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Any

from worlds.processes.errors import PlatformProblem

_MARK = "wavetank-home"
_SOCKET_PATH_MAX = 100  # bytes; sun_path holds 104 on macOS, 108 on Linux
_CONTENTS = ("data", "secrets", "logs", "results", "edge", "state.json", "events.jsonl", "ca.pem")


@dataclass(frozen=True)
class Home:
    """Where everything of one instance lies."""

    path: Path

    @property
    def data(self) -> Path:
        """What PostgreSQL and Valkey keep."""
        return self.path / "data"

    @property
    def secrets(self) -> Path:
        """Passwords and keys; only their owner may enter."""
        return self.path / "secrets"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.path / "logs"

    @property
    def results(self) -> Path:
        """Finished videos."""
        return self.path / "results"

    @property
    def edge(self) -> Path:
        """Configuration of the edge, which reads it again when it changes."""
        return self.path / "edge"

    @property
    def ca_file(self) -> Path:
        """The certificate authority that clients of the edge have to trust."""
        return self.path / "ca.pem"

    @property
    def api_keys_file(self) -> Path:
        """The API keys of all users in clear, for whoever generates load."""
        return self.secrets / "api-keys.json"

    @property
    def state_file(self) -> Path:
        """What runs at present; absent while nothing does."""
        return self.path / "state.json"

    @property
    def events_file(self) -> Path:
        """What happened, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def control_socket(self) -> Path:
        """Where a running supervisor listens for commands."""
        inside = self.path / "control.sock"
        if len(os.fsencode(inside)) <= _SOCKET_PATH_MAX:
            return inside
        # The address of a Unix socket is short; deep homes get theirs beside the other temporary
        # files, under a name that only this home leads to.
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"wavetank-{os.getuid()}-{digest}.sock"

    def log_of(self, name: str, index: int) -> Path:
        """Return the log of one replica."""
        return self.logs / f"{name}-{index}.log"

    def prepare(self) -> None:
        """Create what is missing of the folder.

        Raises:
            PlatformProblem: the folder cannot be written, or holds somebody else's files.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / _MARK).exists():
                self._refuse_foreign()
                (self.path / _MARK).write_text("This folder belongs to wavetank.\n", "utf-8")
            # Another user (PostgreSQL's, when we are root) passes through, and sees nothing.
            self.path.chmod(0o711)
            for folder in (self.data, self.logs, self.results, self.edge, self.secrets):
                folder.mkdir(exist_ok=True)
            self.data.chmod(0o711)
            self.secrets.chmod(0o700)
            self.edge.chmod(0o700)
        except OSError as error:
            raise PlatformProblem(
                f"{self.path} cannot be used as a home: {error.strerror}",
                "choose a folder that you may write to, with --home",
            ) from error

    def _refuse_foreign(self) -> None:
        if any(self.path.iterdir()):
            raise PlatformProblem(
                f"{self.path} is not empty and was not made by wavetank",
                "choose a new or empty folder, with --home",
            )

    def secret(self, name: str, make: Callable[[], str] = token_urlsafe) -> Path:
        """Return the file of the secret ``name``; ``make`` it if this home has none yet."""
        path = self.secrets / name
        if not path.exists():
            write_atomically(path, make(), mode=0o600)
        return path

    def read_state(self) -> dict[str, Any] | None:
        """Return what the last supervisor wrote of itself, or None if it left nothing."""
        try:
            state = json.loads(self.state_file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise PlatformProblem(
                f"{self.state_file} cannot be read: {error}", "remove it, then start again"
            ) from error
        assert isinstance(state, dict)
        return state

    def write_state(self, state: dict[str, Any]) -> None:
        """Say what runs at present."""
        write_atomically(self.state_file, json.dumps(state, indent=1))

    def wipe(self) -> None:
        """Remove everything of the instance, and the folder if nothing else is in it.

        Raises:
            PlatformProblem: the folder was not made by wavetank.
        """
        if not self.path.exists():
            return
        if not (self.path / _MARK).exists():
            raise PlatformProblem(f"{self.path} was not made by wavetank; nothing was removed")
        for name in _CONTENTS:
            entry = self.path / name
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        (self.path / _MARK).unlink()
        (self.path / "lock").unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()


class HomeLock:
    """Keeps a second supervisor out of a home for as long as this one, or its guardian, lives.

    The kernel drops the lock with the last process that holds the file open, so that a crash never
    leaves one behind.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.path / "lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def descriptor(self) -> int:
        """The open file, for a process that is to hold the lock as well."""
        return self._descriptor

    def acquire(self) -> bool:
        """Take the lock if nobody has it; say whether it is ours."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace ``path`` by ``text``, so that no reader ever sees half of it."""
    beside = path.with_name(f".{path.name}.{token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
