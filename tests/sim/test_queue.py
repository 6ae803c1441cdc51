"""Job queues: acknowledged now and done later, in plays that can be checked by hand."""

from pathlib import Path
from typing import Any

import pytest

from scenarios.history import Outcome
from tests.sim.stage import MS, play, request


def platform(queue: dict[str, Any] | None = None, **workers: Any) -> dict[str, Any]:  # noqa: ANN401  # as in files
    return {
        "services": {"door": {}, "worker": {"service_time": {"constant": "100ms"}, **workers}},
        "caches": {"films": {"keys": 9, "service_time": {"constant": "10ms"}}},
        "queues": {
            "render": {
                "workers": "worker",
                "enqueue_time": {"constant": "2ms"},
                **(queue or {}),
            }
        },
        "classes": {
            "ask": {
                "request": {"method": "POST", "path": "/"},
                "keys": "films",
                "through": ["door"],
                "steps": [{"enqueue": "render"}],
            }
        },
    }


def test_a_job_is_acknowledged_now_and_done_later(tmp_path: Path) -> None:
    played = play(tmp_path, platform(), [request(0, key=1), request(10, key=2)])
    assert played.ended("ask") == {0: ("ok", 2), 1: ("ok", 12)}
    assert played.ended("render") == {0: ("ok", 102), 1: ("ok", 202)}
    [first, _] = [op for op in played.operations if op.class_name == "render"]
    assert first.latency_ns == 102 * MS
    outcome = played.record.classes["render"]
    assert outcome.is_job
    render = played.record.stations["render"]
    assert render.wait_ns is not None
    assert (render.wait_ns.smallest, render.wait_ns.largest) == (0, 90 * MS)
    assert played.record.stations["worker"].utilisation == 200 / 60_000


def test_every_place_of_every_replica_is_a_worker(tmp_path: Path) -> None:
    played = play(
        tmp_path,
        platform(replicas=2, concurrency=2),
        [request(0, key=key) for key in range(1, 6)],
    )
    assert played.ended("render") == {
        **dict.fromkeys(range(4), ("ok", 102)),
        4: ("ok", 202),
    }


@pytest.mark.parametrize(
    ("discipline", "done_ms"),
    [
        ("fifo", {0: 102, 1: 202, 2: 302, 3: None}),
        ("lifo", {0: 102, 3: 202, 2: 302, 1: None}),
        ("priority", {0: 102, 2: 202, 1: 302, 3: None}),
    ],
)
def test_the_discipline_says_which_job_is_next(
    tmp_path: Path, discipline: str, done_ms: dict[int, int | None]
) -> None:
    stage = platform({"discipline": discipline})
    [ordinary] = stage["classes"].values()
    stage["classes"]["now"] = {**ordinary, "priority": -1}
    [name] = [name for name in stage["classes"] if name != "now"]
    sent = [request(at_ms, "now" if at_ms == 20 else name, 1) for at_ms in (0, 10, 20, 30)]
    played = play(tmp_path, stage, sent, duration="320ms", drain=0)
    assert played.ended("render") == {
        number: ("unknown" if ms is None else "ok", ms) for number, ms in done_ms.items()
    }


def test_a_job_whose_result_is_kept_costs_finding_it(tmp_path: Path) -> None:
    jobs = [request(0, key=1), request(200, key=1), request(300, key=2)]
    played = play(tmp_path, platform({"results": "films"}), jobs)
    assert played.ended("render") == {0: ("ok", 102), 1: ("ok", 212), 2: ("ok", 402)}


def test_two_workers_do_the_same_job_twice_when_neither_is_done(tmp_path: Path) -> None:
    stage = platform({"results": "films"}, replicas=2)
    played = play(tmp_path, stage, [request(0, key=1), request(50, key=1)])
    assert played.ended("render") == {0: ("ok", 102), 1: ("ok", 152)}


def test_jobs_unfinished_after_the_drain_are_unknown(tmp_path: Path) -> None:
    jobs = [request(0, key=1), request(900, key=2), request(950, key=3)]
    played = play(tmp_path, platform(), jobs, duration="1s", drain=0)
    assert played.ended("render") == {
        0: ("ok", 102),
        1: ("unknown", None),
        2: ("unknown", None),
    }
    counts = played.record.classes["render"].counts
    assert counts[Outcome.UNKNOWN] == 2


def test_the_depth_counts_jobs_that_wait_and_those_at_work(tmp_path: Path) -> None:
    stage = platform(service_time={"constant": "1500ms"})
    played = play(tmp_path, stage, [request(0, key=1), request(100, key=2)], duration="4s")
    assert played.record.series["queue_depth.render"].values[:4] == (2, 1, 1, 0)
