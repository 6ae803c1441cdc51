"""``wavetank load``: a scenario's traffic on a real platform, without the simulator."""

import datetime as dt
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reference_services.runtime.clock import unix_ns
from reports.render import write_report
from reports.text import verdict_tables
from scenarios.errors import InvalidScenario
from scenarios.files import new_run_folder
from scenarios.load import load_scenario, write_scenario
from scenarios.spec import Scenario
from scenarios.trace import InvalidTrace
from wavetank.progress import shown
from worlds.live import run_live
from worlds.live_shape import NotLive, shape_of
from worlds.load.generator import LoadFailed, LoadTarget, locust_command
from worlds.load.k6_run import K6Problem, executor, k6_binary, run_k6
from worlds.load.plan import check_sendable, write_plan
from worlds.processes.errors import PlatformProblem
from worlds.processes.platform import Platform, running_platform
from worlds.world import OnProgress, Progress

_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130


class Tool(StrEnum):
    """What sends the traffic."""

    LOCUST = "locust"
    K6 = "k6"


def register(app: typer.Typer) -> None:
    """Add ``load`` to the command line."""
    app.command()(load)


def load(  # one option each
    scenario: Annotated[str, typer.Argument(help="A name of the catalogue, or a YAML file.")],
    tool: Annotated[
        Tool, typer.Option("--with", help="What sends it: our open loop on Locust, or k6.")
    ] = Tool.LOCUST,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Overrule a field of the scenario."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where the folder of the run is made.")] = Path("runs"),
    home: Annotated[
        Path, typer.Option(help="Where the platform keeps its database between runs.")
    ] = Path(".wavetank/rehearsal"),
    *,
    web: Annotated[
        bool, typer.Option("--web", help="Start Locust's web page and wait for you there.")
    ] = False,
    web_port: Annotated[int, typer.Option(help="Where, on 127.0.0.1.")] = 8089,
) -> None:
    """Start the platform a scenario describes, and load it with the scenario's traffic."""
    console = Console(stderr=True)
    try:
        spec = load_scenario(scenario, set_ or ())
        shape = shape_of(spec)
        check_sendable(spec)
        if tool is Tool.K6:
            k6_binary()
            executor(spec)
        folder = new_run_folder(spec, dt.datetime.fromtimestamp(unix_ns() / 1e9, tz=dt.UTC), runs)
        write_scenario(spec, folder / "scenario.yaml")
        with shown(console) as on_progress:

            def starting(message: str) -> None:
                on_progress(Progress(f"starting the platform: {message}", 0.0))

            with running_platform(home, shape, starting) as platform:
                if web:
                    _serve_web_page(console, spec, platform, folder, web_port)
                elif tool is Tool.K6:
                    console.print(f"k6's summary: {run_k6(spec, platform, folder)}")
                else:
                    _measure(console, spec, platform, folder, on_progress)
    except (InvalidScenario, InvalidTrace, NotLive, ValueError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(_USAGE) from error
    except (PlatformProblem, LoadFailed, K6Problem, OSError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(_FAILED) from error
    except KeyboardInterrupt:
        console.print("Interrupted; the platform is down.")
        raise typer.Exit(_INTERRUPTED) from None


def _measure(
    console: Console, spec: Scenario, platform: Platform, folder: Path, on_progress: OnProgress
) -> None:
    record = run_live(spec, platform, folder / "processes", on_progress)
    for table in verdict_tables([record]):
        console.print(table)
    console.print(f"Report: {write_report(folder)}", soft_wrap=True, highlight=False)


def _serve_web_page(
    console: Console, spec: Scenario, platform: Platform, folder: Path, port: int
) -> None:
    plan = folder / "plan.jsonl"
    write_plan(spec, plan)
    target = LoadTarget(platform.edge_url, platform.api_keys_file)
    command = locust_command(plan, target, folder, spec.drain_ns)
    console.print(f"Locust: http://127.0.0.1:{port} (Start replays the plan; Ctrl-C ends all)")
    page = [*command, "--web-host", "127.0.0.1", "--web-port", str(port)]
    subprocess.run(page, check=False)  # noqa: S603  # our own module
