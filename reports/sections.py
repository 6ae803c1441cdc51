"""What stands in the report's tables, as text; the template only sets it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.compare import ERRORS, ClassComparison, Figure
from reports.headline import WORLDS
from reports.quantities import MISSING, NBSP, count, duration, relative, share, written
from reports.run_folder import Run
from scenarios.histogram import Histogram
from scenarios.records import Event, RunRecord, StationOutcome
from scenarios.spec import Scenario

_EVENTS_MAX = 200
_BAR_MAX = 1.0


class Cell(NamedTuple):
    """A number, what is known of its noise, and why it is missing."""

    text: str
    small: str = ""
    title: str = ""


class FigureRow(NamedTuple):
    """One quantity of one class."""

    name: str
    predicted: Cell
    measured: Cell
    error: Cell
    noise: str
    """``beyond``, ``within``, or nothing where it cannot be told."""

    bar: tuple[float, float] | None
    """Where the bar of the error starts and ends, -1 to 1; None without an error."""


class ClassRows(NamedTuple):
    """The rows of one class."""

    name: str
    what: str
    rows: tuple[FigureRow, ...]


def class_rows(classes: Sequence[ClassComparison], *, both: bool) -> list[ClassRows]:
    """Return the rows of the table of figures.

    Args:
        classes: the figures.
        both: whether both worlds were asked; else a missing number needs no explanation.
    """
    return [
        ClassRows(each.name, _what(each, both=both), tuple(_figure_rows(each, both=both)))
        for each in classes
    ]


def _what(each: ClassComparison, *, both: bool) -> str:
    noun = "jobs" if each.is_job else "requests"
    if not both:
        return f"{count(each.measured_ok or each.predicted_ok)} {noun} ok"
    if each.predicted_ok == each.measured_ok:
        return f"{count(each.measured_ok)} {noun} ok in each"
    return f"{noun} ok: {count(each.predicted_ok)} and {count(each.measured_ok)}"


def _figure_rows(each: ClassComparison, *, both: bool) -> Iterator[FigureRow]:
    errors = [figure for figure in each.figures if figure.name in ERRORS]
    unknown = [figure for figure in each.figures if figure.unit == "ns" and not _known(figure)]
    seen = [figure for figure in errors if figure.predicted or figure.measured]
    for figure in each.figures:
        if figure not in errors and figure not in unknown:
            yield _figure_row(figure, both=both)
    if unknown:
        # One row for all that nobody can know.
        names = ", ".join(figure.name for figure in unknown)
        yield _figure_row(unknown[-1], both=both)._replace(name=names)
    for figure in seen:
        yield _figure_row(figure, both=both)
    if not seen:
        none = [
            Cell(MISSING if all(value is None for value in values) else "none")
            for values in (
                [figure.predicted for figure in errors],
                [figure.measured for figure in errors],
            )
        ]
        yield FigureRow("errors", none[0], none[1], Cell(""), "", None)


def _known(figure: Figure) -> bool:
    return figure.predicted is not None or figure.measured is not None


def _figure_row(figure: Figure, *, both: bool) -> FigureRow:
    reason = figure.reason if both else figure.reason.partition(";")[0]
    error = Cell(MISSING, title=reason)
    bar = None
    if figure.relative_error is not None:
        interval = figure.error_interval
        small = f"{relative(interval[0])} to {relative(interval[1])}" if interval else ""
        error = Cell(relative(figure.relative_error), small)
        held = min(max(figure.relative_error, -_BAR_MAX), _BAR_MAX)
        bar = (min(held, 0.0), max(held, 0.0))
    noise = {True: "beyond", False: "within", None: ""}[figure.beyond_noise]
    return FigureRow(
        name=figure.name,
        predicted=_cell(figure.predicted, figure.predicted_interval, figure, reason),
        measured=_cell(figure.measured, figure.measured_interval, figure, reason),
        error=error,
        noise=noise if both else "",
        bar=bar,
    )


def _cell(
    value: float | None, interval: tuple[float, float] | None, figure: Figure, reason: str
) -> Cell:
    if value is None:
        return Cell("too few" if figure.unit == "ns" else MISSING, title=reason)
    small = ""
    if interval is not None:
        low, high = (written(end, figure.unit) for end in interval)
        small = f"{_without_unit(low, high)} to {high}"
    return Cell(written(value, figure.unit), small)


def _without_unit(low: str, high: str) -> str:
    """Leave out the unit of ``low`` where ``high`` has the same."""
    unit = high.rpartition(NBSP)[2]
    return low.removesuffix(f"{NBSP}{unit}")


class StationRow(NamedTuple):
    """One station; of each quantity, the predicted and the measured value."""

    name: str
    kind: str
    utilisation: tuple[str, str]
    wait_p95: tuple[str, str]
    service_p50: tuple[str, str]
    service_p95: tuple[str, str]


def station_rows(run: Run) -> list[StationRow]:
    """Return the rows of the table of stations, in the scenario's order."""
    kinds = _kinds(run.played)
    present = {name for record in run.records for name in record.stations}
    order = [*kinds, *sorted(present - set(kinds))]
    rows = []
    for name in order:
        if name not in present:
            continue
        found = [_station(record, name) for record in (run.predicted, run.measured)]
        rows.append(
            StationRow(
                name=name,
                kind=kinds.get(name, ""),
                utilisation=_pair(
                    written(each.utilisation, "share") if each else MISSING for each in found
                ),
                wait_p95=_pair(_quantile(each.wait_ns if each else None, 0.95) for each in found),
                service_p50=_pair(
                    _quantile(each.service_ns if each else None, 0.50) for each in found
                ),
                service_p95=_pair(
                    _quantile(each.service_ns if each else None, 0.95) for each in found
                ),
            )
        )
    return rows


