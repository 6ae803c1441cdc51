"""Runs a scenario's traffic against a live platform, and sums up what came of it."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from reference_services.runtime.clock import monotonic_ns, unix_ns
from scenarios.files import write_record
from scenarios.histogram import HistogramBuilder
from scenarios.history import Operation, read_history, write_operation
from scenarios.recorder import Recorder
from scenarios.records import Event, RunRecord, StationOutcome
from scenarios.spec import Scenario
from worlds.autoscaler import LiveAutoscaler
from worlds.breakers import BreakerWatch
from worlds.jobs import job_operations, read_jobs, studio_of
from worlds.load.generator import (
    LoadProgress,
    LoadSummary,
    LoadTarget,
    generate,
    summary_so_far,
)
from worlds.load.plan import submitted_queues, write_plan
from worlds.observer import Observer, Sample
from worlds.parts import QUEUE, stations_by_part, with_known_parts
from worlds.processes.platform import Platform
from worlds.processes.shape import Death
from worlds.provenance import live_provenance
from worlds.world import OnProgress, Progress

_LATE_SHARE_MAX = 0.01


def run_live(
    scenario: Scenario,
    platform: Platform,
    out: Path,
    on_progress: OnProgress,
    notes: Sequence[str] = (),
) -> RunRecord:
    """Load ``platform`` with the traffic of ``scenario`` and return the record.

    Writes ``plan.jsonl``, ``history.jsonl``, ``jobs.jsonl`` and ``record.json`` into
    ``out``. A part of the platform that dies on the way ends up in the record; the run
    goes on, as its users would. Ctrl-C ends it, and the record holds what there was.

    Args:
        scenario: whose traffic is sent.
        platform: that is up, in the shape that the scenario describes.
        out: folder for what came of it; made if there is none.
        on_progress: told how far the run is.
        notes: what a reader of the record should know beforehand, one sentence each.

    Raises:
        LoadFailed: the load generator itself failed.
        NotSendable: a class of the mix can only be simulated.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_plan(scenario, out / "plan.jsonl")
    events: list[tuple[int, Event]] = []

    def note(kind: Literal["scaled", "note"], service: str, detail: str) -> None:
        events.append((unix_ns(), Event(at_ns=0, kind=kind, target=service, detail=detail)))

    events += [_died(death, "before the run began, ") for death in platform.poll_deaths()]
    observer, breakers = Observer(scenario, platform), BreakerWatch(platform)
    told = [Event(at_ns=0, kind="note", target="scenario", detail=note) for note in notes]
    jobs: list[Operation] = []
    try:
        with observer.watching(), LiveAutoscaler(scenario, platform, note).running():
            summary = _load(scenario, platform, out, on_progress)
            jobs = _finished_jobs(scenario, platform, out, summary)
    except KeyboardInterrupt:
        interrupted = summary_so_far(out)
        if interrupted is not None:
            events += [*map(_died, platform.poll_deaths()), *breakers.events()]
            _sum_up(
                scenario,
                out,
                interrupted,
                jobs,
                observer.samples,
                _at_run(events, told, interrupted),
            )
        raise
    events += [*map(_died, platform.poll_deaths()), *breakers.events()]
    return _sum_up(scenario, out, summary, jobs, observer.samples, _at_run(events, told, summary))


def _at_run(
    events: Sequence[tuple[int, Event]], told: Sequence[Event], summary: LoadSummary
) -> list[Event]:
    """Return all events, with their times counted from the run's start."""
    start_ns = summary.started_at_unix_ns
    timed = [
        event.model_copy(update={"at_ns": max(at_unix_ns - start_ns, 0)})
        for at_unix_ns, event in events
    ]
    return [*told, *timed, *_doubts(summary)]


