"""Valkey, which holds the caches, the rate limits and the job queue."""

import contextlib
import socket
from pathlib import Path

from worlds.processes.binaries import valkey_server
from worlds.processes.child import Command
from worlds.processes.home import Home, write_atomically
from worlds.processes.ports import LOOPBACK

_ANSWER_MAX_S = 1.0


def valkey_command(home: Home, port: int, log: Path) -> Command:
    """Return the command that serves this home's Valkey on ``port``, keeping its data."""
    folder = home.data / "valkey"
    folder.mkdir(exist_ok=True)
    password = home.secret("cache-password").read_text("utf-8")
    configuration = home.secrets / "valkey.conf"
    # The password stays out of the command line, which every user of the machine can read.
    write_atomically(configuration, _configuration(folder, port, password), mode=0o600)
    return Command(arguments=(str(valkey_server()), str(configuration)), log=log)


def _configuration(folder: Path, port: int, password: str) -> str:
    # Queued jobs outlive a restart (appendonly), and are never evicted to make room for a cache.
    return "\n".join(
        [
            # Without this line it would listen on every interface.
            f"bind {LOOPBACK}",
            f"port {port}",
            f'requirepass "{password}"',
            f'dir "{folder}"',
            "daemonize no",
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            "maxmemory 256mb",
            "maxmemory-policy noeviction",
            "",
        ]
    )


def valkey_answers(port: int, password_file: Path) -> bool:
    """Say whether the Valkey on ``port`` is ours, knowing its password, and has its data loaded."""
    password = password_file.read_text("utf-8")
    request = f"AUTH {password}\r\nPING\r\n".encode()
    with contextlib.suppress(OSError), _connection(port) as connection:
        connection.sendall(request)
        answer = b""
        while answer.count(b"\r\n") < 2:  # noqa: PLR2004  # one line for each of the two commands
            received = connection.recv(4_096)
            if not received:
                return False
            answer += received
        return answer == b"+OK\r\n+PONG\r\n"
    return False


def _connection(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=_ANSWER_MAX_S)


def valkey_url(port: int) -> str:
    """Return the address of the Valkey on ``port``, as services are told it."""
    return f"redis://{LOOPBACK}:{port}/0"
