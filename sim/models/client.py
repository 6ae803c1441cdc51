"""The client: sends each request at its time, or when its user has the answer to the last."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from typing import NamedTuple, TypeAlias

from scenarios.history import Operation, Outcome
from sim.arrivals import Arrival
from sim.closed import ClosedUsers
from sim.models.stop import Caller, Stop
from sim.models.timeline import Activity, Pause, Timeline, Waiting
from sim.models.visit import OK, UNKNOWN, Reply, Visit
from sim.streams import request_key


class Route(NamedTuple):
    """The way of one request class."""

    stops: tuple[Stop, ...]
    outcomes: Mapping[Reply, Outcome]
    """What each reply means for it."""


OnEnd: TypeAlias = Callable[[str, int, int | None, Outcome], None]
"""Told of a request that ended: its class, when it was scheduled and returned, its outcome."""


class Client:
    """All users together.

    Args:
        timeline: the run's time.
        routes: by request class.
        seed: as :func:`sim.streams.seed_key` returns it.
        on_end: told of each request that ended.
        history: told the whole story of each; None: nobody asks where the time went.
    """

    def __init__(
        self,
        timeline: Timeline,
        routes: Mapping[str, Route],
        seed: int,
        on_end: OnEnd,
        history: Callable[[Operation], None] | None,
    ) -> None:
        self._timeline = timeline
        self._routes = routes
        self._seed = seed
        self._on_end = on_end
        self._history = history
        self._caller = Caller("client", "client", Reply.NONE)
        self._in_flight: dict[int, Visit] = {}
        self._numbers = count()

    def send(self, arrivals: Iterable[Arrival]) -> Waiting[None]:
        """Send one request for each arrival, and wait for none."""
        timeline = self._timeline
        for arrival in arrivals:
            # Also when it is 0: nothing is sent before the run has begun.
            yield Pause(timeline, arrival.at_ns - timeline.now_ns)
            visit, work = self._sent(arrival)
            Activity(work, partial(self._ended, visit))

    def converse(self, users: ClosedUsers, user: int) -> Waiting[None]:
        """Send one request after the other for a user, who waits for each and thinks between."""
        timeline = self._timeline
        for sent in count():
            think_ns = users.think_ns(user, sent)
            if timeline.now_ns + think_ns >= users.until_ns:
                return
            yield Pause(timeline, think_ns)
            arrival = users.request(next(self._numbers), timeline.now_ns, user)
            visit, work = self._sent(arrival)
            reply = yield from work
            self._ended(visit, reply)

    def _sent(self, arrival: Arrival) -> tuple[Visit, Waiting[Reply]]:
        """Return a request that is sent now, and its way to the answer."""
        index = arrival.index
        route = self._routes[arrival.class_name]
        key = request_key(self._seed, index)
        visit = Visit(arrival, key, 0, None if self._history is None else {})
        self._in_flight[index] = visit
        if len(route.stops) == 1:
            return visit, route.stops[0].take(visit, self._caller)
        return visit, self._follow(route, visit)

    def unanswered(self) -> list[Operation]:
        """Return the operations that have not ended, as nobody knows how they will."""
        return [
            self._operation(visit, Reply.NONE, UNKNOWN, None) for visit in self._in_flight.values()
        ]

    def _follow(self, route: Route, visit: Visit) -> Waiting[Reply]:
        for stop in route.stops:
            reply = yield from stop.take(visit, self._caller)
            if reply is not OK:
                return reply
        return OK

    def _ended(self, visit: Visit, reply: Reply) -> None:
        index, at_ns, class_name, *_ = visit.arrival
        del self._in_flight[index]
        outcome = self._routes[class_name].outcomes[reply]
        returned_ns = None if outcome is UNKNOWN else self._timeline.now_ns
        self._on_end(class_name, at_ns, returned_ns, outcome)
        if self._history is not None:
            self._history(self._operation(visit, reply, outcome, returned_ns))

    @staticmethod
    def _operation(
        visit: Visit, reply: Reply, outcome: Outcome, returned_ns: int | None
    ) -> Operation:
        arrival = visit.arrival
        spans_ns = visit.spans_ns
        return Operation(
            arrival.index,
            arrival.class_name,
            arrival.at_ns,
            arrival.at_ns,
            returned_ns,
            outcome,
            visit.tries,
            arrival.user,
            arrival.key,
            reply.value,
            tuple(sorted(spans_ns.items())) if spans_ns else (),
        )
