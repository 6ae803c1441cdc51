"""A quantity over time: both worlds over each other, warm-up and drain shaded."""

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from markupsafe import Markup

from reports.charts.frame import Plot, x_axis, y_axis
from reports.charts.scales import (
    Linear,
    Logarithmic,
    Scale,
    log_ticks,
    nice_ticks,
    time_ticks,
)
from reports.charts.svg import drawing, element, path_through, text
from reports.quantities import MISSING, round_value, written
from scenarios.units import SECOND_NS

Combine = Callable[[Sequence[float]], float]

_PLOT = Plot()
_ORDER = ("offered", "measured", "predicted")
_POINTS_MAX = 240
_LOG_FROM_RATIO = 40
_LABEL_MIN = 44
_MARKS_MAX = 40
_MINUTES_FROM_S = 300


class Line(NamedTuple):
    """One line of a chart."""

    label: str
    class_: str
    """``predicted``, ``measured``, or ``offered``."""

    values: Sequence[float | None]
    """One to each step from the run's start."""


class Mark(NamedTuple):
    """Something that happened."""

    at_ns: int
    text: str
    class_: str


class Timeline(NamedTuple):
    """The time that all charts of a report share."""

    step_ns: int
    measured_from_ns: int
    measured_until_ns: int
    until_ns: int
    marks: tuple[Mark, ...] = ()


class OverTime(NamedTuple):
    """What a chart over time shows."""

    key: str
    title: str
    unit: str
    lines: Sequence[Line]
    combine: Combine
    """How several steps become one, where there are more than the chart has room for."""

    stairs: bool = False
    """Whether a value lasts until the next, as a number of replicas does."""