def _sum_up(
    scenario: Scenario,
    out: Path,
    summary: LoadSummary,
    jobs: Sequence[Operation],
    samples: Sequence[Sample],
    events: Sequence[Event],
) -> RunRecord:
    """Make the record of what was sent, answered and seen, and write it."""
    start_ns = summary.started_at_unix_ns
    recorder = Recorder(scenario)
    requests = [
        operation
        for operation in read_history(out / "history.jsonl")
        if operation.class_name not in scenario.queues
    ]
    for operation in (*requests, *jobs):
        recorder.operation(operation)
    for sample in samples:
        at_ns = max(sample.at_unix_ns - start_ns, 0)
        recorder.sample(sample.series, sample.unit, at_ns, sample.value)
    for event in events:
        recorder.event(event)
    record = recorder.record(
        "processes",
        live_provenance(scenario, start_ns),
        stations=_stations(scenario, requests, samples, start_ns),
        interrupted_at_ns=None if summary.complete else summary.ended_ns,
    )
    write_record(record, out / "record.json")
    return record


def _died(death: Death, when: str = "") -> tuple[int, Event]:
    target = f"{death.service}/{death.index}"
    detail = f"{when}exit code {death.exit_code}"
    return death.at_unix_ns, Event(at_ns=0, kind="died", target=target, detail=detail)


def _load(
    scenario: Scenario, platform: Platform, out: Path, on_progress: OnProgress
) -> LoadSummary:
    end_ns = scenario.warm_up_ns + scenario.duration_ns

    def progress(seen: LoadProgress) -> None:
        on_progress(Progress("running live", min(max(seen.at_ns, 0) / end_ns, 1.0)))

    return generate(
        out / "plan.jsonl",
        LoadTarget(platform.edge_url, platform.api_keys_file),
        out,
        drain_ns=scenario.drain_ns,
        on_progress=progress,
    )


def _finished_jobs(
    scenario: Scenario,
    platform: Platform,
    out: Path,
    summary: LoadSummary,
) -> list[Operation]:
    """Wait for the jobs that were submitted, until the drain is over; add them to the history."""
    submitted = list(read_jobs(out / "jobs.jsonl", read_history(out / "history.jsonl")))
    if not submitted:
        return []
    studio = studio_of(platform)
    left_ns = scenario.warm_up_ns + scenario.duration_ns + scenario.drain_ns - summary.ended_ns
    jobs = list(
        job_operations(
            studio,
            submitted,
            submitted_queues(scenario),
            started_at_unix_ns=summary.started_at_unix_ns,
            deadline_ns=monotonic_ns() + left_ns,
        )
    )
    with (out / "history.jsonl").open("a", encoding="utf-8") as history:
        history.writelines(map(write_operation, jobs))
    return jobs


def _doubts(summary: LoadSummary) -> list[Event]:
    """Say where the generator itself may have bent the measurement."""
    if summary.late <= _LATE_SHARE_MAX * summary.sent:
        return []
    detail = (
        f"{summary.late} of {summary.sent} requests were sent more than 10 ms late, "
        f"at most {summary.late_max_ns / 1e6:.0f} ms: the machine was too busy to send them in "
        "time; their latency counts from when they were due"
    )
    return [Event(at_ns=summary.ended_ns, kind="note", target="load", detail=detail)]


def _stations(
    scenario: Scenario, requests: Sequence[Operation], samples: Sequence[Sample], start_ns: int
) -> dict[str, StationOutcome]:
    """Sum up by station what the services reported of themselves in the measured part."""
    from_ns = scenario.warm_up_ns
    until_ns = from_ns + scenario.duration_ns
    service_ns: defaultdict[str, HistogramBuilder] = defaultdict(HistogramBuilder)
    names = {name: stations_by_part(found) for name, found in scenario.classes.items()}
    for request in requests:
        if from_ns <= request.scheduled_ns < until_ns:
            stations = names[request.class_name]
            request_class = scenario.classes[request.class_name]
            for part, span_ns in with_known_parts(request_class, request.spans_ns, stations):
                # A queue's service is its jobs', and the time to submit one is not that.
                if part != QUEUE:
                    service_ns[stations[part]].add(span_ns)
    busy: defaultdict[str, list[float]] = defaultdict(list)
    for sample in samples:
        quantity, _, station = sample.series.partition(".")
        if quantity == "utilisation" and from_ns <= sample.at_unix_ns - start_ns < until_ns:
            busy[station].append(sample.value)
    return {
        station: StationOutcome(
            service_ns=service_ns[station].build() if station in service_ns else None,
            utilisation=fmean(busy[station]) if busy.get(station) else None,
        )
        for station in {*service_ns, *busy}
    }
