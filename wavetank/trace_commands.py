"""``wavetank trace``: recorded traffic."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from scenarios.log_formats import ClassRule, InvalidLog, LogFormat, LogOptions, parse_rule
from scenarios.timestamps import TimeFormat
from scenarios.trace_import import ImportSummary, import_trace
from scenarios.units import SECOND_NS
from wavetank.options import JsonOption

_FAILED = 1
_INTERRUPTED = 130

trace = typer.Typer(help="Recorded traffic.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add ``trace`` to the command line."""
    app.add_typer(trace, name="trace")


@trace.callback()
def _group() -> None:
    """Keep ``import`` a command of its own: typer runs a lone command without its name."""


def _rules(written: list[str]) -> tuple[ClassRule, ...]:
    try:
        return tuple(parse_rule(rule) for rule in written)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--map") from error


@trace.command("import")
def import_(  # noqa: PLR0913, PLR0917  # each parameter is an option of the command
    log: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="An access log in the combined format, or CSV; may be gzipped.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The trace to write.")],
    form: Annotated[LogFormat, typer.Option("--format", help="What the file is.")] = "auto",
    time_column: Annotated[str, typer.Option(help="CSV: the column of the times.")] = "",
    time_format: Annotated[
        TimeFormat, typer.Option(help="CSV: ISO 8601, or a unit since 1970.")
    ] = "auto",
    class_column: Annotated[str, typer.Option(help="CSV: the column of the classes.")] = "",
    key_column: Annotated[str, typer.Option(help="CSV: the column of the keys.")] = "",
    user_column: Annotated[str, typer.Option(help="CSV: the column of the users.")] = "",
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="REGEX=CLASS",
            help="Requests whose 'METHOD path', or class column, matches are of this class; "
            "a group (?P<key>...) is the key. The first that matches counts.",
        ),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing trace.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a trace of an access log or a CSV file, for scenarios to replay.

    A log that tells only whole seconds has its requests spread at random, but always
    alike, within each second. Users become pseudonyms. Requests without a class take one
    from the scenario's mix.
    """
    options = LogOptions(
        form, _rules(map_ or []), time_column, time_format, class_column, key_column, user_column
    )
    if output.exists() and not force:
        raise typer.BadParameter(
            f"{output} is already there; --force replaces it", param_hint="--output"
        )
    if not output.parent.is_dir():
        raise typer.BadParameter(f"the folder {output.parent} is not there", param_hint="--output")
    console = Console(stderr=True)
    try:
        with _progress_of(log, console) as on_progress:
            summary = import_trace(log, output, options, on_progress)
    except (InvalidLog, OSError) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(_FAILED) from error
    except KeyboardInterrupt:
        console.print("Interrupted; nothing was written.")
        raise typer.Exit(_INTERRUPTED) from None
    _tell(summary, output, as_json=as_json)


@contextmanager
def _progress_of(log: Path, console: Console) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
        task = bars.add_task(f"Reading {log.name}", total=log.stat().st_size)
        yield lambda read, size: bars.update(task, completed=read, total=size)


def _tell(summary: ImportSummary, output: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_as_json(summary, output)))
    else:
        _show(summary, output, Console())


def _as_json(summary: ImportSummary, output: Path) -> dict[str, object]:
    shown = [line._asdict() for line in summary.unreadable_shown]
    return {
        "trace": str(output),
        "format": summary.form,
        "requests": summary.requests,
        "span_ns": summary.span_ns,
        "mean_per_s": summary.mean_per_s,
        "peak_per_s": summary.peak_per_s,
        "classes": dict(summary.classes),
        "displaced": summary.displaced,
        "spread": summary.spread,
        "unreadable": summary.unreadable,
        "unreadable_shown": shown,
    }


def _show(summary: ImportSummary, output: Path, console: Console) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    mean = summary.mean_per_s
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("format", summary.form)
    table.add_row("requests", f"{summary.requests:,}")
    table.add_row("span", f"{summary.span_ns / SECOND_NS:,.1f} s")
    table.add_row("mean rate", f"{mean:,.2f}/s" if mean is not None else "none: a single moment")
    table.add_row("peak rate", f"{summary.peak_per_s:,}/s in one second")
    for name, count in summary.classes.most_common():
        table.add_row(f"class {name}" if name else "no class (the mix decides)", f"{count:,}")
    console.print(table)
    if summary.displaced:
        say(f"Sorted in, because they stood behind a later one: {summary.displaced:,}.")
    if summary.spread:
        say("The log tells only whole seconds; requests were spread at random within each.")
    if summary.unreadable:
        say(f"Left out, because they could not be read: {summary.unreadable:,}. The first:")
        for line in summary.unreadable_shown:
            say(f"  line {line.line}: {line.reason}: {line.text!r}")
    say(f"Wrote {output} ({decimal(output.stat().st_size)}).")
