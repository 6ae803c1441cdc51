"""The rows that a command prints."""

import json

from sim.statistics.summary import summary
from tests.sim.statistics.made import record, replications

BAD = {"ok": (10.0, 10.0, 10.0, 1.0)}


def test_the_run_comes_first_then_classes_then_stations() -> None:
    rows = summary(
        replications([record(range(it, 1000 + it), refused=it, utilisation=0.5) for it in range(9)])
    )
    assert [(row.runs, row.subject, row.figure) for row in rows] == [
        ("all", "run", "collapse"),
        ("all", "ask", "goodput"),
        ("all", "ask", "mean"),
        ("all", "ask", "p50"),
        ("all", "ask", "p95"),
        ("all", "ask", "p99"),
        ("all", "ask", "refused"),
        ("all", "door", "utilisation"),
    ]
    assert rows[0].words == "0 % -0 +34 (95 %)"
    assert rows[1].words == "250/s ± 0 (95 %)"


def test_runs_of_both_kinds_are_told_apart() -> None:
    good, bad = record([10] * 1000), record([90] * 1000, series=BAD)
    rows = summary(replications([good] * 8 + [bad] * 5))
    words = {(row.runs, row.figure): row.words for row in rows}
    assert words["all", "collapse"].startswith("38 % -25 +30")
    assert words["all", "mean"].startswith("not quoted: 5 of 13 runs")
    assert words["not collapsed", "mean"] == "10.0 ns ± 0.0 (95 %)"
    assert words["collapsed", "mean"] == "90.0 ns ± 0.0 (95 %)"


def test_rows_can_be_written_as_json() -> None:
    rows = summary(replications([record(range(1000))] * 4))
    written = json.loads(json.dumps([row.as_json() for row in rows]))
    assert written[1] == {
        "runs": "all",
        "subject": "ask",
        "figure": "goodput",
        "unit": "1/s",
        "answer": {
            "reason": "too_few_replications",
            "because": "4 replications say too little about how much runs differ.",
            "remedy": "Run at least 5 replications.",
        },
    }
