"""The scenes, in Manim; what each one takes is in ``runtime.render_jobs``.

A scene is a list of steps whose lengths are known, so that the frame being drawn
tells how much is done. Text is set by Pango and numbers are text: no LaTeX.

This file's own text is part of every result's key: change a scene, and its
videos are rendered anew.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import manim
from manim import DOWN, LEFT, UP, Animation, Mobject, Scene, Text, VGroup

from reference_services.runtime.render_jobs import (
    BarChart,
    Flashcard,
    LineGraph,
    Render,
    TitleCard,
)

ReportPercent = Callable[[int], None]

M = TypeVar("M", bound=Mobject)


class Step(NamedTuple):
    """Animations that play at once; none of them: the picture stands."""

    animations: Sequence[Animation]
    seconds: float


def title_card(parameters: TitleCard) -> list[Step]:
    """A line of text that appears, is underlined and stays."""
    text = _fitted(Text(parameters.text, font_size=56))
    return [
        Step([manim.FadeIn(text, shift=UP * 0.3)], 0.8),
        Step([manim.Create(manim.Underline(text, color=manim.BLUE))], 0.6),
        Step([], 0.6),
    ]


def bar_chart(parameters: BarChart) -> list[Step]:
    """Bars that grow one beside the other."""
    title = _fitted(Text(parameters.title, font_size=40)).to_edge(UP)
    highest = max(parameters.values) or 1.0
    bars = VGroup(
        # A bar of no height cannot be drawn; a line can.
        manim.Rectangle(width=0.8, height=max(4.0 * value / highest, 0.01), stroke_width=0)
        for value in parameters.values
    )
    bars.set_fill(manim.BLUE, opacity=1.0).arrange(buff=0.3, aligned_edge=DOWN)
    captions = VGroup(
        _fitted(Text(label, font_size=24), bars[0].width).next_to(bar, DOWN)
        for label, bar in zip(parameters.labels, bars, strict=True)
    )
    _fitted(VGroup(bars, captions)).move_to(DOWN * 0.5)
    growing = [manim.GrowFromEdge(bar, DOWN) for bar in bars]
    return [
        Step([manim.FadeIn(title), manim.FadeIn(captions)], 0.5),
        Step([manim.LaggedStart(*growing, lag_ratio=0.2)], 1.5),
        Step([], 0.5),
    ]


def line_graph(parameters: LineGraph) -> list[Step]:
    """A line through points at equal distances."""
    title = _fitted(Text(parameters.title, font_size=40)).to_edge(UP)
    low, high = min(parameters.values), max(parameters.values)
    spread = (high - low) or 1.0
    axes = manim.Axes(
        x_range=(0, len(parameters.values) - 1),
        y_range=(0, 1),
        x_length=10,
        y_length=4.5,
        tips=False,
        axis_config={"include_numbers": False, "include_ticks": False},
    ).to_edge(DOWN)
    points = [axes.c2p(x, (value - low) / spread) for x, value in enumerate(parameters.values)]
    line = VGroup(manim.Line(*ends, color=manim.YELLOW) for ends in pairwise(points))
    ends = VGroup(
        Text(f"{value:g}", font_size=24).next_to(axes.c2p(0, y), LEFT)
        for value, y in ((low, 0), (high, 1))
    )
    return [
        Step([manim.FadeIn(title), manim.Create(axes), manim.FadeIn(ends)], 0.7),
        Step([manim.ShowIncreasingSubsets(line)], 1.5),
        Step([], 0.5),
    ]


def flashcard(parameters: Flashcard) -> list[Step]:
    """A question, and after a while its answer."""
    question = _paragraph(parameters.question)
    answer = _paragraph(parameters.answer).set_color(manim.GREEN)
    return [
        Step([manim.FadeIn(question)], 0.6),
        Step([], 0.8),
        Step([manim.FadeOut(question, shift=UP)], 0.4),
        Step([manim.FadeIn(answer, shift=UP)], 0.4),
        Step([], 0.8),
    ]


_BUILDERS: Mapping[str, Callable[[Render], list[Step]]] = {
    "title_card": lambda order: title_card(TitleCard(**order.parameters)),
    "bar_chart": lambda order: bar_chart(BarChart(**order.parameters)),
    "line_graph": lambda order: line_graph(LineGraph(**order.parameters)),
    "flashcard": lambda order: flashcard(Flashcard(**order.parameters)),
}


class OrderedScene(Scene):
    """Plays the steps of an order and reports, frame by frame, how much is done."""

    def __init__(self, order: Render, report: ReportPercent) -> None:
        super().__init__(random_seed=0)
        self._order = order
        self._report = report
        self._played_seconds = 0.0
        self._total_seconds = 0.0

    def construct(self) -> None:
        """Play every step; Manim calls this."""
        steps = _BUILDERS[self._order.scene](self._order)
        self._total_seconds = sum(step.seconds for step in steps)
        for step in steps:
            if step.animations:
                self.play(*step.animations, run_time=step.seconds)
            else:
                self.wait(step.seconds)
            self._played_seconds += step.seconds
            self._tell(0.0)

    def update_to_time(self, t: float) -> None:
        """Set the picture to ``t`` seconds into the step; Manim calls this for each frame."""
        super().update_to_time(t)
        self._tell(t)

    def _tell(self, seconds: float) -> None:
        self._report(int(100 * (self._played_seconds + seconds) / self._total_seconds))


def _fitted(mobject: M, width: float | None = None) -> M:
    """Shrink ``mobject`` to ``width``, or to the frame, if it is wider."""
    width = manim.config.frame_width - 1.0 if width is None else width
    return mobject.scale_to_fit_width(width) if mobject.width > width else mobject


def _paragraph(text: str) -> Mobject:
    lines = textwrap.wrap(text, width=36)
    return _fitted(VGroup(Text(line, font_size=40) for line in lines).arrange(DOWN))
