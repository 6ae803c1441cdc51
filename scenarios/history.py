"""The history of a run: one line per operation, the same from every world."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TextIO


class Outcome(StrEnum):
    """How an operation ended."""

    OK = "ok"
    REFUSED = "refused"
    """The platform said no on purpose: rate limit, open breaker, full queue."""

    FAILED = "failed"
    """It did not happen, or it went wrong, and the client was told."""

    UNKNOWN = "unknown"
    """No answer: it may have happened, or may yet."""


class Operation(NamedTuple):
    """One request, or one job, as its client saw it. Times count from the run's start."""

    id: int
    """Number of the arrival; attempts of one request, and the job it submits, share it."""

    class_name: str
    """The request class, or the queue of a job."""

    scheduled_ns: int
    """When it was to be sent. Latency counts from here, so a stall cannot hide."""

    invoked_ns: int
    """When it was sent."""

    returned_ns: int | None
    """When its outcome was known; None while it is unknown."""

    outcome: Outcome
    attempt: int = 1
    """Which try of its client this was, counted from 1."""

    user: str = ""
    key: int = 0
    """What it was about, counted from 1; 0 when about nothing in particular."""

    status: int = 0
    """The HTTP status of the answer; 0 without one."""

    spans_ns: tuple[tuple[str, int], ...] = ()
    """Exclusive time by service or part, where the world can tell."""

    @property
    def latency_ns(self) -> int | None:
        """From the scheduled time to the outcome; None while that is unknown."""
        return None if self.returned_ns is None else self.returned_ns - self.scheduled_ns


def write_operation(operation: Operation) -> str:
    """Return ``operation`` as one line of JSON, with the line's end."""
    fields: dict[str, object] = {
        "id": operation.id,
        "class": operation.class_name,
        "scheduled": operation.scheduled_ns,
        "invoked": operation.invoked_ns,
        "returned": operation.returned_ns,
        "outcome": operation.outcome.value,
        "attempt": operation.attempt,
        "user": operation.user,
        "key": operation.key,
        "status": operation.status,
    }
    if operation.spans_ns:
        fields["spans"] = dict(operation.spans_ns)
    return json.dumps(fields, separators=(",", ":")) + "\n"


def read_operation(line: str) -> Operation:
    """Return the operation that ``line`` holds.

    Raises:
        ValueError: the line is not an operation.
    """
    try:
        fields = json.loads(line)
        return Operation(
            id=fields["id"],
            class_name=fields["class"],
            scheduled_ns=fields["scheduled"],
            invoked_ns=fields["invoked"],
            returned_ns=fields["returned"],
            outcome=Outcome(fields["outcome"]),
            attempt=fields["attempt"],
            user=fields["user"],
            key=fields["key"],
            status=fields["status"],
            spans_ns=tuple(fields.get("spans", {}).items()),
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not an operation: {line[:80]!r} ({error})") from error


class HistoryWriter:
    """Writes operations to a file as they end; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        assert self._file is not None
        self._file.close()

    def write(self, operation: Operation) -> None:
        """Add one line."""
        assert self._file is not None, "the history is not open"
        self._file.write(write_operation(operation))


def read_history(path: Path) -> Iterator[Operation]:
    """Yield the operations of the history at ``path``, in the order in which they ended.

    A last line that a crash cut short is left out; any other unreadable line is an error.

    Raises:
        ValueError: a line is not an operation; the message names file and line.
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield read_operation(line)
            except ValueError as error:
                if not line.endswith("\n"):
                    return
                raise ValueError(f"{path}:{number}: {error}") from error
