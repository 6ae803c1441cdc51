"""Calls: timeouts, retries and breakers, in plays that can be checked by hand."""

from pathlib import Path
from typing import Any

from scenarios.history import Outcome
from sim.arrivals import Arrival
from sim.models.visit import STEPS_PER_PATH, Visit
from tests.sim.stage import MS, Played, play, request


def two_services(
    inner: dict[str, Any], method: str = "GET", outer: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "services": {"outer": outer or {}, "inner": inner},
        "classes": {
            "ask": {"request": {"method": method, "path": "/"}, "through": ["outer", "inner"]}
        },
    }


def statuses(played: Played) -> dict[int, int]:
    return {operation.id: operation.status for operation in sorted(played.operations)}


def test_a_caller_waits_for_its_timeout_and_the_work_goes_on(tmp_path: Path) -> None:
    platform = two_services({"service_time": {"constant": "100ms"}, "timeout": "150ms"})
    played = play(tmp_path, platform, [request(0), request(1), request(200)])
    # The second is abandoned at 151 ms, but keeps the third waiting until 200 ms.
    assert played.ended() == {0: ("ok", 100), 1: ("failed", 151), 2: ("ok", 300)}
    assert statuses(played) == {0: 200, 1: 504, 2: 200}
    [abandoned] = [op for op in played.operations if op.outcome is Outcome.FAILED]
    assert abandoned.spans_ns == (("outer", 150 * MS),)


def test_abandoned_work_occupies_its_place_to_the_end(tmp_path: Path) -> None:
    platform = two_services({"service_time": {"constant": "100ms"}, "timeout": "50ms"})
    played = play(tmp_path, platform, [request(0), request(60)])
    assert played.ended() == {0: ("failed", 50), 1: ("failed", 110)}
    inner = played.record.stations["inner"]
    assert inner.service_ns is not None
    assert (inner.service_ns.count, inner.service_ns.largest) == (2, 100 * MS)
    assert inner.utilisation == 200 / 60_000


def test_a_write_that_was_abandoned_may_have_happened(tmp_path: Path) -> None:
    platform = two_services({"service_time": {"constant": "100ms"}, "timeout": "50ms"}, "POST")
    assert play(tmp_path, platform, [request(0)]).ended() == {0: ("unknown", None)}


def test_a_client_that_stops_waiting_knows_nothing(tmp_path: Path) -> None:
    platform = {
        "services": {"door": {"service_time": {"constant": "100ms"}, "timeout": "50ms"}},
        "classes": {"ask": {"through": ["door"]}},
    }
    played = play(tmp_path, platform, [request(0)])
    assert played.ended() == {0: ("unknown", None)}
    assert statuses(played) == {0: 0}


def test_callers_time_out_in_the_order_of_their_calls_whatever_is_answered_between(
    tmp_path: Path,
) -> None:
    inner = {"service_time": {"constant": "40ms"}, "timeout": "100ms"}
    played = play(tmp_path, two_services(inner), [request(10 * i) for i in range(6)])
    assert played.ended() == {
        0: ("ok", 40),
        1: ("ok", 80),
        2: ("ok", 120),
        3: ("failed", 130),
        4: ("failed", 140),
        5: ("failed", 150),
    }


RETRYING: dict[str, Any] = {
    "replicas": 2,
    "queue_max": 0,
    "service_time": {"constant": "100ms"},
    "retry": {"attempts": 2, "base": "1ns", "cap": "1ns"},
}


def test_a_refused_attempt_is_tried_once_more_on_another_replica(tmp_path: Path) -> None:
    played = play(tmp_path, two_services(RETRYING), [request(0), request(150), request(160)])
    # The first went to replica 0, the second to 1; the third finds 0 idle.
    assert played.ended() == {0: ("ok", 100), 1: ("ok", 250), 2: ("ok", 260)}
    crowded = play(tmp_path, two_services(RETRYING), [request(0), request(10), request(20)])
    assert crowded.ended() == {0: ("ok", 100), 1: ("ok", 110), 2: ("refused", 20)}


def test_what_changes_something_each_time_is_sent_once(tmp_path: Path) -> None:
    inner = {**RETRYING, "balancing": "round_robin"}
    # In turns 0, 1, 0: the third request meets a busy replica; replica 1 is idle again.
    requests = [request(0), request(10, "quick"), request(20)]

    def platform(method: str) -> dict[str, Any]:
        found = two_services(inner, method)
        found["classes"]["quick"] = {
            "through": ["outer", "inner"],
            "times": {"inner": {"service_time": {"constant": "1ms"}}},
        }
        return found

    assert play(tmp_path, platform("POST"), requests).ended()[2] == ("refused", 20)
    assert play(tmp_path, platform("PUT"), requests).ended()[2] == ("ok", 120)


