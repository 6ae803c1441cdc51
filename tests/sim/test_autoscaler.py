"""The autoscaler: follows the load up and down, in plays that can be checked by hand."""

from pathlib import Path
from typing import Any

from tests.sim.stage import play, request

AUTOSCALER: dict[str, Any] = {
    "min_replicas": 1,
    "max_replicas": 4,
    "target_percent": 50,
    "sync": "10s",
    "start_up": "3s",
    "scale_down_stabilisation": "10s",
}


def platform(**autoscaler: Any) -> dict[str, Any]:  # noqa: ANN401  # as in files
    return {
        "services": {
            "door": {
                "service_time": {"constant": "100ms"},
                "autoscaler": {**AUTOSCALER, **autoscaler},
            }
        },
        "classes": {"ask": {"through": ["door"]}},
    }


def test_a_step_in_the_load_is_followed_up_and_down(tmp_path: Path) -> None:
    busy = [request(100 * i) for i in range(200)]
    played = play(tmp_path, platform(start_up=0), busy)
    # 100 % at 10 s calls for two; with two, the load is on target; at 30 s nothing is left.
    scaled = [event for event in played.record.events if event.kind == "scaled"]
    assert [(event.at_ns // 10**9, event.detail) for event in scaled] == [
        (10, "1 -> 2"),
        (30, "2 -> 1"),
    ]
    utilisation = played.record.series["utilisation.door"].values
    assert (utilisation[0], utilisation[15], utilisation[25]) == (1, 0.5, 0)
    assert played.record.series["replicas.door"].values[-1] == 1


def test_a_replica_takes_its_time_to_start(tmp_path: Path) -> None:
    busy = [request(100 * i) for i in range(200)]
    played = play(tmp_path, platform(), busy)
    assert played.events()[:2] == [(10_000, "scaled", "door"), (13_000, "started", "door/1")]
    assert played.record.series["replicas.door"].values[:15] == (1,) * 12 + (2,) * 3


def test_a_new_replica_takes_its_part(tmp_path: Path) -> None:
    busy = [request(100 * i) for i in range(200)]
    played = play(tmp_path, platform(start_up=0), busy)
    door = played.record.stations["door"]
    assert door.wait_ns is not None
    assert door.wait_ns.largest == 0
    assert played.record.series["replicas.door"].values[9:11] == (1, 2)


def test_the_bounds_are_kept(tmp_path: Path) -> None:
    flood = [request(10 * i) for i in range(3000)]
    played = play(tmp_path, platform(max_replicas=3, start_up=0), flood)
    replicas = played.record.series["replicas.door"].values
    assert max(value for value in replicas if value is not None) == 3


def test_a_replica_that_is_taken_out_finishes_what_it_has_and_gets_no_more(
    tmp_path: Path,
) -> None:
    stage = platform(start_up=0, scale_down_stabilisation=0, target_percent=100)
    stage["services"]["door"]["service_time"] = {"constant": "9s"}
    stage["services"]["door"]["replicas"] = 2
    # At 10 s the two are busy for 95 % and 5 %, which one could do.
    played = play(tmp_path, stage, [request(500), request(9500), request(11_000), request(11_000)])
    assert played.events()[0] == (10_000, "scaled", "door")
    assert played.ended() == {
        0: ("ok", 9500),
        1: ("ok", 18_500),
        2: ("ok", 20_000),
        3: ("ok", 29_000),
    }


def test_workers_of_a_queue_are_employed_and_dismissed(tmp_path: Path) -> None:
    stage = {
        "services": {
            "door": {},
            "worker": {"service_time": {"constant": "1s"}, "autoscaler": AUTOSCALER},
        },
        "queues": {"render": {"workers": "worker"}},
        "classes": {"ask": {"through": ["door"], "steps": [{"enqueue": "render"}]}},
    }
    played = play(tmp_path, stage, [request(0)] * 20, duration="60s")
    done = sorted(op.returned_ns or 0 for op in played.operations if op.class_name == "render")
    # One a second by one worker until the second is up at 13 s, then two.
    assert [at_ns // 1_000_000_000 for at_ns in done] == [
        *range(1, 14),
        *(14, 14, 15, 15, 16, 16, 17),
    ]
    assert played.events()[:2] == [(10_000, "scaled", "worker"), (13_000, "started", "worker/1")]
    assert played.record.series["replicas.worker"].values[-1] == 1


def test_a_job_for_a_worker_that_was_taken_out_is_done_by_another(tmp_path: Path) -> None:
    autoscaler = {**AUTOSCALER, "sync": "5s", "scale_down_stabilisation": "4s"}
    stage = {
        "services": {
            "door": {},
            "worker": {
                "replicas": 2,
                "service_time": {"constant": "100ms"},
                "autoscaler": autoscaler,
            },
        },
        "queues": {"render": {"workers": "worker"}},
        "classes": {"ask": {"through": ["door"], "steps": [{"enqueue": "render"}]}},
    }
    # The first job leaves worker/1 next in turn; the second comes at the nanosecond at
    # which worker/1 is taken out.
    played = play(tmp_path, stage, [request(1000), request(10_000)])
    assert played.events() == [(10_000, "scaled", "worker")]
    assert played.ended("render") == {0: ("ok", 1100), 1: ("ok", 10_100)}
