"""Running PostgreSQL as somebody else when we are root, which it refuses to be run by."""

import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worlds.processes.errors import PlatformProblem

NOBODY = 65_534


@dataclass(frozen=True)
class Demotion:
    """How to start a program that must not run as root."""

    prefix: tuple[str, ...] = ()
    """Words to put in front of its command line."""

    options: dict[str, Any] = field(default_factory=dict)
    """Arguments for ``subprocess.Popen``."""

    owner: int | None = None
    """Who has to own the files that the program insists on owning; None: whoever we are."""

    def give(self, path: Path) -> None:
        """Make ``path`` the program's own."""
        if self.owner is not None:
            os.chown(path, self.owner, self.owner)


def demotion(paths: Iterable[Path]) -> Demotion:
    """Return how to start a program that has to reach all of ``paths``.

    Any user but root is demoted enough. Root's programs run as nobody; where nobody may not enter a
    folder on the way (the home of root, say), they keep root's right to pass closed folders, and
    nothing else of root.

    Raises:
        PlatformProblem: we are root, a folder is closed, and ``setpriv`` is not there to help.
    """
    if os.geteuid() != 0:
        return Demotion()
    closed = next((folder for path in paths for folder in _closed_folders(path)), None)
    if closed is None:
        return Demotion(options={"user": NOBODY, "group": NOBODY, "extra_groups": []}, owner=NOBODY)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PlatformProblem(
            f"PostgreSQL does not run as root, and user {NOBODY}, as whom it would, may not enter "
            f"{closed}",
            f"run as another user, or open the folder (chmod o+x {closed}), or install setpriv "
            "(util-linux)",
        )
    capability = "+dac_override"
    return Demotion(
        prefix=(
            setpriv,
            f"--reuid={NOBODY}",
            f"--regid={NOBODY}",
            "--clear-groups",
            f"--inh-caps={capability}",
            f"--ambient-caps={capability}",
        ),
        owner=NOBODY,
    )


def _closed_folders(path: Path) -> Iterable[Path]:
    for folder in path.resolve().parents:
        status = folder.stat()
        passes = status.st_mode & stat.S_IXOTH or (
            status.st_uid == NOBODY and status.st_mode & stat.S_IXUSR
        )
        if not passes:
            yield folder
