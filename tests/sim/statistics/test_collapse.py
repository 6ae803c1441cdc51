"""Runs that collapse, runs that do not, and values in two clusters."""

import pytest

from sim.statistics.collapse import Modes, Rule, collapse, has_collapsed, modes
from sim.statistics.honest import Estimate, Reason, Refusal
from tests.sim.statistics.made import record


@pytest.mark.parametrize(("last_ok", "collapsed"), [(5.0, False), (4.9, True)])
def test_a_run_has_collapsed_when_under_half_of_the_last_quarter_went_well(
    last_ok: float, *, collapsed: bool
) -> None:
    made = record(series={"offered": (10.0,) * 4, "ok": (0.0, 0.0, 0.0, last_ok)})
    assert has_collapsed(made) is collapsed


def test_the_rule_can_be_another() -> None:
    made = record(series={"offered": (10.0,) * 4, "ok": (10.0, 10.0, 2.0, 10.0)})
    assert has_collapsed(made, Rule(ok_below=0.7, last=0.5))
    assert not has_collapsed(made, Rule(ok_below=0.5, last=0.5))


def test_what_comes_after_the_measured_part_does_not_count() -> None:
    made = record(series={"offered": (10.0,) * 4, "ok": (10.0, 10.0, 10.0, 10.0, 0.0, 0.0)})
    assert not has_collapsed(made)


def test_a_run_that_nobody_asks_anything_in_the_end_has_not_collapsed() -> None:
    assert not has_collapsed(record(series={"offered": (1.0, 0.0, 0.0, 0.0), "ok": (0.0,) * 4}))


def test_three_runs_of_twenty_collapse() -> None:
    bad = record(series={"ok": (10.0, 10.0, 10.0, 1.0)})
    outcome = collapse([record()] * 17 + [bad] * 3)
    assert outcome.collapsed == (False,) * 17 + (True,) * 3
    assert outcome.mixed
    assert isinstance(outcome.probability, Estimate)
    assert outcome.probability.value == 0.15
    assert outcome.probability.low == pytest.approx(0.0321, abs=5e-5)


def test_of_four_runs_the_probability_is_not_quoted() -> None:
    outcome = collapse([record()] * 4)
    assert not outcome.mixed
    assert isinstance(outcome.probability, Refusal)
    assert outcome.probability.reason is Reason.TOO_FEW_REPLICATIONS


def test_values_on_either_side_of_a_wide_gap_are_two_clusters() -> None:
    good = [0.95, 0.96, 0.97, 0.98, 0.99, 0.97, 0.98]
    assert modes([*good, 0.1, 0.2, 0.15]) == Modes(0.2, 0.95, 3, 7)


def test_a_gap_that_is_less_than_twice_as_wide_as_a_cluster_is_none() -> None:
    assert modes([0.0, 0.1, 0.2, 0.3, 0.4, 1.1, 1.1, 1.1, 1.1, 1.1]) is None
    assert modes([0.0, 0.1, 0.2, 0.3, 0.4, 1.3, 1.3, 1.3, 1.3, 1.3]) is not None


def test_two_values_far_off_are_outliers() -> None:
    assert modes([1.0] * 8 + [100.0, 101.0]) is None


def test_nine_values_show_no_clusters() -> None:
    assert modes([1.0] * 5 + [100.0] * 4) is None


def test_values_that_agree_are_one_cluster() -> None:
    assert modes([3.0] * 20) is None
    assert modes([0.1 + 0.2] * 10 + [0.3] * 10) is None
