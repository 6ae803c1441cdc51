"""The usual figures of a set of replications, row by row."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from scenarios.history import Outcome
from scenarios.records import RunRecord
from sim.statistics.collapse import collapse
from sim.statistics.figures import (
    Figure,
    Unit,
    goodput,
    latency_quantile,
    mean_latency,
    mean_wait,
    outcome_share,
    utilisation,
)
from sim.statistics.honest import CONFIDENCE, Answer, as_json
from sim.statistics.replications import Replications
from sim.statistics.words import in_words

QUANTILES: Final = (0.5, 0.95, 0.99)

Runs: TypeAlias = Literal["all", "collapsed", "not collapsed"]


class Row(NamedTuple):
    """One figure of a class, of a station, or of the run."""

    runs: Runs
    """Out of which runs; figures of each kind apart follow those of all, where there are both."""

    subject: str
    figure: str
    unit: Unit
    answer: Answer

    @property
    def words(self) -> str:
        """The answer as people read it."""
        return in_words(self.answer, self.unit)

    def as_json(self) -> dict[str, object]:
        """Return the row as JSON can hold it; an answer with a ``reason`` is a refusal."""
        return {
            "runs": self.runs,
            "subject": self.subject,
            "figure": self.figure,
            "unit": self.unit,
            "answer": as_json(self.answer),
        }


def summary(replications: Replications, confidence: float = CONFIDENCE) -> list[Row]:
    """Return what the replications say: how probable collapse is, each class, each station."""
    outcome = collapse(replications.records, confidence=confidence)
    rows = [Row("all", "run", "collapse", "share", outcome.probability)]
    rows += _rows("all", replications, confidence)
    if outcome.mixed:
        rows += _rows("not collapsed", replications.of_kind(collapsed=False), confidence)
        rows += _rows("collapsed", replications.of_kind(collapsed=True), confidence)
    return rows


def _rows(runs: Runs, replications: Replications, confidence: float) -> list[Row]:
    return [
        Row(runs, it.subject, it.name, it.unit, replications.estimate(it, confidence))
        for it in figures(replications)
    ]


def figures(replications: Replications) -> Iterator[Figure]:
    """Give the usual figures that these runs have, classes first, in order of name."""
    records = replications.records
    for name in sorted({name for record in records for name in record.classes}):
        yield goodput(name)
        yield mean_latency(name)
        yield from (latency_quantile(name, q) for q in QUANTILES)
        for outcome in (Outcome.REFUSED, Outcome.FAILED, Outcome.UNKNOWN):
            if any(
                record.classes[name].counts.get(outcome)
                for record in records
                if name in record.classes
            ):
                yield outcome_share(name, outcome)
    for name in sorted({name for record in records for name in record.stations}):
        if all(
            name in record.stations and record.stations[name].utilisation is not None
            for record in records
        ):
            yield utilisation(name)
        if any(_has_waits(record, name) for record in records):
            yield mean_wait(name)


def _has_waits(record: RunRecord, station: str) -> bool:
    found = record.stations.get(station)
    return found is not None and found.wait_ns is not None and found.wait_ns.count > 0
