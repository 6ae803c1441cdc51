"""``wavetank report``: a run's report made again, for people, pull requests and programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SHORT = Path(__file__).with_name("short.yaml")
WAVETANK = Path(sys.executable).with_name("wavetank")


def wavetank(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own command
        [str(WAVETANK), *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a simulated run, without its report."""
    runs = tmp_path_factory.mktemp("runs")
    done = wavetank("rehearse", str(SHORT), "--world", "simulated", "--runs", str(runs))
    assert done.returncode == 0, done.stderr
    [folder] = runs.iterdir()
    (folder / "report.html").unlink()
    return folder


def test_the_page_is_written_again_and_the_verdict_printed(folder: Path) -> None:
    done = wavetank("report", str(folder))
    assert done.returncode == 0, done.stderr
    assert "holds" in done.stdout
    assert f"Report: {folder / 'report.html'}" in done.stdout
    assert "read_title" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_pull_request_gets_markdown(folder: Path) -> None:
    done = wavetank("report", str(folder), "--as", "markdown")
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("|") and "holds" in line for line in done.stdout.splitlines())


def test_a_program_gets_json_and_nothing_else(folder: Path) -> None:
    done = wavetank("report", str(folder), "--as", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["scenario"] == "short"
    assert told["worlds"]["simulated"]["findings"][0]["verdict"] == "holds"
    assert told["folder"] == str(folder)
    assert Path(told["report"]).exists()


def test_a_folder_that_holds_no_run_is_a_mistake(tmp_path: Path) -> None:
    for named in (tmp_path, tmp_path / "missing"):
        done = wavetank("report", str(named))
        assert done.returncode == 2
        assert f"{named} holds no record of a run" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    record = tmp_path / "simulated" / "record.json"
    record.parent.mkdir()
    record.write_text("{", encoding="utf-8")
    done = wavetank("report", str(tmp_path))
    assert done.returncode == 2
    assert str(record) in done.stderr
