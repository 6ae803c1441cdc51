"""What a command prints, and how it exits, when it cannot do what was asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

FAILED = 1
USAGE = 2
INTERRUPTED = 130

_EXIT_CODES = {
    "scenarios.errors.InvalidScenario": USAGE,
    "scenarios.trace.InvalidTrace": USAGE,
    "worlds.live_shape.NotLive": USAGE,
    "worlds.load.plan.NotSendable": USAGE,
    "worlds.processes.errors.PlatformProblem": FAILED,
    "worlds.load.generator.LoadFailed": FAILED,
    "worlds.load.k6_run.K6Problem": FAILED,
    "redis.exceptions.RedisError": FAILED,
    "builtins.OSError": FAILED,
}
"""By kind of error. They are named, not imported: a command that raises none of the live
platform's errors need not wait for its clients to load."""


@contextmanager
def reported(console: Console) -> Iterator[None]:
    """Tell of what goes wrong inside the ``with``, and end the command with its exit code.

    Args:
        console: where it is told; standard error, as a rule.

    Raises:
        typer.Exit: with 2, what was asked cannot be done as it is written; with 1, it went
            wrong on the way; with 130, it was interrupted.
    """
    try:
        yield
    except KeyboardInterrupt:
        console.print("Interrupted; nothing is left running.")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        tell(console, error)
        raise typer.Exit(code) from error


def _exit_code(error: Exception) -> int | None:
    """Return the exit code for an error; None of a bug."""
    kinds = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((_EXIT_CODES[kind] for kind in kinds if kind in _EXIT_CODES), None)


def tell(console: Console, error: Exception) -> None:
    """Print what an error says, word for word."""
    console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
