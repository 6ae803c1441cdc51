"""A job followed for a client, over server-sent events or a WebSocket.

Either way the first message tells the present state, so that a client which
lost its connection needs no more than to come again.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Any, NamedTuple

from reference_services.runtime.clock import NS_PER_S
from reference_services.runtime.queue import (
    DeadLettered,
    Done,
    JobEvent,
    Progressed,
    QueueUnavailable,
)
from reference_services.runtime.tasks import end_task

# Proxies close connections that are silent for a minute; some do after half of that.
SILENCE_NS = 15 * NS_PER_S


class Message(NamedTuple):
    """What a client is told."""

    event: str
    """``progress``, ``done`` or ``failed``."""

    data: dict[str, Any]


def message(job_id: str, event: JobEvent) -> Message:
    """Return what a client is told of ``event``."""
    match event:
        case Progressed(attempt, percent):
            return Message("progress", {"id": job_id, "attempt": attempt, "progress": percent})
        case Done():
            result = result_url(job_id)
            return Message("done", {"id": job_id, "progress": 100, "result": result})
        case DeadLettered(error):
            return Message("failed", {"id": job_id, "error": error})


def result_url(job_id: str) -> str:
    """Return where a job's result is, relative to the job: true behind any gateway."""
    return f"{job_id}/result"


async def until(
    events: AsyncGenerator[JobEvent], end: Awaitable[object], silence_ns: int = SILENCE_NS
) -> AsyncGenerator[JobEvent | None]:
    """Pass ``events`` on until they end or ``end`` comes; None after each ``silence_ns`` of none.

    The queue's going away ends it too: the client comes again, and is told by its status.
    """
    ending = asyncio.ensure_future(end)
    upcoming: asyncio.Future[JobEvent | None] | None = None
    async with aclosing(events):
        try:
            while not ending.done():
                upcoming = upcoming or asyncio.ensure_future(anext(events, None))
                awaited: set[asyncio.Future[Any]] = {ending, upcoming}
                await asyncio.wait(
                    awaited,
                    timeout=silence_ns / NS_PER_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if upcoming.done():
                    event, upcoming = upcoming.result(), None
                    if event is None:
                        return
                    yield event
                elif not ending.done():
                    yield None
        finally:
            await end_task(ending)
            if upcoming is not None:
                await end_task(upcoming)


async def server_sent(
    job_id: str, first: JobEvent | None, rest: AsyncGenerator[JobEvent | None]
) -> AsyncGenerator[str]:
    """Give the job's events as the lines of an event stream.

    Source: WHATWG, HTML, section 9.2, Server-sent events.
    """
    yield "retry: 1000\n\n"
    async with aclosing(rest):
        if first is not None:
            yield _lines(message(job_id, first))
        try:
            async for event in rest:
                yield ": still here\n\n" if event is None else _lines(message(job_id, event))
        except QueueUnavailable:
            return


def _lines(told: Message) -> str:
    return f"event: {told.event}\ndata: {json.dumps(told.data)}\n\n"
