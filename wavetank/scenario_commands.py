"""``wavetank scenario``: the catalogue, and the scenarios in files."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from scenarios.errors import InvalidScenario
from scenarios.load import catalogue, find_scenario, load_scenario
from scenarios.schema import reference_page, scenario_schema
from scenarios.spec import Scenario
from scenarios.units import write_duration
from wavetank.options import JsonOption, ScenarioArgument

_INVALID = 2

scenario = typer.Typer(help="The catalogue, and scenarios in files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add ``scenario`` to the command line."""
    app.add_typer(scenario, name="scenario")


@scenario.command("list")
def list_(*, as_json_: JsonOption = False) -> None:
    """List the scenarios that come with Wavetank."""
    if as_json_:
        typer.echo(json.dumps([_listed(name) for name in catalogue()]))
        return
    table = Table("name", "runs for", "story", box=None, pad_edge=False)
    for name in catalogue():
        spec = load_scenario(name)
        table.add_row(name, write_duration(_length_ns(spec)), spec.description)
    Console().print(table)


def _listed(name: str) -> dict[str, object]:
    spec = load_scenario(name)
    return {"name": name, "runs_for_ns": _length_ns(spec), "description": spec.description}


def _length_ns(spec: Scenario) -> int:
    return spec.warm_up_ns + spec.duration_ns


@scenario.command()
def show(
    name: ScenarioArgument,
) -> None:
    """Print a scenario's file, as a start for one of your own."""
    try:
        text = find_scenario(name).read_text(encoding="utf-8")
    except InvalidScenario as error:
        _complain(error)
        raise typer.Exit(_INVALID) from error
    console = Console()
    if console.is_terminal:
        console.print(Syntax(text, "yaml", background_color="default"))
    else:
        typer.echo(text, nl=False)


@scenario.command()
def check(
    files: Annotated[list[str], typer.Argument(help="Names of the catalogue, or YAML files.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Overrule a field of each."),
    ] = None,
    *,
    as_json_: JsonOption = False,
) -> None:
    """Say all that is wrong with scenarios; exit with 2 when something is."""
    verdicts = []
    for file in files:
        try:
            spec = load_scenario(file, set_ or ())
        except (InvalidScenario, OSError) as error:
            verdicts.append({"file": file, "valid": False, "mistakes": _mistakes(error)})
            if not as_json_:
                _complain(error)
        else:
            services, classes = len(spec.services), len(spec.classes)
            counts = {"services": services, "classes": classes}
            verdicts.append({"file": file, "valid": True, "mistakes": [], **counts})
            if not as_json_:
                typer.echo(f"{file}: ok ({services} services, {classes} request classes)")
    if as_json_:
        typer.echo(json.dumps(verdicts))
    if not all(verdict["valid"] for verdict in verdicts):
        raise typer.Exit(_INVALID)


def _mistakes(error: InvalidScenario | OSError) -> list[dict[str, object]]:
    """Return what is wrong, one object for each mistake, with the text that people read."""
    if isinstance(error, OSError):
        return [{"line": None, "field": "", "message": str(error)}]
    return [
        {"line": mistake.line, "field": mistake.field, "message": str(mistake)}
        for mistake in error.mistakes
    ]


@scenario.command()
def schema(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write scenario.schema.json and .md to this folder."),
    ] = None,
) -> None:
    """Print the JSON Schema of scenarios, by which editors complete them."""
    text = json.dumps(scenario_schema(), indent=2, sort_keys=True) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    output.mkdir(parents=True, exist_ok=True)
    (output / "scenario.schema.json").write_text(text, encoding="utf-8")
    (output / "scenario.md").write_text(reference_page(), encoding="utf-8")


def _complain(error: Exception) -> None:
    console = Console(stderr=True)
    console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
