"""Drives the event loop: fills in arrivals, makes room, and sees to what happens rarely."""

from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from scenarios import records
from scenarios.history import Operation
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from sim.compiled.addresses import addresses_of
from sim.compiled.arrivals import ArrivalBlocks
from sim.compiled.codes import (
    ARRIVALS,
    CLOSED,
    DEADLINE,
    DRIVER,
    FINISH,
    FOREVER_NS,
    HALF_OPEN,
    HEARD,
    JOBLESS,
    LATER,
    NOBODY,
    OPEN,
    OUTSIDE,
    PRIORITY,
    REACHED,
    SECOND,
    UNKNOWN,
)
from sim.compiled.growth import doubled, growth_bytes, with_room
from sim.compiled.layout import PLACES, REPLICA, Arrivals, State
from sim.compiled.loop import advance
from sim.compiled.state import CLIENT, Stations, initial_state
from sim.compiled.telling import Teller
from sim.compiled.unfinished import unfinished

_BREAKERS: Final[dict[int, Literal["opened", "half_opened", "closed"]]] = {
    OPEN: "opened",
    HALF_OPEN: "half_opened",
    CLOSED: "closed",
}


class Engine:
    """One run of a scenario, from its start.

    Args:
        scenario: what is run.
        history: told of every operation as it ends; None: nobody asks.

    Attributes:
        state: what the event loop works on; another tuple whenever an array had to grow.
        events: what happened to the platform up to now.
    """

    def __init__(self, scenario: Scenario, history: Callable[[Operation], None] | None) -> None:
        self.scenario = scenario
        self._names = tuple(scenario.services)
        self._stations = Stations(scenario)
        self._blocks = ArrivalBlocks(scenario)
        blocks = self._blocks
        columns = Arrivals(
            blocks.at_ns, blocks.class_index, blocks.tier, blocks.user, blocks.key, blocks.draw_key
        )
        self.state = initial_state(scenario, columns, traced=history is not None)
        self.events: list[records.Event] = []
        self._teller = None if history is None else Teller(scenario, history)
        self._from_ns = scenario.warm_up_ns
        self._until_ns = scenario.warm_up_ns + scenario.duration_ns
        self._addressed: State | None = None
        self._replicas = 0
        self._places = 0
        self._replicas_of = [0] * len(self._names)
        self._turns: dict[int, Callable[[], None]] = {}
        self._build()

    @property
    def now_ns(self) -> int:
        """The time."""
        return int(self.state.run[0]["now_ns"])

    def advance_to(self, end_ns: int, goes_on: Callable[[int], bool]) -> bool:
        """Let everything happen that is due before ``end_ns``, and make that the time.

        Args:
            end_ns: not before now; if it is now, nothing happens.
            goes_on: asked every now and then, and told how many bytes are needed to go on.

        Returns:
            Whether that is the time now; False: it was broken off before.
        """
        if end_ns == self.now_ns:
            return True
        self.state.run[0]["end_ns"] = end_ns
        while True:
            why = advance(self._address())
            self._tell()
            if why == REACHED:
                return self.now_ns == end_ns
            if why == ARRIVALS or self._is_used_up():
                self.fill_arrivals()
                if not goes_on(0) and self.now_ns + 1 < end_ns:
                    # What else is due in this nanosecond still happens.
                    self.state.run[0]["end_ns"] = self.now_ns + 1
            elif why == DRIVER:
                frame = int(self.state.run[0]["driver_frame"])
                self.state.run[0]["driver_frame"] = NOBODY
                turn = self._turns.pop(frame)
                self._free(frame)
                turn()
            elif goes_on(growth_bytes(self.state)):
                self.state = with_room(self.state)
            else:
                # As if it were broken off between nanoseconds: no run lasts for none.
                self.state.run[0]["now_ns"] += 1
                return False

    def _address(self) -> int:
        if self._addressed is not self.state:
            self._addressed = self.state
            self._addresses = addresses_of(self.state)
        return self._addresses.ctypes.data

    def finish(self) -> None:
        """Note what has not been noted yet, now that the run is over."""
        # Even a run that was broken off for want of room has some left for this.
        self._urge(self._take_frame(FINISH))
        advance(self._address())
        self._tell()
        left = unfinished(self.state)
        for visit, class_index, _ in left:
            at_ns = self.state.visits["at_ns"][visit]
            if self._from_ns <= at_ns < self._until_ns:
                self.state.outcomes[4 * class_index + UNKNOWN] += 1
        if self._teller is not None:
            self._teller.tell_unfinished(self.state, left)

    def fill_arrivals(self) -> None:
        """Get the next block of arrivals, if there are more."""
        run = self.state.run[0]
        rows = self._blocks.fill()
        run["arrival_row"], run["arrival_rows"] = 0, rows
        run["first_index"] = self._blocks.first_index
        # Users who wait for their answers take what they ask from the rows, at times of their own.
        known = rows and not len(self.state.users)
        run["arrival_ns"] = self.state.arrivals.at_ns[0] if known else FOREVER_NS
        run["arrival_order"] = run["order"]
        run["order"] += 1

    def _is_used_up(self) -> bool:
        """Whether users who wait for their answers have asked all that the block says."""
        run = self.state.run[0]
        return len(self.state.users) > 0 and bool(run["arrival_row"] == run["arrival_rows"])

    def later(self, wait_ns: int, turn: Callable[[], None]) -> None:
        """Call ``turn`` when ``wait_ns`` have passed."""
        frame = self._new_frame(LATER)
        self.state.frames[frame]["number"] = OUTSIDE
        self.state.frames[frame]["began_ns"] = self.now_ns + wait_ns
        self._turns[frame] = turn
        self._urge(frame)

    def note(self, kind: Literal["scaled", "started"], target: str, detail: str) -> None:
        """Note something that happens now."""
        event = records.Event(at_ns=self.now_ns, kind=kind, target=target, detail=detail)
        self.events.append(event)

    def instance(self, replica: int) -> str:
        """Return what a replica is called, or the client."""
        if replica == 0:
            return CLIENT
        row = self.state.replicas[replica]
        return f"{self._names[row['service']]}/{row['index']}"

    def add_replica(self, number: int) -> int:
        """Start a replica of a service, that takes requests from now on; return its row."""
        spec = self.state.services[number]
        places = self.add_places(int(spec["concurrency"]), number)
        self._put_in_line(places, int(spec["discipline"]))
        replica = self._add_replica_row(number, places)
        self.state.slots[spec["ready_base"] + spec["ready"]] = replica
        spec["ready"] += 1
        spec["version"] += 1
        spec["since_ns"] += self.now_ns
        for queue, served in enumerate(self.state.queues["workers"]):
            if served == number:
                self._employ(queue, replica)
        return replica

    def drain(self, number: int) -> None:
        """Take the youngest replica of a service out; it finishes what it has."""
        spec = self.state.services[number]
        spec["ready"] -= 1
        spec["version"] += 1
        replica = self.state.replicas[self.state.slots[spec["ready_base"] + spec["ready"]]]
        replica["stopped_ns"] = self.now_ns
        spec["since_ns"] -= replica["ready_ns"]
        spec["gone_ns"] += self.now_ns - replica["ready_ns"]

    def busy_ns_of(self, number: int) -> dict[int, int]:
        """Return how long each ready replica's places were taken up to now, added up."""
        spec = self.state.services[number]
        ready = self.state.slots[spec["ready_base"] : spec["ready_base"] + spec["ready"]]
        found: dict[int, int] = {}
        for replica in ready.tolist():
            places = self.state.places[self.state.replicas[replica]["places"]]
            found[replica] = int(places["busy_ns"]) + int(places["occupied"]) * self.now_ns
        return found

    def add_places(self, capacity: int, service: int) -> int:
        """Return the row of new places; ``service`` -1: of no service."""
        if self._places == len(self.state.places):
            room = doubled(self.state.places) if self._places else np.zeros(16, PLACES)
            self.state = self.state._replace(places=room)
        row = self.state.places[self._places]
        row["capacity"], row["service"] = capacity, service
        row["head"] = row["tail"] = NOBODY
        self._places += 1
        return self._places - 1

    def _put_in_line(self, places: int, discipline: int) -> None:
        """Let those who wait for places be next as a discipline says."""
        row = self.state.places[places]
        row["discipline"], row["lasts"] = discipline, len(self.state.lasts)
        if discipline == PRIORITY:
            none = np.full(self.state.run[0]["ranks"], NOBODY)
            self.state = self.state._replace(lasts=np.concatenate([self.state.lasts, none]))

    def _build(self) -> None:
        """Start what is there from the beginning, in the order in which the models do."""
        self.state.run[0]["slot_used"] = self.state.services["ready_max"].sum()
        self._add_replica_row(NOBODY, NOBODY)
        for number, spec in enumerate(self.scenario.databases.values()):
            self.state.databases[number]["primary"] = self.add_places(spec.pool, NOBODY)
        standbys = [
            spec.pool for spec in self.scenario.databases.values() for _ in range(spec.replicas)
        ]
        shown = len(self.state.shows) // max(len(standbys), 1)
        for number, pool in enumerate(standbys):
            standby = self.state.standbys[number]
            standby["places"] = self.add_places(pool, NOBODY)
            standby["base"] = number * shown
        # Workers find no job before the first arrival, whatever the order of their services.
        for number, service in enumerate(self.scenario.services.values()):
            for _ in range(service.replicas):
                self.add_replica(number)
            timer = self._new_frame(DEADLINE)
            self.state.frames[timer]["op"] = number
            self.state.services[number]["timer"] = timer
        self.fill_arrivals()
        for user in range(len(self.state.users)):
            number = self._new_frame(HEARD)
            self.state.frames[number]["op"] = user
            self._urge(number)
        second = self._new_frame(LATER)
        self.state.frames[second]["number"] = SECOND
        self.state.frames[second]["began_ns"] = SECOND_NS
        self._urge(second)

    def _add_replica_row(self, service: int, places: int) -> int:
        number = self._replicas
        if number == len(self.state.replicas):
            room = doubled(self.state.replicas) if number else np.zeros(16, REPLICA)
            views_of = np.full(len(room) * len(self._names), NOBODY, np.int64)
            views_of[: len(self.state.views_of)] = self.state.views_of
            self.state = self.state._replace(replicas=room, views_of=views_of)
        row = self.state.replicas[number]
        row["service"], row["places"] = service, places
        row["ready_ns"], row["stopped_ns"] = self.now_ns, NOBODY
        name = CLIENT if service == NOBODY else self._names[service]
        row["span"] = self._stations.span(name)
        if service != NOBODY:
            row["index"] = self._replicas_of[service]
            self._replicas_of[service] += 1
        self._replicas += 1
        return number

    def _employ(self, queue: int, replica: int) -> None:
        """Let each place of a replica be a worker of a queue."""
        places = self.state.replicas[replica]["places"]
        for _ in range(self.state.places[places]["capacity"]):
            number = self._new_frame(JOBLESS)
            worker = self.state.frames[number]
            worker["op"], worker["replica"], worker["places"] = queue, replica, places
            self._urge(number)

    def _new_frame(self, state: int) -> int:
        """Take a frame of nobody's request; as ``sim.compiled.pools`` does."""
        run = self.state.run[0]
        if run["frame_left"] < run["margin"]:
            self.state = with_room(self.state)
        return self._take_frame(state)

    def _take_frame(self, state: int) -> int:
        run = self.state.run[0]
        number = int(run["frame_free"])
        frame = self.state.frames[number]
        run["frame_free"] = frame["next"]
        run["frame_left"] -= 1
        frame["state"], frame["visit"], frame["parent"], frame["row"] = state, 0, NOBODY, NOBODY
        self.state.visits[0]["refs"] += 1
        return number

    def _free(self, number: int) -> None:
        run = self.state.run[0]
        self.state.frames[number]["next"] = run["frame_free"]
        run["frame_free"] = number
        run["frame_left"] += 1
        self.state.visits[0]["refs"] -= 1

    def _urge(self, number: int) -> None:
        """Let a frame begin before anything else; as ``sim.compiled.events`` does."""
        run = self.state.run[0]
        self.state.frames[number]["next"] = NOBODY
        if run["urgent_head"] == NOBODY:
            run["urgent_head"] = number
        else:
            self.state.frames[run["urgent_tail"]]["next"] = number
        run["urgent_tail"] = number

    def _tell(self) -> None:
        """Tell what the event loop has noted."""
        run = self.state.run[0]
        for change in self.state.changes[: run["changes"]]:
            self.events.append(
                records.Event(
                    at_ns=int(change["at_ns"]),
                    kind=_BREAKERS[int(change["breaker"])],
                    target=self.instance(int(change["replica"])),
                    detail=f"as {self.instance(int(change['by']))} sees it",
                )
            )
        run["changes"] = 0
        if self._teller is not None:
            self._teller.tell(self.state)
