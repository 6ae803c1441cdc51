"""``wavetank rehearse``: one scenario, live and simulated, one report."""

import datetime as dt
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reference_services.runtime.clock import unix_ns
from reports.render import write_report
from reports.text import as_json, verdict_tables
from scenarios.files import new_run_folder
from scenarios.findings import Verdict
from scenarios.load import load_scenario, write_scenario
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from scenarios.trace_check import trace_notes
from sim.run import EngineName
from wavetank.failures import reported
from wavetank.options import (
    DatabaseHomeOption,
    EngineOption,
    JsonOption,
    RunsOption,
    ScenarioArgument,
    SetOption,
)
from wavetank.progress import shown
from worlds.rehearsal import check
from worlds.rehearsal import rehearse as rehearse_both
from worlds.simulated import SimulatedWorld
from worlds.world import OnProgress

_NOT_HELD = 3


class Where(StrEnum):
    """Which worlds are asked."""

    BOTH = "both"
    SIMULATED = "simulated"


def register(app: typer.Typer) -> None:
    """Add ``rehearse`` to the command line."""
    app.command()(rehearse)


def rehearse(  # noqa: PLR0913  # one parameter for each option
    scenario: ScenarioArgument,
    world: Annotated[
        Where, typer.Option(help="Where: live and simulated, or simulated only (takes seconds).")
    ] = Where.BOTH,
    set_: SetOption = None,
    runs: RunsOption = Path("runs"),
    home: DatabaseHomeOption = Path(".wavetank/rehearsal"),
    engine: EngineOption = "compiled",
    *,
    as_json_: JsonOption = False,
    gate: Annotated[
        bool, typer.Option(help="Exit with 3 unless every objective holds in every world asked.")
    ] = False,
) -> None:
    """Load a scenario's traffic onto a real platform, simulate the same, and report both.

    Starts the platform, measures its service times under light load, runs the scenario,
    simulates it with the measured times, and writes both records and one HTML report.
    """
    console = Console(stderr=True)
    with reported(console):
        spec = load_scenario(scenario, set_ or ())
        notes = trace_notes(spec)
        if world is Where.BOTH:
            check(spec)
        folder = new_run_folder(spec, dt.datetime.fromtimestamp(unix_ns() / 1e9, tz=dt.UTC), runs)
        for note in notes:
            console.print(f"Note: {note}.", markup=False, highlight=False)
        try:
            with shown(console) as on_progress:
                records = _ask(spec, world, folder, home, on_progress, engine)
        except KeyboardInterrupt:
            if (folder / "processes" / "record.json").exists():
                console.print(f"Report of what there was: {write_report(folder)}", soft_wrap=True)
            raise
        report = write_report(folder)
    if as_json_:
        typer.echo(json.dumps(as_json(records, folder=folder, report=report)))
    else:
        _show(Console(), records, report)
    if gate and not _all_hold(records):
        raise typer.Exit(_NOT_HELD)


def _ask(
    spec: Scenario,
    world: Where,
    folder: Path,
    home: Path,
    on_progress: OnProgress,
    engine: EngineName,
) -> list[RunRecord]:
    """Return the records of the worlds asked, the simulated one first."""
    if world is Where.SIMULATED:
        write_scenario(spec, folder / "scenario.yaml")
        return [SimulatedWorld(engine).run(spec, folder / "simulated", on_progress)]
    rehearsed = rehearse_both(spec, folder, home, on_progress, engine)
    return [rehearsed.predicted, rehearsed.measured]


def _show(console: Console, records: list[RunRecord], report: Path) -> None:
    for table in verdict_tables(records):
        console.print(table)
    console.print(f"Report: {report}", soft_wrap=True, highlight=False)


def _all_hold(records: list[RunRecord]) -> bool:
    return all(
        finding.verdict is Verdict.HOLDS for record in records for finding in record.findings
    )
