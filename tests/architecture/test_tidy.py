"""House rules that no linter knows."""

import ast
import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = SETTINGS["tool"]["importlinter"]["root_packages"]
SOURCES = sorted(
    path
    for top in [*PACKAGES, "tests"]
    for path in (ROOT / top).rglob("*.py")
    if "__pycache__" not in path.parts
)
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500


def relative(path: Path) -> str:
    """Return the path as it is called in the project."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_imported_from_this_repository(package: str) -> None:
    # Names like "sim" and "benchmarks" are short; a dependency that ships a folder of
    # the same name would otherwise win without a word.
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_every_package_has_its_floor() -> None:
    contracts = SETTINGS["tool"]["importlinter"]["contracts"]
    [floors] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    placed = {name.strip() for floor in floors for name in floor.split("|")}
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert found == placed == set(PACKAGES)


def test_every_service_is_in_the_independence_contract() -> None:
    contracts = SETTINGS["tool"]["importlinter"]["contracts"]
    [walled] = [contract["modules"] for contract in contracts if contract["type"] == "independence"]
    found = {
        f"reference_services.{path.parent.name}"
        for path in (ROOT / "reference_services").glob("*/__main__.py")
    }
    assert found == set(walled)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_each_module_opens_with_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), "write one line: what is this module for?"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_each_module_has_a_name_that_says_something(path: Path) -> None:
    assert path.stem not in EMPTY_NAMES
    assert path.parent.name not in EMPTY_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= FILE_LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_each_ignored_warning_has_its_reason(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for mark in ("# noqa", "# type: ignore", "# pragma: no cover"):
            at = line.find(mark)
            if at >= 0 and '"' not in line[at : at + len(mark) + 1]:
                assert line.count("#", at + 1) >= 1, f"line {number}: say why after a second #"
