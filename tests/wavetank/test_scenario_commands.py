"""``wavetank scenario``: the catalogue, and the scenarios in files."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scenarios.load import catalogue
from wavetank import scenario_commands


@pytest.fixture
def app() -> typer.Typer:
    """Return a command line with nothing but ``scenario`` on it."""
    app = typer.Typer()
    scenario_commands.register(app)
    return app


def test_the_catalogue_is_listed_with_its_stories(app: typer.Typer) -> None:
    ended = CliRunner().invoke(app, ["scenario", "list"])
    assert ended.exit_code == 0
    for name in catalogue():
        assert name in ended.stdout
    assert "nothing breaks" in ended.stdout


def test_a_scenario_is_shown_as_it_is_written(app: typer.Typer) -> None:
    ended = CliRunner().invoke(app, ["scenario", "show", "baseline"])
    assert ended.stdout == catalogue()["baseline"].read_text()
    refused = CliRunner().invoke(app, ["scenario", "show", "baselin"])
    assert refused.exit_code == 2
    assert "did you mean baseline?" in refused.stderr


def test_checking_says_all_that_is_wrong_with_all_files(app: typer.Typer, tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["scenario", "check", *catalogue()])
    assert good.exit_code == 0
    assert "baseline: ok (5 services, 4 request classes)" in good.stdout
    path = tmp_path / "mine.yaml"
    path.write_text("seed: -1\n")
    bad = CliRunner().invoke(app, ["scenario", "check", str(path), "baseline", "nosuch"])
    assert bad.exit_code == 2
    assert f"{path}:1: seed should be at least 0, not -1\n" in bad.stderr
    assert f"{path}:1: duration is missing\n" in bad.stderr
    assert "nosuch is neither a file nor in the catalogue" in bad.stderr
    assert "baseline: ok" in bad.stdout


def test_programs_are_told_the_same_in_json(app: typer.Typer, tmp_path: Path) -> None:
    listed = json.loads(CliRunner().invoke(app, ["scenario", "list", "--json"]).stdout)
    assert [entry["name"] for entry in listed] == list(catalogue())
    assert all(entry["runs_for_ns"] > 0 and entry["description"] for entry in listed)

    path = tmp_path / "mine.yaml"
    path.write_text("seed: -1\n")
    asked = ["scenario", "check", str(path), "baseline", "nosuch", "--json"]
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 2
    assert ended.stderr == ""
    mine, baseline, nosuch = json.loads(ended.stdout)
    assert [verdict["valid"] for verdict in (mine, baseline, nosuch)] == [False, True, False]
    assert {mistake["field"] for mistake in mine["mistakes"]} >= {"seed", "duration"}
    assert (baseline["services"], baseline["classes"], baseline["mistakes"]) == (5, 4, [])
    assert "nosuch is neither a file" in nosuch["mistakes"][0]["message"]


def test_checking_takes_overrides(app: typer.Typer) -> None:
    ended = CliRunner().invoke(app, ["scenario", "check", "baseline", "--set", "seed=x"])
    assert ended.exit_code == 2
    assert "--set seed=x: seed should be a whole number, not 'x'" in ended.stderr


def test_the_schema_is_printed_or_written(app: typer.Typer, tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["scenario", "schema"])
    written = CliRunner().invoke(app, ["scenario", "schema", "-o", f"{tmp_path}/docs"])
    assert written.exit_code == 0
    text = (tmp_path / "docs" / "scenario.schema.json").read_text()
    assert text == printed.stdout
    assert json.loads(text)["title"] == "Scenario"
    assert (tmp_path / "docs" / "scenario.md").read_text().startswith("# The scenario file")