def _pair(values: Iterator[str]) -> tuple[str, str]:
    predicted, measured = values
    return predicted, measured


def _station(record: RunRecord | None, name: str) -> StationOutcome | None:
    return record.stations.get(name) if record else None


def _quantile(histogram: Histogram | None, q: float) -> str:
    return written(histogram.quantile(q) if histogram else None, "ns")


def _kinds(scenario: Scenario | None) -> dict[str, str]:
    if scenario is None:
        return {}
    return {
        **dict.fromkeys(scenario.services, "service"),
        **dict.fromkeys(scenario.caches, "cache"),
        **dict.fromkeys(scenario.databases, "database"),
        **dict.fromkeys(scenario.queues, "queue"),
    }


def station_notes(run: Run) -> dict[str, str]:
    """Return for each station its utilisation in words."""
    notes: dict[str, list[str]] = {}
    for record in run.records:
        for name, station in record.stations.items():
            if station.utilisation is not None:
                said = f"{WORLDS[record.world]} {share(station.utilisation)} busy"
                notes.setdefault(name, []).append(said)
    return {name: ", ".join(said) for name, said in notes.items()}


class EventRow(NamedTuple):
    """Something that happened."""

    at: str
    world: str
    kind: str
    target: str
    detail: str


def event_rows(records: Sequence[RunRecord]) -> tuple[list[EventRow], int]:
    """Return the events of all records in order of time, and how many are left out."""
    happened: list[tuple[Event, str]] = [
        (event, WORLDS[record.world]) for record in records for event in record.events
    ]
    happened.sort(key=lambda each: each[0].at_ns)
    rows = [
        EventRow(
            duration(event.at_ns),
            world,
            event.kind.replace("_", " "),
            event.target,
            event.detail,
        )
        for event, world in happened[:_EVENTS_MAX]
    ]
    return rows, len(happened) - len(rows)


def provenance_rows(records: Sequence[RunRecord]) -> list[tuple[str, list[str]]]:
    """Return what is known of where each record comes from, a row for each fact."""
    facts: list[tuple[str, list[str | None]]] = [
        ("world", [record.world for record in records]),
        ("ended", [record.ended for record in records]),
        ("seed", [str(record.provenance.seed) for record in records]),
        ("scenario, SHA-256", [record.provenance.scenario_sha256 for record in records]),
        ("wavetank", [record.provenance.wavetank for record in records]),
        ("commit", [record.provenance.commit for record in records]),
        ("engine", [record.provenance.engine for record in records]),
        ("machine", [record.provenance.machine or _any(record) for record in records]),
        ("started", [record.provenance.started_at or _any(record) for record in records]),
        ("measured part", [_measured_part(record) for record in records]),
    ]
    return [(name, [value or MISSING for value in values]) for name, values in facts]


def _any(record: RunRecord) -> str | None:
    return "any: it does not matter" if record.world == "simulated" else None


def _measured_part(record: RunRecord) -> str:
    return f"{duration(record.measured_from_ns)} to {duration(record.measured_until_ns)}"
