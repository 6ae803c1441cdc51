"""Closed arrivals: users who send, wait for the answer, think, and send again.

Requests are numbered in the order in which they are sent, and draw all else from that number, as
those of open arrivals do. What a user thinks for is drawn from the user's number and from how many
requests it has sent: it does not depend on what the others do.
"""

from collections.abc import Sequence
from typing import Final

from scenarios.routes import Cached, Call, Enqueue, Read, RequestClass, StationTimes, Step, Write
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from scenarios.workload import ClosedShape
from sim.arrivals import Arrival, Particulars
from sim.distributions import drawing_ns
from sim.streams import request_key, seed_key, stream_key

THINK_STREAM: Final = "think time"


class ClosedUsers:
    """Who sends, and what.

    Args:
        scenario: whose users.
        closed: how it has them.

    Attributes:
        until_ns: from then on, counted from the run's start, nobody sends any more.
    """

    def __init__(self, scenario: Scenario, closed: ClosedShape) -> None:
        self.until_ns = scenario.warm_up_ns + scenario.duration_ns
        self._particulars = Particulars(scenario)
        self._names = self._particulars.spread(closed.users)
        self._seed = seed_key(scenario.seed)
        think_ns = drawing_ns(closed.think_time_ns, stream_key(THINK_STREAM))
        assert think_ns is not None, "scenarios refuse those who never think"
        self._think_ns = think_ns

    def __len__(self) -> int:
        """Return how many there are; they are numbered from 0."""
        return len(self._names)

    def think_ns(self, user: int, sent: int) -> int:
        """Return how long a user thinks who has sent so many requests."""
        return self._think_ns(request_key(self._seed, user), sent)

    def request(self, index: int, at_ns: int, user: int) -> Arrival:
        """Return request number ``index``, which this user sends."""
        return self._particulars.asked(index, at_ns, *self._names[user])


def most_requests_per_s(scenario: Scenario, closed: ClosedShape) -> float:
    """Return a rate that no run reaches on average, unless requests are refused.

    Nobody is answered sooner than if there were nobody else, everything were in the caches, and
    all took as long as it does on average.

    Source: P. Denning, J. Buzen, "The operational analysis of queueing network models", ACM
    Computing Surveys 10 (1978): the asymptotes of a closed network.
    """
    mix = scenario.workload.mix
    whole = sum(mix.values())
    shortest_ns = sum(
        weight / whole * _Shortest(scenario, scenario.classes[name]).answer_ns()
        for name, weight in mix.items()
    )
    return closed.users * SECOND_NS / (closed.think_time_ns.expected_ns() + shortest_ns)


class _Shortest:
    """How long a request of one class takes where nobody is in its way, and caches have all."""

    def __init__(self, scenario: Scenario, request_class: RequestClass) -> None:
        self._scenario = scenario
        self._class = request_class

    def answer_ns(self) -> float:
        """Return it on average."""
        steps: Sequence[Step] = self._class.steps
        for service in reversed(self._class.through):
            steps = [Call(call=service, steps=tuple(steps))]
        return self._all_ns(steps)

    def _all_ns(self, steps: Sequence[Step]) -> float:
        return sum(self._one_ns(step) for step in steps)

    def _one_ns(self, step: Step) -> float:
        scenario = self._scenario
        match step:
            case Call(call=name, steps=inner):
                service = scenario.services[name]
                own = self._own(name)
                work_ns = (own.service_time_ns or service.service_time_ns).expected_ns()
                wait_ns = (own.wait_time_ns or service.wait_time_ns).expected_ns()
                taken_ns = work_ns + wait_ns + self._all_ns(inner)
                return min(taken_ns, service.timeout_ns or taken_ns)
            case Cached(cache=name):
                return self._look_up_ns(name)
            case Read(read=name):
                time = self._own(name).service_time_ns or scenario.databases[name].read_time_ns
                return time.expected_ns()
            case Write(write=name, invalidates=cache):
                time = self._own(name).service_time_ns or scenario.databases[name].write_time_ns
                return time.expected_ns() + (0.0 if cache is None else self._look_up_ns(cache))
            case Enqueue(enqueue=name):
                time = self._own(name).service_time_ns or scenario.queues[name].enqueue_time_ns
                return time.expected_ns()

    def _look_up_ns(self, cache: str) -> float:
        spec = self._scenario.caches[cache]
        return (self._own(cache).service_time_ns or spec.service_time_ns).expected_ns()

    def _own(self, station: str) -> StationTimes:
        return self._class.times.get(station, StationTimes())
