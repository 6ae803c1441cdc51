"""The light load under which calibration measures: the scenario's requests, few at a time."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from reference_services.runtime.clock import block_ns, monotonic_ns
from scenarios.history import Operation, read_history
from scenarios.spec import Scenario
from scenarios.units import MILLISECOND_NS, SECOND_NS
from scenarios.workload import ConstantArrivals, Steady, Workload
from sim.arrivals import Arrival
from worlds.calibration import LightLoad
from worlds.jobs import JobStatus, Studio, read_jobs, studio_of
from worlds.load.generator import LoadProgress, LoadTarget, generate
from worlds.load.plan import (
    PlannedRequest,
    filled,
    plan_of,
    submitted_queues,
    write_plan,
    write_requests,
)
from worlds.parts import queue_in
from worlds.processes.platform import Platform
from worlds.processor_time import EVENT_LOOPS, ProcessorTime
from worlds.world import OnProgress, Progress

_RATE_PER_S = 15.0
_DURATION_NS = 14 * SECOND_NS
_IDLE_NS = 3 * SECOND_NS
_NEW_JOBS = 5
_REPEATED_JOBS = 25
_REPEAT_EVERY_NS = 150 * MILLISECOND_NS
_JOB_PATIENCE_NS = 60 * SECOND_NS

_FOREIGN_KEY = 1_000_000
"""Keys above this are asked for by no run: what is made of them is not there already."""


def light_load(scenario: Scenario) -> Scenario | None:
    """Return a scenario that sends each class equally often, slowly and evenly.

    Even spacing keeps requests from meeting each other. Classes that submit jobs are left
    out: a job at work would slow the others down. None when only such classes are left.
    """
    mix = {
        name: 1.0
        for name in scenario.workload.mix
        if queue_in(scenario.classes[name].steps) is None
    }
    if not mix:
        return None
    arrivals = ConstantArrivals(constant=Steady(rate_per_s=_RATE_PER_S))
    return scenario.model_copy(
        update={
            "workload": Workload(arrivals=arrivals, mix=mix),
            "warm_up_ns": 2 * SECOND_NS,
            "duration_ns": _DURATION_NS,
            "drain_ns": 5 * SECOND_NS,
            "objectives": (),
        }
    )


def observe_light_load(
    scenario: Scenario, platform: Platform, out: Path, on_progress: OnProgress
) -> LightLoad:
    """Measure the requests first, then the jobs, so that neither disturbs the other.

    Writes the histories of what it sent into folders under ``out``.

    Raises:
        LoadFailed: the load generator itself failed.
    """
    operations: list[Operation] = []
    cpu_ns: dict[str, int] = {}
    light = light_load(scenario)
    if light is not None:
        processor_times = {
            service: ProcessorTime(platform, service)
            for service in scenario.services
            if service in EVENT_LOOPS
        }
        # What a service does when nobody asks it anything is not the work of a request.
        block_ns(_IDLE_NS)
        idle = {name: time.since_last() for name, time in processor_times.items()}
        folder = out / "requests"
        folder.mkdir(parents=True)
        write_plan(light, folder / "plan.jsonl")
        sent = _send(light, platform, folder, on_progress)
        # The first requests open connections and fill pools: that is not the service's time.
        operations = [o for o in sent if o.scheduled_ns >= light.warm_up_ns]
        # Processor time was spent on all of them; the part of the measured ones is theirs.
        part = len(operations) / max(len(sent), 1)
        asked = {name for operation in operations for name, _ in operation.spans_ns}
        for name, time in processor_times.items():
            spent = time.since_last()
            background_ns = idle[name].utilisation * spent.elapsed_ns * spent.replicas
            if spent.replicas and name in asked:
                cpu_ns[name] = round(max(spent.busy_ns - background_ns, 0) * part)
    seen = LightLoad(operations, cpu_ns, {}, {})
    studio = studio_of(platform)
    if studio is None:
        return seen
    for name, queue in submitted_queues(scenario).items():
        if name in scenario.workload.mix and queue not in seen.job_ns:
            on_progress(Progress("calibrating jobs", 0.0))
            # A studio that dies meanwhile leaves the jobs unmeasured, which is told.
            with contextlib.suppress(OSError):
                seen = _with_jobs(seen, scenario, name, platform, studio, out / queue)
    return seen


def _send(
    scenario: Scenario, platform: Platform, folder: Path, on_progress: OnProgress
) -> list[Operation]:
    end_ns = scenario.warm_up_ns + scenario.duration_ns

    def progress(seen: LoadProgress) -> None:
        on_progress(Progress("calibrating requests", min(max(seen.at_ns / end_ns, 0.0), 1.0)))

    target = LoadTarget(platform.edge_url, platform.api_keys_file)
    plan = folder / "plan.jsonl"
    generate(plan, target, folder, drain_ns=scenario.drain_ns, on_progress=progress)
    return list(read_history(folder / "history.jsonl"))


def _with_jobs(
    seen: LightLoad, scenario: Scenario, name: str, platform: Platform, studio: Studio, out: Path
) -> LightLoad:
    """Add jobs to what was seen: a few new ones, one after another, then one of them repeated.

    The repeated ones go through the edge, as the run's do, and so show the way of the
    request as well; they are cheap, because their result is there.
    """
    out.mkdir(parents=True)
    user = next(iter(platform.api_keys))
    request = scenario.classes[name].request
    assert request is not None, "what is sent was planned before"
    new: list[JobStatus] = []
    for i in range(_NEW_JOBS):
        body = filled(request.body, _FOREIGN_KEY + i)
        new.append(_finished(studio, studio.submit(body, user), user))
    plan = out / "plan.jsonl"
    write_requests(_repeated(scenario, name, user), plan)
    target = LoadTarget(platform.edge_url, platform.api_keys_file)
    generate(plan, target, out, drain_ns=5 * SECOND_NS, on_progress=lambda _: None)
    operations = list(read_history(out / "history.jsonl"))
    submitted = read_jobs(out / "jobs.jsonl", operations)
    repeated = [_finished(studio, job.job, user) for job in submitted]
    queue = submitted_queues(scenario)[name]
    return seen._replace(
        submissions=[*seen.submissions, *operations],
        # The first job of a worker also loads what it renders with.
        job_ns={**seen.job_ns, queue: _lasted(new[1:])},
        repeated_job_ns={**seen.repeated_job_ns, queue: _lasted(repeated)},
    )


def _repeated(scenario: Scenario, name: str, user: str) -> Iterator[PlannedRequest]:
    for i in range(_REPEATED_JOBS):
        at_ns = i * _REPEAT_EVERY_NS
        yield plan_of(scenario, Arrival(i, at_ns, name, "", user, _FOREIGN_KEY))


def _finished(studio: Studio, job: str, user: str) -> JobStatus:
    return studio.finished(job, user, deadline_ns=monotonic_ns() + _JOB_PATIENCE_NS)


def _lasted(jobs: Iterable[JobStatus]) -> Sequence[int]:
    return [
        max(job.finished_at_unix_ns - job.submitted_at_unix_ns, 0)
        for job in jobs
        if job.finished_at_unix_ns is not None and job.state == "done"
    ]
