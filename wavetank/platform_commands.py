"""``wavetank up``, ``status``, ``logs``, ``scale``, ``kill``, ``down``: the platform by hand."""

import contextlib
import datetime as dt
import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, unix_ns
from wavetank.options import JsonOption
from worlds.processes.control import ask
from worlds.processes.daemon import start_daemon
from worlds.processes.errors import PlatformProblem, problem_of
from worlds.processes.home import Home
from worlds.processes.leftovers import supervisor_lives, take_down
from worlds.processes.logs import LogTail, logs_of
from worlds.processes.platform import running_platform
from worlds.processes.shape import PlatformShape, ServiceState

_FAILED = 1
_INTERRUPTED = 130
_FOLLOW_EVERY_NS = 200 * NS_PER_MS
_BYTES_PER_MB = 1_000_000

_HomeOption = Annotated[
    Path | None, typer.Option(help="Folder of the instance; instead of --name.", show_default=False)
]
_NameOption = Annotated[
    str, typer.Option(help="Name of the instance; its folder is .wavetank/NAME.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (up, status, logs, scale, kill, down):
        app.command()(command)


def up(  # noqa: PLR0913  # one parameter for each option
    home: _HomeOption = None,
    name: _NameOption = "default",
    replicas: Annotated[
        list[str] | None,
        typer.Option(metavar="SERVICE=N", help="How many of a service; may be repeated."),
    ] = None,
    edge_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port of the edge; else a free one.")
    ] = None,
    titles: Annotated[int, typer.Option(min=1, help="Titles in the catalog.")] = 1_000,
    *,
    render: Annotated[bool, typer.Option(help="Start render workers, if Manim is there.")] = True,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start replicas again that die unasked.")
    ] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and take all down on Ctrl-C.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the reference platform on this machine: real parts, free ports, a folder of its own."""
    try:
        shape = PlatformShape(
            replicas=dict(_counted(text) for text in replicas or ()),
            titles=titles,
            render=render,
            edge_port=edge_port,
            restart=restart,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--replicas") from None
    place, console = _home(home, name), Console(stderr=True)
    with _problems_told():
        if foreground:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with _shown(console) as on_progress:
                staying = contextlib.ExitStack()
                platform = staying.enter_context(running_platform(place.path, shape, on_progress))
            with staying:
                _show(platform.describe(), platform.api_keys, as_json=as_json)
                signal.pause()
        else:
            with _shown(console) as on_progress:
                description = start_daemon(place.path, shape, on_progress)
            keys = json.loads(place.api_keys_file.read_text("utf-8"))
            _show(description, keys, as_json=as_json)


def status(
    home: _HomeOption = None,
    name: _NameOption = "default",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what runs, where it listens, and what it uses."""
    with _problems_told():
        described = ask(_running(home, name).control_socket, {"ask": "status"})
    if as_json:
        typer.echo(json.dumps(described, indent=1))
        return
    table = Table("service", "pid", "port", "state", "up", "CPU s", "RSS MB", box=None)
    for column in table.columns[1:3] + table.columns[4:]:
        column.justify = "right"
    now_ns = unix_ns()
    for part in described["services"]:
        table.add_row(*_row(part, now_ns))
    console = Console()
    console.print(table)
    for sentence in described["left_out"]:
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)


