"""The real Valkey and PostgreSQL of an instance: who gets in, what is kept, who runs them."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from reference_services.runtime.clock import NS_PER_S
from tests.databases import open_folder
from worlds.processes.child import Child, Launcher
from worlds.processes.demotion import NOBODY
from worlds.processes.errors import PlatformProblem
from worlds.processes.guardian import Guardian
from worlds.processes.home import Home, HomeLock
from worlds.processes.ports import claim_free_port
from worlds.processes.postgres import Cluster
from worlds.processes.valkey import valkey_answers, valkey_command
from worlds.processes.waiting import Cancellation

pytestmark = pytest.mark.servers

START_MAX_NS = 30 * NS_PER_S


class Bench:
    """A home in which database servers are started by hand."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.ending = ending
        lock = HomeLock(self.home)
        ending.callback(lock.close)
        guardian = Guardian("databases-test", lock.descriptor)
        ending.callback(guardian.dismiss)
        self.launcher = Launcher(guardian, "databases-test")

    def cluster(self, name: str) -> Cluster:
        """Return the data called ``name``."""
        return Cluster(self.home, self.launcher, name)

    def start(self, cluster: Cluster, primary_port: int | None = None) -> tuple[Child, int]:
        """Serve ``cluster``; return its process and port once it does what it is for."""
        claim = claim_free_port()
        self.ending.callback(claim.release)
        log = self.home.log_of(cluster.name, 0)
        child = self.launcher.launch(cluster.command(claim.port, log, primary_port))
        self.ending.callback(child.stop, 5 * NS_PER_S)
        ready = cluster.accepts if primary_port is None else cluster.streams
        until = Cancellation().wait_until
        assert until(lambda: ready(claim.port), START_MAX_NS), log.read_text()
        return child, claim.port


@pytest.fixture
def bench() -> Iterator[Bench]:
    with open_folder() as folder, ExitStack() as ending:
        yield Bench(folder / "home", ending)


def test_a_replica_has_what_the_primary_committed_and_is_copied_again_without_its_slot(
    bench: Bench,
) -> None:
    primary, replica = bench.cluster("primary"), bench.cluster("replica-0")
    primary.initialise()
    _, primary_port = bench.start(primary)
    replica.copy_from(primary_port)
    child, replica_port = bench.start(replica, primary_port)
    primary.ask(primary_port, "CREATE TABLE ships AS SELECT 'Vasa' AS name")

    def has_arrived() -> bool:
        return replica.ask(replica_port, "SELECT to_regclass('ships') IS NOT NULL") == "t"

    assert Cancellation().wait_until(has_arrived, START_MAX_NS)
    assert replica.ask(replica_port, "SELECT name FROM ships") == "Vasa"
    assert replica.can_follow(primary_port)

    child.stop(5 * NS_PER_S)
    primary.ask(primary_port, "SELECT pg_drop_replication_slot('replica_0')")
    assert not replica.can_follow(primary_port)
    replica.copy_from(primary_port)
    _, replica_port = bench.start(replica, primary_port)
    assert replica.ask(replica_port, "SELECT name FROM ships") == "Vasa"


def test_postgres_wants_a_password_is_nobody_if_we_are_root_and_listens_on_loopback_only(
    bench: Bench,
) -> None:
    primary = bench.cluster("primary")
    primary.initialise()
    child, port = bench.start(primary)
    process = psutil.Process(child.pid)
    assert process.uids().effective == (os.geteuid() or NOBODY)
    assert {connection.laddr.ip for connection in process.net_connections("inet")} == {"127.0.0.1"}
    password = bench.home.secret("database-password").read_text()
    assert not any(password in word for word in process.cmdline())

    bench.home.secret("database-password").write_text("a guess")
    with pytest.raises(PlatformProblem, match="password authentication failed"):
        primary.ask(port, "SELECT 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's folders are closed to PostgreSQL's user")
def test_root_may_keep_the_platform_in_a_folder_that_only_root_can_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with ExitStack() as ending:
        bench = Bench(tmp_path / "home", ending)
        primary = bench.cluster("primary")
        primary.initialise()
        child, port = bench.start(primary)
        assert psutil.Process(child.pid).uids().effective == NOBODY
        assert primary.ask(port, "SELECT 1") == "1"


def test_data_of_another_version_is_refused_and_left_alone(bench: Bench) -> None:
    primary = bench.cluster("primary")
    primary.folder.mkdir(parents=True)
    (primary.folder / "PG_VERSION").write_text("14\n")
    with pytest.raises(PlatformProblem, match="data of PostgreSQL 14; this is PostgreSQL 18"):
        assert primary.is_initialised()
    assert (primary.folder / "PG_VERSION").read_text() == "14\n"


def test_data_that_was_interrupted_half_way_is_never_started(bench: Bench) -> None:
    primary = bench.cluster("primary")
    (primary.folder.parent / "primary.unfinished").mkdir(parents=True)
    (primary.folder.parent / "primary.unfinished" / "PG_VERSION").write_text("18\n")
    assert not primary.is_initialised()
    primary.initialise()
    assert primary.is_initialised()
    assert [path.name for path in primary.folder.parent.iterdir() if path.is_dir()] == ["primary"]


def test_valkey_wants_a_password_keeps_its_data_and_listens_on_loopback_only(bench: Bench) -> None:
    password_file = bench.home.secret("cache-password")
    port = claim_free_port()
    log = bench.home.log_of("valkey", 0)
    command = valkey_command(bench.home, port.port, log)
    until = Cancellation().wait_until
    answer = ""
    for said in ("*3\r\n$3\r\nSET\r\n$4\r\nship\r\n$4\r\nVasa\r\n", "GET ship\r\n"):
        child = bench.launcher.launch(command)
        assert until(lambda: valkey_answers(port.port, password_file), START_MAX_NS)
        connections = psutil.Process(child.pid).net_connections("inet")
        assert {connection.laddr.ip for connection in connections} == {"127.0.0.1"}
        assert re.match(r"-NOAUTH", _valkey(port.port, said))
        answer = _valkey(port.port, f"AUTH {password_file.read_text()}\r\n{said}")
        child.stop(5 * NS_PER_S)
    assert "Vasa" in answer
    port.release()


def _valkey(port: int, said: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(said.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()
