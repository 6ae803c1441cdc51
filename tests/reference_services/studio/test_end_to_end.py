"""From the order to the video: studio, queue, worker and Manim, all real."""

import asyncio
import json
from io import BytesIO
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.reference_services.studio.studio_processes import TITLE, Platform, needs_manim

pytestmark = [pytest.mark.servers, *needs_manim]


@pytest.mark.requirement("learning-7.2")
def test_an_order_becomes_a_video_and_its_progress_is_told_to_the_end(platform: Platform) -> None:
    av = pytest.importorskip("av")
    job_id = platform.submit().json()["id"]
    with platform.running_worker():
        told = list(platform.events(job_id))
    assert {event for event, _ in told[:-1]} == {"progress"}
    percents = [(data["attempt"], data["progress"]) for _, data in told[:-1]]
    assert percents == sorted(set(percents))
    assert len(percents) >= 5
    assert told[-1] == ("done", {"id": job_id, "progress": 100, "result": f"{job_id}/result"})

    job = platform.job(job_id)
    assert (job["state"], job["progress"], job["attempts"]) == ("done", 100, 1)
    assert job["finished_at_unix_ns"] >= job["submitted_at_unix_ns"]
    # The address is relative to the job's own, so that it holds behind a gateway too.
    result = httpx.URL(f"{platform.studio}/jobs/{job_id}").join(job["result"])
    answer = httpx.get(result)
    assert answer.headers["Content-Type"] == "video/mp4"
    with av.open(BytesIO(answer.content)) as video:
        [stream] = video.streams.video
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == (426, 240)
        assert sum(1 for _ in video.decode(stream)) == 30
        assert video.duration == pytest.approx(2_000_000, rel=0.05)


def test_a_client_that_comes_late_or_again_is_told_the_present_state_first(
    platform: Platform,
) -> None:
    job_id = platform.submit().json()["id"]
    first = next(platform.events(job_id))
    assert first == ("progress", {"id": job_id, "attempt": 0, "progress": 0})
    with platform.running_worker():
        platform.until_state(job_id, "done")
    assert [event for event, _ in platform.events(job_id)] == ["done"]


def test_progress_is_told_over_a_websocket_which_then_closes(platform: Platform) -> None:
    job_id = platform.submit().json()["id"]

    async def follow() -> tuple[list[dict[str, Any]], int | None]:
        address = f"ws://127.0.0.1:{platform.studio_port}/jobs/{job_id}/progress"
        async with connect(address) as websocket:
            told = [json.loads(text) async for text in websocket]
        return told, websocket.close_code

    with platform.running_worker():
        told, code = asyncio.run(follow())
    assert [message["event"] for message in told[:-1]] == ["progress"] * (len(told) - 1)
    assert told[-1]["event"] == "done"
    assert code == 1000


def test_a_websocket_for_an_unknown_job_is_refused(platform: Platform) -> None:
    async def follow() -> None:
        address = f"ws://127.0.0.1:{platform.studio_port}/jobs/nobody/progress"
        async with connect(address):
            pass

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(follow())
    assert refused.value.response.status_code == 404


@pytest.mark.requirement("learning-7.2")
def test_equal_orders_are_rendered_once_and_other_orders_on_their_own(platform: Platform) -> None:
    with platform.running_worker() as worker:
        first, second = (platform.submit().json()["id"] for _ in range(2))
        other = platform.submit({**TITLE, "parameters": {"text": "Other"}}).json()["id"]
        for job_id in (first, second, other):
            assert platform.end(job_id)["state"] == "done"
        assert worker.metric('render_results_total{scene="title_card",source="rendered"}') == 2
        assert worker.metric('render_results_total{scene="title_card",source="found"}') == 1
        assert worker.metric("render_cpu_seconds_total") > 0
    tags = [
        httpx.get(f"{platform.studio}/jobs/{job_id}/result").headers["ETag"]
        for job_id in (first, second, other)
    ]
    assert tags[0] == tags[1] != tags[2]
    assert len(list(platform.results.glob("*.mp4"))) == 2


@pytest.mark.parametrize(
    ("scene", "parameters"),
    [
        ("bar_chart", {"title": "Tiers", "values": [3, 0, 9], "labels": ["free", "pro", "team"]}),
        ("line_graph", {"title": "Load", "values": [1, 4, 2, 8]}),
        ("line_graph", {"title": "Flat", "values": [5, 5]}),
        ("flashcard", {"question": "Why a wave tank? " * 5, "answer": "To see it before the sea"}),
        ("title_card", {"text": "日本語 😀 <b> & \\ $x$ %"}),
    ],
)
def test_every_scene_renders(
    shared_worker: Platform, scene: str, parameters: dict[str, Any]
) -> None:
    order = {"scene": scene, "parameters": parameters, "quality": "draft"}
    job = shared_worker.end(shared_worker.submit(order).json()["id"])
    assert (job["state"], job["error"]) == ("done", None)
