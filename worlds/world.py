"""What every world does: run a scenario, and say what came of it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from scenarios.records import RunRecord
from scenarios.records import World as WorldName
from scenarios.spec import Scenario


class Progress(NamedTuple):
    """How far a long piece of work is."""

    stage: str
    """What is being done, as people say it."""

    done: float
    """From 0 to 1 within this stage."""


OnProgress = Callable[[Progress], None]


class World(Protocol):
    """A place where scenarios run."""

    @property
    def name(self) -> WorldName:
        """Which world this is; its records say so."""

    def run(self, scenario: Scenario, out: Path, on_progress: OnProgress) -> RunRecord:
        """Run ``scenario``, and write ``record.json`` and ``history.jsonl`` into ``out``."""