def test_a_replica_that_failed_is_not_asked_again_while_there_is_another(tmp_path: Path) -> None:
    # By their own open calls, both replicas look idle to the callers of outer.
    inner = {**RETRYING, "balancing": "least_outstanding", "service_time": {"constant": "1ms"}}
    platform = two_services({**inner, "retry": {**RETRYING["retry"], "budget_percent": 100}})
    platform["classes"]["hog"] = {
        "through": ["inner"],
        "times": {"inner": {"service_time": {"constant": "10s"}}},
    }
    requests = [request(0, "hog"), *(request(10 * i) for i in range(1, 31))]
    played = play(tmp_path, platform, requests)
    assert played.ended("ask") == {i: ("ok", 10 * i + 1) for i in range(1, 31)}


def test_another_attempt_draws_other_numbers(tmp_path: Path) -> None:
    platform = {
        "services": {
            "outer": {},
            "middle": {
                "service_time": {"exponential": {"mean": "10ms"}},
                "retry": {"attempts": 3, "base": "1ns", "cap": "1ns"},
            },
            "inner": {"service_time": {"constant": "1s"}, "timeout": "1ms"},
        },
        "classes": {"ask": {"through": ["outer", "middle", "inner"]}},
    }
    played = play(tmp_path, platform, [request(0)])
    drawn = played.record.stations["middle"].service_ns
    assert drawn is not None
    assert drawn.count == 3
    assert len(drawn.buckets) == 3


def test_attempts_within_attempts_draw_from_steps_of_their_own() -> None:
    visit = Visit(Arrival(0, 0, "ask", "free", "free-0", 0), 1, 0, None)
    paths = [
        visit.attempt(outer, 3).attempt(inner, 2).path for outer in (1, 2, 3) for inner in (1, 2)
    ]
    assert paths == [STEPS_PER_PATH * i for i in range(6)]


def test_a_client_counts_its_tries(tmp_path: Path) -> None:
    platform = {
        "services": {"door": RETRYING},
        "classes": {"ask": {"through": ["door"]}},
    }
    played = play(tmp_path, platform, [request(0), request(10), request(20)])
    assert {op.id: op.attempt for op in played.operations} == {0: 1, 1: 1, 2: 2}


def test_the_budget_bounds_retries_however_many_fail(tmp_path: Path) -> None:
    inner = {
        "queue_max": 0,
        "service_time": {"constant": "10s"},
        "retry": {"attempts": 2, "base": "1ns", "cap": "1ns", "budget_percent": 10},
    }
    platform = {"services": {"door": inner}, "classes": {"ask": {"through": ["door"]}}}
    played = play(tmp_path, platform, [request(i / 10) for i in range(1, 202)])
    retried = sum(op.attempt - 1 for op in played.operations)
    # Ten in reserve, and one for every ten of the rest that were earned with it full or not.
    assert 10 + 200 * 10 // 100 - 1 <= retried <= 10 + 201 * 10 // 100


BREAKING = {
    "service_time": {"constant": "100ms"},
    "timeout": "50ms",
    "breaker": {"failures": 5, "cool_down": "1s"},
}


def test_a_breaker_opens_after_five_failures_and_probes_after_its_cool_down(
    tmp_path: Path,
) -> None:
    requests = [request(200 * i) for i in range(6)] + [request(1900), request(1910)]
    played = play(tmp_path, two_services(BREAKING), requests)
    assert played.ended() == {
        0: ("failed", 50),
        1: ("failed", 250),
        2: ("failed", 450),
        3: ("failed", 650),
        4: ("failed", 850),
        5: ("refused", 1000),
        6: ("failed", 1950),
        7: ("refused", 1910),
    }
    assert played.events() == [
        (850, "opened", "inner/0"),
        (1900, "half_opened", "inner/0"),
        (1950, "opened", "inner/0"),
    ]


def test_a_probe_that_is_answered_closes_the_breaker(tmp_path: Path) -> None:
    platform = two_services(BREAKING)
    platform["classes"]["quick"] = {
        "through": ["outer", "inner"],
        "times": {"inner": {"service_time": {"constant": "1ms"}}},
    }
    slow = [request(200 * i) for i in range(5)]
    played = play(tmp_path, platform, [*slow, request(1900, "quick"), request(1950, "quick")])
    assert played.ended("quick") == {5: ("ok", 1901), 6: ("ok", 1951)}
    assert played.events()[1:] == [
        (1900, "half_opened", "inner/0"),
        (1901, "closed", "inner/0"),
    ]


