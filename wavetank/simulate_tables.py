"""What ``wavetank simulate`` shows: of one run its numbers, of several their intervals."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.intervals import samples_needed
from reports.quantities import MISSING, count, duration, number, share
from reports.text import objective_tables
from scenarios.findings import Verdict
from scenarios.histogram import Histogram
from scenarios.history import Outcome
from scenarios.records import ClassOutcome, RunRecord
from scenarios.units import SECOND_NS
from sim.statistics.honest import Estimate, Refusal
from sim.statistics.replications import Replications
from sim.statistics.summary import Row

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def run_tables(record: RunRecord) -> list[RenderableType]:
    """Return the objectives of one run, its classes and its stations."""
    return [*objective_tables([record]), *_classes(record), _stations(record)]


def run_figures(record: RunRecord) -> dict[str, object]:
    """Return the same numbers for ``json.dumps``; None where there are too few to say."""
    return {
        "classes": {
            name: {
                "is_job": outcome.is_job,
                "counts": {each.value: outcome.counts.get(each, 0) for each in Outcome},
                "throughput_per_s": _throughput_per_s(outcome, record),
                **{f"{q}_ns": _quantile(outcome.latency_ns, q) for q in QUANTILES},
            }
            for name, outcome in record.classes.items()
        },
        "stations": {
            name: {
                "utilisation": station.utilisation,
                "mean_wait_ns": None if station.wait_ns is None else station.wait_ns.mean,
            }
            for name, station in record.stations.items()
        },
    }


def _classes(record: RunRecord) -> list[RenderableType]:
    occurred = [
        each
        for each in Outcome
        if each is Outcome.OK or any(it.counts.get(each) for it in record.classes.values())
    ]
    table = _table("Classes")
    table.add_column("class", overflow="fold")
    for title in (*(each.value for each in occurred), "ok/s", *QUANTILES):
        table.add_column(title, justify="right", no_wrap=True)
    short: dict[str, int] = {}
    for name, outcome in _requests_first(record):
        latencies = {q: _quantile(outcome.latency_ns, q) for q in QUANTILES}
        short |= {q: samples_needed(QUANTILES[q]) for q, ns in latencies.items() if ns is None}
        table.add_row(
            f"{name} (jobs)" if outcome.is_job else name,
            *(count(outcome.counts.get(each, 0)) for each in occurred),
            number(_throughput_per_s(outcome, record)),
            *(MISSING if ns is None else duration(ns) for ns in latencies.values()),
        )
    if not short:
        return [table]
    needed = ", ".join(f"{q} takes {least}" for q, least in sorted(short.items()))
    return [table, Text(f"{MISSING}: too few that ended ok to say; {needed}.\n", style="dim")]


def _requests_first(record: RunRecord) -> list[tuple[str, ClassOutcome]]:
    return sorted(record.classes.items(), key=lambda it: (it[1].is_job, it[0]))


def _throughput_per_s(outcome: ClassOutcome, record: RunRecord) -> float:
    measured_ns = record.measured_until_ns - record.measured_from_ns
    return outcome.counts.get(Outcome.OK, 0) / (measured_ns / SECOND_NS)


def _quantile(histogram: Histogram, name: str) -> int | None:
    q = QUANTILES[name]
    return histogram.quantile(q) if histogram.count >= samples_needed(q) else None


def _stations(record: RunRecord) -> Table:
    table = _table("Stations")
    table.add_column("station")
    table.add_column("utilisation", justify="right")
    table.add_column("mean wait", justify="right")
    for name, station in record.stations.items():
        wait_ns = None if station.wait_ns is None else station.wait_ns.mean
        table.add_row(
            name,
            MISSING if station.utilisation is None else share(station.utilisation),
            MISSING if wait_ns is None else duration(wait_ns),
        )
    return table


def replication_tables(replications: Replications, rows: Sequence[Row]) -> list[RenderableType]:
    """Return what replications say together: objectives, collapse, intervals, refusals."""
    tables: list[RenderableType] = []
    if any(record.findings for record in replications.records):
        tables.append(_objectives(replications.records))
    said = collapse_sentence(replications)
    if said:
        tables.append(Text(f"{said}\n", style="red bold"))
    refusals: list[str] = []
    for kind in dict.fromkeys(row.runs for row in rows):
        own = [row for row in rows if row.runs == kind and row.figure != "collapse"]
        if kind == "all" and own and all(isinstance(row.answer, Refusal) for row in own):
            # One reason stands for all of them, and the figures of each kind follow.
            tables.append(_refused(own))
        elif own:
            title = "Figures" if kind == "all" else f"Figures of the runs that {_KINDS[kind]}"
            tables.append(_figures(title, own, refusals))
    if refusals:
        notes = (f"({i}) {text}" for i, text in enumerate(refusals, start=1))
        tables.append(Group(Text("Not quoted:"), *map(Text, notes)))
    return tables


_KINDS = {"collapsed": "collapsed", "not collapsed": "did not collapse"}


def collapse_sentence(replications: Replications) -> str:
    """Return how many runs collapsed, if any did, and how probable that is."""
    outcome = replications.collapse
    collapsed, runs = sum(outcome.collapsed), len(outcome.collapsed)
    if not collapsed:
        return ""
    of = f"{collapsed} of {runs} runs collapsed"
    rule = f"under {outcome.rule.ok_below:.0%} of their last requests ended ok"
    match outcome.probability:
        case Estimate(low=low, high=high, confidence=confidence):
            return (
                f"{of}: {rule}. It happens to {low:.0%} to {high:.0%} of runs ({confidence:.0%})."
            )
        case Refusal():
            return f"{of}: {rule}."


def objective_counts(records: Sequence[RunRecord]) -> dict[str, Counter[Verdict]]:
    """Return by objective in how many of the runs it holds, is broken, and is unknown."""
    found: dict[str, Counter[Verdict]] = {}
    for record in records:
        for finding in record.findings:
            found.setdefault(finding.claim, Counter())[finding.verdict] += 1
    return found


def _objectives(records: Sequence[RunRecord]) -> Table:
    table = _table(f"Objectives in {len(records)} runs")
    table.add_column("objective")
    styles = {Verdict.HOLDS: "green", Verdict.BROKEN: "red bold", Verdict.UNKNOWN: "yellow"}
    signs = {Verdict.HOLDS: "✓", Verdict.BROKEN: "✗", Verdict.UNKNOWN: "?"}
    for verdict in Verdict:
        table.add_column(verdict.value, justify="right")
    for claim, verdicts in objective_counts(records).items():
        table.add_row(
            claim,
            *(
                Text(f"{signs[it]} {verdicts[it]}", style=styles[it]) if verdicts[it] else "0"
                for it in Verdict
            ),
        )
    return table


def _figures(title: str, rows: Iterable[Row], refusals: list[str]) -> Table:
    """Return a table of figures; refusals are collected, and stand in it as their numbers."""
    table = _table(title)
    for column in ("of", "figure", "is"):
        table.add_column(column)
    before = ""
    for row in rows:
        if before and row.subject != before:
            table.add_section()
        words = row.words
        if isinstance(row.answer, Refusal):
            text = str(row.answer)
            if text not in refusals:
                refusals.append(text)
            words = f"{MISSING} ({refusals.index(text) + 1})"
        table.add_row(row.subject if row.subject != before else "", row.figure, words)
        before = row.subject
    return table


def _refused(rows: Iterable[Row]) -> RenderableType:
    reasons = dict.fromkeys(str(row.answer) for row in rows)
    return Group(*(Text(f"No figures over all runs: {reason}") for reason in reasons))


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
