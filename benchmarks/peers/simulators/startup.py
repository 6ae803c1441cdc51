"""What comes before the first figure, and what each request costs as there are more of them."""

import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.peers.simulators.contest import CONTESTANTS, ask, run
from benchmarks.peers.simulators.environments import LeftOut

_FIRST_ANSWER: Final = ("-m", "benchmarks.peers.simulators.programs.first_answer")
_IMPORT: Final = ("-c", "import wavetank.cli")


class Start(NamedTuple):
    """What something takes in a fresh process: CPU seconds, the interpreter's start included."""

    what: str
    cpu_s: tuple[float, ...]
    """Of each round."""

    @property
    def median_s(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.cpu_s)


class Grown(NamedTuple):
    """A run of so many requests."""

    requests: int
    ns_per_request: float
    peak_mb: float


def starts(rounds: int) -> tuple[Start, ...]:
    """Measure the import of the command line, and first answers.

    Raises:
        RuntimeError: a program failed.
    """
    bare = [_cpu_s("-c", "pass") for _ in range(rounds)]
    imported = [_cpu_s(*_IMPORT) for _ in range(rounds)]
    cold = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as empty:
            cold.append(_cpu_s(*_FIRST_ANSWER, settings={"NUMBA_CACHE_DIR": empty}))
    # The first one fills the cache, if nobody has.
    warm = [_cpu_s(*_FIRST_ANSWER) for _ in range(rounds + 1)][1:]
    return (
        Start("Python alone", tuple(bare)),
        Start("import of `wavetank.cli`", tuple(imported)),
        Start("first answer, machine code kept from before", tuple(warm)),
        Start("first answer, nothing kept", tuple(cold)),
    )


def growth(exponent_max: int, say: Callable[[str], None]) -> tuple[Grown, ...]:
    """Run item c with 10**5 requests, and ten times as many, up to 10**``exponent_max``.

    Raises:
        RuntimeError: a run failed.
    """
    found = []
    for exponent in range(5, exponent_max + 1):
        told = run(CONTESTANTS["wavetank"], Path(sys.executable), "c", exponent, 10**exponent)
        if isinstance(told, LeftOut):
            problem = f"a run of 10**{exponent} requests failed: {told.reason}"
            raise RuntimeError(problem)  # noqa: TRY004  # it is no type that is wrong
        found.append(Grown(told.requests, 1e9 * told.cpu_s / told.requests, told.peak_mb))
        say(f"10**{exponent} requests: {found[-1].ns_per_request:.0f} ns each")
    return tuple(found)


def _cpu_s(*arguments: str, settings: Mapping[str, str] | None = None) -> float:
    """Return what a Python process with these arguments takes."""
    before_s = _children_s()
    done = ask([sys.executable, *arguments], settings)
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments)}: {done.stderr}")
    return _children_s() - before_s


def _children_s() -> float:
    """Return the CPU seconds of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
