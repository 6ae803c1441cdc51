"""``wavetank report``: the report of a run, made again from its records."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reports.markdown import as_markdown
from reports.render import write_report
from reports.run_folder import read_run
from reports.text import as_json, verdict_tables
from scenarios.errors import InvalidScenario
from scenarios.files import InvalidRecord

_USAGE = 2


class Form(StrEnum):
    """What is printed."""

    TABLES = "tables"
    MARKDOWN = "markdown"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add ``report`` to the command line."""
    app.command()(report)


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run: runs/TIME-SCENARIO.")],
    form: Annotated[Form, typer.Option("--as", help="What is printed.")] = Form.TABLES,
) -> None:
    """Write the HTML report of a run again, and print its verdicts.

    Nothing runs: what the records hold is laid side by side once more, for example with
    a newer version of this program, or as Markdown for a pull request.
    """
    try:
        page = write_report(folder)
        records = read_run(folder).records
    except (InvalidRecord, InvalidScenario, OSError) as error:
        console = Console(stderr=True)
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(_USAGE) from error
    match form:
        case Form.MARKDOWN:
            typer.echo(as_markdown(records))
        case Form.JSON:
            typer.echo(json.dumps(as_json(records, folder=folder, report=page)))
        case Form.TABLES:
            console = Console()
            for table in verdict_tables(records):
                console.print(table)
            console.print(f"Report: {page}", soft_wrap=True, highlight=False)
