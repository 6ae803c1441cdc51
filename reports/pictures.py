"""Which charts a report shows, and what is on each."""

import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from markupsafe import Markup

from reports.charts.latency import Distribution, chart_latency
from reports.charts.over_time import (
    Line,
    Mark,
    OverTime,
    Timeline,
    chart_over_time,
    drawn_step_ns,
)
from reports.charts.platform import draw_platform
from reports.compare import ClassComparison
from reports.headline import WORLDS
from reports.quantities import count, duration, round_value
from reports.run_folder import Run
from reports.sections import station_notes
from reports.topology import topology
from scenarios.histogram import Histogram
from scenarios.records import Event, RunRecord, Series
from scenarios.units import SECOND_NS

_LINES = {"predicted": "simulated", "measured": "live"}
"""By line style, what the legend calls it."""

_UNITS = {"utilisation": "share", "queue_depth": "jobs", "replicas": "replicas"}
_TRAFFIC = ("offered", "ok", "refused", "failed")
_STEP_NS = SECOND_NS


class Picture(NamedTuple):
    """A chart with its caption."""

    title: str
    note: str
    svg: Markup


class OverTimePictures(NamedTuple):
    """The charts over time, and what needs none."""

    pictures: list[Picture]
    notes: list[str]
    marked: bool
    """Whether events are marked on them."""


class PlatformPictures(NamedTuple):
    """The platform, drawn for wide and for narrow pages."""

    wide: Markup
    narrow: Markup
    unused: tuple[str, ...]


def platform_pictures(run: Run) -> PlatformPictures | None:
    """Return the drawn platform; None when the folder has no scenario."""
    if run.played is None:
        return None
    shown = topology(run.played)
    notes = station_notes(run)
    return PlatformPictures(
        wide=draw_platform("platform-wide", shown, notes, "right"),
        narrow=draw_platform("platform-narrow", shown, notes, "down"),
        unused=shown.unused,
    )


def latency_pictures(run: Run, classes: Sequence[ClassComparison]) -> list[Picture]:
    """Return a chart for each class of which anything ended ok."""
    pictures = []
    for i, each in enumerate(classes):
        shown = [
            Distribution(_LINES[style], style, _latency(record, each.name))
            for style, record in _styled(run)
        ]
        if not any(one.latency_ns.count for one in shown):
            continue
        counts = ", ".join(f"{one.label} {count(one.latency_ns.count)}" for one in shown)
        noun = "jobs, from submission to result" if each.is_job else "requests"
        svg = chart_latency(f"latency-{i}", each.name, shown)
        pictures.append(Picture(each.name, f"{noun}; {counts}", svg))
    return pictures


def without_latency(classes: Sequence[ClassComparison]) -> list[str]:
    """Return the classes of which nothing ended ok in any world."""
    return [each.name for each in classes if not each.predicted_ok and not each.measured_ok]


def _latency(record: RunRecord, name: str) -> Histogram:
    return record.classes[name].latency_ns if name in record.classes else Histogram()


def _styled(run: Run) -> Iterator[tuple[str, RunRecord]]:
    """Yield each record with its line style."""
    if run.predicted is not None:
        yield "predicted", run.predicted
    if run.measured is not None:
        yield "measured", run.measured


def over_time_pictures(run: Run) -> OverTimePictures:
    """Return the charts over time that have something to show."""
    timeline = _timeline(run)
    wanted = [_throughput(run, timeline)]
    notes: list[str] = []
    for name, title in (("refused", "Refused"), ("failed", "Failed")):
        shown = _shown(run, timeline, name, title)
        if any(value for each in shown.lines for value in each.values):
            wanted.append(shown)
        else:
            notes.append(f"Nothing {'was refused' if name == 'refused' else 'failed'}.")
    wanted.append(_shown(run, timeline, "latency_p99", "p99 latency"))
    names = sorted({name for record in run.records for name in record.series})
    wanted += _all_of(run, timeline, names, "queue_depth", "Jobs in queue")
    replicas = list(_all_of(run, timeline, names, "replicas", "Replicas of"))
    moving = [shown for shown in replicas if len(_values(shown)) > 1]
    wanted += moving
    steady = [
        f"{count(min(_values(shown)))} {shown.title.removeprefix('Replicas of ')}"
        for shown in replicas
        if len(_values(shown)) == 1
    ]
    if steady:
        notes.append(f"Replicas stayed as they were: {', '.join(steady)}.")
    busy = list(_all_of(run, timeline, names, "utilisation", "Utilisation of"))
    wanted += [shown for shown in busy if any(_values(shown))]
    idle = [
        shown.title.removeprefix("Utilisation of ") for shown in busy if not any(_values(shown))
    ]
    if idle:
        notes.append(f"Never busy: {', '.join(idle)}.")
    wanted += _others(run, timeline, names)
    per = f"in steps of {round_value(drawn_step_ns(timeline), 'ns')}"
    pictures = [
        Picture(shown.title, _caption(shown, per), chart_over_time(shown, timeline))
        for shown in wanted
        if any(value is not None for each in shown.lines for value in each.values)
    ]
    return OverTimePictures(pictures, notes, bool(timeline.marks))


