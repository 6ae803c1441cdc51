"""Runs a scenario in SimPy."""

from collections.abc import Callable

from scenarios.history import Operation
from scenarios.recorder import Recorder
from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from scenarios.workload import ClosedArrivals
from sim.arrivals import arrivals
from sim.closed import ClosedUsers
from sim.models.autoscaler import Autoscaler
from sim.models.client import Client
from sim.models.observer import Observer
from sim.models.platform import Platform
from sim.models.timeline import Activity, Timeline, Waiting
from sim.streams import seed_key


def run(
    scenario: Scenario,
    history: Callable[[Operation], None] | None,
    on_progress: Callable[[int], None] | None,
    should_stop: Callable[[int], bool],
    provenance: Provenance,
) -> RunRecord:
    """Run ``scenario``; as :func:`sim.run.simulate`."""
    timeline = Timeline()
    recorder = Recorder(scenario)

    def on_operation(operation: Operation) -> None:
        recorder.operation(operation)
        if history is not None:
            history(operation)

    platform = Platform(scenario, timeline, on_operation, recorder.event)
    seed = seed_key(scenario.seed)
    client = Client(timeline, platform.routes, seed, recorder.ended, history)
    observer = Observer(platform, timeline, recorder)
    for sending in _traffic(scenario, client):
        Activity(sending, _nobody_waits)
    timeline.process(observer.run(on_progress))
    for service in platform.services.values():
        if service.spec.autoscaler is not None:
            timeline.process(Autoscaler(service, service.spec.autoscaler).run())
    is_whole = _run_parts(scenario, timeline, observer, should_stop)
    unfinished = [job for queue in platform.queues.values() for job in queue.unfinished()]
    for operation in (*client.unanswered(), *unfinished):
        on_operation(operation)
    return recorder.record(
        "simulated",
        provenance,
        stations=observer.outcomes(),
        interrupted_at_ns=None if is_whole else timeline.now_ns,
    )


def _traffic(scenario: Scenario, client: Client) -> list[Waiting[None]]:
    """Return all that sends requests."""
    match scenario.workload.arrivals:
        case ClosedArrivals(closed=closed):
            users = ClosedUsers(scenario, closed)
            return [client.converse(users, user) for user in range(len(users))]
        case _:
            return [client.send(arrivals(scenario))]


def _nobody_waits(_nothing: None) -> None:
    """Take note that the last request was sent: the run goes on until they have ended."""


def _run_parts(
    scenario: Scenario,
    timeline: Timeline,
    observer: Observer,
    should_stop: Callable[[int], bool],
) -> bool:
    """Run warm-up, measured part and drain; return whether all of it was run."""

    def advance_to(end_ns: int) -> bool:
        while timeline.now_ns < end_ns:
            timeline.advance_to(min(timeline.now_ns + SECOND_NS, end_ns))
            if timeline.now_ns < end_ns and should_stop(0):
                return False
        return True

    is_whole = advance_to(scenario.warm_up_ns)
    if is_whole:
        observer.start_measuring()
        is_whole = advance_to(scenario.warm_up_ns + scenario.duration_ns)
        observer.stop_measuring()
    is_whole = is_whole and advance_to(timeline.now_ns + scenario.drain_ns)
    # What was to happen at the very end does not happen any more, the last sample included.
    observer.sample()
    return is_whole
