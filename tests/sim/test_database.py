"""Databases: pools, replicas and their lag, in plays that can be checked by hand."""

from pathlib import Path
from typing import Any

from tests.sim.stage import Played, play, request


def platform(**database: Any) -> dict[str, Any]:  # noqa: ANN401  # as in files
    times = {"read_time": {"constant": "10ms"}, "write_time": {"constant": "5ms"}}
    return {
        "services": {"door": {}},
        "databases": {"main": {**times, **database}},
        # Nobody asks it; it says which keys there are.
        "caches": {"rows": {"keys": 9}},
        "classes": {
            "ask": {"through": ["door"], "keys": "rows", "steps": [{"read": "main"}]},
            "tell": {"through": ["door"], "keys": "rows", "steps": [{"write": "main"}]},
        },
    }


def stale_reads(played: Played) -> float:
    values = played.record.series["stale_reads.main"].values
    return sum(value for value in values if value is not None)


def test_a_query_waits_for_a_connection_of_the_pool(tmp_path: Path) -> None:
    played = play(tmp_path, platform(pool=2), [request(0), request(1), request(2)])
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 11), 2: ("ok", 20)}
    main = played.record.stations["main"]
    assert main.wait_ns is not None
    assert main.wait_ns.largest == 8_000_000
    assert main.utilisation == 30 / (2 * 60_000)


def test_reads_go_to_the_replicas_in_turns_and_leave_the_primary_to_writes(
    tmp_path: Path,
) -> None:
    requests = [request(0), request(0), request(0), request(0, "tell")]
    played = play(tmp_path, platform(pool=1, replicas=2), requests)
    assert played.ended() == {0: ("ok", 10), 1: ("ok", 10), 2: ("ok", 20), 3: ("ok", 5)}


def test_a_read_is_stale_until_the_replica_has_caught_up(tmp_path: Path) -> None:
    lagging = platform(replicas=1, lag={"constant": "50ms"})
    write = request(0, "tell", 3)
    # Committed at 5 ms, shown at 55 ms.
    stale = play(tmp_path, lagging, [write, request(6, key=3), request(54, key=3)])
    assert stale_reads(stale) == 2
    fresh = play(tmp_path, lagging, [write, request(4, key=3), request(6, key=4)])
    assert stale_reads(fresh) == 0
    assert stale_reads(play(tmp_path, lagging, [write, request(55, key=3)])) == 0


def test_a_read_from_the_primary_is_never_stale(tmp_path: Path) -> None:
    played = play(tmp_path, platform(lag={"constant": "50ms"}), [request(0, "tell", 3), request(6)])
    assert "stale_reads.main" not in played.record.series
