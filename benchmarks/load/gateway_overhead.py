"""What the gateway costs: CPU time per request, in front of an upstream that does nothing.

``python -m benchmarks.load.gateway_overhead`` runs a Valkey, a trivial upstream and a gateway, each
a process, and one closed-loop client that keeps some connections busy, first with the upstream,
then with the gateway, in turn. What is compared is CPU time and not wall time: it is read from the
processes themselves, and a busy neighbour changes it little.

The upstream is bare ASGI on the server that all services use, so the ratio is the least flattering
one to the gateway that there is: any real upstream does more.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, NS_PER_US, block_ns, monotonic_ns
from worlds.processes.binaries import valkey_server
from worlds.processes.ports import claim_free_port, port_is_free
from worlds.processes.usage import usage

ROOT = Path(__file__).parents[2]
START_MAX_NS = 30 * NS_PER_S
KEY = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of requests cost."""

    us_per_request: dict[str, float]
    """Microseconds of CPU time for each process's share in one request."""

    requests_per_s: float


async def drive(port: int, head: bytes, requests: int, connections: int) -> None:
    """Send so many requests over so many connections, the next one when the last is answered."""

    async def keep_busy() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(requests // connections):
            writer.write(head)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()

    await asyncio.gather(*(keep_busy() for _ in range(connections)))


def measure(port: int, head: bytes, pids: dict[str, int], requests: int, connections: int) -> Round:
    """Return what ``requests`` through ``port`` cost each of the processes."""
    before_ns = {name: usage(pid).cpu_ns for name, pid in pids.items()}
    started_ns = monotonic_ns()
    uvloop.run(drive(port, head, requests, connections))
    duration_ns = monotonic_ns() - started_ns
    cost = {
        name: (usage(pid).cpu_ns - before_ns[name]) / requests / NS_PER_US
        for name, pid in pids.items()
    }
    return Round(cost, requests * NS_PER_S / duration_ns)


@contextlib.contextmanager
def running(arguments: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a server; give its process id once it listens on ``port``.

    Raises:
        RuntimeError: it does not come to listen.
    """
    process = subprocess.Popen(  # noqa: S603  # our own servers
        arguments, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    try:
        deadline_ns = monotonic_ns() + START_MAX_NS
        while port_is_free(port):
            if process.poll() is not None or monotonic_ns() > deadline_ns:
                raise RuntimeError(f"{arguments[-1]} did not start")
            block_ns(50 * NS_PER_MS)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def gateway_settings(
    folder: Path, port: int, store_port: int, upstream_port: int
) -> dict[str, str]:
    """Write the gateway's files; return its environment: one user, never refused."""
    contents = {
        "UPSTREAMS_FILE": json.dumps({"catalog": [f"http://127.0.0.1:{upstream_port}"]}),
        "API_KEYS_FILE": json.dumps(
            {hashlib.sha256(KEY.encode()).hexdigest(): {"user": "load", "tier": "pro"}}
        ),
        "JWT_SECRET_FILE": secrets.token_hex(32),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return {
        "GATEWAY_PORT": str(port),
        "GATEWAY_CACHE_URL": f"redis://127.0.0.1:{store_port}/0",
        "GATEWAY_LIMITS": '{"pro": {"requests": 1000000, "window_ms": 1000}}',
        **{f"GATEWAY_{name}": str(folder / name) for name in contents},
    }


@contextlib.contextmanager
def system() -> Iterator[tuple[dict[str, int], int, int]]:
    """Run store, upstream and gateway; give their process ids, and the latter two's ports."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store_port, upstream_port, port = (claim_free_port().port for _ in range(3))
        store = [str(valkey_server()), "--bind", "127.0.0.1", "--port", str(store_port)]
        upstream = [sys.executable, "-m", "benchmarks.load.trivial_upstream", str(upstream_port)]
        gateway = [sys.executable, "-m", "reference_services.gateway"]
        settings = gateway_settings(folder, port, store_port, upstream_port)
        pids = {
            "store": stack.enter_context(running([*store, "--save", ""], store_port)),
            "upstream": stack.enter_context(running(upstream, upstream_port)),
            "gateway": stack.enter_context(running(gateway, port, **settings)),
        }
        yield pids, upstream_port, port


def main() -> None:
    """Measure, and print the medians over all rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=8_000, help="in each round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sizes = options.requests, options.connections
    with system() as (pids, upstream_port, port):
        direct_head = b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n"
        key = KEY.encode()
        head = b"GET /v1/catalog/hello HTTP/1.1\r\nhost: x\r\nx-api-key: " + key + b"\r\n\r\n"
        rounds: dict[str, list[Round]] = {"direct": [], "through the gateway": []}
        measure(port, head, pids, *sizes)  # caches fill, connections open
        for _ in range(options.rounds):
            rounds["direct"].append(measure(upstream_port, direct_head, pids, *sizes))
            rounds["through the gateway"].append(measure(port, head, pids, *sizes))
    show(rounds)


def show(rounds: dict[str, list[Round]]) -> None:
    """Print what each way cost, in CPU microseconds for one request: median (least)."""
    table = Table(title="CPU time per request, us: median (least) over rounds")
    table.add_column("way")
    for name in ("gateway", "upstream", "store", "all", "requests/s"):
        table.add_column(name, justify="right")
    for way, measured in rounds.items():
        costs = [
            [each.us_per_request[name] for each in measured]
            for name in ("gateway", "upstream", "store")
        ]
        costs.append([sum(each.us_per_request.values()) for each in measured])
        cells = [f"{statistics.median(cost):.0f} ({min(cost):.0f})" for cost in costs]
        speed = statistics.median(each.requests_per_s for each in measured)
        table.add_row(way, *cells, f"{speed:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
