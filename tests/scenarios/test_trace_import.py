"""Importing logs: what arrives in a trace, and what is said about the rest."""

import gzip
from pathlib import Path

import pytest

from scenarios.log_formats import InvalidLog, LogOptions, parse_rule, pseudonym
from scenarios.trace import TraceEntry, read_trace
from scenarios.trace_import import ImportSummary, import_trace
from scenarios.trace_sort import Sorter


def line(second: int, request: str = "GET /titles/17 HTTP/1.1", user: str = "-") -> str:
    """Return one line of an access log in the combined format."""
    return (
        f"203.0.113.7 - {user} [10/Oct/2000:13:55:{second:02} -0700] "
        f'"{request}" 200 2326 "http://example.com/\\"quoted\\"" "Mozilla/5.0 (X11)"\n'
    )


def imported(
    folder: Path, text: str | bytes, options: LogOptions | None = None
) -> tuple[ImportSummary, list[TraceEntry]]:
    """Import ``text``, and return the summary and what the trace holds."""
    log = folder / "log"
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    summary = import_trace(log, folder / "trace.csv", options or LogOptions())
    return summary, list(read_trace(folder / "trace.csv"))


def refusal(folder: Path, text: str | bytes, options: LogOptions | None = None) -> str:
    """Return why ``text`` cannot be imported; no trace is left behind."""
    with pytest.raises(InvalidLog) as caught:
        imported(folder, text, options)
    assert [path.name for path in folder.iterdir()] == ["log"]
    return str(caught.value).removeprefix(str(folder / "log"))


def rules(*written: str) -> LogOptions:
    """Return options with these class rules."""
    return LogOptions(rules=tuple(parse_rule(rule) for rule in written))


def test_an_access_log_becomes_requests_with_class_key_and_user(tmp_path: Path) -> None:
    text = (
        line(1)
        + line(2, "PUT /titles/5 HTTP/1.1", user="ada")
        + line(4, "GET /titles/of-mice HTTP/1.1")
        + line(4, "HEAD /else HTTP/1.1")
    )
    options = rules(r"GET /titles/(?P<key>\d+$)=read", "PUT /titles/=update", "(?P<key>of-.*)=book")
    summary, entries = imported(tmp_path, text, options)
    assert [(entry.class_name, entry.key) for entry in entries] == [
        ("read", 17),
        ("update", 0),
        ("book", 4_197_226_051),
        ("", 0),
    ]
    assert entries[1].user == pseudonym("ada")
    assert entries[0].user == entries[2].user == pseudonym("203.0.113.7")
    assert "ada" not in (tmp_path / "trace.csv").read_text()
    assert summary.form == "combined"
    assert summary.classes == {"read": 1, "update": 1, "book": 1, "": 1}


def test_the_common_format_is_read_as_well(tmp_path: Path) -> None:
    text = 'h - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -\n'
    assert imported(tmp_path, text)[1] == [TraceEntry(0, "", 0, pseudonym("h"))]


def test_requests_of_one_second_are_spread_within_it_and_always_alike(tmp_path: Path) -> None:
    text = "".join(line(second) for second in (1, 1, 1, 1, 2, 3, 3))
    summary, entries = imported(tmp_path, text)
    assert summary.spread
    times_ns = [entry.at_ns for entry in entries]
    assert times_ns == sorted(set(times_ns))
    assert entries == imported(tmp_path, text)[1]
    # The first stands at 0, wherever in its second that is.
    assert times_ns[3] < 10**9
    assert 10**9 < times_ns[5] < times_ns[6] < 3 * 10**9


def test_times_with_fractions_stay_where_they_are(tmp_path: Path) -> None:
    text = "time\n2023-11-16 18:17:03.5\n2023-11-16 18:17:04\n2023-11-16 18:17:04\n"
    summary, entries = imported(tmp_path, text)
    assert [entry.at_ns for entry in entries] == [0, 500_000_000, 500_000_000]
    assert not summary.spread
    assert summary.mean_per_s == 6
    assert summary.peak_per_s == 3


def test_whole_seconds_that_no_two_requests_share_stay_as_well(tmp_path: Path) -> None:
    summary, entries = imported(tmp_path, "at_s\n0\n1\n2\n")
    assert [entry.at_ns for entry in entries] == [0, 10**9, 2 * 10**9]
    assert not summary.spread
    assert summary.peak_per_s == 1


