"""One simulated run: its record, its report, and its numbers on the screen."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console

from reports.quantities import duration
from reports.render import write_report
from reports.text import as_json
from scenarios.files import write_record
from scenarios.findings import Verdict
from scenarios.history import HistoryWriter
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.run import EngineName
from wavetank.failures import INTERRUPTED
from wavetank.progress import shown
from wavetank.simulate_tables import run_figures, run_tables
from wavetank.stopping import Limits, Stopping
from worlds.simulated import simulated

NOT_HELD = 3


class Asked(NamedTuple):
    """What the options come to, however often it is run."""

    spec: Scenario
    notes: tuple[str, ...]
    """What is known before it runs, as sentences without their full stop."""

    runs: Path
    engine: EngineName
    limits: Limits
    gate: bool
    as_json: bool


def simulate_once(asked: Asked, folder: Path, console: Console, history: Path | None) -> None:
    """Simulate, write the record and the report, and show what came of it.

    Args:
        asked: what to do.
        folder: of the run.
        console: standard error.
        history: where each operation is written to; None: nowhere.

    Raises:
        typer.Exit: with 3, an objective does not hold and the gate was asked for; with 130, it
            was stopped by hand.
    """
    stopping = Stopping(asked.limits)
    with ExitStack() as open_until_done:
        tell = None
        if history is not None:
            tell = open_until_done.enter_context(HistoryWriter(history)).write
        on_progress = open_until_done.enter_context(shown(console))
        open_until_done.enter_context(stopping.on_ctrl_c())
        record = simulated(asked.spec, asked.engine, on_progress, tell, stopping)
    (folder / "simulated").mkdir()
    write_record(record, folder / "simulated" / "record.json")
    report = write_report(folder)
    why = stopping.why if record.ended == "interrupted" else ""
    if asked.as_json:
        told = as_json([record], folder=folder, report=report)
        more = {"notes": asked.notes, "stopped": why or None, **run_figures(record)}
        typer.echo(json.dumps({**told, **more}))
    else:
        _show(record, report)
    if why:
        spec = asked.spec
        whole = duration(spec.warm_up_ns + spec.duration_ns + spec.drain_ns)
        at = f"{duration(_reached_ns(record))} of {whole}"
        console.print(f"Stopped at {at} of simulated time, because {why}.", highlight=False)
    if why and stopping.interrupted:
        raise typer.Exit(INTERRUPTED)
    if asked.gate and any(it.verdict is not Verdict.HOLDS for it in record.findings):
        raise typer.Exit(NOT_HELD)


def _show(record: RunRecord, report: Path) -> None:
    screen = Console()
    for table in run_tables(record):
        screen.print(table)
    screen.print(f"Report: {report}", soft_wrap=True, highlight=False)


def _reached_ns(record: RunRecord) -> int:
    """Return about when a run was broken off: at the end of its series."""
    series = record.series["ok"]
    return min(len(series.values) * series.step_ns, max(record.measured_until_ns, series.step_ns))
