"""A scenario's routes as programs: rows of steps, and the draws that they make."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scenarios.distributions import Constant, Distribution
from scenarios.routes import Cached, Call, Enqueue, Read, RequestClass, StationTimes, Step, Write
from scenarios.spec import Scenario
from sim.compiled.codes import CALL, ENQUEUE, FILL, LOOK_UP, NOBODY, READ, RETURN, WRITE
from sim.compiled.draws import DrawTable, draw_table
from sim.compiled.layout import OP, Records


class Draws:
    """The rows of the table of draws, each made once."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Distribution, str], int] = {}

    def __call__(self, distribution: Distribution, stream: str) -> int:
        """Return the row of ``distribution`` on the stream of that name; -1 if it is always 0."""
        if isinstance(distribution, Constant) and distribution.constant_ns == 0:
            return NOBODY
        return self._rows.setdefault((distribution, stream), len(self._rows))

    def table(self) -> DrawTable:
        """Return the table of all rows."""
        return draw_table(self._rows)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The row of each station among those of its kind, by name."""

    services: Mapping[str, int]
    caches: Mapping[str, int]
    databases: Mapping[str, int]
    queues: Mapping[str, int]


def numbers_of(scenario: Scenario) -> Numbers:
    """Return the rows of a scenario's stations: their order in the scenario."""
    return Numbers(
        *(
            {name: row for row, name in enumerate(names)}
            for names in (
                scenario.services,
                scenario.caches,
                scenario.databases,
                scenario.queues,
            )
        )
    )


def ranks_of(scenario: Scenario) -> list[int]:
    """Return the different priorities of a scenario's classes, the lowest first."""
    return sorted({it.priority for it in scenario.classes.values()})


@dataclass(slots=True)
class Program:
    """All steps of all classes.

    Attributes:
        steps: one mapping of ``OP``'s fields for each.
        starts: where each class's program begins, in the classes' order.
        levels: how deep look-ups are nested.
    """

    scenario: Scenario
    draws: Draws
    steps: list[dict[str, int]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    levels: int = 1

    def rows(self) -> Records:
        """Return the steps as an array."""
        names = OP.names or ()
        return np.array(
            [tuple(step.get(name, NOBODY) for name in names) for step in self.steps], OP
        )


def program_of(scenario: Scenario, draws: Draws) -> Program:
    """Return the programs of a scenario's classes."""
    program = Program(scenario, draws)
    for request_class in scenario.classes.values():
        way = _Way(program, request_class)
        steps: Sequence[Step] = request_class.steps
        for service in reversed(request_class.through):
            steps = [Call(call=service, steps=tuple(steps))]
        program.starts.append(way.write(steps))
    return program


class _Way:
    """Writes the steps of one class; its sites are counted as in ``sim.models.platform``."""

    def __init__(self, program: Program, request_class: RequestClass) -> None:
        self._program = program
        self._scenario = program.scenario
        self._numbers = numbers_of(program.scenario)
        self._draws = program.draws
        self._times = request_class.times
        self._rank = ranks_of(program.scenario).index(request_class.priority)
        self._visited: Counter[str] = Counter()

    def write(self, steps: Sequence[Step]) -> int:
        """Write a program, after those of the services it calls; return where it begins."""
        rows: list[dict[str, int]] = []
        self._add(rows, steps, level=0)
        start = len(self._program.steps)
        for row in rows:
            if row["kind"] == LOOK_UP:
                row["goes_to"] += start
        self._program.steps.extend([*rows, {"kind": RETURN}])
        return start

    def _add(self, rows: list[dict[str, int]], steps: Sequence[Step], level: int) -> None:
        for step in steps:
            match step:
                case Call(call=service):
                    rows.append(self._call(service, step.steps))
                case Cached():
                    self._add_look_up(rows, step, level)
                case Read(read=database):
                    rows.append(self._read(database))
                case Write():
                    rows.append(self._write(step))
                case Enqueue(enqueue=queue):
                    rows.append(self._enqueue(queue))

    def _call(self, name: str, steps: Sequence[Step]) -> dict[str, int]:
        spec, own = self._scenario.services[name], self._own(name)
        return {
            "kind": CALL,
            "station": self._numbers.services[name],
            "draw": self._draws(
                own.service_time_ns or spec.service_time_ns, f"service {name} work"
            ),
            "second_draw": self._draws(
                own.wait_time_ns or spec.wait_time_ns, f"service {name} wait"
            ),
            "site": self._site(f"service {name}"),
            "rank": self._rank,
            "goes_to": self.write(steps),
        }

    def _add_look_up(self, rows: list[dict[str, int]], step: Cached, level: int) -> None:
        """Add a look-up, what follows its miss, and the filling in; a hit goes on after that."""
        self._program.levels = max(self._program.levels, level + 1)
        look_up = {
            "kind": LOOK_UP,
            "station": self._numbers.caches[step.cache],
            "draw": self._look_up(step.cache),
            "site": self._site(f"cache {step.cache}"),
            "level": level,
        }
        rows.append(look_up)
        self._add(rows, step.miss, level + 1)
        rows.append({"kind": FILL, "station": look_up["station"], "level": level})
        look_up["goes_to"] = len(rows)

    def _read(self, name: str) -> dict[str, int]:
        time_ns = self._own(name).service_time_ns or self._scenario.databases[name].read_time_ns
        return {
            "kind": READ,
            "station": self._numbers.databases[name],
            "draw": self._draws(time_ns, f"database {name} read"),
            "site": self._site(f"database {name}"),
        }

    def _write(self, step: Write) -> dict[str, int]:
        name = step.write
        time_ns = self._own(name).service_time_ns or self._scenario.databases[name].write_time_ns
        row = {
            "kind": WRITE,
            "station": self._numbers.databases[name],
            "draw": self._draws(time_ns, f"database {name} write"),
            "site": self._site(f"database {name}"),
        }
        if step.invalidates is not None:
            row["invalidates"] = self._numbers.caches[step.invalidates]
            row["invalidation_draw"] = self._look_up(step.invalidates)
            row["invalidation_site"] = self._site(f"cache {step.invalidates}")
        return row

    def _enqueue(self, name: str) -> dict[str, int]:
        queue = self._scenario.queues[name]
        workers = self._scenario.services[queue.workers]
        enqueue_ns = self._own(name).service_time_ns or queue.enqueue_time_ns
        job_ns = self._own(queue.workers).service_time_ns or workers.service_time_ns
        return {
            "kind": ENQUEUE,
            "station": self._numbers.queues[name],
            "draw": self._draws(enqueue_ns, f"queue {name} enqueue"),
            "second_draw": self._draws(job_ns, f"queue {name} job"),
            "site": self._site(f"queue {name}"),
            "rank": self._rank,
        }

    def _look_up(self, cache: str) -> int:
        spec = self._scenario.caches[cache]
        time_ns = self._own(cache).service_time_ns or spec.service_time_ns
        return self._draws(time_ns, f"cache {cache} look-up")

    def _own(self, station: str) -> StationTimes:
        """Return what this class takes at a station where that differs from the others'."""
        return self._times.get(station, StationTimes())

    def _site(self, station: str) -> int:
        """Return which of the class's stops at ``station`` comes next, counted from 0."""
        self._visited[station] += 1
        return self._visited[station] - 1
