"""The clock: the only module that reads one.

Policies take time as an argument; whoever drives a policy takes the time from here. Durations come
from ``monotonic_ns``, which never runs backwards; moments that leave the process come from
``unix_ns``.
"""

import time

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def monotonic_ns() -> int:
    """Return nanoseconds since a moment that is fixed for this machine, never running backwards."""
    return time.monotonic_ns()


def unix_ns() -> int:
    """Return nanoseconds since 1970-01-01 UTC by a clock that may be set back."""
    return time.time_ns()


async def sleep_ns(duration_ns: int) -> None:
    """Let others run for at least ``duration_ns``; for none or less, only give way once."""
    # Imported here: who only asks for the time need not wait until an event loop has loaded.
    import asyncio  # noqa: PLC0415  # see above

    await asyncio.sleep(max(duration_ns, 0) / NS_PER_S)


def block_ns(duration_ns: int) -> None:
    """Hold this thread for at least ``duration_ns``; for callers outside an event loop."""
    time.sleep(max(duration_ns, 0) / NS_PER_S)
