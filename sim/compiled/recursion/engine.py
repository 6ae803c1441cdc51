"""Drives the recursion: fills in arrivals, makes room, and sums up."""

from collections.abc import Callable
from typing import Final

import numpy as np

from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from sim.compiled.addresses import addresses_of
from sim.compiled.arrivals import BLOCK, ArrivalBlocks, Reals
from sim.compiled.codes import ENDED_OK, FOREVER_NS, NOBODY, REACHED, ROOM, UNKNOWN
from sim.compiled.growth import doubled
from sim.compiled.layout import MEASURE, Integers, Records
from sim.compiled.measures import BUCKETS
from sim.compiled.outcome import Busy, Noted, record_of
from sim.compiled.recursion import layout
from sim.compiled.recursion.layout import State
from sim.compiled.recursion.loop import UNDECIDED, advance
from sim.compiled.recursion.stops import Stops
from sim.compiled.state import Stations, records_of

ROOM_AT_FIRST: Final = 256
"""Visitors at first; there are more when there have to be."""


class Recursion:
    """One run of a scenario that qualifies.

    Args:
        scenario: what is run; see :func:`sim.compiled.recursion.qualifying.qualifies`.
        end_ns: when the run is broken off, if it is.

    Attributes:
        state: what machine code works on; another tuple whenever an array had to grow.
        broken_ns: when somebody broke the run off; None: nobody did. What there is then reaches
            further already, and is no record.
    """

    def __init__(self, scenario: Scenario, end_ns: int | None = None) -> None:
        self.scenario = scenario
        self.broken_ns: int | None = None
        self._stops = Stops(scenario)
        # Nobody asks who sent a request: there are no limits.
        self._blocks = ArrivalBlocks(scenario.model_copy(update={"users": {}}))
        self.state = _initial_state(scenario, self._stops, self._blocks, end_ns)

    def run(self, goes_on: Callable[[int, int], bool]) -> bool:
        """Run to the end; False: there was a tie that only the event loop can decide.

        Args:
            goes_on: told the time, and how many bytes are needed to go on, every now and then;
                False: the run is broken off.
        """
        addresses = addresses_of(self.state)
        self._fill()
        while True:
            why = advance(addresses.ctypes.data)
            if why in (REACHED, UNDECIDED):
                return bool(why == REACHED)
            now_ns = max(int(self.state.run[0]["sent_ns"]), 0)
            if not goes_on(now_ns, self._growth_bytes() if why == ROOM else 0):
                self.broken_ns = now_ns + 1
                return True
            if why == ROOM:
                self._grow()
                addresses = addresses_of(self.state)
            else:
                self._fill()

    def record(self, provenance: Provenance) -> RunRecord:
        """Return what came of it."""
        state = self.state
        counts = state.buckets.reshape(-1, BUCKETS).sum(axis=1)
        state.measures["count"] = counts
        state.measures["smallest"][counts == 0] = 0
        noted = Noted(
            run=state.run,
            measures=state.measures,
            buckets=state.buckets,
            outcomes=self._outcomes(),
            rates=state.rates,
            quantiles=state.quantiles,
            samples=self._samples(),
        )
        return record_of(noted, self.scenario, provenance, self._utilisation(), [])

    def _fill(self) -> None:
        run = self.state.run[0]
        run["row"], run["rows"], run["is_drawn"] = 0, self._blocks.fill(), 0

    def _growth_bytes(self) -> int:
        """Return how many bytes more twice the room takes, while it is being made."""
        state = self.state
        return 2 * (state.visitors.nbytes + state.heap_ns.nbytes + state.heap_visitor.nbytes)

    def _grow(self) -> None:
        rows = len(self.state.visitors)
        visitors = doubled(self.state.visitors)
        run = self.state.run[0]
        visitors["next"][rows:] = np.arange(rows + 1, 2 * rows + 1)
        visitors["next"][-1] = run["free"]
        run["free"] = rows
        run["free_left"] += rows
        self.state = self.state._replace(
            visitors=visitors,
            heap_ns=doubled(self.state.heap_ns),
            heap_visitor=doubled(self.state.heap_visitor),
        )

    def _outcomes(self) -> Integers:
        """Return how operations ended: well, or not before the run did."""
        classes = len(self.scenario.classes)
        outcomes = np.zeros((classes, 4), np.int64)
        outcomes[:, ENDED_OK] = self.state.measures["count"][:classes]
        outcomes[:, UNKNOWN] = self.state.sent - outcomes[:, ENDED_OK]
        return outcomes.reshape(-1)

    def _cells_of(self, station: int) -> Integers:
        cells = int(self.state.run[0]["cells"])
        return self.state.busy_ns[station * cells : (station + 1) * cells]

    def _samples(self) -> Reals:
        """Return each second's replicas and utilisation, and stale reads, of which are none."""
        run, scenario = self.state.run[0], self.scenario
        seconds = int(run["seconds"])
        cells = np.arange(seconds) * SECOND_NS
        begins = np.searchsorted(self.state.ends_ns[: run["cells"]], cells, side="right")
        there_ns = np.minimum(cells + SECOND_NS, run["end_ns"]) - cells
        columns: list[Integers | Reals] = []
        for number, service in enumerate(scenario.services.values()):
            busy_ns = np.add.reduceat(self._cells_of(len(scenario.databases) + number), begins)
            places = service.replicas * service.concurrency
            columns.append(np.full(seconds, service.replicas))
            columns.append(busy_ns / (places * there_ns))
        columns += [np.zeros(seconds)] * len(scenario.databases)
        return np.stack(columns, axis=1).astype(np.float64).reshape(-1)

    def _utilisation(self) -> dict[str, float]:
        """Return the share of each station's places that was taken in the measured part."""
        run, scenario = self.state.run[0], self.scenario
        ends_ns = self.state.ends_ns[: run["cells"]]
        measured = (ends_ns > run["from_ns"]) & (ends_ns <= run["until_ns"])
        places = {name: it.pool * (1 + it.replicas) for name, it in scenario.databases.items()}
        places |= {name: it.concurrency * it.replicas for name, it in scenario.services.items()}
        nothing = Busy(0, 0)
        length_ns = int(min(run["until_ns"], run["end_ns"]) - run["from_ns"])
        if length_ns <= 0:
            return {}
        return {
            name: Busy(int(self._cells_of(number)[measured].sum()), there * length_ns).share_since(
                nothing
            )
            for number, (name, there) in enumerate(places.items())
        }