def _caption(shown: OverTime, per: str) -> str:
    if shown.key == "time-latency_p99":
        return f"of the requests answered, {per}"
    if shown.key.startswith("time-queue_depth"):
        return "waiting or at work"
    return {"1/s": f"requests per second, {per}", "share": f"places busy, {per}"}.get(
        shown.unit, ""
    )


def _timeline(run: Run) -> Timeline:
    records = run.records
    steps = [series.step_ns for record in records for series in record.series.values()]
    # The coarsest step: finer series are read at its middles.
    step_ns = max(steps, default=_STEP_NS)
    marks = tuple(
        Mark(event.at_ns, _told(event, WORLDS[record.world]), style)
        for style, record in _styled(run)
        for event in record.events
        if event.kind != "note"
    )
    return Timeline(
        step_ns=step_ns,
        measured_from_ns=records[0].measured_from_ns,
        measured_until_ns=records[0].measured_until_ns,
        until_ns=_until_ns(records, step_ns),
        marks=marks,
    )


def _until_ns(records: Sequence[RunRecord], step_ns: int) -> int:
    """Return the end of the time axis: of a drain only as much as anything happened in."""
    ends = [record.measured_until_ns for record in records]
    for record in records:
        ends += [event.at_ns for event in record.events if event.kind != "note"]
        for name, series in record.series.items():
            if name in _TRAFFIC or name.startswith("queue_depth"):
                busy = [i for i, value in enumerate(series.values) if value]
                ends.append((max(busy, default=-1) + 1) * series.step_ns)
    return math.ceil(max(ends) / step_ns) * step_ns


def _told(event: Event, world: str) -> str:
    kind = event.kind.replace("_", " ")
    return f"{duration(event.at_ns)}, {world}: {event.target} {kind} {event.detail}".rstrip()


def _throughput(run: Run, timeline: Timeline) -> OverTime:
    shown = _shown(run, timeline, "ok", "Throughput")
    lines = [each._replace(label=f"ok {each.label}") for each in shown.lines]
    # Both worlds are offered the same arrivals; the line of one of them is that of both.
    offered = (run.measured or run.records[0]).series.get("offered")
    if offered is not None:
        lines.insert(0, Line("offered", "offered", _resampled(offered, timeline)))
    return shown._replace(lines=lines)


def _all_of(
    run: Run, timeline: Timeline, names: Sequence[str], quantity: str, title: str
) -> Iterator[OverTime]:
    for name in names:
        before, dot, station = name.partition(".")
        if before == quantity and dot:
            yield _shown(run, timeline, name, f"{title} {station}")


def _others(run: Run, timeline: Timeline, names: Sequence[str]) -> Iterator[OverTime]:
    """Yield what no other chart shows, unless there was nothing of it all the time."""
    for name in names:
        quantity, _, station = name.partition(".")
        if quantity in _TRAFFIC or quantity in _UNITS or quantity.startswith("latency"):
            continue
        title = quantity.replace("_", " ").capitalize()
        shown = _shown(run, timeline, name, f"{title} at {station}" if station else title)
        if any(_values(shown)):
            yield shown


def _shown(run: Run, timeline: Timeline, name: str, title: str) -> OverTime:
    found = [
        (style, record.series[name]) for style, record in _styled(run) if name in record.series
    ]
    is_rate = name in {"ok", "refused", "failed"} or name.startswith("utilisation")
    return OverTime(
        key=f"time-{name}",
        title=title,
        unit=_unit(name, found[0][1].unit if found else ""),
        lines=[Line(_LINES[style], style, _resampled(series, timeline)) for style, series in found],
        combine=fmean if is_rate else max,
        stairs=name.startswith("replicas"),
    )


def _unit(name: str, stated: str) -> str:
    """Return the unit of a series; those of one quantity are shown alike in every world."""
    return _UNITS.get(name.partition(".")[0], stated)


def _resampled(series: Series, timeline: Timeline) -> Sequence[float | None]:
    step_ns = timeline.step_ns
    steps = min(timeline.until_ns, len(series.values) * series.step_ns) // step_ns
    return [series.values[(2 * i + 1) * step_ns // (2 * series.step_ns)] for i in range(steps)]


def _values(shown: OverTime) -> set[float]:
    return {value for each in shown.lines for value in each.values if value is not None}
