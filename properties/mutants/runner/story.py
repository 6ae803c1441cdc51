"""A planted bug told so that a person can follow, with the smallest history that shows it."""

import re
import textwrap
from pathlib import Path
from typing import Final

from properties.mutants.runner.matrix import Tried
from properties.mutants.runner.table import shown
from properties.mutants.runner.trial import Killed

# Hypothesis' words, of its earlier and its later versions.
_EXAMPLE: Final = ("Falsifying example", "Failing test case")
_INVARIANT: Final = re.compile(r"@invariant\(.*\)\n\s*def (\w+)")
_STEP: Final = re.compile(r"(?:\w+ = )?state\.(\w+)\((.*)\)$")
_AFTER_THE_EXAMPLE: Final = ("Explanation:", "You can reproduce this")


def story(tried: Tried, root: Path) -> str:
    """Return the story of a mutant that was killed with shrinking on.

    Args:
        tried: the mutant and its fate.
        root:  the tree, to tell what a state machine does from what it looks at.
    """
    assert isinstance(tried.fate, Killed)
    mutant, by = tried.planted.mutant, tried.fate.by
    raised, example = _told(by.report)
    machine = (root / by.test.partition("::")[0]).read_text(encoding="utf-8")
    example = _steps(example, set(_INVARIANT.findall(machine)))
    changed = [f"    - {line}" for line in mutant.before.splitlines()]
    changed += [f"    + {line}" for line in mutant.after.splitlines()]
    parts = [
        f"The bug: {mutant.name}",
        "\n".join([f"  in {mutant.file}:", *changed]),
        f"Why it matters:\n  {mutant.because}",
        f"Who objected:\n  {by.test}\n  {_sentence(by.test)}",
    ]
    if example:
        tries = f"found with example {shown(by.examples)}, then made as small as it gets"
        parts.append("\n".join([f"What happened ({tries}):", *(f"  {line}" for line in example)]))
    parts.append("\n".join(["What was wrong about it:", *(f"  {line}" for line in raised)]))
    return "\n\n".join(parts)


def _sentence(test: str) -> str:
    """Return a test's name as the sentence that it is."""
    name = re.sub(r"\[.*", "", test.rpartition("::")[2]).removeprefix("test_")
    if name != "runTest":
        return name.replace("_", " ")
    return f"a state machine, {test.split('::')[-2].removeprefix('Test')}"


def _steps(example: list[str], invariants: set[str]) -> list[str]:
    """Return what a state machine did, a numbered line for each step; other examples as is."""
    if not example or not example[0].startswith("state ="):
        return example
    done = [match.groups() for line in example if (match := _STEP.match(line))]
    acts = [each for each in done if each[0] not in {*invariants, "teardown"}]
    return [
        f"{number}. {name.replace('_', ' ')}{f' ({given})' if given else ''}"
        for number, (name, given) in enumerate(acts, start=1)
    ]


def _told(report: str) -> tuple[list[str], list[str]]:
    """Return what was raised, and the example that made it, from what pytest shows."""
    shown_lines = [line.removeprefix("E") for line in report.splitlines() if line.startswith("E")]
    lines = textwrap.dedent("\n".join(shown_lines)).splitlines()
    ends = [at for at, line in enumerate(lines) if line.lstrip().startswith(_AFTER_THE_EXAMPLE)]
    lines = lines[: min(ends, default=len(lines))]
    begins = [at for at, line in enumerate(lines) if line.lstrip().startswith(_EXAMPLE)]
    begin = min(begins, default=len(lines))
    # Where an object lies in memory tells nothing.
    raised = [line for line in lines[:begin] if line.strip() and " object at 0x" not in line]
    # What is left is a call, whose last line closes it.
    example = [line for line in lines[begin + 1 :] if line.strip() not in {"", ")"}]
    return raised, textwrap.dedent("\n".join(example)).splitlines()
