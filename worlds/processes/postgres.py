"""PostgreSQL: a primary, and a replica that streams from it.

The programs are called as they are. Data is kept from one start to the next; configuration is
written anew at each, since the ports change. A replica is a copy of the primary's files made by
``pg_basebackup``, and follows through a physical replication slot, which keeps what it has not yet
received. A replica that has fallen behind what the slot keeps is copied again.
"""

import re
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from worlds.processes.binaries import postgres_program
from worlds.processes.child import Command, Launcher
from worlds.processes.demotion import Demotion, demotion
from worlds.processes.errors import PlatformProblem, disk_full
from worlds.processes.home import Home, write_atomically
from worlds.processes.ports import LOOPBACK

USER = "wavetank"
DATABASE = "postgres"
_MAJOR = "18"

_WHO_MAY_CONNECT = f"""\
host all {USER} {LOOPBACK}/32 scram-sha-256
host replication {USER} {LOOPBACK}/32 scram-sha-256
"""

_MAKE_SLOT = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = :'slot';
SELECT pg_create_physical_replication_slot(:'slot', true);
"""

# What of a tool's many lines is worth showing.
_TELLING = re.compile("error|fatal|panic", re.IGNORECASE)
_DISK_FULL = re.compile("No space left on device|free disk space")

_SLOT_KEEPS = """
SELECT wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = :'slot';
"""

# A copy, or a crash, makes PostgreSQL sync all of its thousand files before it starts: one by one
# that took two seconds. macOS cannot do it at once.
_SYNC_ALL_AT_ONCE = {"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}

# Small, since it shares a machine with everything else, and honest: commits reach the disk.
_SETTINGS = {
    "listen_addresses": f"'{LOOPBACK}'",
    "unix_socket_directories": "''",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    # A replica that stays away for longer is copied again; without this it would fill the disk.
    "max_slot_wal_keep_size": "512MB",
    "hot_standby_feedback": "on",
    # The default of 5 s is what a replica waits before it looks for a restarted primary again.
    "wal_retrieve_retry_interval": "200ms",
    "jit": "off",
    **_SYNC_ALL_AT_ONCE,
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] '",
}


@dataclass(frozen=True)
class Cluster:
    """The data of one PostgreSQL server, and how to work with it."""

    home: Home
    launcher: Launcher
    name: str
    """``primary``, or ``replica-0`` and so on; its folder, and its slot at the primary."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.home.data / "postgres" / self.name

    @property
    def demotion(self) -> Demotion:
        """How its programs are run."""
        return demotion([self.folder, postgres_program("postgres")])

    def is_initialised(self) -> bool:
        """Whether there is data to start with.

        Raises:
            PlatformProblem: there is, but of another version of PostgreSQL.
        """
        try:
            version = (self.folder / "PG_VERSION").read_text("ascii").strip()
        except FileNotFoundError:
            return False
        if version != _MAJOR:
            raise PlatformProblem(
                f"{self.folder} holds data of PostgreSQL {version}; this is PostgreSQL {_MAJOR}",
                "keep the data by naming another --home, or remove it: wavetank down --wipe",
            )
        return True

    def initialise(self) -> None:
        """Create an empty database whose user has this home's password."""
        password = self.home.secret("database-password").read_text("utf-8")
        initial = self._private("initial-password", password)
        self._create_with(
            "initdb",
            f"--username={USER}",
            f"--pwfile={initial}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            # A crash during these first seconds costs nothing but these first seconds.
            "--no-sync",
            "--no-instructions",
        )
        initial.unlink()

    def copy_from(self, primary_port: int) -> None:
        """Make this a replica of the primary that listens on ``primary_port``.

        Raises:
            PlatformProblem: the primary cannot be copied.
        """
        self.ask(primary_port, _MAKE_SLOT)
        self._create_with(
            "pg_basebackup",
            f"--dbname={self._connection(primary_port)}",
            f"--slot={self._slot}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
        )

    def can_follow(self, primary_port: int) -> bool:
        """Say whether the primary still keeps all that this replica has not yet received."""
        return self.ask(primary_port, _SLOT_KEEPS) == "t"

    def command(self, port: int, log: Path, primary_port: int | None = None) -> Command:
        """Return the command that serves this data on ``port``.

        Args:
            port:         where it listens.
            log:          where it writes what it has to say.
            primary_port: where the primary listens that it follows; None: it is the primary.
        """
        settings = _SETTINGS | {"port": str(port), "cluster_name": f"'{self.name}'"}
        if primary_port is not None:
            settings |= {
                "primary_conninfo": f"'{self._connection(primary_port)}'",
                "primary_slot_name": f"'{self._slot}'",
            }
            self._write("standby.signal", "")
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        self._write("postgresql.conf", "".join(lines))
        self._write("pg_hba.conf", _WHO_MAY_CONNECT)
        return Command(
            arguments=(str(postgres_program("postgres")), "-D", str(self.folder)),
            log=log,
            environment={"LC_ALL": "C", "PGPASSFILE": str(self._passwords())},
            demotion=self.demotion,
            stop_signal=signal.SIGINT,  # ends sessions, writes a checkpoint
            last_signal=signal.SIGQUIT,  # ends at once, and still frees its shared memory
        )

    def ask(self, port: int, sql: str) -> str:
        """Return what the server on ``port`` answers to ``sql``, where ``:'slot'`` is our slot.

        Raises:
            PlatformProblem: it does not answer, or with an error.
        """
        arguments = ("-XAtq", "-v", "ON_ERROR_STOP=1", "-v", f"slot={self._slot}")
        return self._run("psql", *arguments, self._connection(port), given=sql).strip()

    def accepts(self, port: int) -> bool:
        """Say whether a server on ``port`` accepts connections."""
        command = (str(postgres_program("pg_isready")), "-q", "-h", LOOPBACK, "-p", str(port))
        run = self.launcher.run(Command(arguments=command))
        return run.returncode == 0

    def streams(self, port: int) -> bool:
        """Say whether the replica on ``port`` receives what the primary writes."""
        try:
            return self.ask(port, "SELECT status FROM pg_stat_wal_receiver") == "streaming"
        except PlatformProblem:
            return False

    @property
    def _slot(self) -> str:
        return self.name.replace("-", "_")

    def _connection(self, port: int) -> str:
        return (
            f"host={LOOPBACK} port={port} user={USER} dbname={DATABASE} "
            f"application_name={self.name} connect_timeout=5"
        )

    def _passwords(self) -> Path:
        password = self.home.secret("database-password").read_text("utf-8")
        return self._private("passwords", f"{LOOPBACK}:*:*:{USER}:{password}")

    def _private(self, name: str, text: str) -> Path:
        """Return a file beside the data that only PostgreSQL's user can read."""
        path = self.folder.parent / f"{self.name}.{name}"
        self.folder.parent.mkdir(exist_ok=True)
        self.folder.parent.chmod(0o711)
        if not path.exists() or path.read_text("utf-8") != f"{text}\n":
            write_atomically(path, f"{text}\n", mode=0o600)
            self.demotion.give(path)
        return path

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        write_atomically(path, text, mode=0o600)
        self.demotion.give(path)

    def _create_with(self, tool: str, *arguments: str) -> None:
        # Made under another name first: data that was interrupted half-way is never started.
        unfinished = self.folder.with_name(f"{self.name}.unfinished")
        for leftover in (unfinished, self.folder):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        self.demotion.give(unfinished)
        self._run(tool, f"--pgdata={unfinished}", *arguments)
        unfinished.rename(self.folder)

    def _run(self, tool: str, *arguments: str, given: str = "") -> str:
        run = self.launcher.run(
            Command(
                arguments=(str(postgres_program(tool)), *arguments),
                environment={"PGPASSFILE": str(self._passwords()), "LC_ALL": "C"},
                demotion=self.demotion,
                last_signal=signal.SIGTERM,  # initdb and pg_basebackup end what they have started
            ),
            given,
        )
        if run.returncode != 0:
            raise _failed(tool, run.stderr)
        return run.stdout


def _failed(tool: str, said: str) -> PlatformProblem:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = next(filter(_TELLING.search, lines), "; ".join(lines[-3:]) or "it said nothing")
    if _DISK_FULL.search(said):
        return disk_full(telling)
    return PlatformProblem(f"{tool} failed: {telling}", "see: wavetank logs postgres_primary")


def postgres_url(port: int) -> str:
    """Return the address of the server on ``port``, as services are told it."""
    return f"postgresql+asyncpg://{USER}@{LOOPBACK}:{port}/{DATABASE}"
