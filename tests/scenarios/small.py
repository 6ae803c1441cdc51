"""A small scenario for tests to change, and what is then said about it."""

from pathlib import Path

import pytest

from scenarios.errors import InvalidScenario
from scenarios.load import load_scenario

SMALL = """\
name: small
seed: 1
duration: 10s
workload:
  arrivals: {poisson: {rate: 5/s}}
  mix: {read: 1}
services:
  gateway: {replicas: 2}
  catalog: {}
caches:
  titles: {keys: 10}
databases:
  main: {read_time: {constant: 1ms}, write_time: {constant: 2ms}}
classes:
  read:
    through: [gateway, catalog]
    steps:
      - cache: titles
        miss:
          - read: main
objectives:
  - {of: read, p99: 1s}
"""


def written(folder: Path, text: str) -> Path:
    """Write a scenario's file and return its path."""
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str, *overrides: str) -> str:
    """Return what is said about a file, without the folder."""
    with pytest.raises(InvalidScenario) as caught:
        load_scenario(written(folder, text), overrides)
    return str(caught.value).replace(f"{folder}/", "")


def changed(old: str, new: str) -> str:
    """Return the small scenario with one part of it replaced."""
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)
