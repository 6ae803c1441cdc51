"""From a built application to a process that serves it and ends well.

One operating-system process is one replica: ``kill -9`` of it leaves nothing behind, and its CPU
time is the replica's. Told to stop (SIGTERM or SIGINT), a service first says that it is not ready,
then (after ``linger_ms``) stops accepting, lets requests in flight finish within ``grace_ms``,
closes WebSockets with code 1012, and exits with 0.

uvicorn with httptools and uvloop serves. ARCHITECTURE.md has the measurement against granian.
"""

import asyncio
import contextlib
import gc
import math
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from reference_services.runtime.clock import NS_PER_MS, sleep_ns
from reference_services.runtime.settings import ServiceSettings, settings_or_exit
from reference_services.runtime.telemetry import configure_logging
from reference_services.runtime.whole_writes import WholeWrites

S = TypeVar("S", bound=ServiceSettings)

# Longer than any caller of ours keeps a connection for its next request (the edge: 90 s), so that
# it is the caller who closes, and no request meets a connection that is being closed.
_KEEP_ALIVE_S = 120

_logger = structlog.stdlib.get_logger(__name__)


def run_service(service: str, settings: type[S], build_app: Callable[[S], FastAPI]) -> None:
    """Run one replica of ``service`` until it is told to stop; the whole of a ``__main__``.

    Exits with 2 if settings are missing or wrong, with 3 if the application does not start.
    """
    read = settings_or_exit(settings)
    configure_logging(service, read.replica, read.log_level)
    serve(build_app(read), read)


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve ``app`` in this process until SIGTERM or SIGINT; return when the last request ended."""
    # What is there by now stays: no collection, which stops every request, need look at it again.
    gc.collect()
    gc.freeze()
    uvloop.run(_serve(app, settings))


async def _serve(app: FastAPI, settings: ServiceSettings) -> None:
    server = _Server(_config(app, settings))
    lingering: set[asyncio.Task[None]] = set()

    def begin_shutdown() -> None:
        if app.state.shutdown.begun:
            return
        _logger.info("shutdown_begun", grace_ms=settings.grace_ms)
        app.state.shutdown.begin()
        lingering.add(asyncio.ensure_future(_stop_accepting(server, settings.linger_ms)))

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_shutdown)
    await server.serve()
    if not server.started:
        sys.exit(uvicorn.config.STARTUP_FAILURE)
    _logger.info("stopped")


async def _stop_accepting(server: uvicorn.Server, linger_ms: int) -> None:
    await sleep_ns(linger_ms * NS_PER_MS)
    server.should_exit = True


def _config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=WholeWrites,
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,  # the root logger writes JSON
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(math.ceil(settings.grace_ms / 1_000), 1),
    )


class _Server(uvicorn.Server):
    """uvicorn, without its own signal handlers: they end a graceful stop by raising the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to ``serve``."""
        yield