def chart_over_time(shown: OverTime, timeline: Timeline) -> Markup:
    """Return the chart."""
    step_ns = drawn_step_ns(timeline)
    lines = _thinned(shown, step_ns // timeline.step_ns)
    x = Linear(0, timeline.until_ns, _PLOT.left, _PLOT.right)
    y, ticks = _y_scale(shown, lines)
    seconds = timeline.until_ns / SECOND_NS
    # Over minutes the labels count minutes, and so do the steps between them.
    unit_s = 60 if seconds >= _MINUTES_FROM_S else 1
    sign = "min" if unit_s > 1 else "s"
    drawn = [
        *_shades(timeline, x),
        *y_axis(_PLOT, y, ticks, lambda tick: round_value(tick, shown.unit)),
        *x_axis(
            _PLOT,
            x,
            [tick * SECOND_NS for tick in time_ticks(seconds, 6)],
            lambda tick: round_value(tick / SECOND_NS / unit_s, sign),
        ),
        *_marks(timeline, x),
        # Dashes go over solid lines, so that both are seen where they coincide.
        *(
            _drawn(each, step_ns, x, y, stairs=shown.stairs)
            for each in sorted(lines, key=lambda each: _ORDER.index(each.class_))
        ),
        _bands(shown, lines, step_ns, x),
    ]
    return drawing(
        shown.key,
        f"{shown.title} over time",
        _described(shown),
        drawn,
        size=(_PLOT.width, _PLOT.height),
        class_="chart time",
    )


def drawn_step_ns(timeline: Timeline) -> int:
    """Return how much time each point of a chart stands for: whole steps, few enough to draw."""
    steps = math.ceil(timeline.until_ns / timeline.step_ns)
    return timeline.step_ns * max(math.ceil(steps / _POINTS_MAX), 1)


def _thinned(shown: OverTime, group: int) -> list[Line]:
    """Combine each ``group`` of neighbouring steps into one."""
    if group == 1:
        return list(shown.lines)

    def combined(values: Sequence[float | None]) -> list[float | None]:
        groups = (values[i : i + group] for i in range(0, len(values), group))
        present = ([value for value in part if value is not None] for part in groups)
        return [shown.combine(part) if part else None for part in present]

    return [each._replace(values=combined(each.values)) for each in shown.lines]


def _y_scale(shown: OverTime, lines: Sequence[Line]) -> tuple[Scale, list[float]]:
    values = [value for each in lines for value in each.values if value is not None]
    highest = max(values, default=0.0)
    above_0 = [value for value in values if value > 0]
    # One slow second would press all the others flat: then ratios are what can be shown.
    if shown.unit == "ns" and above_0 and highest > _LOG_FROM_RATIO * median(above_0):
        low = min(above_0)
        scale = Logarithmic(low * 0.8, highest * 1.2, _PLOT.bottom, _PLOT.top)
        return scale, log_ticks(scale.low, scale.high, 6)
    ticks = nice_ticks(highest, 4)
    if shown.unit in {"replicas", "jobs"}:
        ticks = [tick for tick in nice_ticks(max(highest, 2), 4) if tick == int(tick)]
    return Linear(0, max(ticks), _PLOT.bottom, _PLOT.top), ticks


def _shades(timeline: Timeline, x: Linear) -> list[Markup]:
    drawn: list[Markup] = []
    outside = (
        ("warm-up", 0, timeline.measured_from_ns),
        ("drain", timeline.measured_until_ns, timeline.until_ns),
    )
    for label, from_ns, until_ns in outside:
        width = x.at(until_ns) - x.at(from_ns)
        if width <= 0:
            continue
        said = f"{label}: not in the figures"
        box = element(
            "rect",
            element("title", said),
            x=x.at(from_ns),
            y=_PLOT.top,
            width=width,
            height=_PLOT.bottom - _PLOT.top,
            class_="outside",
        )
        drawn.append(box)
        if width >= _LABEL_MIN:
            middle = x.at(from_ns) + width / 2
            drawn.append(text(label, middle, _PLOT.top - 4, "phase", "middle"))
    return drawn


def _marks(timeline: Timeline, x: Linear) -> list[Markup]:
    drawn: list[Markup] = []
    for mark in timeline.marks[:_MARKS_MAX]:
        at = x.at(min(max(mark.at_ns, 0), timeline.until_ns))
        stem = path_through([(at, _PLOT.top), (at, _PLOT.bottom)])
        head = f"M{at - 3.5:.1f} {_PLOT.top - 5}h7l-3.5 6z"
        drawn.append(
            element(
                "g",
                element("title", mark.text),
                element("path", d=stem),
                element("path", d=head, class_="head"),
                class_=f"mark {mark.class_}",
            )
        )
    return drawn


def _drawn(each: Line, step_ns: int, x: Linear, y: Scale, *, stairs: bool) -> Markup:
    if each.class_ == "offered":
        return _area(each, step_ns, x, y)
    points: list[tuple[float, float] | None] = []
    for i, value in enumerate(each.values):
        if value is None:
            points.append(None)
        elif stairs:
            points += [(x.at(i * step_ns), y.at(value)), (x.at((i + 1) * step_ns), y.at(value))]
        else:
            # A rate of a step is that of its middle.
            points.append((x.at((i + 0.5) * step_ns), y.at(value)))
    return element("path", d=path_through(points), class_=f"line {each.class_}")


def _area(each: Line, step_ns: int, x: Linear, y: Scale) -> Markup:
    """Return the area below a line: what was asked, behind what was answered."""
    known = [(i, value) for i, value in enumerate(each.values) if value is not None]
    top = [(x.at((i + 0.5) * step_ns), y.at(value)) for i, value in known]
    if not top:
        return Markup()
    ends = [(top[-1][0], y.at(0)), (top[0][0], y.at(0))]
    return element("path", d=path_through([*top, *ends]), class_="area")


def _bands(shown: OverTime, lines: Sequence[Line], step_ns: int, x: Linear) -> Markup:
    """Return one invisible band to each step, which tells its values to whoever points at it."""
    longest = max((len(each.values) for each in lines), default=0)
    width = x.at(step_ns) - x.at(0)
    bands = []
    for i in range(longest):
        values = [
            f"{each.label} {written(each.values[i], shown.unit)}"
            if i < len(each.values)
            else f"{each.label} {MISSING}"
            for each in lines
        ]
        said = f"{round_value(i * step_ns, 'ns')}: {', '.join(values)}"
        left, height = x.at(i * step_ns), _PLOT.bottom - _PLOT.top
        title = element("title", said)
        bands.append(element("rect", title, x=left, y=_PLOT.top, width=width, height=height))
    return element("g", *bands, class_="bands")


def _described(shown: OverTime) -> str:
    parts = []
    for each in shown.lines:
        values = [value for value in each.values if value is not None]
        if values:
            low, high = written(min(values), shown.unit), written(max(values), shown.unit)
            parts.append(f"{each.label}: between {low} and {high}")
        else:
            parts.append(f"{each.label}: no values")
    return f"{shown.title} for each step of the run. {'; '.join(parts)}."
