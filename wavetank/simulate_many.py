"""Many simulated runs of one scenario: what they say together, and how sure that is."""

import json
from pathlib import Path

import typer
from rich.console import Console

from scenarios.files import write_whole
from scenarios.findings import Verdict
from sim.statistics.figures import Figure
from sim.statistics.honest import as_json
from sim.statistics.run_length import Goal
from sim.statistics.summary import Row, summary
from sim.statistics.words import in_words
from wavetank.failures import INTERRUPTED
from wavetank.progress import shown
from wavetank.replicating import Job, Replicated, replicated
from wavetank.simulate_goal import parse_until
from wavetank.simulate_once import NOT_HELD, Asked
from wavetank.simulate_tables import objective_counts, replication_tables
from worlds.provenance import commit
from worlds.simulated import tell_of_compiling
from worlds.world import Progress

_REPLICATIONS_MAX = 1_000


def goal_of(until: str, asked: Asked, replications: int | None) -> Goal:
    """Return what ``--until`` asks for.

    Raises:
        ValueError: it cannot be read, or the scenario has no such thing.
    """
    figure, relative_half_width = parse_until(until, asked.spec)
    return Goal(
        figure,
        relative_half_width,
        replications_max=replications or _REPLICATIONS_MAX,
        out_of_time=lambda: bool(asked.limits.broken(0)),
    )


def simulate_many(
    asked: Asked,
    folder: Path,
    console: Console,
    replications: int,
    goal: Goal | None,
    workers: int | None,
) -> None:
    """Replicate, write each record and a summary, and show what came of it.

    Args:
        asked: what to do.
        folder: of the run.
        console: standard error.
        replications: how many; with a goal, the goal says so.
        goal: what to know; None: only as many as given are run.
        workers: how many processes; None: as many as are worth starting.

    Raises:
        typer.Exit: with 3, an objective does not hold in every run and the gate was asked for;
            with 130, it was stopped by hand.
    """
    most = replications if goal is None else goal.replications_max
    job = Job(asked.spec, folder / "replications", asked.engine, commit(), asked.limits)
    with shown(console) as on_progress:
        tell_of_compiling(asked.engine, on_progress)
        on_progress(Progress("simulating", 0.0))

        def at(done: int) -> None:
            # How many it takes to reach a goal is not known before.
            share = done / most if goal is None else 0.0
            on_progress(Progress(f"simulating: {done} runs done", share))

        came = replicated(job, most, goal, workers, at)
    rows = summary(came.replications) if len(came.replications) else []
    told = _as_json(asked, came, rows, goal, folder)
    write_whole(folder / "summary.json", json.dumps(told, indent=1) + "\n")
    if asked.as_json:
        typer.echo(json.dumps(told))
    else:
        _show(came, rows, goal, folder)
    if came.why:
        console.print(
            f"Stopped after {len(came.replications)} of {'at most ' if goal else ''}{most} runs, "
            f"because {came.why}.",
            highlight=False,
        )
    if came.interrupted:
        raise typer.Exit(INTERRUPTED)
    if asked.gate and not _all_hold(came):
        raise typer.Exit(NOT_HELD)


def _show(came: Replicated, rows: list[Row], goal: Goal | None, folder: Path) -> None:
    screen = Console()
    for table in replication_tables(came.replications, rows) if rows else ():
        screen.print(table)
    if goal is not None and rows:
        screen.print(_goal_sentence(came, goal), soft_wrap=True, highlight=False, markup=False)
    screen.print(f"Runs: {folder}", soft_wrap=True, highlight=False)


def _goal_sentence(came: Replicated, goal: Goal) -> str:
    """Return whether it is known what was to be known."""
    answer = came.replications.estimate(goal.figure, goal.confidence)
    known = came.length is not None and came.length.ended == "known"
    within = f"to {goal.relative_half_width:.2%}".replace(".00", "")
    runs = len(came.replications)
    return (
        f"{_named(goal.figure)}: {in_words(answer, goal.figure.unit)}, "
        f"{'known' if known else 'not known'} {within} after {runs} runs."
    )


def _named(figure: Figure) -> str:
    return f"{figure.subject} {figure.name}"


def _all_hold(came: Replicated) -> bool:
    found = [it.verdict for record in came.replications.records for it in record.findings]
    return set(found) <= {Verdict.HOLDS} and bool(came.replications.records)


def _as_json(
    asked: Asked, came: Replicated, rows: list[Row], goal: Goal | None, folder: Path
) -> dict[str, object]:
    records = came.replications.records
    until = None
    if goal is not None and records:
        until = {
            "subject": goal.figure.subject,
            "figure": goal.figure.name,
            "relative_half_width": goal.relative_half_width,
            "ended": "stopped" if came.length is None else came.length.ended,
            "answer": as_json(came.replications.estimate(goal.figure, goal.confidence)),
        }
    return {
        "scenario": asked.spec.name,
        "notes": asked.notes,
        "replications": len(records),
        "seeds": [record.provenance.seed for record in records],
        "stopped": came.why or None,
        "until": until,
        "objectives": {
            claim: {verdict.value: verdicts[verdict] for verdict in Verdict}
            for claim, verdicts in objective_counts(records).items()
        },
        "figures": [row.as_json() for row in rows],
        "folder": str(folder),
    }
