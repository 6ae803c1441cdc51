"""What goes wrong is told word for word, and has one exit code on all commands."""

import io
from pathlib import Path

import pytest
import redis
import typer
from rich.console import Console

from scenarios.errors import InvalidScenario, Mistake
from wavetank.failures import reported
from worlds.live_shape import NotLive
from worlds.load.generator import LoadFailed
from worlds.load.k6_run import K6Problem
from worlds.load.plan import NotSendable
from worlds.processes.errors import PlatformProblem


def ended_with(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the words for ``error``."""
    said = io.StringIO()
    with pytest.raises(typer.Exit) as ended, reported(Console(file=said)):
        raise error
    return ended.value.exit_code, said.getvalue()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidScenario([Mistake(Path("x.yaml"), 3, "seed", "is [odd]")]), 2),
        (NotLive("mail: not a service"), 2),
        (NotSendable("read: no request is given"), 2),
        (PlatformProblem("the disk is full", "free some"), 1),
        (LoadFailed("the load generator ended early"), 1),
        (K6Problem("k6 is not installed"), 1),
        (OSError("no space"), 1),
        (redis.RedisError("no answer"), 1),
    ],
)
def test_an_error_is_told_word_for_word(error: Exception, code: int) -> None:
    assert ended_with(error) == (code, f"{error}\n")


def test_an_interrupt_ends_with_130() -> None:
    code, said = ended_with(KeyboardInterrupt())
    assert (code, "Interrupted" in said) == (130, True)


def test_a_bug_is_not_told_as_a_mistake_of_the_user() -> None:
    with pytest.raises(ValueError, match="a bug"), reported(Console(file=io.StringIO())):
        raise ValueError("a bug")
