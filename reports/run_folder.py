"""A run's folder: what a report is made of."""

from pathlib import Path
from typing import NamedTuple

from scenarios.files import read_record
from scenarios.load import load_scenario
from scenarios.records import RunRecord
from scenarios.spec import Scenario

_LIVE_WORLDS = ("processes", "cluster")


class Run(NamedTuple):
    """All that a run's folder tells."""

    folder: str
    """Its name, without the way to it, which is nobody else's business."""

    scenario: Scenario | None
    """As it was asked. None: the folder does not say."""

    calibrated: Scenario | None
    """With measured times. None: nothing was calibrated."""

    calibration_notes: tuple[str, ...]
    predicted: RunRecord | None
    """Of the simulator."""

    measured: RunRecord | None
    """Of the live platform. One of the two records is there."""

    @property
    def records(self) -> list[RunRecord]:
        """The records there are, the predicted one first."""
        return [record for record in (self.predicted, self.measured) if record is not None]

    @property
    def played(self) -> Scenario | None:
        """The scenario as it ran: calibrated, where it was."""
        return self.calibrated or self.scenario


def read_run(folder: Path) -> Run:
    """Return what the folder of a run holds.

    Raises:
        FileNotFoundError: it holds no record of any world.
        InvalidRecord: a record in it cannot be read.
        InvalidScenario: a scenario in it cannot be read.
        OSError: a file in it cannot be read.
    """
    predicted = _record(folder, "simulated")
    live = (_record(folder, world) for world in _LIVE_WORLDS)
    measured = next((record for record in live if record is not None), None)
    if predicted is None and measured is None:
        places = ", ".join(f"{world}/record.json" for world in ("simulated", *_LIVE_WORLDS))
        raise FileNotFoundError(f"{folder} holds no record of a run: none of {places} is there")
    notes = folder / "calibration.txt"
    return Run(
        folder=folder.resolve().name,
        scenario=_scenario(folder / "scenario.yaml"),
        calibrated=_scenario(folder / "calibrated.yaml"),
        calibration_notes=tuple(notes.read_text("utf-8").splitlines()) if notes.exists() else (),
        predicted=predicted,
        measured=measured,
    )


def _record(folder: Path, world: str) -> RunRecord | None:
    path = folder / world / "record.json"
    return read_record(path) if path.exists() else None


def _scenario(path: Path) -> Scenario | None:
    return load_scenario(path) if path.exists() else None
