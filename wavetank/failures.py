"""What a command prints, and how it exits, when it cannot do what was asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
import typer
from rich.console import Console

from scenarios.errors import InvalidScenario
from scenarios.trace import InvalidTrace
from worlds.live_shape import NotLive
from worlds.load.generator import LoadFailed
from worlds.load.k6_run import K6Problem
from worlds.load.plan import NotSendable
from worlds.processes.errors import PlatformProblem

FAILED = 1
USAGE = 2
INTERRUPTED = 130

_USAGE_ERRORS = (InvalidScenario, InvalidTrace, NotLive, NotSendable)
_FAILURES = (PlatformProblem, LoadFailed, K6Problem, OSError, redis.RedisError)


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
    except _USAGE_ERRORS as error:
        tell(console, error)
        raise typer.Exit(USAGE) from error
    except _FAILURES as error:
        tell(console, error)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        console.print("Interrupted; nothing is left running.")
        raise typer.Exit(INTERRUPTED) from None


def tell(console: Console, error: Exception) -> None:
    """Print what an error says, word for word."""
    console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
