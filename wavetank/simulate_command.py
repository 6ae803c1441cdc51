"""``wavetank simulate``: one scenario, simulated once or many times."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console

from reference_services.runtime.clock import unix_ns
from scenarios.files import new_run_folder
from scenarios.load import load_scenario, write_scenario
from scenarios.trace_check import trace_notes
from sim.stability import stability, stability_notes
from wavetank.failures import reported
from wavetank.options import (
    EngineOption,
    GateOption,
    HistoryOption,
    JsonOption,
    MemoryLimitOption,
    ReplicationsOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    TimeLimitOption,
    UntilOption,
    WorkersOption,
)
from wavetank.simulate_once import Asked, simulate_once
from wavetank.stopping import check_room, limits_from_now

_Value = TypeVar("_Value")


def register(app: typer.Typer) -> None:
    """Add ``simulate`` to the command line."""
    app.command()(simulate)


def simulate(  # noqa: PLR0913, PLR0917  # one parameter for each option
    scenario: ScenarioArgument,
    engine: EngineOption = "compiled",
    seed: SeedOption = None,
    replications: ReplicationsOption = None,
    until: UntilOption = None,
    workers: WorkersOption = None,
    history: HistoryOption = None,
    set_: SetOption = None,
    runs: RunsOption = Path("runs"),
    time_limit: TimeLimitOption = "",
    memory_limit: MemoryLimitOption = "",
    *,
    gate: GateOption = False,
    as_json_: JsonOption = False,
) -> None:
    """Simulate a scenario: its objectives, classes and stations, in seconds and without servers.

    Says before the run which stations cannot keep up. One run gives numbers; several
    (--replications, --until) give intervals, refuse what is not known, and say how probable
    it is that the scenario collapses. The records stay in a folder of their own.
    """
    is_single = until is None and replications in {None, 1}
    if history is not None:
        _check_history(history, is_single=is_single)
    # Each is read on its own, so that a mistake is told of the option that it is in.
    _parsed("--time-limit", lambda: limits_from_now(time_limit, ""))
    _parsed("--memory-limit", lambda: limits_from_now("", memory_limit))
    console = Console(stderr=True)
    with reported(console):
        overrides = [] if seed is None else [f"seed={seed}"]
        spec = load_scenario(scenario, [*(set_ or ()), *overrides])
        limits = limits_from_now(time_limit, memory_limit)
        _parsed("--memory-limit", lambda: check_room(spec, limits))
        notes = (*trace_notes(spec), *stability_notes(stability(spec)))
        asked = Asked(spec, notes, runs, engine, limits, gate=gate, as_json=as_json_)
        if is_single:
            simulate_once(asked, _folder(asked, console), console, history)
            return
        # Imported here: a single run does without.
        from wavetank.simulate_many import goal_of, simulate_many  # noqa: PLC0415  # see above

        goal = None
        if until is not None:
            goal = _parsed("--until", lambda: goal_of(until, asked, replications))
        simulate_many(asked, _folder(asked, console), console, replications or 1, goal, workers)


def _folder(asked: Asked, console: Console) -> Path:
    """Make the folder of the run, and say what is known before it."""
    started_at = dt.datetime.fromtimestamp(unix_ns() / 1e9, tz=dt.UTC)
    folder = new_run_folder(asked.spec, started_at, asked.runs)
    write_scenario(asked.spec, folder / "scenario.yaml")
    for note in asked.notes:
        console.print(f"Note: {note}.", markup=False, highlight=False, soft_wrap=True)
    return folder


def _check_history(history: Path, *, is_single: bool) -> None:
    if not is_single:
        raise typer.BadParameter("a history is that of one run", param_hint="--history")
    if not history.parent.is_dir():
        raise typer.BadParameter(
            f"the folder {history.parent} is not there", param_hint="--history"
        )


def _parsed(option: str, parse: Callable[[], _Value]) -> _Value:
    """Return what an option says; what is wrong with it is told as that option's mistake."""
    try:
        return parse()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
