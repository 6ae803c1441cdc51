"""What happens to jobs, heard once for each process and passed on to whoever follows one.

BullMQ writes every event to one stream; this reads it over one connection, from
the moment of the first subscription on, and goes on where it was after the
connection broke. It is a way to be quick, not the source of truth: a listener
that hears nothing for a while looks at the job itself.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import bullmq
from redis.asyncio import Redis
from redis.exceptions import RedisError

from reference_services.runtime.clock import NS_PER_S, sleep_ns
from reference_services.runtime.queue import Progressed
from reference_services.runtime.tasks import end_task

_SILENCE_NS = 2 * NS_PER_S
_RECONNECT_NS = NS_PER_S // 4
_BLOCK_MS = 5_000


class Listener:
    """The news of one job."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[Progressed | None] = asyncio.Queue()

    def tell(self, news: Progressed | None) -> None:
        """Pass on that it progressed, or (None) that something else changed."""
        self._heard.put_nowait(news)

    async def next(self) -> Progressed | None:
        """Return progress, or None when it is time to look at the job itself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SILENCE_NS / NS_PER_S):
                return await self._heard.get()
        return None


class JobNews:
    """Reads a queue's events and tells each to the listeners of its job."""

    def __init__(self, queue: str, connect: Callable[[], Redis]) -> None:
        self._queue = queue
        self._connect = connect
        self._listeners: dict[str, set[Listener]] = {}
        self._seen = ""
        self._starting = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    async def follow(self) -> None:
        """Begin to read, if that has not begun; what happens from now on is heard."""
        async with self._starting:
            if self._reader is None:
                self._seen = await self._newest()
                self._reader = asyncio.create_task(self._read())

    @contextmanager
    def of(self, job_id: str) -> Generator[Listener]:
        """Listen to one job for as long as the ``with`` lasts."""
        listener = Listener()
        self._listeners.setdefault(job_id, set()).add(listener)
        try:
            yield listener
        finally:
            others = self._listeners[job_id]
            others.discard(listener)
            if not others:
                del self._listeners[job_id]

    async def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            await end_task(self._reader)

    async def _newest(self) -> str:
        client = self._connect()
        try:
            key = bullmq.QueueEvents(self._queue, {"connection": client, "autorun": False}).keys[
                "events"
            ]
            newest = await client.xrevrange(key, count=1)
        finally:
            await client.aclose()
        return str(newest[0][0]) if newest else "0-0"

    async def _read(self) -> None:
        while True:
            events = bullmq.QueueEvents(
                self._queue,
                {
                    "connection": self._connect(),
                    "autorun": False,
                    "lastEventId": self._seen,
                    "blockingTimeout": _BLOCK_MS,
                },
            )
            for name in ("progress", "active", "delayed", "completed", "failed"):
                events.on(name, self._hearer(name))
            try:
                # Returns when the connection breaks.
                with suppress(RedisError, OSError):
                    await events.run()
            finally:
                await events.close()
            await sleep_ns(_RECONNECT_NS)

    def _hearer(self, name: str) -> Callable[[dict[str, Any], str], None]:
        def hear(event: dict[str, Any], event_id: str) -> None:
            self._seen = event_id
            listeners = self._listeners.get(event["jobId"], ())
            progress = event.get("data") if name == "progress" else None
            for listener in listeners:
                listener.tell(Progressed(**progress) if progress else None)

        return hear