def _row(part: dict[str, Any], now_ns: int) -> list[str]:
    up_for = dt.timedelta(seconds=(now_ns - part["started_at_unix_ns"]) // NS_PER_S)
    alive = part["state"] != ServiceState.DEAD.value
    return [
        f"{part['name']}/{part['index']}",
        str(part["pid"]),
        str(part["port"]),
        part["state"] if alive else f"[red]{part['state']}[/]",
        str(up_for) if alive else "",
        f"{part['cpu_ns'] / NS_PER_S:.1f}" if alive else "",
        f"{part['resident_bytes'] / _BYTES_PER_MB:.0f}" if alive else "",
    ]


def logs(
    service: Annotated[
        str, typer.Argument(metavar="[SERVICE[/N]]", help="Whose; without it, everybody's.")
    ] = "",
    home: _HomeOption = None,
    name: _NameOption = "default",
    lines: Annotated[int, typer.Option("-n", min=0, help="How many of the last lines.")] = 20,
    *,
    follow: Annotated[bool, typer.Option("-f", help="Go on as more is written.")] = False,
) -> None:
    """Show what the parts have written, also after they have ended."""
    place = _home(home, name)
    with _problems_told():
        tails = [LogTail(path) for path in logs_of(place, service)]
        width = max(len(tail.label) for tail in tails) if len(tails) > 1 else 0
        _write_new(tails, width, lambda tail: tail.last(lines))
        while follow:
            block_ns(_FOLLOW_EVERY_NS)
            _write_new(tails, width, LogTail.new)


def _write_new(tails: list[LogTail], width: int, read: Callable[[LogTail], list[str]]) -> None:
    for tail in tails:
        for line in read(tail):
            typer.echo(f"{tail.label:<{width}}  {line}" if width else line)


def scale(
    services: Annotated[list[str], typer.Argument(metavar="SERVICE=N...", help="gateway=3")],
    home: _HomeOption = None,
    name: _NameOption = "default",
    *,
    as_json: JsonOption = False,
) -> None:
    """Have N replicas of a service: new ones once they are ready, surplus ones drained first."""
    wanted = [_counted(text) for text in services]
    with _problems_told():
        place = _running(home, name)
        for service, count in wanted:
            ask(place.control_socket, {"ask": "scale", "service": service, "count": count})
            if not as_json:
                typer.echo(f"{service} has {count} replica{'' if count == 1 else 's'}")
        if as_json:
            typer.echo(json.dumps(ask(place.control_socket, {"ask": "status"}), indent=1))


def kill(
    replica: Annotated[str, typer.Argument(metavar="SERVICE/N", help="gateway/1")],
    home: _HomeOption = None,
    name: _NameOption = "default",
    signal_: Annotated[str, typer.Option("--signal", help="KILL, TERM, STOP, CONT ...")] = "KILL",
    *,
    as_json: JsonOption = False,
) -> None:
    """Send one replica a signal, as a fault would; it is not started again."""
    service, _, index = replica.partition("/")
    if not index.isdigit():
        raise typer.BadParameter(f"{replica!r} is not of the form SERVICE/N")
    number = _signal_number(signal_)
    with _problems_told():
        request = {"ask": "kill", "service": service, "index": int(index), "number": number}
        ask(_running(home, name).control_socket, request)
    sent = signal.Signals(number).name
    told = json.dumps({"replica": replica, "signal": sent})
    typer.echo(told if as_json else f"{replica} was sent {sent}")


def down(
    home: _HomeOption = None,
    name: _NameOption = "default",
    *,
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Remove the data, secrets and logs as well.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take the platform down; its data stays for the next time."""
    place, console = _home(home, name), Console(stderr=True)
    with _problems_told():
        with console.status("taking the platform down ..."):
            was_up = place.path.exists() and take_down(place)
        if wipe:
            place.wipe()
    told = json.dumps({"home": str(place.path), "was_up": was_up, "wiped": wipe})
    in_words = f"{place.path} is down" if was_up else f"nothing was up in {place.path}"
    typer.echo(told if as_json else in_words)


def _home(home: Path | None, name: str) -> Home:
    if home is None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise typer.BadParameter(f"{name!r} is not a name; letters, digits, '.', '_', '-' are")
    return Home((home or Path(".wavetank", name)).absolute())


def _running(home: Path | None, name: str) -> Home:
    """Return the home of a platform that is up.

    Raises:
        PlatformProblem: it is not.
    """
    place = _home(home, name)
    state = place.read_state() if place.path.exists() else None
    if state is None:
        raise PlatformProblem(f"nothing is up in {place.path}", "start it with: wavetank up")
    if not supervisor_lives(state):
        raise PlatformProblem(
            f"the supervisor of {place.path} was killed, and its guardian ended the platform",
            "start it again with: wavetank up; tidy up with: wavetank down",
        )
    return place


def _counted(text: str) -> tuple[str, int]:
    service, _, count = text.partition("=")
    if not service or not count.isdigit():
        raise typer.BadParameter(f"{text!r} is not of the form SERVICE=N")
    return service, int(count)


def _signal_number(text: str) -> int:
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    try:
        return int(signal.Signals(int(text)) if text.isdigit() else signal.Signals[name])
    except (KeyError, ValueError):
        raise typer.BadParameter(f"there is no signal {text}") from None


@contextlib.contextmanager
def _problems_told() -> Iterator[None]:
    try:
        yield
    except (PlatformProblem, OSError) as error:
        problem = problem_of(error) if isinstance(error, OSError) else error
        console = Console(stderr=True)
        console.print(str(problem), soft_wrap=True, markup=False, highlight=False, style="red")
        raise typer.Exit(_FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def _shown(console: Console) -> Iterator[Callable[[str], None]]:
    began_ns = unix_ns()

    def on_progress(sentence: str) -> None:
        console.print(f"[green]·[/] {sentence}", highlight=False, soft_wrap=True)

    with console.status("starting the platform ..."):
        yield on_progress
    console.print(f"up after {(unix_ns() - began_ns) / NS_PER_S:.1f} s")


def _show(described: dict[str, Any], api_keys: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(described, indent=1))
    else:
        _show_how_to_use(described, api_keys)


def _show_how_to_use(described: dict[str, Any], api_keys: dict[str, str]) -> None:
    edge, home = described["edge_url"], Path(described["home"])
    table = Table(box=None, show_header=False)
    table.add_row("catalog", f"{edge}/v1/catalog/titles/1")
    table.add_row("studio", f"{edge}/v1/studio/jobs")
    for part in described["services"]:
        if part["name"] != "edge":
            table.add_row(f"{part['name']}/{part['index']}", f"127.0.0.1:{part['port']}")
    table.add_row("CA certificate", described["ca_file"])
    table.add_row("API keys", described["api_keys_file"])
    table.add_row("logs", str(home / "logs"))
    console = Console()
    console.print(table)
    key = next(iter(api_keys.values()), "KEY")
    console.print(
        f"\ncurl --cacert {described['ca_file']} -H 'X-API-Key: {key}' {edge}/v1/catalog/titles/1",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
