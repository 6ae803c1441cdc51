"""Render processes, seen from the worker: start one for each scene, listen, end it in time.

On Linux each is forked from a server process that has imported Manim, which
costs some milliseconds instead of a second. Elsewhere each starts afresh: macOS
libraries do not survive a fork.
"""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

from reference_services.render_worker.renderer import (
    Failed,
    Message,
    Percent,
    Rendered,
    import_manim,
    serve_render,
)
from reference_services.runtime.clock import NS_PER_S
from reference_services.runtime.render_jobs import Render

_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_PRELOADED = [
    "reference_services.render_worker.renderer",
    "reference_services.render_worker.scenes",
]

Report: TypeAlias = Callable[[int], Awaitable[None]]


class RenderFailed(Exception):
    """One attempt at a scene gave no video; another may."""


class ManimMissing(Exception):
    """This machine cannot render."""


class RenderProcesses:
    """Starts render processes."""

    def __init__(self, limit_ns: int) -> None:
        """Take the time that one scene may take; see ``warm`` before the first one."""
        self._limit_ns = limit_ns
        self._context: Any = multiprocessing.get_context(
            "forkserver" if sys.platform == "linux" else "spawn"
        )

    def warm(self) -> None:
        """Import Manim where the render processes will come from, and say if that fails.

        Raises:
            ManimMissing: it does; the message says why.
        """
        # Numerical libraries read these when they are loaded, and never again.
        os.environ.update(dict.fromkeys(_THREAD_COUNTS, "1"))
        if self._context.get_start_method() == "forkserver":
            self._context.set_forkserver_preload(_PRELOADED)
        with self._started(import_manim) as connection:
            try:
                answer: Message = connection.recv()
            except EOFError:
                raise ManimMissing("the process that tried to import it died") from None
        if isinstance(answer, Failed):
            raise ManimMissing(answer.reason)

    async def render(self, order: Render, folder: Path, report: Report) -> Rendered:
        """Render ``order`` into ``folder`` in a process of its own.

        Cancelled or out of time, the process is killed.

        Raises:
            RenderFailed: Manim failed, the process died, or it took too long.
        """
        try:
            async with asyncio.timeout(self._limit_ns / NS_PER_S):
                return await self._follow(order, folder, report)
        except TimeoutError:
            limit_s = self._limit_ns / NS_PER_S
            raise RenderFailed(f"the scene was not finished after {limit_s:g} s") from None

    async def _follow(self, order: Render, folder: Path, report: Report) -> Rendered:
        with self._started(serve_render, order, folder) as connection:
            async with _messages(connection) as messages:
                while (message := await messages.get()) is not None:
                    match message:
                        case Percent(percent):
                            await report(percent)
                        case Rendered():
                            return message
                        case Failed(reason):
                            raise RenderFailed(reason)
        raise RenderFailed("the render process died")

    @contextmanager
    def _started(self, main: Callable[..., None], *arguments: object) -> Iterator[Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=main, args=(theirs, *arguments), daemon=True)
        try:
            process.start()
            # Only the process holds its end now: it is closed when the process is gone.
            theirs.close()
            yield ours
        finally:
            ours.close()
            theirs.close()
            process.kill()
            process.join()
            process.close()


@asynccontextmanager
async def _messages(connection: Connection) -> AsyncIterator[asyncio.Queue[Message | None]]:
    """Give what arrives on ``connection``, then None when its other end is closed."""
    loop = asyncio.get_running_loop()
    messages: asyncio.Queue[Message | None] = asyncio.Queue()

    def receive() -> None:
        try:
            messages.put_nowait(connection.recv())
        except (EOFError, OSError):
            loop.remove_reader(connection.fileno())
            messages.put_nowait(None)

    loop.add_reader(connection.fileno(), receive)
    try:
        yield messages
    finally:
        loop.remove_reader(connection.fileno())
