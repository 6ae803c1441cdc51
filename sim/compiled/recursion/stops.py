"""A scenario as the stops of its classes, and the places there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from scenarios.distributions import Distribution
from scenarios.routes import Cached, Call, Enqueue, Read, RequestClass, StationTimes, Step, Write
from scenarios.spec import Scenario
from sim.compiled.codes import NOBODY
from sim.compiled.program import Draws
from sim.compiled.state import Stations

_BITS: Final = 8
"""For one replica in ``callers``."""

_CLIENT: Final = "client of all"
"""No name of a service has blanks."""


@dataclass(slots=True)
class Stops:
    """The tables of a scenario's stops.

    Attributes:
        stops: one mapping of ``STOP``'s fields for each, class by class.
        starts: the first stop of each class.
        stations: likewise of ``STATION``'s fields: databases, then services.
        groups: likewise of ``GROUP``'s.
        places: how many there are.
        turns: how many callers take turns, each with a count of its own.
    """

    scenario: Scenario
    draws: Draws = field(default_factory=Draws)
    stops: list[dict[str, int]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    stations: list[dict[str, int]] = field(default_factory=list)
    groups: list[dict[str, int]] = field(default_factory=list)
    places: int = 0
    turns: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)
    _groups_of: dict[str, int] = field(default_factory=dict)
    _turns_of: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in the tables."""
        for name, database in self.scenario.databases.items():
            self._add_station(name, 1 + database.replicas, database.pool)
        for name, service in self.scenario.services.items():
            self._add_station(name, service.replicas, service.concurrency)
        for number, request_class in enumerate(self.scenario.classes.values()):
            self.starts.append(len(self.stops))
            way = _Way(self, request_class)
            mine = [{**stop, "class_index": number} for stop in way.stops()]
            mine[-1]["is_last"] = 1
            self.stops += mine
        later = {stop["station"] for at, stop in enumerate(self.stops) if at not in self.starts}
        for start in self.starts:
            self.stops[start]["is_entry"] = self.stops[start]["station"] not in later

    def _add_station(self, name: str, groups: int, capacity: int) -> None:
        station = self._numbers[name] = len(self.stations)
        self._groups_of[name] = len(self.groups)
        self.stations.append({"waits": Stations(self.scenario).waits(name), "came_ns": NOBODY})
        for _ in range(groups):
            self.groups.append({"station": station, "base": self.places, "capacity": capacity})
            self.places += capacity

    def station(self, name: str) -> dict[str, int]:
        """Return what all stops at a station have in common."""
        return {"station": self._numbers[name], "group": self._groups_of[name], "groups": 1}

    def turn(self, caller: str, callers: int, name: str) -> int:
        """Return where the turns of a caller's replicas at a station are counted."""
        if (caller, name) not in self._turns_of:
            self._turns_of[caller, name] = self.turns
            self.turns += callers
        return self._turns_of[caller, name]


class _Way:
    """The stops of one class; its sites are counted as in ``sim.models.platform``."""

    def __init__(self, table: Stops, request_class: RequestClass) -> None:
        self._table = table
        self._scenario = table.scenario
        self._class = request_class
        self._visited: Counter[str] = Counter()

    def stops(self) -> Iterator[dict[str, int]]:
        """Return them in the order in which a request comes by."""
        steps: Sequence[Step] = self._class.steps
        for service in reversed(self._class.through):
            steps = [Call(call=service, steps=tuple(steps))]
        return iter(self._follow(steps, _CLIENT, 0))

    def _follow(self, steps: Sequence[Step], caller: str, level: int) -> list[dict[str, int]]:
        found: list[dict[str, int]] = []
        for step in steps:
            match step:
                case Call(call=service):
                    found.append(self._call(service, caller, level))
                    found += self._follow(step.steps, service, level + 1)
                case Read(read=database):
                    found.append(self._read(database))
                case Write(write=database):
                    found.append(self._write(database))
                case Cached() | Enqueue():
                    raise AssertionError("a scenario with these does not qualify")
        return found

    def _call(self, name: str, caller: str, level: int) -> dict[str, int]:
        spec, own = self._scenario.services[name], self._own(name)
        draw = self._table.draws(
            own.service_time_ns or spec.service_time_ns, f"service {name} work"
        )
        wait_draw = self._table.draws(own.wait_time_ns or spec.wait_time_ns, f"service {name} wait")
        return {
            **self._table.station(name),
            **self._turns(caller, name, spec.replicas, level),
            "takes_place": draw != NOBODY,
            "draw": draw,
            "wait_draw": wait_draw,
            "site": self._site(f"service {name}"),
        }

    def _turns(self, caller: str, name: str, replicas: int, level: int) -> dict[str, int]:
        """Return how a caller chooses a replica; where it calls from is one level further out."""
        own = _BITS * level if replicas > 1 else NOBODY
        if replicas == 1:
            return {"turns": NOBODY, "caller": NOBODY, "own": own}
        callers = 1 if caller == _CLIENT else self._scenario.services[caller].replicas
        return {
            "groups": replicas,
            "turns": self._table.turn(caller, callers, name),
            "caller": _BITS * (level - 1) if callers > 1 else NOBODY,
            "own": own,
        }

    def _read(self, name: str) -> dict[str, int]:
        spec = self._scenario.databases[name]
        row = self._query(name, spec.read_time_ns, "read")
        if spec.replicas:
            # The primary is the first.
            row["group"] += 1
            row["groups"] = spec.replicas
        if spec.replicas > 1:
            row["turns"] = self._table.turn(_CLIENT, 1, name)
        return row

    def _write(self, name: str) -> dict[str, int]:
        return self._query(name, self._scenario.databases[name].write_time_ns, "write")

    def _query(self, name: str, time_ns: Distribution, kind: str) -> dict[str, int]:
        return {
            **self._table.station(name),
            **dict.fromkeys(("turns", "caller", "own", "wait_draw"), NOBODY),
            "takes_place": 1,
            "draw": self._table.draws(
                self._own(name).service_time_ns or time_ns, f"database {name} {kind}"
            ),
            "site": self._site(f"database {name}"),
        }

    def _own(self, station: str) -> StationTimes:
        """Return what this class takes at a station where that differs from the others'."""
        return self._class.times.get(station, StationTimes())

    def _site(self, station: str) -> int:
        """Return which of the class's stops at ``station`` comes next, counted from 0."""
        self._visited[station] += 1
        return self._visited[station] - 1
