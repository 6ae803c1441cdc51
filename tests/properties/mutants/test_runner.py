"""The mutants' runner: who survives is told, and nothing but a failed test is a kill."""

import shutil
import subprocess
from pathlib import Path

import pytest

import properties.profiles
from properties.mutants.__main__ import main

DISTANCE = """
def distance(a: int, b: int) -> int:
    if a < b:
        return b - a
    return a - b
"""

TEST = """
from hypothesis import given, strategies as st
from small.distance import distance

@given(st.integers(), st.integers())
def test_it_is_the_same_both_ways(a, b):
    assert distance(a, b) == distance(b, a)

def test_the_same_place_is_no_way_off():
    assert distance(3, 3) == 0
"""

AREA = """
from properties.mutants.mutant import Mutant

MUTANTS = (
{mutants}
)
"""

CHANGED = "small/distance.py"
TESTS = "small/test_distance.py"
BECAUSE = "It is wrong."
ONE_WAY = ("one way", "return b - a", "return a - b")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a git repository with one function and its tests, and no mutants yet."""
    (tmp_path / "properties/mutants").mkdir(parents=True)
    (tmp_path / "small").mkdir()
    (tmp_path / "small/distance.py").write_text(DISTANCE)
    (tmp_path / TESTS).write_text(TEST)
    (tmp_path / "properties/__init__.py").touch()
    shutil.copy(properties.profiles.__file__, tmp_path / "properties")
    git = shutil.which("git")
    assert git is not None
    subprocess.run([git, "init", "-q"], cwd=tmp_path, check=True)  # noqa: S603  # git itself
    return tmp_path


def plant(tree: Path, *mutants: tuple[str, str, str], killer: str = TESTS) -> None:
    lines = [
        f"    Mutant({name!r}, {CHANGED!r}, {before!r}, {after!r}, {BECAUSE!r}, ({killer!r},)),"
        for name, before, after in mutants
    ]
    area = AREA.format(mutants="\n".join(lines))
    (tree / "properties/mutants/distances.py").write_text(area)


def test_a_killed_mutant_is_told_with_its_killer_and_gets_into_the_table(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tree, ONE_WAY)
    page = tree / "mutants.md"
    assert main(["--table", str(page), "--jobs", "1"], root=tree) == 0
    told = capsys.readouterr().out
    assert f"killed    distances/one way: {TESTS}::test_it_is_the_same_both_ways" in told
    assert "1 of 1 planted bugs killed, 0 survived, 0 unclear" in told
    [row] = [line for line in page.read_text().splitlines() if "one way" in line]
    assert row.startswith("| one way | It is wrong. | `test_it_is_the_same_both_ways` in `small/")
    examples = int(row.split("|")[-2])
    assert 1 <= examples <= 100
    # Nothing was changed in the tree itself.
    assert (tree / "small/distance.py").read_text() == DISTANCE


def test_a_survivor_and_code_that_cannot_run_are_told_and_fail_the_run(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unnamed = "def distance(a: int, b: int) -> int:\n    no_such_name\ndef other("
    plant(
        tree,
        ONE_WAY,
        ("no less", "a < b", "a <= b"),
        ("no name", "def distance(", unnamed),
        ("no import", "def distance(", "import no_such_module\ndef distance("),
        ("no function", "def distance(", "def length("),
    )
    page = tree / "mutants.md"
    assert main(["--table", str(page)], root=tree) == 1
    told = capsys.readouterr().out
    assert "1 of 5 planted bugs killed, 1 survived, 3 unclear" in told
    assert "SURVIVED  distances/no less" in told
    assert f"ERROR     distances/no name: {TESTS}::test_it_is_the_same_both_ways: NameError" in told
    assert "ERROR     distances/no import: small/test_distance.py" in told
    assert "ERROR     distances/no function: small/test_distance.py" in told
    assert not page.exists()


def test_a_killer_that_objects_to_the_right_code_too_or_is_not_there_kills_nothing(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tree / TESTS).open("a") as tests:
        tests.write("\ndef test_two_and_two_are_five():\n    assert distance(-2, 2) == 5\n")
    plant(tree, ONE_WAY, killer=f"{TESTS}::test_two_and_two_are_five")
    assert main([], root=tree) == 1
    assert "does not pass without the bug: assert 4 == 5" in capsys.readouterr().out
    plant(tree, ONE_WAY, killer=f"{TESTS}::test_no_such")
    assert main([], root=tree) == 1
    assert "0 of 1 planted bugs killed, 0 survived, 1 unclear" in capsys.readouterr().out


def test_all_that_cannot_be_planted_is_told_at_once(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(
        tree,
        ("twice there", "return", "yield"),
        ("not there", "return c", "return a"),
        ("no Python", "a < b:", "a <"),
        ONE_WAY,
        ONE_WAY,
        killer="small/test_nowhere.py",
    )
    assert main([], root=tree) == 2
    told = capsys.readouterr().out
    assert "distances/twice there: 'return' occurs 2 times in small/distance.py, not once" in told
    assert "distances/not there: 'return c' occurs 0 times in small/distance.py, not once" in told
    assert "distances/no Python: small/distance.py is no Python any more" in told
    assert "distances/one way: 2 mutants have this name" in told
    assert "distances/one way: there is no small/test_nowhere.py" in told


def test_an_unknown_area_is_told_with_the_ones_there_are(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tree, ONE_WAY)
    assert main(["distance"], root=tree) == 2
    assert "no such area: distance; there are distances" in capsys.readouterr().out
    assert main(["--only", "no way"], root=tree) == 2
    assert "no mutant is called 'no way'" in capsys.readouterr().out


def test_a_story_tells_the_change_the_reason_and_the_smallest_example(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tree, ONE_WAY, ("no less", "a < b", "a <= b"))
    assert main(["--story", "distances/one way"], root=tree) == 0
    told = capsys.readouterr().out
    assert "    - return b - a\n    + return a - b\n" in told
    assert "It is wrong." in told
    assert "it is the same both ways" in told
    assert "a=0," in told
    assert "b=1," in told
    assert "assert -1 == 1" in told or "assert 1 == -1" in told
