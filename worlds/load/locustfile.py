"""The open-loop load generator, as Locust runs it: one greenlet for each planned request.

A Locust user is a closed loop by nature: it waits for its answer before it sends again,
and so spares a server that stalls. Here the one user only keeps time. Every request is
sent by a greenlet of its own at the planned moment, and the response time that Locust
shows counts from that moment.

It is started by ``worlds.load.generator``, or with Locust's web page by
``wavetank load SCENARIO --web``.
"""

import json
import logging
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import TextIO

import gevent
from gevent.pool import Group
from locust import FastHttpUser, events, task
from locust.contrib.fasthttp import ResponseContextManager

from reference_services.runtime.clock import monotonic_ns, unix_ns
from reference_services.runtime.timing import parse_server_timing
from scenarios.history import Operation, Outcome, write_operation
from worlds.load.alarm import alarm
from worlds.load.generator import FAILURE, SUMMARY
from worlds.load.loopback import require_loopback
from worlds.load.outcomes import acknowledged_job, outcome_of
from worlds.load.plan import PlannedRequest, read_plan

_logger = logging.getLogger(__name__)

_LEAD_NS = 500_000_000
_PROGRESS_EVERY_NS = 250_000_000


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust's own
def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--plan", help="the planned requests", include_in_web_ui=False)
    parser.add_argument("--keys", help="JSON file: API key by user", include_in_web_ui=False)
    parser.add_argument("--out", help="folder for what came of it", include_in_web_ui=False)
    parser.add_argument(
        "--drain-ms", type=int, default=10_000, help="patience after the last request"
    )


class OpenLoop(FastHttpUser):
    """Keeps the time of a plan; sends nothing itself."""

    fixed_count = 1
    # More than can be in flight: a full pool would make requests wait for one another,
    # which is the closed loop again.
    concurrency = 10_000
    connection_timeout = 10.0
    network_timeout = 60.0
    max_retries = 0
    max_redirects = 0

    @task
    def replay(self) -> None:
        """Send the whole plan, wait for the answers, write down what came of it."""
        try:
            self._replay()
        except Exception as error:
            # Whatever it is, the parent is to be told; and Locust would try the task again,
            # and again, where a half-sent plan must not be re-sent.
            failure = Path(self.environment.parsed_options.out) / FAILURE
            failure.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
            # With the web page nobody reads that file; its page of logs shows this.
            _logger.exception("The plan was not replayed to its end")
        finally:
            self._leave()

    def _leave(self) -> None:
        """End the process, or with the web page only the run, so that it can be looked at."""
        if self.environment.parsed_options.headless:
            self.environment.runner.quit()
        else:
            self.environment.runner.stop()

    def _replay(self) -> None:
        # Whatever the web page, or a --host of one's own, asks for.
        require_loopback(self.host or "")
        options = self.environment.parsed_options
        keys = json.loads(Path(options.keys).read_text(encoding="utf-8"))
        out = Path(options.out)
        with (
            (out / "history.jsonl").open("w", encoding="utf-8") as history,
            (out / "jobs.jsonl").open("w", encoding="utf-8") as jobs,
        ):
            run = _Run(self, keys, history, jobs)
            complete = False
            try:
                run.send_all(Path(options.plan))
                run.drain(options.drain_ms / 1000)
                complete = True
            finally:
                # Also of a run that was interrupted: what was sent is in the history.
                run.settle_what_is_left()
                summary = json.dumps({**run.summary(), "complete": complete})
                (out / SUMMARY).write_text(summary, encoding="utf-8")


