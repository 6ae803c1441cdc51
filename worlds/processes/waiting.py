"""Waiting for a condition with a deadline, and for nothing else."""

import threading
from collections.abc import Callable

from reference_services.runtime.clock import NS_PER_S, monotonic_ns
from worlds.processes.errors import StartCancelled

# Looking may cost a process (psql), on a machine that has other things to start just then.
_LOOK_FIRST_S, _LOOK_GROWTH, _LOOK_LAST_S = 0.010, 1.3, 0.080


class Cancellation:
    """Calls off whatever waits for something in this instance; once called off, for good."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether the waiting is called off."""
        return self._event.is_set()

    def request(self) -> None:
        """Call it off."""
        self._event.set()

    def wait_until(self, condition: Callable[[], bool], timeout_ns: int) -> bool:
        """Wait until ``condition`` holds; say whether it came to hold within ``timeout_ns``.

        Raises:
            StartCancelled: the waiting was called off.
        """
        deadline_ns = monotonic_ns() + timeout_ns
        pause_s = _LOOK_FIRST_S
        while not condition():
            if monotonic_ns() >= deadline_ns:
                return False
            if self._event.wait(pause_s):
                raise StartCancelled
            pause_s = min(pause_s * _LOOK_GROWTH, _LOOK_LAST_S)
        return True


def seconds(duration_ns: int) -> str:
    """Write a duration for people."""
    return f"{duration_ns / NS_PER_S:.2f} s"
