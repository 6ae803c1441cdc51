"""Jobs as a worker sees them: what they order, under which key, and what is hopeless."""

import ast
import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from reference_services import render_worker
from reference_services.render_worker.content import content_key
from reference_services.render_worker.handler import RenderHandler, RenderMetrics
from reference_services.render_worker.processes import RenderProcesses
from reference_services.runtime.queue import HopelessJob, TakenJob
from reference_services.runtime.render_jobs import InvalidRender, parse_render
from reference_services.runtime.storage import ResultStore
from tests.reference_services.studio.studio_processes import TITLE, needs_manim

SCENES = Path(render_worker.__file__).with_name("scenes.py")


def test_a_hopeless_job_fails_at_once_with_every_reason(tmp_path: Path) -> None:
    handler = RenderHandler(
        RenderProcesses(limit_ns=1),
        ResultStore(tmp_path, ".mp4"),
        RenderMetrics(CollectorRegistry()),
    )
    payload = {"scene": "title_card", "parameters": {"txt": "typo"}, "user": "ada"}

    async def report(_percent: int) -> None:
        raise AssertionError("nothing was begun")

    with pytest.raises(HopelessJob) as refused:
        asyncio.run(handler.handle(TakenJob("1", "render", payload, attempt=1), report))
    assert "parameters.text: Field required" in str(refused.value)
    assert "parameters.txt: Extra inputs are not permitted" in str(refused.value)


@needs_manim[0]
@needs_manim[1]
def test_the_key_depends_on_what_is_shown_and_on_nothing_else() -> None:
    key = content_key(parse_render(TITLE))
    same = {**TITLE, "parameters": {"text": " Hello  "}, "user": "bob", "priority": 7}
    assert content_key(parse_render(same)) == key
    others = [
        {**TITLE, "parameters": {"text": "hello"}},
        {**TITLE, "quality": "standard"},
        {"scene": "flashcard", "parameters": {"question": "Hello", "answer": "Hello"}},
    ]
    keys = {content_key(parse_render(other)) for other in others}
    assert len(keys | {key}) == 4


def test_no_scene_needs_latex() -> None:
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(ast.parse(SCENES.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    needing_latex = {"Tex", "MathTex", "SingleStringMathTex", "Title", "BulletedList", "BarChart"}
    # ``BarChart`` here is the order, not Manim's class of the same name.
    assert names & needing_latex <= {"BarChart"}
    assert "DecimalNumber" not in names


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"scene": ["title_card"], "parameters": {}},
        {"scene": "title_card", "parameters": "text"},
        {"scene": "bar_chart", "parameters": {"title": "t", "values": [1, 2], "labels": ["a"]}},
        {"scene": "bar_chart", "parameters": {"title": "t", "values": [-1], "labels": ["a"]}},
        {"scene": "line_graph", "parameters": {"title": "t", "values": [1, float("nan")]}},
        {"scene": "line_graph", "parameters": {"title": "t", "values": [1e300, 2]}},
    ],
)
def test_what_cannot_be_rendered_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(InvalidRender):
        parse_render(payload)