class _Run:
    """One pass through a plan."""

    def __init__(self, user: OpenLoop, keys: dict[str, str], history: TextIO, jobs: TextIO) -> None:
        self._user = user
        self._keys = keys
        self._history = history
        self._jobs = jobs
        self._in_flight: dict[int, tuple[PlannedRequest, int]] = {}
        self._greenlets = Group()
        self._started_ns = monotonic_ns() + _LEAD_NS
        self._started_at_unix_ns = unix_ns() + _LEAD_NS
        self._sent = 0
        self._returned = 0
        self._late_ns = 0
        self._late = 0
        self._next_progress_ns = 0

    def send_all(self, plan: Path) -> None:
        with closing(alarm()) as clock:
            for request in read_plan(plan):
                # Others run here even when it is late, or the answers would wait for us.
                clock.wait_until(self._started_ns + request.at_ns)
                # In flight from now on, not from when its greenlet gets its first turn.
                self._in_flight[request.id] = (request, self._now_ns())
                self._greenlets.spawn(self._send, request)
                self._sent += 1
                # It goes out before anything else is done, like reading the plan's next line.
                gevent.sleep(0)
                self._show_progress()

    def drain(self, patience_s: float) -> None:
        deadline_ns = self._now_ns() + int(patience_s * 1e9)
        while self._in_flight and self._now_ns() < deadline_ns:
            self._greenlets.join(timeout=0.1)
            self._show_progress()

    def settle_what_is_left(self) -> None:
        """Write down as unknown what has no answer; a killed run loses nothing it sent."""
        self._greenlets.kill(block=True, timeout=1)
        for request, invoked_ns in list(self._in_flight.values()):
            self._write(request, invoked_ns, None, Outcome.UNKNOWN)

    def summary(self) -> dict[str, int]:
        return {
            "started_at_unix_ns": self._started_at_unix_ns,
            "ended_ns": self._now_ns(),
            "sent": self._sent,
            "late": self._late,
            "late_max_ns": self._late_ns,
        }

    def _now_ns(self) -> int:
        return monotonic_ns() - self._started_ns

    def _send(self, request: PlannedRequest) -> None:
        invoked_ns = self._now_ns()
        self._note_lateness(invoked_ns - request.at_ns)
        self._in_flight[request.id] = (request, invoked_ns)
        headers = {"X-API-Key": self._keys[request.user]}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        with self._user.client.request(
            request.method,
            request.path,
            name=request.class_name,
            data=request.body,
            headers=headers,
            catch_response=True,
        ) as answer:
            returned_ns = self._now_ns()
            answer.request_meta["response_time"] = (returned_ns - request.at_ns) / 1e6
            self._settle(request, invoked_ns, returned_ns, answer)

    def _settle(
        self,
        request: PlannedRequest,
        invoked_ns: int,
        returned_ns: int,
        answer: ResponseContextManager,
    ) -> None:
        error = answer.request_meta["exception"]
        refused_connection = isinstance(error, ConnectionRefusedError)
        outcome = outcome_of(
            request.method, answer.status_code, refused_connection=refused_connection
        )
        job = None
        if outcome is Outcome.OK and request.submits is not None:
            job = acknowledged_job(answer.content)
            if job is None:
                # Something was accepted, and nobody can ask what became of it.
                outcome = Outcome.UNKNOWN
        known_ns = None if outcome is Outcome.UNKNOWN else returned_ns
        self._write(request, invoked_ns, known_ns, outcome, answer)
        # Not before: what cannot be written now is written when the run ends.
        del self._in_flight[request.id]
        self._returned += 1
        if job is not None:
            self._jobs.write(json.dumps({"id": request.id, "job": job}) + "\n")
        if outcome in {Outcome.OK, Outcome.REFUSED}:
            # A refusal is an answer; Locust's failures are what nobody meant to say.
            _show_success(answer)
        else:
            _show_failure(answer, f"{outcome}: {error or answer.status_code}")

    def _write(
        self,
        request: PlannedRequest,
        invoked_ns: int,
        returned_ns: int | None,
        outcome: Outcome,
        answer: ResponseContextManager | None = None,
    ) -> None:
        timing = ""
        if answer is not None and answer.headers is not None:
            timing = str(answer.headers.get("server-timing") or "")
        operation = Operation(
            id=request.id,
            class_name=request.class_name,
            scheduled_ns=request.at_ns,
            invoked_ns=invoked_ns,
            returned_ns=returned_ns,
            outcome=outcome,
            user=request.user,
            key=request.key,
            status=answer.status_code if answer is not None else 0,
            spans_ns=tuple(parse_server_timing(timing).items()),
        )
        self._history.write(write_operation(operation))

    def _note_lateness(self, late_ns: int) -> None:
        self._late_ns = max(self._late_ns, late_ns)
        self._late += late_ns > 10_000_000  # noqa: PLR2004  # 10 ms

    def _show_progress(self) -> None:
        now_ns = self._now_ns()
        if now_ns >= self._next_progress_ns:
            self._next_progress_ns = now_ns + _PROGRESS_EVERY_NS
            progress = {"at_ns": now_ns, "sent": self._sent, "returned": self._returned}
            print(json.dumps(progress), flush=True)  # noqa: T201  # read by the parent process


def _show_success(answer: ResponseContextManager) -> None:
    answer.success()  # type: ignore[no-untyped-call]  # Locust's own


def _show_failure(answer: ResponseContextManager, reason: str) -> None:
    answer.failure(reason)  # type: ignore[no-untyped-call]  # Locust's own
