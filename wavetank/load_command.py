"""``wavetank load``: a scenario's traffic on a real platform, without the simulator."""

import datetime as dt
import json
import socket
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reference_services.runtime.clock import unix_ns
from reports.render import write_report
from reports.text import as_json, verdict_tables
from scenarios.files import new_run_folder
from scenarios.load import load_scenario, write_scenario
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from wavetank.failures import reported
from wavetank.options import DatabaseHomeOption, JsonOption, RunsOption, ScenarioArgument, SetOption
from wavetank.progress import shown
from worlds.live import run_live
from worlds.live_shape import shape_of
from worlds.load.generator import LoadFailed, LoadTarget, locust_command
from worlds.load.k6_run import executor, k6_binary, run_k6
from worlds.load.plan import check_sendable, write_plan
from worlds.processes.errors import PlatformProblem
from worlds.processes.platform import Platform, running_platform
from worlds.world import Progress

_LOOPBACK = "127.0.0.1"


class Tool(StrEnum):
    """What sends the traffic."""

    LOCUST = "locust"
    K6 = "k6"


def register(app: typer.Typer) -> None:
    """Add ``load`` to the command line."""
    app.command()(load)


def load(  # noqa: PLR0913  # one parameter for each option
    scenario: ScenarioArgument,
    tool: Annotated[
        Tool, typer.Option("--with", help="What sends it: our open loop on Locust, or k6.")
    ] = Tool.LOCUST,
    set_: SetOption = None,
    runs: RunsOption = Path("runs"),
    home: DatabaseHomeOption = Path(".wavetank/rehearsal"),
    *,
    web: Annotated[
        bool, typer.Option("--web", help="Start Locust's web page and wait for you there.")
    ] = False,
    web_port: Annotated[int, typer.Option(min=1, max=65_535, help="Where, on 127.0.0.1.")] = 8089,
    as_json_: JsonOption = False,
) -> None:
    """Start the platform a scenario describes, and load it with the scenario's traffic."""
    if web and (tool is Tool.K6 or as_json_):
        raise typer.BadParameter(
            "Locust's page goes with neither --with k6 nor --json", param_hint="--web"
        )
    console = Console(stderr=True)
    with reported(console):
        spec = load_scenario(scenario, set_ or ())
        shape = shape_of(spec)
        check_sendable(spec)
        if tool is Tool.K6:
            k6_binary()
            executor(spec)
        if web:
            _check_free(web_port)
        folder = new_run_folder(spec, dt.datetime.fromtimestamp(unix_ns() / 1e9, tz=dt.UTC), runs)
        write_scenario(spec, folder / "scenario.yaml")
        with shown(console) as on_progress:

            def starting(message: str) -> None:
                on_progress(Progress(f"starting the platform: {message}", 0.0))

            with running_platform(home, shape, starting) as platform:
                if web:
                    _serve_web_page(console, spec, platform, folder, web_port)
                elif tool is Tool.K6:
                    _measure_with_k6(spec, platform, folder, as_json_=as_json_)
                else:
                    record = run_live(spec, platform, folder / "processes", on_progress)
                    _show(record, folder, as_json_=as_json_)


def _show(record: RunRecord, folder: Path, *, as_json_: bool) -> None:
    report = write_report(folder)
    if as_json_:
        typer.echo(json.dumps(as_json([record], folder=folder, report=report)))
        return
    console = Console()
    for table in verdict_tables([record]):
        console.print(table)
    console.print(f"Report: {report}", soft_wrap=True, highlight=False)


def _measure_with_k6(spec: Scenario, platform: Platform, folder: Path, *, as_json_: bool) -> None:
    summary = run_k6(spec, platform, folder, quiet=as_json_)
    if as_json_:
        figures = json.loads(summary.read_text(encoding="utf-8"))
        told = {"scenario": spec.name, "k6": figures, "folder": str(folder)}
        typer.echo(json.dumps({**told, "summary": str(summary)}))
        return
    Console().print(f"k6's summary: {summary}", soft_wrap=True, highlight=False)


def _check_free(port: int) -> None:
    """Look before the platform starts: Locust itself would go on without its page."""
    try:
        socket.create_server((_LOOPBACK, port)).close()
    except OSError as error:
        raise PlatformProblem(
            f"port {port}, wanted for Locust's web page, cannot be had: {error.strerror}",
            "choose another with --web-port",
        ) from error


def _serve_web_page(
    console: Console, spec: Scenario, platform: Platform, folder: Path, port: int
) -> None:
    plan = folder / "plan.jsonl"
    write_plan(spec, plan)
    target = LoadTarget(platform.edge_url, platform.api_keys_file)
    command = locust_command(plan, target, folder, spec.drain_ns)
    console.print(f"Locust: http://{_LOOPBACK}:{port} (Start replays the plan; Ctrl-C ends all)")
    page = [*command, "--web-host", _LOOPBACK, "--web-port", str(port)]
    done = subprocess.run(page, check=False)  # noqa: S603  # our own module
    if done.returncode != 0:
        raise LoadFailed(f"Locust's web page ended with exit code {done.returncode}")