def test_a_log_out_of_order_is_sorted_and_that_is_counted(tmp_path: Path) -> None:
    summary, entries = imported(tmp_path, "at_ms,class\n5,a\n9,b\n2,c\n7,d\n9,e\n")
    assert [(entry.at_ns // 10**6, entry.class_name) for entry in entries] == [
        (0, ""), (3, ""), (5, ""), (7, ""), (7, ""),
    ]  # fmt: skip
    assert summary.displaced == 2


def test_csv_columns_are_found_or_named(tmp_path: Path) -> None:
    text = (
        "who;when;what;about\nada;2023-11-16 18:17:03.1;read_title;17\n\n;2023-11-16 18:17:04;;\n"
    )
    options = LogOptions(class_column="what", key_column="about", user_column="who")
    assert imported(tmp_path, text, options)[1] == [
        TraceEntry(0, "read_title", 17, pseudonym("ada")),
        TraceEntry(900_000_000),
    ]
    options = LogOptions(time_column="b", class_column="a", rules=rules("^GET=read").rules)
    text = "a\tb\nGET /x\t1700158623\nPUT /x\t1700158624\n"
    assert [entry.class_name for entry in imported(tmp_path, text, options)[1]] == ["read", ""]


def test_a_gzipped_log_is_read_as_it_is(tmp_path: Path) -> None:
    zipped = gzip.compress((line(1) + line(2)).encode())
    assert imported(tmp_path, zipped)[0].requests == 2
    assert "is a damaged gzip file" in refusal_in(tmp_path / "cut", zipped[:-20])


def refusal_in(folder: Path, text: bytes) -> str:
    """Return why ``text`` cannot be imported, in a folder of its own."""
    folder.mkdir()
    return refusal(folder, text)


def test_lines_that_cannot_be_read_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    bad = [
        "",
        "garbage",
        line(7).replace("Oct", "Okt"),
        line(8, "-"),
        "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
        "more",
    ]
    text = "".join(line(i) for i in range(20)) + "\n".join(bad) + "\n" + line(30)
    summary, entries = imported(tmp_path, text)
    assert len(entries) == summary.requests == 21
    assert summary.unreadable == 8
    assert [(shown.line, shown.reason) for shown in summary.unreadable_shown] == [
        (21, "it is not in the combined format"),
        (22, "it is not in the combined format"),
        (23, "the time '10/Okt/2000:13:55:07 -0700' has no month"),
        (24, "it is not in the combined format"),
        (25, "its request '-' is not a method and a path"),
    ]


def test_rows_that_cannot_be_read_are_told_with_their_line(tmp_path: Path) -> None:
    text = "time,class\n2023-11-16 18:17:03,a\n2023-11-16 18:17:04\nx,a\n2023-11-16 18:17:05,A\n"
    text += "2023-11-16 18:17:06,a\n" * 3 + f"{'x' * 200_000}\n"
    summary, _ = imported(tmp_path, text, LogOptions(class_column="class"))
    assert [(shown.line, shown.reason[:40]) for shown in summary.unreadable_shown] == [
        (3, "it has 1 fields, the header 2"),
        (4, "the time 'x' is not ISO 8601"),
        (5, "its class 'A' is not a lower-case letter"),
        (9, "it has 1 fields, the header 2"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", " is empty"),
        ('{"at": 5}\n', " is neither an access log in the combined format nor CSV with a time"),
        ("a,b\n1,2\n", " is neither an access log in the combined format nor CSV with a time"),
        ('"a', " is neither an access log"),
        ("time\n", ":2: the time '' is not ISO 8601"),
        ("time\nnoon\n", ":2: the time 'noon' is not ISO 8601"),
        (line(1) + "x\n" * 2, ": more lines than not are no requests; is this the right format?"),
        (line(1) + "x\n" * 2000, ": more lines than not are no requests; is this the right"),
    ],
)
def test_a_log_of_another_format_is_told(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text).startswith(expected)


def test_a_named_format_is_taken_at_its_word(tmp_path: Path) -> None:
    assert "holds no requests; line 1, 'x': it is not in" in refusal(
        tmp_path, "x\n", LogOptions(form="combined")
    )
    said = refusal(tmp_path, "a,b\n1,2\n", LogOptions(form="csv"))
    assert said == ": which column is the time? Name one of a, b"
    said = refusal(tmp_path, "a,b\n1,2\n", LogOptions(time_column="c"))
    assert said == ": there is no column 'c'; known: a, b"
    said = refusal(tmp_path, "a,time\n1\n", LogOptions(form="csv"))
    assert said == ":2: the time '' is not ISO 8601"


def test_a_rule_that_is_none_is_told() -> None:
    for written, expected in (
        ("GET /", "should read like"),
        ("=read", "should read like"),
        ("GET=Read", "'Read' should be a class"),
        ("(=read", "is not a regular expression"),
    ):
        with pytest.raises(ValueError, match=expected.replace("(", r"\(")):
            parse_rule(written)
    assert parse_rule("a=b=read").pattern.pattern == "a=b"


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(line(1) * 25_000)
    told: list[tuple[int, int]] = []
    import_trace(
        tmp_path / "log", tmp_path / "trace.csv", LogOptions(), lambda *at: told.append(at)
    )
    size = (tmp_path / "log").stat().st_size
    assert len(told) == 3
    assert told == sorted(told)
    assert told[-1] == (size, size)


def test_an_interrupted_import_leaves_what_was_there(tmp_path: Path) -> None:
    def interrupt(_read: int, _size: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "log").write_text(line(1) * 10_000)
    (tmp_path / "trace.csv").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        import_trace(tmp_path / "log", tmp_path / "trace.csv", LogOptions(), interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "trace.csv"]
    assert (tmp_path / "trace.csv").read_text() == "old"


def test_a_trace_of_a_single_moment_has_no_mean_rate(tmp_path: Path) -> None:
    assert imported(tmp_path, "at_ns\n5\n")[0].mean_per_s is None


def test_more_runs_than_files_may_be_open_are_merged_on_the_way(tmp_path: Path) -> None:
    sorter = Sorter(tmp_path, chunk=2, runs_max=3)
    times = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11, 12, 11, 13, 5]
    entries = [TraceEntry(at_ns, key=i) for i, at_ns in enumerate(times)]
    assert list(sorter.sorted(entries)) == sorted(entries, key=lambda entry: entry.at_ns)
    assert sorter.displaced == 11
    assert list(tmp_path.iterdir()) == []
