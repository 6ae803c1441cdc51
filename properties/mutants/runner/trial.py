"""One planted bug before its judges: killed, survived, or unclear."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from properties.mutants.runner.planted import Planted
from properties.mutants.runner.pytest_run import NOTHING_COLLECTED, Ended, Failure, PytestRuns
from properties.mutants.runner.tree import plant

LIMIT_S: Final = 300
_OUTPUT_MAX: Final = 1500

# These say that the change is broken, not that a property sees what it does.
_NO_OBJECTIONS: Final = (
    "ImportError",
    "IndentationError",
    "ModuleNotFoundError",
    "NameError",
    "SyntaxError",
    "UnboundLocalError",
    "Failed: Timeout",
)


class Killed(NamedTuple):
    """A test objected."""

    by: Failure


class Survived(NamedTuple):
    """Nobody objected."""


class Unclear(NamedTuple):
    """Nothing was shown: an error, or no end."""

    reason: str


Fate: TypeAlias = Killed | Survived | Unclear


@dataclass(frozen=True, slots=True)
class Court:
    """Tries mutants in copies of one tree."""

    base: Path
    """An unchanged copy."""

    runs: PytestRuns
    biased: dict[str, str]
    """By killer that objects to the unchanged code too, or cannot be run: what it says."""

    def try_mutant(self, planted: Planted, profile: str = "mutants") -> Fate:
        """Plant the bug in a copy of its own, and ask its killers one after the other."""
        for killer in planted.mutant.killers:
            if killer in self.biased:
                return Unclear(f"{killer} does not pass without the bug: {self.biased[killer]}")
        # Looking for the smallest example takes many times as long as for the first.
        limit_s = LIMIT_S if profile == "mutants" else 6 * LIMIT_S
        # Beside the base, so that both are on one disk.
        with tempfile.TemporaryDirectory(prefix="mutant-", dir=self.base.parent) as folder:
            tree = Path(folder) / "tree"
            plant(self.base, tree, planted.mutant)
            for killer in planted.mutant.killers:
                fate = _fate(self.runs.run(tree, [killer], profile=profile, limit_s=limit_s))
                if not isinstance(fate, Survived):
                    return fate
        return Survived()


def bias(base: Path, runs: PytestRuns, killers: Sequence[str]) -> dict[str, str]:
    """Run the killers of one file on the unchanged code; return those that object, and why.

    A killer that cannot be found or collected is among them.
    """
    ended = runs.run(base, killers, profile="mutants", limit_s=2 * LIMIT_S, first=False)
    if ended.code == 0:
        return {}
    if ended.code == 1:
        return {
            killer: failure.message
            for failure in ended.failures
            for killer in killers
            if _covers(killer, failure.test)
        } or dict.fromkeys(killers, _tail(ended))
    if len(killers) == 1:
        return {killers[0]: _tail(ended)}
    # One that cannot be collected keeps pytest from running the others.
    return _merged(bias(base, runs, [killer]) for killer in killers)


def _covers(killer: str, test: str) -> bool:
    return test == killer or test.startswith((f"{killer}::", f"{killer}["))


def _fate(ended: Ended) -> Fate:
    if ended.code == 0:
        return Survived()
    if ended.code is None:
        return Unclear("stopped: it came to no end")
    if ended.code == NOTHING_COLLECTED or not ended.failures:
        return Unclear(f"pytest ended with {ended.code}: {_tail(ended)}")
    failure = ended.failures[0]
    if failure.is_error or failure.message.startswith(_NO_OBJECTIONS):
        return Unclear(f"{failure.test}: {failure.message}")
    return Killed(failure)


def _merged(parts: Iterable[dict[str, str]]) -> dict[str, str]:
    return {killer: reason for part in parts for killer, reason in part.items()}


def _tail(ended: Ended) -> str:
    return ended.output.strip()[-_OUTPUT_MAX:] or f"pytest ended with {ended.code}"
