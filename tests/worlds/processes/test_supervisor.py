"""Supervision, with services too small to matter: starts, ends, deaths, and what is told."""

import json
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reference_services.runtime.clock import NS_PER_S
from worlds.processes.child import Command, Launcher
from worlds.processes.errors import PlatformProblem, PortTaken
from worlds.processes.guardian import Guardian
from worlds.processes.home import Home, HomeLock
from worlds.processes.services import service_ready
from worlds.processes.shape import Death, ServiceState
from worlds.processes.supervisor import Part, Supervisor
from worlds.processes.waiting import Cancellation

TINY = Path(__file__).parents[2] / "fakes" / "tiny_service.py"
SOON_NS = 10 * NS_PER_S


@dataclass
class Bench:
    """A home with a guardian, and supervisors of it."""

    home: Home
    launcher: Launcher
    cancellation: Cancellation
    made: list[Supervisor] = field(default_factory=list)

    def supervisor(self, *, restart: bool = False) -> Supervisor:
        """Make a supervisor, whose parts are stopped after the test."""
        made = Supervisor(self.home, self.launcher, self.cancellation, restart=restart)
        self.made.append(made)
        return made

    def part(self, behaviour: str = "serve", index: int = 0, port: int | None = None) -> Part:
        """Return a tiny service that behaves in one of its ways."""
        return Part("tiny", index, lambda at: self.command(at, behaviour), service_ready, port=port)

    def command(self, port: int, behaviour: str) -> Command:
        """Return the command of a tiny service."""
        return Command(
            arguments=(sys.executable, str(TINY), str(port), behaviour),
            log=self.home.log_of("tiny", 0),
            environment={"TINY_OWN": "setting"},
        )

    def deaths_of(self, supervisor: Supervisor) -> list[Death]:
        """Wait for deaths, and return them."""
        found: list[Death] = []

        def has_died() -> bool:
            found.extend(supervisor.poll_deaths())
            return bool(found)

        assert self.cancellation.wait_until(has_died, SOON_NS)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    home = Home(tmp_path / "home")
    home.prepare()
    lock = HomeLock(home)
    guardian = Guardian("mark-of-a-test", lock.descriptor)
    cancellation = Cancellation()
    bench = Bench(home, Launcher(guardian, "mark-of-a-test"), cancellation)
    yield bench
    cancellation.request()
    for supervisor in bench.made:
        keys = [(status.name, status.index) for status in supervisor.statuses()]
        supervisor.stop(keys, SOON_NS)
    guardian.dismiss()
    lock.close()


def test_a_part_is_started_found_ready_and_stopped(bench: Bench) -> None:
    supervisor = bench.supervisor()
    port = supervisor.start(bench.part())
    [status] = supervisor.statuses()
    assert (status.name, status.index, status.port) == ("tiny", 0, port)
    assert status.state is ServiceState.READY

    supervisor.stop([("tiny", 0)], SOON_NS)
    assert supervisor.statuses() == []
    assert supervisor.poll_deaths() == []


def test_a_part_sees_its_own_settings_and_nothing_of_the_callers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_LIMITS", "of somebody's shell")
    port = bench.supervisor().start(bench.part())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        environment = json.load(answer)
    assert environment["TINY_OWN"] == "setting"
    assert "GATEWAY_LIMITS" not in environment
    assert environment["PATH"] == os.environ["PATH"]


def test_a_part_that_dies_is_recorded_with_its_exit_code_and_stays_dead(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start(bench.part(index=3))
    supervisor.kill("tiny", 3, signal.SIGKILL)

    [death] = bench.deaths_of(supervisor)
    assert (death.service, death.index, death.exit_code) == ("tiny", 3, -signal.SIGKILL)
    assert [status.state for status in supervisor.statuses()] == [ServiceState.DEAD]
    lines = bench.home.events_file.read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events == ["started", "ready", "signalled", "died"]
    assert supervisor.poll_deaths() == []


def test_a_part_that_dies_is_started_again_on_its_port_where_that_was_asked_for(
    bench: Bench,
) -> None:
    supervisor = bench.supervisor(restart=True)
    port = supervisor.start(bench.part())
    [before] = supervisor.statuses()
    supervisor.kill("tiny", 0, signal.SIGKILL)
    bench.deaths_of(supervisor)

    def is_ready() -> bool:
        return supervisor.statuses()[0].state is ServiceState.READY

    assert bench.cancellation.wait_until(is_ready, SOON_NS)
    [after] = supervisor.statuses()
    assert after.port == port
    assert after.pid != before.pid


def test_a_part_that_is_dead_cannot_be_killed_and_those_there_are_are_named(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start(bench.part())
    with pytest.raises(PlatformProblem, match=r"tiny/9 does not run\nthere are tiny/0"):
        supervisor.kill("tiny", 9, signal.SIGKILL)


def test_a_part_that_fails_to_start_is_told_with_its_last_words_and_its_log(bench: Bench) -> None:
    supervisor = bench.supervisor()
    with pytest.raises(PlatformProblem) as problem:
        supervisor.start(bench.part("fail"))
    assert "tiny/0 ended with exit code 7" in problem.value.reason
    assert problem.value.reason.endswith("the disk is made of cheese")
    assert str(bench.home.log_of("tiny", 0)) in problem.value.remedy
    assert supervisor.statuses() == []


def test_a_part_that_never_gets_ready_is_ended(bench: Bench) -> None:
    supervisor = bench.supervisor()
    part = replace(bench.part("never-ready"), start_max_ns=NS_PER_S)
    with pytest.raises(PlatformProblem, match=r"tiny/0 was not ready within 1\.00 s"):
        supervisor.start(part)
    assert supervisor.statuses() == []


def test_a_part_whose_port_is_taken_in_the_last_moment_gets_another(bench: Bench) -> None:
    listeners: list[socket.socket] = []

    def command(port: int) -> Command:
        if not listeners:
            listeners.append(socket.create_server(("127.0.0.1", port)))
        return bench.command(port, "serve")

    def ready(port: int) -> bool:
        return port != listeners[0].getsockname()[1] and service_ready(port)

    supervisor = bench.supervisor()
    port = supervisor.start(Part("tiny", 0, command, ready))
    assert port != listeners[0].getsockname()[1]
    assert [status.port for status in supervisor.statuses()] == [port]
    listeners[0].close()


def test_a_port_that_was_asked_for_and_is_taken_is_not_replaced_by_another(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}"):
            bench.supervisor().start(bench.part(port=port))
