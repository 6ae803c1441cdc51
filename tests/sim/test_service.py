"""Services: places, lines, waits and limits, in plays that can be checked by hand."""

from pathlib import Path
from typing import Any

import pytest

from scenarios.history import Outcome
from tests.sim.stage import MS, play, request


def one_service(**service: Any) -> dict[str, Any]:  # noqa: ANN401  # as in files
    return {"services": {"door": service}, "classes": {"ask": {"through": ["door"]}}}


def test_a_request_takes_its_service_time_and_then_its_wait(tmp_path: Path) -> None:
    door = one_service(service_time={"constant": "5ms"}, wait_time={"constant": "2ms"})
    played = play(tmp_path, door, [request(0)])
    assert played.ended() == {0: ("ok", 7)}
    assert played.operations[0].spans_ns == (("door", 7 * MS),)
    assert played.operations[0].status == 200


def test_the_second_of_two_requests_waits_for_the_first(tmp_path: Path) -> None:
    played = play(tmp_path, one_service(service_time={"constant": "5ms"}), [request(0), request(1)])
    assert played.ended() == {0: ("ok", 5), 1: ("ok", 10)}
    door = played.record.stations["door"]
    assert door.wait_ns is not None
    assert (door.wait_ns.smallest, door.wait_ns.largest) == (0, 4 * MS)
    assert door.utilisation == pytest.approx(10 / 60_000)


def test_waiting_occupies_no_place(tmp_path: Path) -> None:
    door = one_service(service_time={"constant": "1ms"}, wait_time={"constant": "100ms"})
    played = play(tmp_path, door, [request(0), request(0), request(0)])
    assert played.ended() == {0: ("ok", 101), 1: ("ok", 102), 2: ("ok", 103)}


def test_as_many_are_served_at_once_as_there_are_places(tmp_path: Path) -> None:
    door = one_service(concurrency=2, service_time={"constant": "10ms"})
    played = play(tmp_path, door, [request(0), request(0), request(0)])
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 10), 2: ("ok", 20)}


def test_replicas_are_asked_in_turns(tmp_path: Path) -> None:
    door = one_service(replicas=2, service_time={"constant": "10ms"})
    played = play(tmp_path, door, [request(0), request(0), request(1), request(1)])
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 10), 2: ("ok", 20), 3: ("ok", 20)}


def test_a_full_line_refuses_and_takes_nothing(tmp_path: Path) -> None:
    door = one_service(queue_max=1, service_time={"constant": "10ms"})
    played = play(tmp_path, door, [request(0), request(1), request(2), request(21)])
    assert played.ended() == {
        0: ("ok", 10),
        1: ("ok", 20),
        2: ("refused", 2),
        3: ("ok", 31),
    }
    assert {operation.status for operation in played.operations} == {200, 503}


def test_without_a_line_only_an_idle_place_serves(tmp_path: Path) -> None:
    door = one_service(queue_max=0, service_time={"constant": "10ms"})
    played = play(tmp_path, door, [request(0), request(9), request(10)])
    assert played.ended() == {0: ("ok", 10), 1: ("refused", 9), 2: ("ok", 20)}


@pytest.mark.parametrize(
    ("discipline", "ended_ms"),
    [
        ("fifo", {0: 10, 1: 20, 2: 30, 3: 40, 4: 50}),
        ("lifo", {0: 10, 4: 20, 3: 30, 2: 40, 1: 50}),
        ("priority", {0: 10, 2: 20, 4: 30, 1: 40, 3: 50}),
    ],
)
def test_the_discipline_says_who_of_those_who_wait_is_next(
    tmp_path: Path, discipline: str, ended_ms: dict[int, int]
) -> None:
    door = one_service(discipline=discipline, service_time={"constant": "10ms"})
    door["classes"]["now"] = {"through": ["door"], "priority": -1}
    sent = [request(0), request(1), request(2, "now"), request(3), request(4, "now")]
    played = play(tmp_path, door, sent)
    assert played.ended() == {number: ("ok", ms) for number, ms in ended_ms.items()}


