"""Plants each bug into a copy of the tree and runs who ought to object: all, or some areas.

    python -m properties.mutants [AREA ...] [--only NAME] [--jobs N] [--table PAGE]
    python -m properties.mutants --story AREA/NAME

Ends with 0 if each was killed, with 1 if one survived or nothing could be told, with 2 if some
cannot be planted.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from properties.mutants.runner.matrix import Tried, by_file, court, try_all
from properties.mutants.runner.planted import MutantsRefused, Planted, collect
from properties.mutants.runner.story import story
from properties.mutants.runner.table import line, summary, table
from properties.mutants.runner.trial import Killed

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return its exit code."""
    asked = _parser().parse_args(arguments)
    if asked.table and (asked.areas or asked.only or asked.story):
        _parser().error("a table has all mutants: leave out the areas, --only and --story")
    console = Console(highlight=False, soft_wrap=True)
    # Told to end, we stop what we started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        planted = collect(root, asked.areas, asked.story or asked.only)
        tried = _tried(
            root, planted, asked.jobs, console, profile="ci" if asked.story else "mutants"
        )
    except MutantsRefused as refused:
        console.print(str(refused), markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    all_killed = all(isinstance(each.fate, Killed) for each in tried)
    if asked.story and all_killed:
        console.print("\n\n".join(story(each, root) for each in tried), markup=False)
        return 0
    console.print(summary(tried), markup=False)
    if asked.table and all_killed:
        asked.table.write_text(table(tried), encoding="utf-8")
    return 0 if all_killed else 1


def _tried(
    root: Path, planted: Sequence[Planted], jobs: int, console: Console, profile: str
) -> list[Tried]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        hearing = progress.add_task("killers on the unchanged code", total=len(by_file(planted)))
        trying = progress.add_task("planted bugs", total=len(planted))

        def done(tried: Tried) -> None:
            progress.advance(trying)
            if profile == "mutants":
                console.print(line(tried), markup=False)

        with court(root, planted, jobs, lambda: progress.advance(hearing)) as judges:
            return try_all(judges, planted, jobs, done, profile)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m properties.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("areas", nargs="*", metavar="AREA", help="all without one")
    parser.add_argument("--only", metavar="NAME", help="the mutant of this name")
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=_at_least_1, default=jobs, metavar="N", help="at a time")
    parser.add_argument("--table", type=Path, metavar="PAGE", help="where the table is written")
    parser.add_argument("--story", metavar="AREA/NAME", help="tell how this one is found")
    return parser


def _at_least_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
