"""Copies of the tree, cheap enough that each mutant has one to itself."""

import os
import shutil
import subprocess
from pathlib import Path

from properties.mutants.mutant import Mutant
from properties.mutants.runner.planted import changed_text


def copy_tree(root: Path, into: Path) -> None:
    """Copy what git tracks of the tree at ``root``, or would track, as it is on the disk now.

    Raises:
        ValueError: ``root`` is not in a git repository.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=False)  # noqa: S603  # git, with our own arguments
    if listed.returncode:
        raise ValueError(f"{root}: git cannot list its files: {listed.stderr.decode().strip()}")
    for name in dict.fromkeys(listed.stdout.decode().split("\0")):
        source = root / name
        if name and source.is_file():
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            # With its times, or what is compiled already would be compiled once more.
            shutil.copy2(source, target, follow_symlinks=False)


def plant(base: Path, into: Path, mutant: Mutant) -> None:
    """Make a copy of ``base`` in which one file has the bug; the others are the same on the disk.

    What Python compiled in ``base`` is there too. It replaces such files and never writes into
    them, so ``base`` stays as it is.
    """
    shutil.copytree(base, into, copy_function=os.link)
    path = into / mutant.file
    text = changed_text(base, mutant)
    path.unlink()
    path.write_text(text, encoding="utf-8")
    # Compiled code is told by its source's size and second: that might be the right code's.
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()
