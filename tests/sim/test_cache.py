"""Caches: leases, stampedes and invalidation, in plays that can be checked by hand."""

from pathlib import Path
from typing import Any

from scenarios.history import Outcome
from tests.sim.stage import MS, Played, play, request


def platform(**cache: Any) -> dict[str, Any]:  # noqa: ANN401  # as in files
    return {
        "services": {"door": {"concurrency": 8}},
        "caches": {"titles": {"keys": 9, **cache}},
        "databases": {
            "main": {"read_time": {"constant": "10ms"}, "write_time": {"constant": "5ms"}}
        },
        "classes": {
            "ask": {
                "through": ["door"],
                "steps": [{"cache": "titles", "miss": [{"read": "main"}]}],
            },
            "tell": {
                "request": {"method": "PUT", "path": "/"},
                "through": ["door"],
                "steps": [{"write": "main", "invalidates": "titles"}],
            },
        },
    }


def loads(played: Played) -> int:
    """Return how many queries the database served."""
    service_ns = played.record.stations["main"].service_ns
    assert service_ns is not None
    return service_ns.count


def test_a_miss_loads_and_a_hit_does_not(tmp_path: Path) -> None:
    cache = platform(service_time={"constant": "1ms"})
    played = play(tmp_path, cache, [request(0, key=3), request(20, key=3), request(30, key=4)])
    assert played.ended() == {0: ("ok", 11), 1: ("ok", 21), 2: ("ok", 41)}
    by_id = {op.id: op.spans_ns for op in played.operations}
    assert by_id[0] == (("main", 10 * MS), ("titles", 1 * MS))
    assert by_id[1] == (("titles", 1 * MS),)
    assert loads(played) == 2


def test_of_two_readers_of_a_missing_key_one_loads_and_both_have_it(tmp_path: Path) -> None:
    played = play(tmp_path, platform(), [request(0, key=3), request(4, key=3)])
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 10)}
    assert loads(played) == 1
    waits = played.record.stations["titles"].wait_ns
    assert waits is not None
    assert waits.largest == 6 * MS


def test_without_protection_everybody_loads(tmp_path: Path) -> None:
    readers = [request(i, key=3) for i in range(5)]
    played = play(tmp_path, platform(protection="none"), readers)
    assert played.ended() == {i: ("ok", 10 + i) for i in range(5)}
    assert loads(played) == 5


def test_an_entry_is_fresh_for_its_time_to_live(tmp_path: Path) -> None:
    readers = [request(0, key=3), request(109.999999, key=3), request(110, key=3)]
    played = play(tmp_path, platform(ttl="100ms"), readers)
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 109.999999), 2: ("ok", 120)}


def test_a_write_invalidates_what_was_cached(tmp_path: Path) -> None:
    requests = [request(0, key=3), request(20, "tell", 3), request(24, key=3), request(30, key=3)]
    played = play(tmp_path, platform(), requests)
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 25), 2: ("ok", 24), 3: ("ok", 40)}


def test_a_reader_who_waits_loads_anew_after_a_write_revoked_the_lease(tmp_path: Path) -> None:
    requests = [request(0, "tell", 3), request(1, key=3), request(2, key=3), request(20, key=3)]
    played = play(tmp_path, platform(), requests)
    # The lease of 1 is revoked at 5; 2 gets the next one and is the one whose fill counts.
    assert played.ended() == {0: ("ok", 5), 1: ("ok", 11), 2: ("ok", 15), 3: ("ok", 20)}
    assert loads(played) == 3


def test_a_warm_cache_has_every_key_until_its_time_to_live_ends(tmp_path: Path) -> None:
    cache = platform(warm=True, ttl="1s")
    played = play(tmp_path, cache, [request(0, key=1), request(999, key=2), request(1000, key=1)])
    assert played.ended() == {0: ("ok", 0), 1: ("ok", 999), 2: ("ok", 1010)}


def test_a_lease_that_its_reader_lost_is_given_to_another_when_it_runs_out(
    tmp_path: Path,
) -> None:
    stage = platform()
    stage["services"]["loader"] = {"queue_max": 0, "service_time": {"constant": "1s"}}
    stage["classes"]["ask"]["steps"] = [{"cache": "titles", "miss": [{"call": "loader"}]}]
    stage["classes"]["hog"] = {"through": ["loader"]}
    requests = [request(0, "hog"), request(1, key=3), request(2, key=3)]
    played = play(tmp_path, stage, requests)
    assert played.ended("ask") == {1: ("refused", 1), 2: ("ok", 5001 + 1000)}


def test_a_slow_fill_lets_another_reader_in_after_five_seconds(tmp_path: Path) -> None:
    stage = platform()
    stage["databases"]["main"]["read_time"] = {"constant": "7s"}
    played = play(tmp_path, stage, [request(0, key=3), request(1, key=3)])
    assert played.ended() == {0: ("ok", 7000), 1: ("ok", 12_000)}
    assert all(op.outcome is Outcome.OK for op in played.operations)
