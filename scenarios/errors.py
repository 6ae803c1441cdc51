"""What is wrong with a scenario, in the order in which a person mends it."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class Mistake(NamedTuple):
    """One thing that is wrong: where, what, why."""

    path: Path
    line: int | None
    """Counted from 1. None: of the file as a whole, or not of the file at all."""

    field: str
    """The dotted name of the offending field, in the words of the file; "" for the whole."""

    reason: str
    """What is wrong with it, as the end of a sentence."""

    override: str = ""
    """The ``--set`` that brought the value in; empty when the file did."""

    def __str__(self) -> str:
        if self.override:
            place = f"--set {self.override}"
        else:
            place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        if not self.field and self.line is None:
            return f"{place} {self.reason}"
        return f"{place}: {self.field or 'the file'} {self.reason}"


class InvalidScenario(ValueError):
    """A file cannot be read as a scenario.

    The message has one line for each mistake.

    Attributes:
        mistakes: all that were found, by line; at least one.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        found = sorted(mistakes, key=lambda mistake: mistake.line or 0)
        assert found, "an invalid scenario has something wrong with it"
        self.mistakes: Sequence[Mistake] = tuple(found)
        super().__init__("\n".join(str(mistake) for mistake in found))


def remedy(name: str, known: Iterable[str]) -> str:
    """Return what to write in place of ``name``: the nearest that is known, or all."""
    known = list(known)
    if close := difflib.get_close_matches(name, known, n=1):
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(known) or 'none'}"
