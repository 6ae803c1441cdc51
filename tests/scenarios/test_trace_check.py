"""Whether a trace suits its scenario: said, or refused, before anything starts."""

from pathlib import Path

import pytest

from scenarios.load import load_scenario
from scenarios.spec import Scenario
from scenarios.trace import HEADER, VERSION_LINE, InvalidTrace, TraceEntry
from scenarios.trace_check import entries_in_order, trace_notes
from scenarios.workload import TraceArrivals
from tests.scenarios.small import SMALL, written

REPLAY = SMALL.replace("{poisson: {rate: 5/s}}", "{trace: {file: trace.csv}}")


def replaying(folder: Path, *rows: str, text: str = REPLAY) -> Scenario:
    """Return a scenario that replays a trace of these rows."""
    lines = (VERSION_LINE, ",".join(HEADER), *rows)
    (folder / "trace.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return load_scenario(written(folder, text))


def entries(scenario: Scenario, chunk: int = 100) -> list[TraceEntry]:
    """Return what is replayed in ``scenario``."""
    assert isinstance(scenario.workload.arrivals, TraceArrivals)
    return list(entries_in_order(scenario, scenario.workload.arrivals.trace, chunk))


def test_of_a_usual_trace_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert trace_notes(replaying(tmp_path, "0,read,,", "1000000000,,,")) == ()
    assert trace_notes(load_scenario(written(tmp_path, SMALL))) == ()
    assert trace_notes(load_scenario("recorded_trace")) == ()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ("5,,,", "3,,,", "4,,,", "6,,,"),
            "trace.csv: 2 of 4 entries were out of order; they are replayed sorted",
        ),
        (
            ("5,,,", "3,,,"),
            "trace.csv: 1 of 2 entries was out of order; they are replayed sorted",
        ),
    ],
)
def test_how_much_is_out_of_order_is_said(
    tmp_path: Path, rows: tuple[str, ...], expected: str
) -> None:
    assert trace_notes(replaying(tmp_path, *rows)) == (expected,)


@pytest.mark.parametrize("chunk", [2, 100])
def test_entries_out_of_order_are_replayed_sorted(tmp_path: Path, chunk: int) -> None:
    scenario = replaying(tmp_path, "7,,1,", "9,,2,", "3,read,3,", "7,,4,u", "0,,5,")
    assert entries(scenario, chunk) == [
        TraceEntry(0, "", 5),
        TraceEntry(3, "read", 3),
        TraceEntry(7, "", 1),
        TraceEntry(7, "", 4, "u"),
        TraceEntry(9, "", 2),
    ]


def test_entries_in_order_are_replayed_as_they_stand(tmp_path: Path) -> None:
    scenario = replaying(tmp_path, "3,read,1,", "3,,,", "4,,,")
    assert entries(scenario) == [TraceEntry(3, "read", 1), TraceEntry(3), TraceEntry(4)]


def test_a_trace_that_misses_the_measured_part_is_said(tmp_path: Path) -> None:
    late = REPLAY.replace("duration: 10s", "warm_up: 5s\nduration: 10s")
    notes = trace_notes(replaying(tmp_path, "0,,,", "2000000000,,,", text=late))
    assert notes == ("the trace ends at 2 s, before the measured part begins at 5 s",)
    notes = trace_notes(replaying(tmp_path, "15000000000,,,", text=late))
    assert notes == ("the trace begins at 15 s, when the run has ended at 15 s",)
    twice = late.replace("trace.csv}", "trace.csv, speed: 2}")
    notes = trace_notes(replaying(tmp_path, "0,,,", "8000000000,,,", text=twice))
    assert notes == ("the trace ends at 4 s, before the measured part begins at 5 s",)


def test_a_class_beside_the_mix_is_said(tmp_path: Path) -> None:
    text = REPLAY.replace("  read:\n", "  list: {}\n  read:\n")
    assert trace_notes(replaying(tmp_path, "0,list,,", "0,,,", text=text)) == (
        "trace.csv: the mix does not have list; the trace does, and is replayed as recorded",
    )


def test_a_class_that_the_scenario_does_not_have_is_refused_with_its_line(tmp_path: Path) -> None:
    scenario = replaying(tmp_path, "0,read,,", "1,reed,,", "2,reed,,")
    expected = (
        r"trace\.csv:4: has the class 'reed', which the scenario does not have; "
        r"did you mean read\?"
    )
    with pytest.raises(InvalidTrace, match=expected):
        trace_notes(scenario)
    with pytest.raises(InvalidTrace, match=expected):
        entries(scenario)


def test_an_empty_trace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidTrace, match=r"trace\.csv: holds no requests"):
        trace_notes(replaying(tmp_path))
