"""Mutmut's runner: whose tests judge a module, and what mutmut's lines mean."""

from pathlib import Path

from properties.mutants.runner.mutmut_run import fates, judges_of


def test_a_module_is_judged_by_the_tests_of_its_name_or_by_all_without_one(tmp_path: Path) -> None:
    for folder in ("tests/policies", "properties/policies"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("tests/policies/test_retry.py", "properties/policies/test_retry_budget.py"):
        (tmp_path / name).touch()
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
