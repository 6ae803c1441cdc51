"""What a live record tells of the gateways' breakers is what the gateways logged of them."""

import json
from pathlib import Path
from typing import cast

from worlds.breakers import BreakerWatch
from worlds.processes.logs import LogTail
from worlds.processes.platform import Platform
from worlds.processes.shape import ServiceState, ServiceStatus

CATALOG_PORT = 20_001


class Part:
    """As much of a platform as is looked at: its parts, and the logs of its gateways."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def services(self) -> list[ServiceStatus]:
        """Return the one replica that is guarded."""
        return [ServiceStatus("catalog", 1, 1, CATALOG_PORT, ServiceState.READY, 0, 0.0)]

    def logs_of(self, service: str) -> list[LogTail]:
        """Return the logs in the folder."""
        return [LogTail(path) for path in sorted(self.folder.glob(f"{service}-*.log"))]

    def log(self, gateway: int, *lines: object) -> None:
        """Write as a gateway does."""
        with (self.folder / f"gateway-{gateway}.log").open("a", encoding="utf-8") as log:
            log.writelines(json.dumps(line) + "\n" for line in lines)


def moved(state: str, at_unix_ns: int, port: int = CATALOG_PORT) -> dict[str, object]:
    upstream = f"http://127.0.0.1:{port}"
    told = {"event": "breaker_moved", "upstream": upstream, "state": state}
    return {**told, "at_unix_ns": at_unix_ns}


def test_transitions_are_told_of_the_replica_as_the_simulator_tells_them(tmp_path: Path) -> None:
    part = Part(tmp_path)
    part.log(0, moved("open", 1))
    watch = BreakerWatch(cast(Platform, part))
    part.log(0, {"event": "stopped", "at_unix_ns": 2}, moved("half_open", 3), "no object")
    part.log(1, moved("closed", 4, port=9))
    told = [(at, e.kind, e.target, e.detail) for at, e in watch.events()]
    assert told == [
        (3, "half_opened", "catalog/1", "as gateway/0 sees it"),
        (4, "closed", "http://127.0.0.1:9", "as gateway/1 sees it"),
    ]
    assert watch.events() == []


def test_without_gateways_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert BreakerWatch(cast(Platform, Part(tmp_path))).events() == []