def test_a_replica_with_an_open_breaker_is_left_out(tmp_path: Path) -> None:
    inner = {**BREAKING, "replicas": 2, "breaker": {"failures": 1, "cool_down": "10s"}}
    platform = two_services(inner)
    platform["classes"]["quick"] = {
        "through": ["outer", "inner"],
        "times": {"inner": {"service_time": {"constant": "1ms"}}},
    }
    requests = [request(0), *(request(1000 + i, "quick") for i in range(4))]
    played = play(tmp_path, platform, requests)
    assert played.ended("quick") == {i: ("ok", 1000 + i) for i in range(1, 5)}


def test_each_caller_judges_by_its_own_experience(tmp_path: Path) -> None:
    inner = {**BREAKING, "breaker": {"failures": 1, "cool_down": "10s"}}
    platform = two_services(inner, outer={"replicas": 2})
    played = play(tmp_path, platform, [request(0), request(200), request(400), request(600)])
    assert played.ended() == {
        0: ("failed", 50),
        1: ("failed", 250),
        2: ("refused", 400),
        3: ("refused", 600),
    }
    assert [event.detail for event in played.record.events] == [
        "as outer/0 sees it",
        "as outer/1 sees it",
    ]


def test_a_refusal_by_a_user_s_limit_does_not_speak_against_the_replica(tmp_path: Path) -> None:
    inner = {
        "limits": {"free": {"requests": 1, "window": "10s"}},
        "breaker": {"failures": 1, "cool_down": "10s"},
        "retry": {"attempts": 3},
    }
    played = play(tmp_path, two_services(inner), [request(i) for i in range(3)])
    assert played.ended() == {0: ("ok", 0), 1: ("refused", 1), 2: ("refused", 2)}
    assert played.events() == []


def test_the_least_busy_replica_is_chosen_by_open_calls(tmp_path: Path) -> None:
    inner = {
        "replicas": 3,
        "service_time": {"constant": "100ms"},
        "balancing": "least_outstanding",
    }
    played = play(tmp_path, two_services(inner), [request(0), request(1), request(2)])
    assert played.ended() == {0: ("ok", 100), 1: ("ok", 101), 2: ("ok", 102)}


def test_a_call_that_was_answered_is_open_no_more(tmp_path: Path) -> None:
    inner = {
        "replicas": 2,
        "service_time": {"constant": "100ms"},
        "balancing": "least_outstanding",
    }
    platform = two_services(inner)
    platform["classes"]["quick"] = {
        "through": ["outer", "inner"],
        "times": {"inner": {"service_time": {"constant": "1ms"}}},
    }
    rounds = [
        [request(1000 * i, "quick"), request(1000 * i + 10), request(1000 * i + 11)]
        for i in range(10)
    ]
    played = play(tmp_path, platform, [each for three in rounds for each in three])
    waits = played.record.stations["inner"].wait_ns
    assert waits is not None
    assert waits.largest == 0


def test_of_two_choices_the_less_busy_one_is_taken(tmp_path: Path) -> None:
    inner = {"replicas": 2, "service_time": {"constant": "100ms"}, "balancing": "power_of_two"}
    played = play(tmp_path, two_services(inner), [request(0), request(1)])
    assert played.ended() == {0: ("ok", 100), 1: ("ok", 101)}


def failed_beside_a_full_replica(tmp_path: Path, balancing: str) -> int:
    """Return how many of 100 calls fail while another caller keeps a replica's only place."""
    inner = {
        "replicas": 2,
        "queue_max": 0,
        "service_time": {"constant": "1ms"},
        "balancing": balancing,
    }
    platform = two_services(inner, outer={"replicas": 2})
    platform["classes"]["long"] = {
        "through": ["outer", "inner"],
        "times": {"inner": {"service_time": {"constant": "9s"}}},
    }
    quick = [request(10 * i) for i in range(1, 200)]
    played = play(tmp_path, platform, [request(0, "long"), *quick])
    return sum(operation.status == 503 for operation in played.operations)


def test_where_costs_are_weighed_a_replica_that_refuses_at_once_is_avoided(tmp_path: Path) -> None:
    assert failed_beside_a_full_replica(tmp_path, "power_of_two") > 30
    assert failed_beside_a_full_replica(tmp_path, "latency_aware") < 10
