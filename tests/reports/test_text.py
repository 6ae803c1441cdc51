"""The verdict in a terminal, as JSON and as Markdown."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from reports.markdown import as_markdown
from reports.text import as_json, verdict_tables
from scenarios.records import Event, RunRecord
from tests.reports.sample import S, sample_record

BOTH = [sample_record("simulated"), sample_record("processes", slower=1.15)]


def _printed(records: Sequence[RunRecord], width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    for table in verdict_tables(records):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")


def test_a_terminal_shows_headline_objectives_and_figures() -> None:
    text = _printed(BOTH)
    assert text.startswith("Live as in the simulation, 1 of 3 objectives is unknown and 2 hold.")
    assert "✓ holds" in text
    assert "? unknown" in text
    [p99] = [line for line in text.splitlines() if "p99" in line and "beyond" in line]
    assert p99.split()[:3] == ["p99", "9.52", "ms"]


def test_one_world_has_no_column_for_errors() -> None:
    text = _printed(BOTH[:1])
    assert "simulated" in text
    assert "noise" not in text
    assert "live" not in text


def test_an_interrupted_run_is_told_before_the_verdict() -> None:
    record = BOTH[1].model_copy(update={"ended": "interrupted"})
    assert _printed([record]).startswith("The live run was interrupted before its end")


def test_a_terminal_obeys_nothing_that_a_record_says() -> None:
    hostile = Event(at_ns=S, kind="note", target="load", detail="\x1b[2J[red]\x07 gone")
    text = _printed([sample_record("processes", events=(hostile,))])
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]" in text


def test_json_holds_verdicts_comparison_and_paths() -> None:
    answer = json.loads(json.dumps(as_json(BOTH, report=Path("runs/1/report.html"))))
    assert answer["report"] == "runs/1/report.html"
    assert answer["worlds"]["processes"]["ended"] == "completed"
    assert answer["worlds"]["simulated"]["findings"][0]["verdict"] == "holds"
    assert answer["comparison"]["worst_of"] == "p99 of read_title"


def test_json_of_one_world_compares_nothing() -> None:
    assert as_json(BOTH[1:])["comparison"] is None


@pytest.mark.requirement("learning-18.4")
def test_markdown_has_a_table_of_objectives_and_one_of_figures() -> None:
    lines = as_markdown(BOTH).splitlines()
    assert lines[0] == "### baseline"
    assert "| objective | simulated | live |" in lines
    assert "| class | figure | simulated | live | error | noise |" in lines
    tables = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in tables} == {4, 7}


def test_markdown_shows_what_a_record_says_and_does_nothing_with_it() -> None:
    hostile = "a|b <img src=x> [link](there) `code` @someone\n# heading"
    finding = BOTH[1].findings[0].model_copy(update={"claim": hostile})
    text = as_markdown([BOTH[1].model_copy(update={"findings": (finding,)})])
    assert r"| a\|b \<img src=x\> \[link\](there) \`code\` \@someone \# heading | ✅ holds" in text
