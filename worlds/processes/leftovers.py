"""What an instance whose supervisor is gone has left behind."""

import contextlib
import os
import signal
from typing import Any

from reference_services.runtime.clock import NS_PER_S
from worlds.processes.errors import PlatformProblem
from worlds.processes.guardian import marked
from worlds.processes.home import Home, HomeLock
from worlds.processes.usage import started_at
from worlds.processes.waiting import Cancellation

# The guardian gives PostgreSQL three seconds, and needs one for the rest.
_GUARDIAN_MAX_NS = 6 * NS_PER_S

# Requests in flight have their grace, in three steps one after the other.
_DOWN_MAX_NS = 45 * NS_PER_S


def supervisor_lives(state: dict[str, Any]) -> bool:
    """Say whether the supervisor that wrote ``state`` still runs."""
    supervisor = state["supervisor"]
    return bool(started_at(supervisor["pid"]) == supervisor["born_at"])


def occupy(home: Home, lock: HomeLock, cancellation: Cancellation) -> None:
    """Take the home, once whatever a dead supervisor left behind is gone.

    Raises:
        PlatformProblem: another supervisor has it.
    """
    state = home.read_state()
    if not lock.acquire():
        dead = state is not None and not supervisor_lives(state)
        # Its guardian holds the lock for as long as it tidies up.
        if not dead or not cancellation.wait_until(lock.acquire, _GUARDIAN_MAX_NS):
            raise in_use(home, state)
    if state is not None:
        # We have the lock: neither supervisor nor guardian lives, but what if both were killed?
        end_leftovers(state)
        home.state_file.unlink()


def end_leftovers(state: dict[str, Any]) -> int:
    """End the processes that a supervisor and its guardian, both gone, have left; return how many.

    A process is recognised by its number and the moment it started, or by the instance's mark.
    """
    left = {
        part["pid"]
        for part in state["services"]
        if part["pid"] and started_at(part["pid"]) == part["born_at"]
    }
    left.update(marked(state["mark"]))
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(left)


def take_down(home: Home) -> bool:
    """End the platform in ``home``, gracefully if it can be; say whether there was one.

    Raises:
        PlatformProblem: it belongs to somebody else, or does not end.
    """
    state = home.read_state()
    if state is None:
        return False
    lock, patience = HomeLock(home), Cancellation()
    try:
        pid = state["supervisor"]["pid"]
        # To a rehearsal it is Ctrl-C; what does not end by itself is ended by its guardian.
        for number, patience_ns in ((signal.SIGINT, _DOWN_MAX_NS), (signal.SIGKILL, NS_PER_S)):
            if supervisor_lives(state):
                os.kill(pid, number)
            if patience.wait_until(lock.acquire, patience_ns + _GUARDIAN_MAX_NS):
                end_leftovers(state)
                home.state_file.unlink(missing_ok=True)
                return True
    except PermissionError as error:
        raise PlatformProblem(
            f"the platform in {home.path} belongs to another user", "end it as that user"
        ) from error
    finally:
        lock.close()
    raise PlatformProblem(f"the platform in {home.path} does not end (process {pid})")


def in_use(home: Home, state: dict[str, Any] | None) -> PlatformProblem:
    """Return the refusal to start a second platform in ``home``."""
    pid = state["supervisor"]["pid"] if state else None
    who = f" (process {pid})" if pid else ""
    return PlatformProblem(
        f"a platform is already up in {home.path}{who}",
        "use it, or end it with: wavetank down; a second one needs a name of its own: --name",
    )
