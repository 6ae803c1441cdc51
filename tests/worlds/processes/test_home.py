"""The folder of an instance: whose it is, who may look into it, what is left of it."""

import errno
import os
import stat
from pathlib import Path

import pytest

from worlds.processes.errors import PlatformProblem, problem_of
from worlds.processes.home import Home, HomeLock, write_atomically


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def test_a_folder_with_somebody_elses_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    home = Home(tmp_path)
    with pytest.raises(PlatformProblem, match="not made by wavetank"):
        home.prepare()
    with pytest.raises(PlatformProblem, match="nothing was removed"):
        home.wipe()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_wiping_removes_the_folder_unless_something_else_is_in_it(home: Home) -> None:
    (home.path / "notes.txt").write_text("mine")
    home.wipe()
    assert [path.name for path in home.path.iterdir()] == ["notes.txt"]

    (home.path / "notes.txt").unlink()
    home.prepare()
    home.wipe()
    assert not home.path.exists()


def test_a_home_that_cannot_be_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PlatformProblem, match="cannot be used as a home") as problem:
        Home(tmp_path / "file" / "home").prepare()
    assert "--home" in problem.value.remedy


def test_a_full_disk_is_called_that() -> None:
    full = problem_of(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/mnt/state.json"))
    assert full.reason == "the disk is full: /mnt/state.json: No space left on device"
    assert "free some space" in full.remedy
    other = problem_of(OSError(errno.EIO, os.strerror(errno.EIO), "/mnt/state.json"))
    assert other.reason == "/mnt/state.json: Input/output error"


def test_secrets_are_made_once_and_are_their_owners_alone(home: Home) -> None:
    first = home.secret("cache-password")
    text = first.read_text()
    assert len(text) >= 32
    assert home.secret("cache-password").read_text() == text
    assert home.secret("jwt-secret").read_text() != text
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o700


def test_a_home_is_occupied_by_one_at_a_time(home: Home) -> None:
    first, second = HomeLock(home), HomeLock(home)
    assert first.acquire()
    assert not second.acquire()

    first.close()
    assert second.acquire()
    second.close()


def test_the_control_socket_of_a_deep_home_has_an_address_that_fits(tmp_path: Path) -> None:
    shallow, deep = Home(Path("/tmp/home")), Home(tmp_path / ("deep" * 30))  # noqa: S108  # not created
    assert shallow.control_socket == shallow.path / "control.sock"
    assert len(bytes(deep.control_socket)) <= 100
    assert deep.control_socket != Home(tmp_path / ("peed" * 30)).control_socket


def test_a_file_that_cannot_be_replaced_leaves_no_half_of_a_new_one(home: Home) -> None:
    (home.path / "target").mkdir()
    with pytest.raises(OSError, match="target"):
        write_atomically(home.path / "target", "text")
    assert not list(home.path.glob(".target.*"))
