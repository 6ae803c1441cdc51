"""What the gateways' circuit breakers did during a live run, from the gateways' own logs."""

import contextlib
import json
from typing import Final, Literal
from urllib.parse import urlsplit

from reference_services.gateway.watched_breaker import BREAKER_MOVED
from scenarios.records import Event
from worlds.processes.logs import LogTail
from worlds.processes.platform import Platform

_GATEWAY: Final = "gateway"

_KINDS: Final[dict[str, Literal["opened", "half_opened", "closed"]]] = {
    "open": "opened",
    "half_open": "half_opened",
    "closed": "closed",
}


class BreakerWatch:
    """Reads the transitions that happen from its making on.

    Args:
        platform: that is up.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._names: dict[int, str] = {}
        self._tails: dict[str, LogTail] = {}
        self._follow()
        for tail in self._tails.values():
            tail.new()

    def events(self) -> list[tuple[int, Event]]:
        """Return what happened since the last call: Unix time in nanoseconds, and the event.

        The event is told of the replica that the breaker guards, as the simulator does; its
        own time is left at 0.
        """
        self._follow()
        return [
            moved
            for gateway, tail in self._tails.items()
            for line in tail.new()
            if (moved := self._moved(line, gateway)) is not None
        ]

    def _follow(self) -> None:
        """Take note of replicas and logs that were not there before."""
        for status in self._platform.services():
            self._names[status.port] = f"{status.name}/{status.index}"
        for tail in self._platform.logs_of(_GATEWAY):
            self._tails.setdefault(tail.label, tail)

    def _moved(self, line: str, gateway: str) -> tuple[int, Event] | None:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            told = json.loads(line)
            if told["event"] == BREAKER_MOVED:
                url = str(told["upstream"])
                event = Event(
                    at_ns=0,
                    kind=_KINDS[told["state"]],
                    target=self._names.get(urlsplit(url).port or 0, url),
                    detail=f"as {gateway} sees it",
                )
                return int(told["at_unix_ns"]), event
        return None
