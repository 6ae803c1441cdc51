"""Runs a scenario in simulated time."""

from collections.abc import Callable
from importlib import metadata
from typing import Literal, TypeAlias

from scenarios.history import Operation
from scenarios.load import scenario_sha256
from scenarios.recorder import Recorder
from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from sim.arrivals import arrivals
from sim.models.autoscaler import Autoscaler
from sim.models.client import Client
from sim.models.observer import Observer
from sim.models.platform import Platform
from sim.models.timeline import Activity, Timeline
from sim.streams import seed_key

EngineName: TypeAlias = Literal["simpy", "compiled"]


def simulate(
    scenario: Scenario,
    history: Callable[[Operation], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
    commit: str | None = None,
    engine: EngineName = "simpy",
    should_stop: Callable[[int], bool] | None = None,
) -> RunRecord:
    """Run ``scenario`` in simulated time, and return what came of it.

    The same scenario and seed give the same record and the same history, byte for byte; from
    either engine, but for its name in the record.
    Memory is bounded by the requests in flight, and by one entry of the series a second.

    Args:
        scenario: what to run.
        history: told of every operation as it ends; those that never do come last.
        on_progress: told the simulated time, in nanoseconds, after each simulated second; by the
            compiled engine less often.
        commit: of the source tree, for the record.
        engine: ``simpy``, whose models are there to be read, or ``compiled``, which does the same
            in machine code.
        should_stop: asked every now and then whether to break the run off; the record is then of
            what there was. It is told how many bytes more are needed at once to go on, 0 as a
            rule.

    Raises:
        scenarios.trace.InvalidTrace: the workload is a trace that cannot be read, or not
            replayed in this scenario.
        OSError: the trace cannot be opened.
    """
    provenance = _provenance(scenario, commit, engine)
    if engine == "compiled":
        # Imported here: it takes as long as a short run of the other.
        from sim.compiled.run import run  # noqa: PLC0415  # see above

        return run(scenario, history, on_progress, should_stop or _never, provenance)
    return _simulate(scenario, history, on_progress, should_stop or _never, provenance)


def _never(_more_bytes: int) -> bool:
    """Let a run come to its end."""
    return False


def _simulate(
    scenario: Scenario,
    history: Callable[[Operation], None] | None,
    on_progress: Callable[[int], None] | None,
    should_stop: Callable[[int], bool],
    provenance: Provenance,
) -> RunRecord:
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
    Activity(client.send(arrivals(scenario)), _nobody_waits)
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


def _provenance(scenario: Scenario, commit: str | None, engine: EngineName) -> Provenance:
    package = "simpy" if engine == "simpy" else "numba"
    version = metadata.version(package)
    return Provenance(
        scenario_sha256=scenario_sha256(scenario),
        seed=scenario.seed,
        wavetank=metadata.version("wavetank"),
        commit=commit,
        engine=f"simpy {version}" if engine == "simpy" else f"compiled, numba {version}",
    )
