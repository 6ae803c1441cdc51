"""The guardian: whoever supervises may die of anything, and nothing of the platform stays."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reference_services.runtime.clock import NS_PER_S
from worlds.processes.guardian import MARK, Guardian, marked
from worlds.processes.home import Home, HomeLock
from worlds.processes.waiting import Cancellation

TINY = Path(__file__).parents[2] / "fakes" / "tiny_service.py"
SOON_NS = 15 * NS_PER_S
INSTANCE = "mark-of-the-guardian-test"

# Starts a part that has a child in a session of its own, says so, and waits to be killed.
SUPERVISOR = f"""
import sys
from pathlib import Path
from worlds.processes.child import Command, Launcher
from worlds.processes.guardian import Guardian
from worlds.processes.home import Home, HomeLock
from worlds.processes.ports import claim_free_port
from worlds.processes.services import service_ready
from worlds.processes.waiting import Cancellation

home = Home(Path(sys.argv[1]))
home.prepare()
lock = HomeLock(home)
assert lock.acquire()
launcher = Launcher(Guardian({INSTANCE!r}, lock.descriptor), {INSTANCE!r})
port = claim_free_port().port
program = (sys.executable, {str(TINY)!r}, str(port), "breed")
launcher.launch(Command(program, log=home.log_of("tiny", 0)))
assert Cancellation().wait_until(lambda: service_ready(port), 10_000_000_000)
print("up", flush=True)
sys.stdin.read()
"""


def waits_until(condition: object) -> bool:
    assert callable(condition)
    return Cancellation().wait_until(condition, SOON_NS)


def living() -> list[int]:
    """Return the processes of the instance; one that only waits to be reaped is none."""
    return [pid for pid in marked(INSTANCE) if psutil.Process(pid).status() != "zombie"]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path / "home")]
    root = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: S603  # our own program
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def test_a_supervisor_killed_with_9_leaves_neither_children_nor_their_children(
    supervisor: "subprocess.Popen[str]",
) -> None:
    assert len(living()) == 2
    supervisor.kill()
    assert waits_until(lambda: not living())


def test_a_home_is_occupied_until_the_guardian_has_ended_everything(
    supervisor: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    lock = HomeLock(home)
    assert not lock.acquire()
    supervisor.kill()
    assert waits_until(lock.acquire)
    assert not living()
    lock.close()


def test_what_does_not_obey_its_last_signal_is_killed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    lock = HomeLock(home)
    guardian = Guardian(INSTANCE, lock.descriptor)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True);"
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", stubborn + "signal.pause()"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        guardian.look_after(process.pid, signal.SIGTERM)
        guardian.dismiss()
        assert process.wait() == -signal.SIGKILL
    lock.close()


def test_what_has_ended_is_no_longer_the_guardians_business(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    lock = HomeLock(home)
    guardian = Guardian(INSTANCE, lock.descriptor)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:  # noqa: S607  # anywhere
        guardian.look_after(process.pid, signal.SIGKILL)
        guardian.forget(process.pid)
        guardian.dismiss()
        assert process.poll() is None
        process.kill()
    lock.close()


def test_only_processes_with_the_mark_of_the_instance_are_found() -> None:
    environment = {**os.environ, MARK: INSTANCE}
    with (
        subprocess.Popen(["sleep", "60"], env=environment) as ours,  # noqa: S607  # anywhere
        subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: "other"}) as other,  # noqa: S607  # anywhere
    ):
        assert list(marked(INSTANCE)) == [ours.pid]
        ours.kill()
        other.kill()
