"""The history: every operation reads back as it was; a crash costs at most the last line."""

from pathlib import Path

import pytest

from scenarios.history import (
    HistoryWriter,
    Operation,
    Outcome,
    read_history,
    read_operation,
    write_operation,
)

ANSWERED = Operation(
    id=7,
    class_name="read",
    scheduled_ns=5,
    invoked_ns=6,
    returned_ns=9,
    outcome=Outcome.OK,
    attempt=2,
    user="free-1",
    key=3,
    status=200,
    spans_ns=(("gateway", 1), ("catalog", 2)),
)
UNANSWERED = Operation(8, "read", 5, 6, None, Outcome.UNKNOWN)


def test_operations_read_back_as_they_were(tmp_path: Path) -> None:
    with HistoryWriter(tmp_path / "history.jsonl") as writer:
        writer.write(ANSWERED)
        writer.write(UNANSWERED)
    assert list(read_history(tmp_path / "history.jsonl")) == [ANSWERED, UNANSWERED]


def test_latency_counts_from_when_it_was_to_be_sent() -> None:
    assert ANSWERED.latency_ns == 4
    assert UNANSWERED.latency_ns is None


@pytest.mark.parametrize("line", ["", "{}", "[]", "5", '{"id":1', write_operation(ANSWERED)[:-9]])
def test_what_is_no_operation_is_told(line: str) -> None:
    with pytest.raises(ValueError, match="not an operation"):
        read_operation(line)


def test_an_unknown_outcome_is_told() -> None:
    with pytest.raises(ValueError, match="'lost' is not a valid Outcome"):
        read_operation(write_operation(UNANSWERED).replace('"unknown"', '"lost"'))


def test_a_last_line_cut_short_is_left_out_and_any_other_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    whole = write_operation(ANSWERED)
    path.write_text(whole + whole[:20])
    assert list(read_history(path)) == [ANSWERED]
    path.write_text(whole[:20] + "\n" + whole)
    with pytest.raises(ValueError, match=r"history\.jsonl:1: not an operation"):
        list(read_history(path))