def test_nobody_who_is_served_is_interrupted(tmp_path: Path) -> None:
    door = one_service(discipline="priority", service_time={"constant": "10ms"})
    door["classes"]["now"] = {"through": ["door"], "priority": -1}
    played = play(tmp_path, door, [request(0), request(1, "now")])
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 20)}


def test_a_limit_of_two_refuses_the_third_until_the_window_has_passed(tmp_path: Path) -> None:
    door = one_service(
        service_time={"constant": "1ms"},
        wait_time={"constant": "2ms"},
        limits={"free": {"requests": 2, "window": "1s"}},
    )
    times_ms = [0, 10, 20, 999.999999, 1000]
    played = play(tmp_path, door, [request(at_ms) for at_ms in times_ms])
    assert played.ended() == {
        0: ("ok", 3),
        1: ("ok", 13),
        # Refusing costs the limiter's round trip, and no work.
        2: ("refused", 22),
        3: ("refused", 1001.999999),
        4: ("ok", 1003),
    }
    assert [operation.status for operation in played.operations].count(429) == 2


def test_replicas_count_a_user_s_requests_together(tmp_path: Path) -> None:
    door = one_service(replicas=2, limits={"free": {"requests": 1, "window": "1s"}})
    played = play(tmp_path, door, [request(0), request(1)])
    assert played.ended() == {0: ("ok", 0), 1: ("refused", 1)}


def test_a_tier_without_a_limit_has_none(tmp_path: Path) -> None:
    door = one_service(limits={"free": {"requests": 1, "window": "1s"}})
    users = {"pro": {"count": 1}}
    played = play(tmp_path, door, [request(0), request(0)], users=users)
    assert played.ended() == {0: ("ok", 0), 1: ("ok", 0)}


def test_services_call_one_another_and_each_accounts_for_its_own_time(tmp_path: Path) -> None:
    platform = {
        "services": {
            "outer": {"service_time": {"constant": "1ms"}},
            "inner": {"service_time": {"constant": "2ms"}, "wait_time": {"constant": "4ms"}},
        },
        "classes": {"ask": {"through": ["outer", "inner"]}},
    }
    played = play(tmp_path, platform, [request(0)])
    assert played.ended() == {0: ("ok", 7)}
    assert played.operations[0].spans_ns == (("inner", 6 * MS), ("outer", 1 * MS))


def test_a_class_takes_its_own_time_where_it_says_so(tmp_path: Path) -> None:
    platform = one_service(service_time={"constant": "1ms"})
    platform["classes"]["heavy"] = {
        "through": ["door"],
        "times": {"door": {"service_time": {"constant": "30ms"}}},
    }
    played = play(tmp_path, platform, [request(0), request(1, "heavy"), request(100)])
    assert played.ended() == {0: ("ok", 1), 1: ("ok", 31), 2: ("ok", 101)}


def test_requests_still_on_their_way_after_the_drain_are_unknown(tmp_path: Path) -> None:
    door = one_service(service_time={"constant": "10s"})
    played = play(tmp_path, door, [request(0), request(0)], duration="1s", drain="10s")
    assert played.ended() == {0: ("ok", 10_000), 1: ("unknown", None)}
    assert played.record.classes["ask"].counts[Outcome.UNKNOWN] == 1


def test_stations_are_measured_in_the_measured_part_alone(tmp_path: Path) -> None:
    door = one_service(service_time={"constant": "100ms"})
    # One request before, three within, and one after; the last one within ends after it.
    times_ms = [0, 1000, 1400, 1900, 2000]
    requests = [request(at_ms) for at_ms in times_ms]
    trace_ends = {"warm_up": "1s", "duration": "950ms", "drain": "1s"}
    played = play(tmp_path, door, requests, **trace_ends)
    measured = played.record.stations["door"]
    assert measured.service_ns is not None
    assert measured.service_ns.count == 3
    assert measured.utilisation == 250 / 950
    assert played.record.classes["ask"].total == 3
    assert played.ended() == {
        0: ("ok", 100),
        1: ("ok", 1100),
        2: ("ok", 1500),
        3: ("ok", 2000),
    }
