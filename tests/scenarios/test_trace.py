"""The trace: read line by line, and what is no trace is told with its line."""

from pathlib import Path

import pytest

from scenarios.trace import (
    InvalidTrace,
    TraceEntry,
    TraceSummary,
    TraceWriter,
    check_trace,
    read_trace,
)

HEAD = "# wavetank trace 1\nat_ns,class,key,user\n"


def trace(folder: Path, text: str | bytes) -> Path:
    """Write a trace and return its path."""
    path = folder / "day.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_trace_gives_its_requests_line_by_line(tmp_path: Path) -> None:
    path = trace(tmp_path, HEAD + '9,read_title,17,u-3\n1250000,,0,\n1250000,,,"a,b"\n0,,,\n')
    assert list(read_trace(path)) == [
        TraceEntry(9, "read_title", 17, "u-3"),
        TraceEntry(1_250_000),
        TraceEntry(1_250_000, user="a,b"),
        TraceEntry(0),
    ]


def test_a_trace_is_summed_up(tmp_path: Path) -> None:
    path = trace(tmp_path, HEAD + "50,read,,\n20,,,\n70,list,,\n60,read,,\n70,,,\n")
    summary = check_trace(path)
    assert summary == TraceSummary(5, 2, 20, 70, {"read": 3, "": 4, "list": 5})
    assert summary.span_ns == 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD, ": holds no requests"),
        ("", ":1: should read '# wavetank trace 1', not ''"),
        ("at_ns,class,key,user\n0,,0,\n", ":1: should read '# wavetank trace 1', not 'at_ns,"),
        ("# wavetank trace 1\n", ":2: should read 'at_ns,class,key,user', not None"),
        ("# wavetank trace 1\nat,class\n", ":2: should read 'at_ns,class,key,user', not ['at',"),
        (HEAD + "0,,0,\n1,,0\n", ":4: should have 4 fields, not 3"),
        (HEAD + "-1,,0,\n", ":3: has '-1' for at_ns, which should be a whole number"),
        (HEAD + "1.5,,0,\n", ":3: has '1.5' for at_ns, which should be a whole number"),
        (HEAD + f"{'1' * 19},,0,\n", ":3: has '1111111111111111111' for at_ns"),
        (HEAD + "1,,x,\n", ":3: has 'x' for key, which should be a whole number"),
        (HEAD + "1,Read,0,\n", ":3: has the class 'Read', which is not a lower-case name"),
        (HEAD + '1,,0,"a\n', ":3: is not CSV: unexpected end of data"),
        (HEAD.encode() + b"1,,0,\xff\n", ": is not UTF-8 text, so it is not a trace"),
    ],
)
def test_what_is_no_trace_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    path = trace(tmp_path, text)
    with pytest.raises(InvalidTrace) as caught:
        list(read_trace(path))
    assert str(caught.value).startswith(f"{path}{expected}")
    with pytest.raises(InvalidTrace):
        check_trace(path)


def test_a_trace_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidTrace, match=r"none\.csv: is not there"):
        list(read_trace(tmp_path / "none.csv"))
    with pytest.raises(InvalidTrace, match="is not a file"):
        list(read_trace(tmp_path))


def test_a_trace_is_written_in_the_order_of_arrival(tmp_path: Path) -> None:
    with (tmp_path / "day.csv").open("w") as file:
        writer = TraceWriter(file)
        writer.write(TraceEntry(7))
        with pytest.raises(AssertionError, match="in the order of arrival"):
            writer.write(TraceEntry(6))
