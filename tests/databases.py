"""A real PostgreSQL for tests: primary and, if wanted, a replica, as the platform runs them."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reference_services.runtime.clock import NS_PER_S
from worlds.processes.child import Launcher
from worlds.processes.guardian import Guardian
from worlds.processes.home import Home, HomeLock
from worlds.processes.ports import claim_free_port
from worlds.processes.postgres import Cluster, postgres_url
from worlds.processes.waiting import Cancellation

_START_MAX_NS = 120 * NS_PER_S


class Databases(NamedTuple):
    """A running primary, and its replica."""

    primary_url: str
    """As ``CATALOG_DATABASE_PRIMARY_URL`` has it: without the password."""

    replica_urls: tuple[str, ...]
    password_file: Path


@contextlib.contextmanager
def running_postgres(*, replica: bool = False) -> Iterator[Databases]:
    """Run an empty PostgreSQL primary, and a replica that streams from it if asked to."""
    with open_folder() as folder, contextlib.ExitStack() as started:
        home = Home(folder / "home")
        home.prepare()
        lock = HomeLock(home)
        started.callback(lock.close)
        mark = secrets.token_hex(8)
        guardian = Guardian(mark, lock.descriptor)
        started.callback(guardian.dismiss)
        launcher = Launcher(guardian, mark)
        primary_port = _start(started, Cluster(home, launcher, "primary"), None)
        urls: tuple[str, ...] = ()
        if replica:
            port = _start(started, Cluster(home, launcher, "replica-0"), primary_port)
            urls = (postgres_url(port),)
        yield Databases(postgres_url(primary_port), urls, home.secret("database-password"))


def _start(started: contextlib.ExitStack, cluster: Cluster, primary_port: int | None) -> int:
    if primary_port is None:
        cluster.initialise()
    else:
        cluster.copy_from(primary_port)
    claim = claim_free_port()
    started.callback(claim.release)
    log = cluster.home.log_of(cluster.name, 0)
    child = cluster.launcher.launch(cluster.command(claim.port, log, primary_port))
    started.callback(child.stop, 5 * NS_PER_S)
    ready = cluster.accepts if primary_port is None else cluster.streams
    assert Cancellation().wait_until(lambda: ready(claim.port), _START_MAX_NS), log.read_text()
    return claim.port


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that every user can enter: PostgreSQL, if we are root, is somebody else."""
    # In memory where that is possible: a disk takes longer to delete a database than to serve it.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # mkdtemp is safe
    folder = Path(tempfile.mkdtemp(prefix="wavetank-test-", dir=memory))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
