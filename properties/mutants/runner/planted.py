"""Which bugs there are to plant, and whether each can be planted at all."""

import runpy
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from properties.mutants.mutant import Mutant

FOLDER: Final = Path("properties/mutants")
_NO_AREAS: Final = {"__init__", "__main__", "mutant"}


class Planted(NamedTuple):
    """A mutant, and the area it belongs to."""

    area: str
    mutant: Mutant

    @property
    def title(self) -> str:
        """How it is called on the command line."""
        return f"{self.area}/{self.mutant.name}"


class MutantsRefused(ValueError):
    """Some mutants cannot be planted; the message has a line for each problem there is."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


def areas(root: Path) -> list[str]:
    """Return the areas of the tree at ``root``, in alphabetical order."""
    found = {path.stem for path in (root / FOLDER).glob("*.py")}
    return sorted(found - _NO_AREAS)


def collect(root: Path, chosen: Sequence[str] = (), only: str | None = None) -> list[Planted]:
    """Return the mutants of the chosen areas of the tree at ``root``; of all areas by default.

    Args:
        root:   the tree.
        chosen: areas; none for all.
        only:   a mutant's name, or its title; None for all.

    Raises:
        MutantsRefused: an area is unknown, or some mutants cannot be planted.
    """
    known = areas(root)
    unknown = [area for area in chosen if area not in known]
    if unknown:
        names = ", ".join(unknown)
        raise MutantsRefused([f"no such area: {names}; there are {', '.join(known)}"])
    planted = [
        Planted(area, mutant)
        for area in chosen or known
        for mutant in runpy.run_path(str(root / FOLDER / f"{area}.py"))["MUTANTS"]
    ]
    problems = _problems(root, planted)
    if only is not None:
        planted = [each for each in planted if only in {each.mutant.name, each.title}]
        if not planted:
            problems.append(f"no mutant is called {only!r}")
    if problems:
        raise MutantsRefused(problems)
    return planted


def changed_text(root: Path, mutant: Mutant) -> str:
    """Return the mutant's file with the bug in it."""
    text = (root / mutant.file).read_text(encoding="utf-8")
    return text.replace(mutant.before, mutant.after)


def _problems(root: Path, planted: Sequence[Planted]) -> list[str]:
    titles = Counter(each.title for each in planted)
    problems = [
        f"{title}: {count} mutants have this name" for title, count in titles.items() if count > 1
    ]
    for each in planted:
        problems += [f"{each.title}: {problem}" for problem in _problems_of(root, each.mutant)]
    return problems


def _problems_of(root: Path, mutant: Mutant) -> list[str]:
    path = root / mutant.file
    if not path.is_file():
        return [f"there is no {mutant.file}"]
    problems = [
        f"there is no {killer}"
        for killer in mutant.killers
        if not (root / killer.partition("::")[0]).exists()
    ]
    found = path.read_text(encoding="utf-8").count(mutant.before)
    if found != 1:
        line = mutant.before.strip().splitlines()[0] if mutant.before.strip() else mutant.before
        return [*problems, f"{line!r} occurs {found} times in {mutant.file}, not once"]
    if path.suffix == ".py":
        try:
            compile(changed_text(root, mutant), mutant.file, "exec")
        except SyntaxError as error:
            problems.append(f"{mutant.file} is no Python any more: {error}")
    return problems
