"""Ending tasks that talk to Valkey."""

import asyncio
from typing import Any


async def end_task(task: asyncio.Future[Any]) -> None:
    """Cancel ``task`` and return when it has ended, whatever it ended with.

    redis-py 8.1 swallows a cancellation that meets it while it connects; a task that was
    cancelled only once may go on for ever. So this says it until it is heard.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)
