"""Latency distributions of both worlds over each other, tail and all.

Times run along a logarithmic axis, shares of operations up one that stretches the tails.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from reports.charts.frame import Plot, x_axis, y_axis
from reports.charts.scales import Logarithmic, Probability, log_ticks
from reports.charts.svg import drawing, element, path_through
from reports.compare import QUANTILES
from reports.intervals import Interval, quantile_interval
from reports.quantities import count, duration, round_value
from scenarios.histogram import Histogram, bucket_bounds

_PLOT = Plot(height=224.0, bottom=200.0)
_PERCENTILES = (0.01, 0.10, 0.50, 0.95, 0.99, 0.999)
_NEAR = 0.7
"""Points closer than this to the one before are left out."""


class Distribution(NamedTuple):
    """One world's latencies of one class."""

    label: str
    class_: str
    """``predicted`` or ``measured``."""

    latency_ns: Histogram


def chart_latency(key: str, title: str, shown: Sequence[Distribution]) -> Markup:
    """Return the chart of at least one distribution that is not empty."""
    filled = [each for each in shown if each.latency_ns.count]
    assert filled, "nothing has no distribution"
    # What lies beyond the first and the last grid line is beyond the drawing.
    low = max(min(_at(each, _PERCENTILES[0]) for each in filled), 1)
    high = max(_at(each, _PERCENTILES[-1]) for each in filled)
    x = Logarithmic(low * 0.93, max(high, low + 1) * 1.07, _PLOT.left, _PLOT.right)
    y = Probability(_PERCENTILES[0], _PERCENTILES[-1], _PLOT.bottom, _PLOT.top)
    curves = [
        element("path", d=_curve(each, x, y), class_=f"line {each.class_}")
        for each in reversed(filled)
    ]
    drawn = [
        *y_axis(_PLOT, y, _PERCENTILES, lambda share: f"p{share * 100:g}"),
        *x_axis(_PLOT, x, log_ticks(x.low, x.high, 6), _tick, grid=True),
        *curves,
        *(mark for each in filled for mark in _marks(each, x, y)),
    ]
    return drawing(
        key,
        f"Latency distribution of {title}",
        _described(filled),
        drawn,
        size=(_PLOT.width, _PLOT.height),
        class_="chart latency",
    )


def _at(each: Distribution, q: float) -> int:
    value = each.latency_ns.quantile(q)
    assert value is not None, "there are operations"
    return value


def _tick(value_ns: float) -> str:
    return round_value(value_ns, "ns")


def _curve(each: Distribution, x: Logarithmic, y: Probability) -> str:
    points = [(x.at(_at(each, y.low)), y.start)]
    for value, share in _cumulated(each.latency_ns):
        if share < y.low:
            continue
        point = (x.at(value), y.at(share))
        last = points[-1]
        if abs(point[0] - last[0]) + abs(point[1] - last[1]) >= _NEAR:
            points.append(point)
        if share >= y.high:
            break
    return path_through(points)


def _cumulated(histogram: Histogram) -> Iterator[tuple[float, float]]:
    seen = 0
    for index, times in histogram.buckets:
        seen += times
        low, high = bucket_bounds(index)
        middle = min(max((low + high) / 2, histogram.smallest), histogram.largest)
        # Half an operation back: the slowest of twenty is no p100.
        yield max(middle, 1), (seen - 0.5) / histogram.count


def _marks(each: Distribution, x: Logarithmic, y: Probability) -> Iterator[Markup]:
    """Mark the quantiles that are known, with their 95 % intervals where they are measured."""
    for name, q in QUANTILES.items():
        interval = quantile_interval(each.latency_ns, q)
        value = each.latency_ns.quantile(q)
        if interval is None or value is None:
            continue
        said = (
            f"{name} {each.label}: {duration(value)} "
            f"(95 % between {duration(interval.low)} and {duration(interval.high)})"
        )
        whisker = _whisker(interval, x, y.at(q)) if each.class_ == "measured" else Markup()
        dot = element("circle", cx=x.at(value), cy=y.at(q), r=3.5)
        yield element("g", element("title", said), whisker, dot, class_=f"dot {each.class_}")


def _whisker(interval: Interval, x: Logarithmic, y: float) -> Markup:
    left, right = x.at(interval.low), x.at(interval.high)
    ends = f"M{left:.1f} {y - 4:.1f}v8M{left:.1f} {y:.1f}H{right:.1f}M{right:.1f} {y - 4:.1f}v8"
    return element("path", d=ends)


def _described(shown: Sequence[Distribution]) -> str:
    parts = []
    for each in shown:
        quantiles = ", ".join(
            f"{name} {duration(value)}"
            for name, q in QUANTILES.items()
            if quantile_interval(each.latency_ns, q) is not None
            and (value := each.latency_ns.quantile(q)) is not None
        )
        parts.append(
            f"{each.label}: {count(each.latency_ns.count)} operations, "
            f"{quantiles or 'too few to quote a quantile'}"
        )
    return f"{'; '.join(parts)}."
