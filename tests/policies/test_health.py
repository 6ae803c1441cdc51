"""Stories of checks."""

import pytest

from policies.health import Health, HealthLimits


def verdicts(results: str, rise: int = 2, fall: int = 3) -> str:
    health = Health(HealthLimits(rise=rise, fall=fall))
    return "".join("+" if health.observe(passed=result == "+") else "-" for result in results)


def test_it_takes_some_checks_in_a_row_to_turn_either_way() -> None:
    assert verdicts("++---++") == "-+++--+"


def test_a_part_that_flaps_stays_what_it_was() -> None:
    assert verdicts("+-" * 4) == "-" * 8
    assert verdicts("++" + "--+" * 4) == "-+" + "+++" * 4


def test_with_ones_the_last_check_is_all_that_counts() -> None:
    assert verdicts("+-+--+", rise=1, fall=1) == "+-+--+"


def test_a_part_that_nobody_checked_is_not_healthy() -> None:
    assert not Health(HealthLimits()).healthy


@pytest.mark.parametrize("name", ["rise", "fall"])
def test_nonsense_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be at least 1, got 0"):
        HealthLimits(**{name: 0})
