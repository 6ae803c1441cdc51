"""Every small change that mutmut knows, made to the policies: which share do their tests see?

    python -m properties.mutants.runner.mutmut_run [MODULE ...] [--jobs N]

Each module of ``policies`` is judged by the tests in ``tests/policies`` and ``properties/policies``
that have its name or import it; without one, by all of them. Works in a copy of the tree. Prints
the share killed for each module, and each survivor with its lines.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from properties.mutants.runner.tree import copy_tree

ROOT: Final = Path(__file__).parents[3]
_FOLDERS: Final = ("tests/policies", "properties/policies")
_KILLED: Final = "killed"
_UNCLEAR: Final = (
    "timeout",
    "suspicious",
    "skipped",
    "not checked",
    "check was interrupted by user",
)

_SETTINGS: Final = """
[tool.mutmut]
source_paths = ["policies"]
only_mutate = ["policies/{module}.py"]
also_copy = {copied}
pytest_add_cli_args = [
    "-q", "-x", "-p", "no:cacheprovider", "-p", "properties.profiles",
    "--hypothesis-profile=mutants",
]
pytest_add_cli_args_test_selection = {tests}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 1 if mutmut could not run for some module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="all without one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    asked = parser.parse_args(arguments)
    known = sorted(path.stem for path in (ROOT / "policies").glob("[a-z]*.py"))
    unknown = [module for module in asked.modules if module not in known]
    if unknown:
        parser.error(f"no such module: {', '.join(unknown)}; there are {', '.join(known)}")
    # Told to end, we leave nothing behind, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False, soft_wrap=True)
    failed = False
    with tempfile.TemporaryDirectory(prefix="wavetank-mutmut-") as folder:
        for module in asked.modules or known:
            tree = Path(folder) / module
            copy_tree(ROOT, tree)
            results = _mutated(tree, module, asked.jobs)
            failed = failed or not results
            lines = {name: _changed(tree, name) for name, fate in results.items() if _lives(fate)}
            console.print(told(module, results, lines), markup=False)
    return 1 if failed else 0


def judges_of(root: Path, module: str) -> list[str]:
    """Return the test files that are named for a module, or import it; all without one."""
    line = f"from policies.{module} import "
    judges = [
        str(path.relative_to(root))
        for folder in _FOLDERS
        for path in sorted((root / folder).glob("test_*.py"))
        if path.stem == f"test_{module}" or line in path.read_text(encoding="utf-8")
    ]
    return judges or list(_FOLDERS)


def _mutated(tree: Path, module: str, jobs: int) -> dict[str, str]:
    """Return the fate of each mutant by its name; of none, if mutmut could not run."""
    copied = sorted(path.name for path in tree.iterdir() if (path / "__init__.py").is_file())
    copied = [name for name in [*copied, "tests"] if name != "policies"]
    settings = _SETTINGS.format(module=module, copied=copied, tests=judges_of(tree, module))
    with (tree / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(settings.replace("'", '"'))
    mutmut = [sys.executable, "-m", "mutmut"]
    environment = {**os.environ, "PYTHONPATH": ""}
    run = [*mutmut, "run", "--max-children", str(jobs)]
    subprocess.run(run, cwd=tree, env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  # our own Python
    listed = subprocess.run(  # noqa: S603  # our own Python
        [*mutmut, "results", "--all", "true"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return fates(listed.stdout.splitlines())


def fates(lines: Iterable[str]) -> dict[str, str]:
    """Return each mutant's fate from what ``mutmut results`` prints."""
    told = (line.strip().rpartition(": ") for line in lines if ": " in line)
    return {name: fate for name, _, fate in told}


def told(module: str, results: Mapping[str, str], lines: Mapping[str, str]) -> str:
    """Return what is printed of a module.

    Args:
        module:  its name.
        results: the fate of each mutant by its name.
        lines:   of those that live, what was taken out and put in.
    """
    counts = Counter(results.values())
    judged = len(results) - sum(counts[fate] for fate in _UNCLEAR)
    if not judged:
        return f"{module}: mutmut could not run"
    share = f"{counts[_KILLED]} of {judged} killed ({counts[_KILLED] / judged:.0%})"
    others = sum(counts[fate] for fate in _UNCLEAR)
    head = f"{module}: {share}" + (f", {others} unclear" if others else "")
    return "\n".join([head, *(f"  {results[name]}: {name}\n{lines[name]}" for name in lines)])


def _lives(fate: str) -> bool:
    return fate not in {_KILLED, *_UNCLEAR}


def _changed(tree: Path, name: str) -> str:
    """Return what was taken out and put in, from what ``mutmut show`` prints."""
    shown = subprocess.run(  # noqa: S603  # our own Python
        [sys.executable, "-m", "mutmut", "show", name],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    changed = [
        line
        for line in shown.stdout.splitlines()
        if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))
    ]
    return "\n".join(f"    {line}" for line in changed)


if __name__ == "__main__":
    sys.exit(main())
