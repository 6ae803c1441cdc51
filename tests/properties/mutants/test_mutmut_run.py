"""Mutmut's runner: whose tests judge a module, and what mutmut's lines mean."""

from pathlib import Path

from properties.mutants.runner.mutmut_run import fates, judges_of, told


def test_a_module_is_judged_by_the_tests_that_have_its_name_or_import_it_or_by_all(
    tmp_path: Path,
) -> None:
    for folder in ("tests/policies", "properties/policies"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests/policies/test_retry.py").touch()
    knows = tmp_path / "properties/policies/test_retry_budget.py"
    knows.write_text("from policies.retry import Backoff\n", encoding="utf-8")
    assert judges_of(tmp_path, "retry") == [
        "tests/policies/test_retry.py",
        "properties/policies/test_retry_budget.py",
    ]
    assert judges_of(tmp_path, "lease") == ["tests/policies", "properties/policies"]


def test_each_mutant_has_the_fate_that_is_printed_beside_it() -> None:
    printed = [
        "    policies.health.x_step__mutmut_1: killed",
        "    policies.health.x_step__mutmut_2: not checked",
        "",
        "something else",
    ]
    assert fates(printed) == {
        "policies.health.x_step__mutmut_1": "killed",
        "policies.health.x_step__mutmut_2": "not checked",
    }


def test_a_module_is_told_by_its_share_and_each_survivor_by_its_lines() -> None:
    results = {"x_1": "killed", "x_2": "survived", "x_3": "timeout"}
    assert told("health", results, {"x_2": "    -a < b\n    +a <= b"}).splitlines() == [
        "health: 1 of 2 killed (50%), 1 unclear",
        "  survived: x_2",
        "    -a < b",
        "    +a <= b",
    ]
    assert told("health", {"x_3": "timeout"}, {}) == "health: mutmut could not run"
