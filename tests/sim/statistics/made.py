"""Records made by hand, with only what statistics look at."""

from collections.abc import Mapping, Sequence

from scenarios.histogram import HistogramBuilder
from scenarios.history import Outcome
from scenarios.records import ClassOutcome, Provenance, RunRecord, Series, StationOutcome
from scenarios.units import SECOND_NS
from sim.statistics.replications import Replications, replication_seed

Values = Sequence[float | None]


def record(
    latencies_ns: Sequence[int] = (),
    seed: int = 1,
    *,
    refused: int = 0,
    utilisation: float | None = None,
    series: Mapping[str, Values] | None = None,
    interrupted: bool = False,
) -> RunRecord:
    """Return a run of the class ``ask``, measured for as many seconds as the series have.

    Without series it has four seconds, in each of which all that was offered was answered.
    """
    values: dict[str, Values] = {"offered": (10.0,) * 4, "ok": (10.0,) * 4, **(series or {})}
    counts = {Outcome.OK: len(latencies_ns), Outcome.REFUSED: refused}
    return RunRecord(
        world="simulated",
        scenario="made",
        provenance=Provenance(scenario_sha256="", seed=seed, wavetank="", engine="by hand"),
        ended="interrupted" if interrupted else "completed",
        measured_from_ns=0,
        measured_until_ns=len(values["offered"]) * SECOND_NS,
        classes={
            "ask": ClassOutcome(counts=counts, latency_ns=HistogramBuilder(latencies_ns).build())
        },
        stations={} if utilisation is None else {"door": StationOutcome(utilisation=utilisation)},
        series={
            name: Series(unit="", step_ns=SECOND_NS, values=tuple(found))
            for name, found in values.items()
        },
    )


def replications(records: Sequence[RunRecord], first_seed: int = 1) -> Replications:
    """Return the records as a set of replications, with the seeds of such a set."""
    seeded = [
        each.model_copy(
            update={
                "provenance": each.provenance.model_copy(
                    update={"seed": replication_seed(first_seed, index)}
                )
            }
        )
        for index, each in enumerate(records)
    ]
    return Replications(first_seed, tuple(seeded))
