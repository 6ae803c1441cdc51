"""A service: replicas that come and go, each with its places and its line."""

from collections.abc import Callable

from policies.rate_limit import RateLimit, TieredLimiter
from scenarios.records import Event
from scenarios.spec import Service as ServiceSpec
from sim.models.meter import Meter
from sim.models.patience import Deadlines
from sim.models.places import Places
from sim.models.stop import Caller, Work
from sim.models.timeline import Pause, Timeline, Waiting
from sim.models.visit import OK, Reply, Visit


class Replica:
    """One process of a service: an event loop, or a few threads.

    A request has a place for its service time only. While it waits, for a round trip or
    for another service, the replica works on others; that is what event loops do.
    """

    __slots__ = ("caller", "index", "places", "ready_ns", "service", "stopped_ns")

    def __init__(self, service: "Service", index: int) -> None:
        self.service = service
        self.index = index
        self.places = Places(service.timeline, service.spec.concurrency, service.spec.discipline)
        self.caller = Caller(service.name, f"{service.name}/{index}", Reply.TIMED_OUT)
        self.ready_ns = service.timeline.now_ns
        self.stopped_ns: int | None = None

    def serve(self, work: Work, visit: Visit) -> Waiting[Reply]:
        """Carry one request from its arrival here to the reply."""
        service = self.service
        timeline = service.timeline
        entered_ns = timeline.now_ns
        reply = OK if service.limiter is None else service.admit(visit)
        if reply is OK and work.service_ns is not None:
            places = self.places
            if service.line_max is not None and places.are_full(service.line_max):
                return Reply.UNAVAILABLE
            turn = places.enter(work.priority)
            if turn is not None:
                yield turn
            service.meter.waits_ns.append(timeline.now_ns - entered_ns)
            service_ns = work.service_ns(visit.key, visit.path + work.site)
            service.meter.services_ns.append(service_ns)
            if service_ns:
                yield Pause(timeline, service_ns)
            places.leave()
        if work.wait_ns is not None:
            yield Pause(timeline, work.wait_ns(visit.key, visit.path + work.site))
        if visit.spans_ns is not None:
            visit.spend(service.name, timeline.now_ns - entered_ns)
        if reply is OK:
            for stop in work.stops:
                reply = yield from stop.take(visit, self.caller)
                if reply is not OK:
                    return reply
        return reply


class Service:
    """The replicas of one service, and what they share.

    Args:
        name: as in the scenario.
        spec: how it was specified.
        timeline: the run's time.
        on_event: told what happens to the service.

    Attributes:
        ready: the replicas that callers may choose; a new list with every change.
        line_max: how many may wait at one replica; None: as many as come.
        limiter: each user's limit; None: there are none.
        deadlines: how long callers wait; None: for ever.
    """

    def __init__(
        self,
        name: str,
        spec: ServiceSpec,
        timeline: Timeline,
        on_event: Callable[[Event], None],
    ) -> None:
        self.name = name
        self.spec = spec
        self.timeline = timeline
        self.on_event = on_event
        self.meter = Meter()
        self.line_max = spec.queue_max
        self.deadlines = None if spec.timeout_ns is None else Deadlines(timeline, spec.timeout_ns)
        self.limiter = _limiter_of(spec)
        self._replicas: list[Replica] = []
        self._on_ready: list[Callable[[Replica], None]] = []
        self.ready: list[Replica] = []
        for _ in range(spec.replicas):
            self.add_replica()

    def admit(self, visit: Visit) -> Reply:
        """Ask the tier's limit, which all replicas count together."""
        assert self.limiter is not None, "somebody set a limit"
        arrival = visit.arrival
        admission = self.limiter.admit(arrival.tier, arrival.user, self.timeline.now_ns)
        return OK if admission.admitted else Reply.LIMITED

    def when_ready(self, start: Callable[[Replica], None]) -> None:
        """Call ``start`` with each replica that is ready now or will be."""
        self._on_ready.append(start)
        for replica in self.ready:
            start(replica)

    def add_replica(self) -> Replica:
        """Start a replica that takes requests from now on."""
        replica = Replica(self, len(self._replicas))
        self._replicas.append(replica)
        self.ready = [*self.ready, replica]
        for start in self._on_ready:
            start(replica)
        return replica

    def drain(self, replica: Replica) -> None:
        """Take a replica out; it finishes what it has, and gets no more."""
        self.ready = [each for each in self.ready if each is not replica]
        replica.stopped_ns = self.timeline.now_ns

    def busy_ns(self) -> int:
        """Return how long places were taken up to now, over all replicas there ever were."""
        return sum(replica.places.busy_ns() for replica in self._replicas)

    def available_ns(self) -> int:
        """Return how long places were there up to now, taken or not.

        A replica that drains no longer counts here, though its last requests count as busy.
        """
        now_ns = self.timeline.now_ns
        return self.spec.concurrency * sum(
            (now_ns if replica.stopped_ns is None else replica.stopped_ns) - replica.ready_ns
            for replica in self._replicas
        )


def _limiter_of(spec: ServiceSpec) -> TieredLimiter | None:
    limits = {
        tier: RateLimit(requests=limit.requests, window_ns=limit.window_ns)
        for tier, limit in spec.limits.items()
    }
    return TieredLimiter(limits) if limits else None
