"""What all charts share: their size, the plot within it, axes and grid."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from markupsafe import Markup

from reports.charts.scales import Scale
from reports.charts.svg import line, text


class Plot(NamedTuple):
    """The rectangle that data are drawn in, and the drawing around it."""

    width: float = 372.0
    height: float = 208.0
    left: float = 52.0
    right: float = 362.0
    top: float = 14.0
    bottom: float = 184.0


def y_axis(
    plot: Plot, scale: Scale, ticks: Iterable[float], written: Callable[[float], str]
) -> list[Markup]:
    """Return grid lines and labels of the axis on the left."""
    drawn: list[Markup] = []
    for tick in ticks:
        y = scale.at(tick)
        drawn.append(line(plot.left, y, plot.right, y, "base" if tick == 0 else "grid"))
        drawn.append(text(written(tick), plot.left - 6, y + 3.5, "tick", "end"))
    return drawn


def x_axis(
    plot: Plot,
    scale: Scale,
    ticks: Iterable[float],
    written: Callable[[float], str],
    *,
    grid: bool = False,
) -> list[Markup]:
    """Return ticks and labels of the axis at the bottom, and grid lines where asked."""
    drawn: list[Markup] = []
    for tick in ticks:
        x = scale.at(tick)
        if grid:
            drawn.append(line(x, plot.top, x, plot.bottom, "grid"))
        else:
            drawn.append(line(x, plot.bottom, x, plot.bottom + 4, "base"))
        # A label at the edge keeps inside the drawing.
        anchor = "end" if x > plot.right - 8 else "middle"
        at = plot.right + 6 if anchor == "end" else x
        drawn.append(text(written(tick), at, plot.bottom + 17, "tick", anchor))
    return drawn
