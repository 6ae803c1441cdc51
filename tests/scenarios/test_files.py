"""Files of a run: whole or not there, also when the disk is full."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.files import (
    InvalidRecord,
    new_run_folder,
    read_record,
    replacing,
    write_record,
    write_whole,
)
from scenarios.load import load_scenario
from scenarios.records import Provenance, RunRecord, StationOutcome

RECORD = RunRecord(
    world="simulated",
    scenario="baseline",
    provenance=Provenance(scenario_sha256="00", seed=1, wavetank="0.1.0", engine="simpy"),
    ended="completed",
    measured_from_ns=0,
    measured_until_ns=1_000_000_000,
    classes={},
    stations={},
    series={},
)


def test_a_record_reads_back_equal_and_its_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    write_record(RECORD, tmp_path / "a.json")
    write_record(read_record(tmp_path / "a.json"), tmp_path / "b.json")
    assert read_record(tmp_path / "b.json") == RECORD
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_equal_records_make_equal_bytes_in_whatever_order_they_were_told(tmp_path: Path) -> None:
    for name, order in (("a", "xy"), ("b", "yx")):
        stations = dict.fromkeys(order, StationOutcome(utilisation=0.5))
        write_record(RECORD.model_copy(update={"stations": stations}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"schema_version": 1, "wor', "is not JSON, or cut short"),
        ("", "is not JSON, or cut short"),
        ('{"schema_version": 2}', "has schema_version 2; this program reads 1"),
        ("{}", "has schema_version None; this program reads 1"),
        ("[]", "has schema_version None; this program reads 1"),
        ('{"schema_version": 1}', "world: Field required"),
    ],
)
def test_what_is_no_record_is_told(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(InvalidRecord, match=expected):
        read_record(path)


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_whole(path, "old")

    def write_half() -> None:
        with replacing(path) as file:
            file.write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]  # noqa: PTH208  # hidden files count as well


def test_a_full_disk_leaves_the_old_record_and_no_temporary(tmp_path: Path) -> None:
    # A limit on the size of files is as real as a full disk, and needs no disk to fill.
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from scenarios.files import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))\n"
        "write_whole(Path(sys.argv[1]), 'x' * 1_000_000)\n"
    )
    path = tmp_path / "record.json"
    write_record(RECORD, path)
    command = [sys.executable, "-c", program, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # this very Python
    assert "OSError: [Errno 27] File too large" in ended.stderr
    assert read_record(path) == RECORD
    assert os.listdir(tmp_path) == ["record.json"]  # noqa: PTH208  # hidden files count as well


def test_a_written_file_is_as_open_as_any_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "ours", "x")
    (tmp_path / "any").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path: Path) -> None:
    scenario = load_scenario("baseline")
    started_at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    folders = [new_run_folder(scenario, started_at, tmp_path / "runs") for _ in range(3)]
    assert [folder.name for folder in folders] == [
        "20260102T020405-baseline",
        "20260102T020405-baseline-2",
        "20260102T020405-baseline-3",
    ]
    assert all(folder.is_dir() for folder in folders)
