"""The load generator is an open loop: what a server does, however bad, is not hidden."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reference_services.runtime.clock import block_ns, monotonic_ns
from scenarios.history import Operation, Outcome, read_history
from worlds.load.generator import LoadFailed, LoadSummary, LoadTarget, generate
from worlds.load.plan import PlannedRequest, write_requests

MS = 1_000_000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer-Timing: gateway;dur=1.5\r\n\r\nok"
pytestmark = pytest.mark.servers


class Server:
    """A server that answers at once, except while it is frozen."""

    def __init__(self) -> None:
        self.awake = threading.Event()
        self.awake.set()
        self.first_request = threading.Event()
        self.answered = 0
        self.answer = ANSWER
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening; closing alone would leave the thread in its accept."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A client that is interrupted resets its connections.
        with connection, suppress(ConnectionError):
            while connection.recv(65536):
                self.first_request.set()
                self.awake.wait()
                self.answered += 1
                connection.sendall(self.answer)


@contextmanager
def server() -> Iterator[Server]:
    running = Server()
    try:
        yield running
    finally:
        running.awake.set()
        running.close()


def requests(count: int, every_ns: int) -> list[PlannedRequest]:
    return [
        PlannedRequest(i, i * every_ns, "read", "free-0", 1, "GET", "/", None, None)
        for i in range(count)
    ]


def run(
    folder: Path, url: str, planned: list[PlannedRequest], drain_ns: int = 5_000 * MS
) -> tuple[LoadSummary, list[Operation]]:
    (folder / "keys.json").write_text(json.dumps({"free-0": "secret"}), encoding="utf-8")
    write_requests(planned, folder / "plan.jsonl")
    target = LoadTarget(url, folder / "keys.json")
    summary = generate(
        folder / "plan.jsonl", target, folder, drain_ns=drain_ns, on_progress=lambda _: None
    )
    return summary, sorted(read_history(folder / "history.jsonl"))


def test_a_stall_shows_in_every_request_that_was_due_during_it(tmp_path: Path) -> None:
    with server() as frozen:

        def freeze() -> None:
            frozen.first_request.wait()
            block_ns(500 * MS)
            frozen.awake.clear()
            block_ns(1_000 * MS)
            frozen.awake.set()

        threading.Thread(target=freeze, daemon=True).start()
        summary, operations = run(tmp_path, frozen.url, requests(400, every_ns=5 * MS))
    assert summary.sent == len(operations) == 400
    assert all(operation.outcome is Outcome.OK for operation in operations)
    # 200 requests fell due while the server stood still; a closed loop would have sent one
    # for each of its users. At most a stall of the machine itself adds to them.
    waited = [o for o in operations if o.latency_ns is not None and o.latency_ns > 100 * MS]
    assert len(waited) >= 170
    worst_ns = max(o.latency_ns for o in waited if o.latency_ns is not None)
    assert worst_ns >= 900 * MS


def test_the_history_holds_what_each_answer_said(tmp_path: Path) -> None:
    with server() as prompt:
        _, operations = run(tmp_path, prompt.url, requests(10, every_ns=20 * MS))
    assert [operation.id for operation in operations] == list(range(10))
    for operation in operations:
        assert operation.returned_ns is not None
        assert operation.scheduled_ns <= operation.invoked_ns <= operation.returned_ns
        assert operation.status == 200
        assert operation.spans_ns == (("gateway", 1_500_000),)


@pytest.mark.parametrize(
    ("timing", "spans"),
    [
        ("gateway;dur=inf, catalog;dur=nan, cache;dur=-1, database;dur=2", (("database", 2 * MS),)),
        ('gateway;desc="a, b;dur=9";dur=1', (("gateway", MS),)),
        ("gateway;dur=" + "9" * 5_000, ()),
    ],
)
def test_a_strange_timing_loses_no_operation(
    tmp_path: Path, timing: str, spans: tuple[tuple[str, int], ...]
) -> None:
    with server() as strange:
        strange.answer = ANSWER.replace(b"gateway;dur=1.5", timing.encode())
        summary, [operation] = run(tmp_path, strange.url, requests(1, every_ns=MS))
    assert summary.sent == 1
    assert (operation.outcome, operation.spans_ns) == (Outcome.OK, spans)


@pytest.mark.parametrize("body", [b"ok", b"{}", b'{"id": 7}'])
def test_a_job_that_the_answer_does_not_name_leaves_its_operation_unknown(
    tmp_path: Path, body: bytes
) -> None:
    head = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json; charset=nonsense\r\n"
    submit = PlannedRequest(0, 0, "submit", "free-0", 1, "POST", "/jobs", "{}", "render")
    with server() as vague:
        vague.answer = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        _, [operation] = run(tmp_path, vague.url, [submit])
    assert (operation.outcome, operation.status) == (Outcome.UNKNOWN, 202)
    assert (tmp_path / "jobs.jsonl").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("host", ["192.0.2.1", "example.invalid"])
def test_nothing_is_sent_to_another_machine(tmp_path: Path, host: str) -> None:
    with pytest.raises(LoadFailed, match=rf"{host} is not this machine"):
        run(tmp_path, f"http://{host}:9", requests(3, every_ns=MS))
    assert not (tmp_path / "history.jsonl").exists()


def test_what_has_no_answer_at_the_end_is_unknown_and_not_lost(tmp_path: Path) -> None:
    with server() as mute:
        mute.awake.clear()
        _, operations = run(tmp_path, mute.url, requests(5, every_ns=MS), drain_ns=300 * MS)
    assert [operation.outcome for operation in operations] == [Outcome.UNKNOWN] * 5
    assert all(operation.returned_ns is None for operation in operations)


def test_a_server_that_is_not_there_is_a_failure_and_not_a_mystery(tmp_path: Path) -> None:
    with server() as gone:
        url = gone.url
    _, operations = run(tmp_path, url, requests(3, every_ns=MS))
    assert [operation.outcome for operation in operations] == [Outcome.FAILED] * 3


def test_a_generator_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_text("[]\n", encoding="utf-8")
    with pytest.raises(LoadFailed, match=r"(?s)ended early.*keys\.json"):
        generate(
            tmp_path / "plan.jsonl",
            LoadTarget("http://127.0.0.1:1", tmp_path / "keys.json"),
            tmp_path,
            drain_ns=MS,
            on_progress=lambda _: None,
        )


def test_an_interrupted_run_stops_the_generator(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(_: object) -> None:
        raise Interrupted

    (tmp_path / "keys.json").write_text('{"free-0": "secret"}', encoding="utf-8")
    with server() as prompt:
        write_requests(requests(10_000, every_ns=10 * MS), tmp_path / "plan.jsonl")
        began_ns = monotonic_ns()
        with pytest.raises(Interrupted):
            generate(
                tmp_path / "plan.jsonl",
                LoadTarget(prompt.url, tmp_path / "keys.json"),
                tmp_path,
                drain_ns=MS,
                on_progress=interrupt,
            )
    assert monotonic_ns() - began_ns < 60_000 * MS, "the plan alone lasts a hundred seconds"