def _initial_state(
    scenario: Scenario, stops: Stops, blocks: ArrivalBlocks, end_ns: int | None
) -> State:
    ends_ns = _cells(scenario, end_ns)
    cells = len(ends_ns) - 1
    stations = [{**row, "cells": number * cells} for number, row in enumerate(stops.stations)]
    seconds = -(-int(ends_ns[-2]) // SECOND_NS)
    histograms = Stations(scenario).histograms
    visitors = np.zeros(ROOM_AT_FIRST, layout.VISITOR)
    visitors["next"] = np.arange(1, ROOM_AT_FIRST + 1)
    measures = np.zeros(histograms, MEASURE)
    measures["smallest"] = FOREVER_NS
    return State(
        run=_run(scenario, ends_ns),
        stops=records_of(layout.STOP, stops.stops),
        starts=np.array(stops.starts, np.int64),
        stations=records_of(layout.STATION, stations),
        groups=records_of(layout.GROUP, stops.groups),
        free_ns=np.full(stops.places, NOBODY, np.int64),
        drawn_ns=np.zeros(BLOCK, np.int64),
        turns=np.zeros(max(stops.turns, 1), np.int64),
        visitors=visitors,
        heap_ns=np.zeros(ROOM_AT_FIRST, np.int64),
        heap_visitor=np.zeros(ROOM_AT_FIRST, np.int64),
        later=np.full(seconds, NOBODY, np.int64),
        ends_ns=ends_ns,
        busy_ns=np.zeros(len(stations) * cells, np.int64),
        sent=np.zeros(len(scenario.classes), np.int64),
        measures=measures,
        buckets=np.zeros(histograms * BUCKETS, np.int64),
        rates=np.zeros(4 * seconds, np.int64),
        quantiles=np.full(2 * seconds, NOBODY, np.int64),
        arrivals=layout.Arrivals(blocks.at_ns, blocks.class_index, blocks.draw_key),
        draws=stops.draws.table(),
    )


def _run(scenario: Scenario, ends_ns: Integers) -> Records:
    end_ns = int(ends_ns[-2])
    return records_of(
        layout.RUN,
        [
            {
                "from_ns": scenario.warm_up_ns,
                "until_ns": scenario.warm_up_ns + scenario.duration_ns,
                "end_ns": end_ns,
                "sent_ns": NOBODY,
                "free_left": ROOM_AT_FIRST,
                "tie_ns": NOBODY,
                "cells": len(ends_ns) - 1,
                "cell_end_ns": int(ends_ns[0]),
                "second_end_ns": SECOND_NS,
                "seconds": -(-end_ns // SECOND_NS),
                "second_row": Stations(scenario).histograms - 1,
            }
        ],
    )


def _cells(scenario: Scenario, end_ns: int | None) -> Integers:
    """Return where cells end: with each second, with the warm-up, the measured part, the run.

    After the last there is one that never ends.
    """
    until_ns = scenario.warm_up_ns + scenario.duration_ns
    if end_ns is None:
        end_ns = until_ns + scenario.drain_ns
    ends_ns = {scenario.warm_up_ns, until_ns, *range(SECOND_NS, end_ns, SECOND_NS)}
    within = sorted(at_ns for at_ns in ends_ns if 0 < at_ns < end_ns)
    return np.array([*within, end_ns, FOREVER_NS], np.int64)
