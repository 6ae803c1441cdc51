"""Lets simulators do the same work in turns, each run in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.peers.simulators.environments import (
    PEERS,
    LeftOut,
    Ready,
    complaint,
    environment,
)

ROOT: Final = Path(__file__).parents[3]
RUN_MAX_S: Final = 3_600
_PROGRAMS: Final = "benchmarks.peers.simulators.programs"
_ONE_CORE: Final = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


class Contestant(NamedTuple):
    """A simulator, and how it is asked."""

    name: str
    program: str
    items: tuple[str, ...]
    form: str
    """How the work is written in it."""

    peer: str | None = None
    """In whose environment it runs. None: in ours."""

    arguments: tuple[str, ...] = ()


_BARE: Final = ("a", "b", "c")
CONTESTANTS: Final = {
    it.name: it
    for it in (
        Contestant(
            name="wavetank",
            program="with_wavetank",
            items=(*_BARE, "full", "day"),
            form="a scenario in the compiled engine, the whole record collected",
            arguments=("compiled",),
        ),
        Contestant(
            name="wavetank-events",
            program="with_wavetank",
            items=_BARE,
            form="the same, kept from recursions that need no events",
            arguments=("events",),
        ),
        Contestant(
            name="wavetank-simpy",
            program="with_wavetank",
            items=(*_BARE, "full"),
            form="the same scenario in the SimPy engine",
            arguments=("simpy",),
        ),
        *(
            Contestant(name, f"with_{name}", _BARE, peer.form, peer=name)
            for name, peer in PEERS.items()
        ),
    )
}


class Told(NamedTuple):
    """What a program told of one run; times in seconds of the processor."""

    version: str
    imported_s: float
    """Until its imports were done, the interpreter's start included."""

    compiled_s: float
    """For what it compiled, or loaded compiled."""

    cpu_s: float
    """Of the run itself."""

    peak_mb: float
    requests: int
    mean_s: float
    note: str


class Run(NamedTuple):
    """One run of one item, in one round."""

    contestant: str
    item: str
    round: int
    told: Told

    @property
    def per_cpu_s(self) -> float:
        """Requests for each second of the processor."""
        return self.told.requests / self.told.cpu_s


class Outcome(NamedTuple):
    """What came of it all."""

    runs: tuple[Run, ...]
    left_out: Mapping[str, str]
    """Whoever did not take part, or not in an item, and why."""


def contest(
    names: Iterable[str],
    requests: Mapping[str, int],
    rounds: int,
    say: Callable[[str], None],
    environment_of: Callable[[str], Ready | LeftOut] = lambda name: environment(PEERS[name]),
) -> Outcome:
    """Let contestants do items in turns; who begins changes with each round.

    Args:
        names: of the contestants.
        requests: by item, how many.
        rounds: how often; the seed is the number of the round.
        say: told what is going on.
        environment_of: asked for a peer's environment.
    """
    pythons: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for name in names:
        peer = CONTESTANTS[name].peer
        if peer is not None:
            say(f"{name}: its environment")
        found = Ready(Path(sys.executable)) if peer is None else environment_of(peer)
        match found:
            case Ready(python):
                pythons[name] = python
            case LeftOut(reason):
                left_out[name] = reason
                say(f"{name} is left out: {reason}")
    runs: list[Run] = []
    turns = list(pythons)
    for number in range(rounds):
        for item, count in requests.items():
            for name in turns:
                label = f"{name} on {item}"
                if item not in CONTESTANTS[name].items or label in left_out:
                    continue
                told = run(CONTESTANTS[name], pythons[name], item, number, count)
                if isinstance(told, LeftOut):
                    left_out[label] = told.reason
                    say(f"{label} is left out: {told.reason}")
                    continue
                runs.append(Run(name, item, number, told))
                say(f"{item} {number} {name}: {runs[-1].per_cpu_s:,.0f}/CPU-s")
        turns = turns[1:] + turns[:1]
    return Outcome(tuple(runs), left_out)


def run(
    contestant: Contestant, python: Path, item: str, seed: int, requests: int
) -> Told | LeftOut:
    """Let one contestant do one item once."""
    command = [item, str(seed), str(requests), *contestant.arguments]
    try:
        done = ask([str(python), "-m", f"{_PROGRAMS}.{contestant.program}", *command])
    except subprocess.TimeoutExpired:
        return LeftOut(f"took longer than {RUN_MAX_S} s")
    if done.returncode:
        return LeftOut(complaint(done.stderr))
    return Told(**json.loads(done.stdout.splitlines()[-1]))


def ask(
    command: Sequence[str], settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command on one core, from the root of the source tree.

    Raises:
        subprocess.TimeoutExpired: it took too long.
    """
    env = {**os.environ, **_ONE_CORE, "PYTHONPATH": str(ROOT), **(settings or {})}
    return subprocess.run(  # noqa: S603  # programs of our own
        list(command),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=env,
        timeout=RUN_MAX_S,
    )
