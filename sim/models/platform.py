"""A scenario's platform, put together: its stations, and the way of each request class."""

from collections import Counter
from collections.abc import Callable, Sequence

from scenarios.distributions import Distribution
from scenarios.records import Event
from scenarios.routes import (
    Cached,
    Enqueue,
    Read,
    RequestClass,
    StationTimes,
    Step,
    Write,
)
from scenarios.routes import Call as CallStep
from scenarios.spec import Scenario
from sim.distributions import DrawNs, drawing_ns
from sim.models.cache import Cache, Invalidation, LookUpStop
from sim.models.calls import CallStop
from sim.models.client import Route
from sim.models.database import Database, ReadStop, WriteStop
from sim.models.lines import Line, line_of
from sim.models.queue import EnqueueStop, Job, JobQueue, OnOperation, Results
from sim.models.service import Service
from sim.models.stop import Stop, Work
from sim.models.timeline import Timeline
from sim.models.visit import Reply, outcome_of
from sim.streams import stream_key

_IDEMPOTENT = {"GET", "PUT"}


class Draws:
    """Makes distributions into draws, each once: some are costly to prepare."""

    def __init__(self) -> None:
        self._made: dict[tuple[Distribution, str], DrawNs | None] = {}

    def __call__(self, distribution: Distribution, stream: str) -> DrawNs | None:
        """Return the draws of ``distribution`` from the stream of that name."""
        wanted = distribution, stream
        if wanted not in self._made:
            self._made[wanted] = drawing_ns(distribution, stream_key(stream))
        return self._made[wanted]


class Platform:
    """All stations of a scenario, ready to run.

    Attributes:
        services: by name; likewise caches, databases and queues.
        routes: by request class.
    """

    def __init__(
        self,
        scenario: Scenario,
        timeline: Timeline,
        on_operation: OnOperation,
        on_event: Callable[[Event], None],
    ) -> None:
        draws = Draws()
        self.services = {
            name: Service(name, spec, timeline, on_event)
            for name, spec in scenario.services.items()
        }
        self.caches = {name: Cache(name, spec, timeline) for name, spec in scenario.caches.items()}
        self.databases = {
            name: Database(name, spec, timeline, draws(spec.lag_ns, f"database {name} lag"))
            for name, spec in scenario.databases.items()
        }
        self.queues: dict[str, JobQueue] = {}
        for name, queue in scenario.queues.items():
            results = None
            if queue.results is not None:
                kept = scenario.caches[queue.results]
                find_ns = draws(kept.service_time_ns, f"queue {name} results")
                results = Results(kept, timeline, find_ns, self.caches[queue.results].meter)
            workers = self.services[queue.workers]
            line: Line[Job] = line_of(queue.discipline)
            self.queues[name] = JobQueue(name, workers, line, results, on_operation)
        self.routes = {
            name: _route(request_class, _Way(scenario, self, timeline, draws, request_class))
            for name, request_class in scenario.classes.items()
        }


def _route(request_class: RequestClass, way: "_Way") -> Route:
    steps: Sequence[Step] = request_class.steps
    for service in reversed(request_class.through):
        steps = [CallStep(call=service, steps=tuple(steps))]
    read_only = _method_of(request_class) == "GET"
    outcomes = {reply: outcome_of(reply, read_only=read_only) for reply in Reply}
    return Route(way.stops(steps), outcomes)


def _method_of(request_class: RequestClass) -> str:
    return "GET" if request_class.request is None else request_class.request.method


class _Way:
    """Makes the stops of one class out of its steps."""

    def __init__(
        self,
        scenario: Scenario,
        platform: Platform,
        timeline: Timeline,
        draws: Draws,
        request_class: RequestClass,
    ) -> None:
        self._scenario = scenario
        self._platform = platform
        self._timeline = timeline
        self._draws = draws
        self._times = request_class.times
        self._priority = request_class.priority
        self._repeatable = _method_of(request_class) in _IDEMPOTENT
        self._visited: Counter[str] = Counter()

    def stops(self, steps: Sequence[Step]) -> tuple[Stop, ...]:
        """Return a stop for each step."""
        return tuple(self._stop(step) for step in steps)

    def _stop(self, step: Step) -> Stop:
        match step:
            case CallStep(call=service):
                return self._call(service, step.steps)
            case Cached(cache=cache):
                look_up_ns = self._look_up_ns(cache)
                site = self._site(f"cache {cache}")
                return LookUpStop(
                    self._platform.caches[cache], look_up_ns, site, self.stops(step.miss)
                )
            case Read(read=database):
                spec = self._scenario.databases[database]
                time_ns = self._draws(
                    self._own(database).service_time_ns or spec.read_time_ns,
                    f"database {database} read",
                )
                site = self._site(f"database {database}")
                return ReadStop(self._platform.databases[database], time_ns, site)
            case Write():
                return self._write(step)
            case Enqueue(enqueue=queue):
                return self._enqueue(queue)

    def _call(self, name: str, steps: Sequence[Step]) -> Stop:
        spec = self._scenario.services[name]
        own = self._own(name)
        work = Work(
            self._draws(own.service_time_ns or spec.service_time_ns, f"service {name} work"),
            self._draws(own.wait_time_ns or spec.wait_time_ns, f"service {name} wait"),
            self._site(f"service {name}"),
            self.stops(steps),
            priority=self._priority,
            repeatable=self._repeatable,
        )
        return CallStop(self._platform.services[name], work)

    def _write(self, step: Write) -> Stop:
        spec = self._scenario.databases[step.write]
        time_ns = self._draws(
            self._own(step.write).service_time_ns or spec.write_time_ns,
            f"database {step.write} write",
        )
        invalidation = None
        if step.invalidates is not None:
            invalidation = Invalidation(
                self._platform.caches[step.invalidates],
                self._look_up_ns(step.invalidates),
                self._site(f"cache {step.invalidates}"),
            )
        site = self._site(f"database {step.write}")
        return WriteStop(self._platform.databases[step.write], time_ns, site, invalidation)

    def _enqueue(self, name: str) -> Stop:
        spec = self._scenario.queues[name]
        workers = self._scenario.services[spec.workers]
        return EnqueueStop(
            self._platform.queues[name],
            self._timeline,
            self._draws(
                self._own(name).service_time_ns or spec.enqueue_time_ns, f"queue {name} enqueue"
            ),
            self._draws(
                self._own(spec.workers).service_time_ns or workers.service_time_ns,
                f"queue {name} job",
            ),
            self._site(f"queue {name}"),
            self._priority,
        )

    def _look_up_ns(self, cache: str) -> DrawNs | None:
        spec = self._scenario.caches[cache]
        return self._draws(
            self._own(cache).service_time_ns or spec.service_time_ns, f"cache {cache} look-up"
        )

    def _own(self, station: str) -> StationTimes:
        """Return what this class takes at a station where that differs from the others'."""
        return self._times.get(station, StationTimes())

    def _site(self, station: str) -> int:
        """Return which of the class's stops at ``station`` comes next, counted from 0."""
        self._visited[station] += 1
        return self._visited[station] - 1
