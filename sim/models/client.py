"""The client: sends each request at its time, whatever became of those before."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from simpy.events import Timeout

from scenarios.history import Operation, Outcome
from sim.arrivals import Arrival
from sim.models.stop import Caller, Stop
from sim.models.timeline import Activity, Timeline, Waiting
from sim.models.visit import Reply, Visit, outcome_of
from sim.streams import request_key


class Route(NamedTuple):
    """The way of one request class."""

    stops: tuple[Stop, ...]
    read_only: bool
    """Whether it certainly changes nothing, so that an attempt without an answer is void."""

    repeatable: bool
    """Whether sending it twice means the same as sending it once."""


class Client:
    """All users together, as an open loop.

    Args:
        timeline: the run's time.
        routes: by request class.
        seed: as :func:`sim.streams.seed_key` returns it.
        on_operation: told of each request that ended.
        traced: whether operations are to say where their time went.
    """

    def __init__(
        self,
        timeline: Timeline,
        routes: Mapping[str, Route],
        seed: int,
        on_operation: Callable[[Operation], None],
        *,
        traced: bool,
    ) -> None:
        self._timeline = timeline
        self._routes = routes
        self._seed = seed
        self._on_operation = on_operation
        self._traced = traced
        self._caller = Caller("client", "client", Reply.NONE)
        self._in_flight: dict[int, Visit] = {}

    def send(self, arrivals: Iterable[Arrival]) -> Waiting[None]:
        """Send one request for each arrival, and wait for none."""
        timeline = self._timeline
        for arrival in arrivals:
            # Also when it is 0: nothing is sent before the run has begun.
            yield Timeout(timeline, arrival.at_ns - timeline.now_ns)
            route = self._routes[arrival.class_name]
            visit = Visit(
                arrival,
                request_key(self._seed, arrival.index),
                0,
                repeatable=route.repeatable,
                traced=self._traced,
            )
            self._in_flight[arrival.index] = visit
            if len(route.stops) == 1:
                work = route.stops[0].take(visit, self._caller)
            else:
                work = self._follow(route, visit)
            Activity(work, partial(self._ended, visit))

    def unanswered(self) -> list[Operation]:
        """Return the operations that have not ended, as nobody knows how they will."""
        return [
            self._operation(visit, Reply.NONE, Outcome.UNKNOWN)
            for visit in self._in_flight.values()
        ]

    def _follow(self, route: Route, visit: Visit) -> Waiting[Reply]:
        for stop in route.stops:
            reply = yield from stop.take(visit, self._caller)
            if reply is not Reply.OK:
                return reply
        return Reply.OK

    def _ended(self, visit: Visit, reply: Reply) -> None:
        del self._in_flight[visit.arrival.index]
        read_only = self._routes[visit.arrival.class_name].read_only
        outcome = outcome_of(reply, read_only=read_only)
        self._on_operation(self._operation(visit, reply, outcome))

    def _operation(self, visit: Visit, reply: Reply, outcome: Outcome) -> Operation:
        arrival = visit.arrival
        spans_ns = visit.spans_ns
        return Operation(
            arrival.index,
            arrival.class_name,
            arrival.at_ns,
            arrival.at_ns,
            None if outcome is Outcome.UNKNOWN else self._timeline.now_ns,
            outcome,
            visit.tries,
            arrival.user,
            arrival.key,
            reply.value,
            tuple(sorted(spans_ns.items())) if spans_ns else (),
        )
