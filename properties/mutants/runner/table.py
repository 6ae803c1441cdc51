"""The table of planted bugs, and the end of a run in words."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from properties.mutants.runner.matrix import Tried
from properties.mutants.runner.trial import Killed, Survived, Unclear

_HEAD: Final = """\
# Planted bugs

Made by `nox -s mutants`; do not edit. Each line is a bug planted into a copy of the tree, what it
would do to a user, and the test that found it. *Examples* says how many inputs Hypothesis tried up
to the one that showed it; a dash stands for a test without Hypothesis.

{count} bugs planted, {count} found.
"""


def line(tried: Tried) -> str:
    """Return what became of one mutant."""
    title, seconds = tried.planted.title, f"{tried.seconds:.1f} s"
    match tried.fate:
        case Killed(by):
            return f"killed    {title}: {by.test} ({shown(by.examples)} examples, {seconds})"
        case Survived():
            return f"SURVIVED  {title} ({seconds})"
        case Unclear(reason):
            return f"ERROR     {title}: {reason}"


def summary(tried: Sequence[Tried]) -> str:
    """Return how many were killed, and the names of the others."""
    fates = Counter(type(each.fate) for each in tried)
    counts = f"{fates[Killed]} of {len(tried)} planted bugs killed"
    counts += f", {fates[Survived]} survived, {fates[Unclear]} unclear"
    others = [f"  {line(each)}" for each in tried if not isinstance(each.fate, Killed)]
    return "\n".join([counts, *others])


def table(tried: Sequence[Tried]) -> str:
    """Return the reference page; all of ``tried`` were killed."""
    parts = [_HEAD.format(count=len(tried))]
    for area, group in groupby(tried, key=lambda each: each.planted.area):
        rows = [_row(each) for each in group]
        head = [
            "| planted bug | what it does to a user | found by | examples |",
            "|---|---|---|---:|",
        ]
        parts.append("\n".join([f"## {area}", "", *head, *rows]) + "\n")
    return "\n".join(parts)


def shown(examples: int | None) -> str:
    """Return the number of examples, or a dash."""
    return "-" if examples is None else str(examples)


def _row(tried: Tried) -> str:
    assert isinstance(tried.fate, Killed)
    mutant, by = tried.planted.mutant, tried.fate.by
    file, _, test = by.test.partition("::")
    cells = [mutant.name, mutant.because, f"`{test}` in `{file}`", shown(by.examples)]
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"
