"""``wavetank trace``: what the user sees, and how it exits."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scenarios.trace import read_trace
from wavetank import trace_commands

LOG = (
    '203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /titles/5 HTTP/1.1" 200 5\n'
    '203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /else HTTP/1.1" 200 5\n'
    "garbage\n"
    '203.0.113.7 - - [10/Oct/2000:13:55:35 -0700] "GET /titles/7 HTTP/1.1" 200 5\n'
)


@pytest.fixture
def app() -> typer.Typer:
    """Return a command line with nothing but ``trace`` on it."""
    app = typer.Typer()
    trace_commands.register(app)
    return app


def test_an_import_ends_with_a_summary(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LOG)
    asked = ["trace", "import", f"{tmp_path}/access.log", "-o", f"{tmp_path}/day.csv"]
    ended = CliRunner().invoke(app, [*asked, "--map", r"/titles/(?P<key>\d+)=read_title"])
    assert ended.exit_code == 0
    for part in (
        "requests                    3",
        "class read_title            2",
        "no class (the mix decides)  1",
        "Sorted in, because they stood behind a later one: 1.",
        "requests were spread at random within each",
        "could not be read: 1. The first:",
        "line 3: it is not in the combined format: 'garbage'",
        f"Wrote {tmp_path}/day.csv",
    ):
        assert part in ended.stdout
    assert [entry.key for entry in read_trace(tmp_path / "day.csv")] == [7, 5, 0]


def test_the_summary_is_also_json(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LOG)
    asked = ["trace", "import", f"{tmp_path}/access.log", "-o", f"{tmp_path}/day.csv", "--json"]
    told = json.loads(CliRunner().invoke(app, asked).stdout)
    assert (told["format"], told["requests"], told["classes"]) == ("combined", 3, {"": 3})
    assert (told["displaced"], told["spread"], told["unreadable"]) == (1, True, 1)
    assert told["unreadable_shown"][0]["text"] == "garbage"
    assert told["trace"] == f"{tmp_path}/day.csv"


def test_a_single_moment_has_no_rate(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("at_ns\n5\n")
    ended = CliRunner().invoke(app, ["trace", "import", f"{tmp_path}/log", "-o", f"{tmp_path}/t"])
    assert "none: a single moment" in ended.stdout
    assert "Sorted in" not in ended.stdout


def test_an_existing_trace_is_replaced_only_by_force(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    (tmp_path / "day.csv").write_text("precious")
    asked = ["trace", "import", f"{tmp_path}/log", "-o", f"{tmp_path}/day.csv"]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert (tmp_path / "day.csv").read_text() == "precious"
    assert CliRunner().invoke(app, [*asked, "--force"]).exit_code == 0


def test_wrong_usage_exits_with_2(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    log = f"{tmp_path}/log"
    for asked in (
        ["no.log", "-o", "t"],
        [log, "-o", f"{tmp_path}/none/t"],
        [log, "-o", f"{tmp_path}/t", "--map", "x"],
        [log, "-o", f"{tmp_path}/t", "--format", "syslog"],
        [log],
    ):
        assert CliRunner().invoke(app, ["trace", "import", *asked]).exit_code == 2


def test_a_log_of_another_format_exits_with_1(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "log").write_text('{"at": 5}\n')
    ended = CliRunner().invoke(app, ["trace", "import", f"{tmp_path}/log", "-o", f"{tmp_path}/t"])
    assert ended.exit_code == 1
    assert "is neither an access log in the combined format nor CSV" in ended.stderr
    assert not (tmp_path / "t").exists()


def test_an_interrupt_leaves_no_half_trace(tmp_path: Path) -> None:
    program = (
        "import typer\n"
        "from wavetank import trace_commands\n"
        "app = typer.Typer()\n"
        "trace_commands.register(app)\n"
        "app()\n"
    )
    log = tmp_path / "log"
    log.write_text(LOG * 300_000)
    command = [sys.executable, "-c", program, "trace", "import", str(log), "-o"]
    with subprocess.Popen(  # noqa: S603  # this very Python
        [*command, str(tmp_path / "day.csv")], stderr=subprocess.PIPE, text=True
    ) as running:
        # The temporary file shows that the import has begun.
        while not list(tmp_path.glob(".day.csv.*")):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Interrupted; nothing was written." in said
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_a_table_with_columns_of_another_system_is_read(app: typer.Typer, tmp_path: Path) -> None:
    # In the form of Microsoft's Azure LLM inference trace of 2023: tenths of microseconds.
    (tmp_path / "llm.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:03.9799600,4808,10\n"
        "2023-11-16 18:17:04.0319600,3180,8\n"
        "2023-11-16 18:18:42.1689600,110,27\n"
    )
    asked = ["trace", "import", f"{tmp_path}/llm.csv", "-o", f"{tmp_path}/t"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    entries = list(read_trace(tmp_path / "t"))
    assert [entry.at_ns - entries[0].at_ns for entry in entries] == [0, 52_000_000, 98_189_000_000]
