"""Laws of traces: what is written reads back; sorting loses nothing and keeps order."""

import csv
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from scenarios.load import load_scenario
from scenarios.log_formats import InvalidLog, LogOptions
from scenarios.trace import HEADER, VERSION_LINE, TraceEntry, TraceWriter, read_trace
from scenarios.trace_check import entries_in_order
from scenarios.trace_import import import_trace
from scenarios.trace_sort import Sorter
from scenarios.workload import TraceSource

entries = st.lists(
    st.builds(
        TraceEntry,
        st.integers(0, 10**18 - 1),
        st.just("") | st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True),
        st.integers(0, 10**18 - 1),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ),
    max_size=30,
)


@given(entries.filter(bool))
@example([TraceEntry(0, "", 0, "\r0")])
@settings(deadline=None)
def test_a_written_trace_reads_back_equal(them: list[TraceEntry]) -> None:
    in_order = sorted(them)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = TraceWriter(file)
            for entry in in_order:
                writer.write(entry)
        assert list(read_trace(path)) == in_order


@given(entries, st.integers(1, 5), st.integers(2, 3))
@settings(deadline=None)
def test_sorting_in_pieces_is_sorting(them: list[TraceEntry], chunk: int, runs_max: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sorter = Sorter(Path(folder), chunk, runs_max)
        # Python's sort is stable, and so must this be.
        assert list(sorter.sorted(them)) == sorted(them, key=lambda entry: entry.at_ns)
    latest = 0
    displaced = 0
    for entry in them:
        displaced += entry.at_ns < latest
        latest = max(latest, entry.at_ns)
    assert sorter.displaced == displaced


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30))
@settings(deadline=None)
def test_every_request_of_a_log_keeps_its_second(seconds: list[int]) -> None:
    lines = [f'h - - [10/Oct/2000:13:55:{at:02} +0000] "GET / HTTP/1.1" 200 5\n' for at in seconds]
    with tempfile.TemporaryDirectory() as folder:
        log, trace = Path(folder) / "log", Path(folder) / "trace"
        log.write_text("".join(lines))
        summary = import_trace(log, trace, LogOptions())
        times_ns = [entry.at_ns for entry in read_trace(trace)]
    assert summary.requests == len(seconds)
    for at, at_ns in zip(sorted(seconds), times_ns, strict=True):
        # Times count from the first request, which lies somewhere in its second.
        assert abs((at - min(seconds)) * 10**9 - at_ns) < 10**9


@given(
    st.binary(max_size=300)
    | st.text(alphabet='h -[]"10/Oct:+\n,;time', max_size=200).map(str.encode)
)
@settings(deadline=None, max_examples=scaled(300))
def test_garbage_is_no_log_and_never_a_crash(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, trace = Path(folder) / "log", Path(folder) / "trace"
        log.write_bytes(raw)
        try:
            import_trace(log, trace, LogOptions())
        except InvalidLog:
            assert not trace.exists()
        else:
            assert list(read_trace(trace))


REPLAYING = load_scenario("recorded_trace")


@given(entries.filter(bool), st.integers(1, 5))
@settings(deadline=None)
def test_a_trace_in_any_order_is_replayed_in_that_of_arrival(
    them: list[TraceEntry], chunk: int
) -> None:
    known = [entry._replace(class_name="") for entry in them]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(VERSION_LINE + "\n")
            csv.writer(file).writerows([HEADER, *known])
        replayed = list(entries_in_order(REPLAYING, TraceSource(file=str(path)), chunk))
    assert replayed == sorted(known, key=lambda entry: entry.at_ns)
