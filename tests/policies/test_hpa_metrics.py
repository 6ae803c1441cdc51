"""Stories of one metric: what is refused, and what happens at the ends of the ranges."""

import pytest

from policies.hpa_metrics import (
    NOBODY,
    REPLICAS_MAX,
    MetricKind,
    MetricSpec,
    PodGroup,
    TargetKind,
    largest_proposal,
    replicas_by_average,
    replicas_by_pods,
    replicas_by_value,
    tolerance_of,
)

TENTH = tolerance_of(0.1, 0.1)


@pytest.mark.parametrize(
    ("kind", "target_kind"),
    [
        ("resource", "value"),
        ("container_resource", "value"),
        ("pods", "utilisation"),
        ("pods", "value"),
        ("object", "utilisation"),
        ("external", "utilisation"),
    ],
)
def test_a_target_that_a_metric_cannot_have_is_refused(
    kind: MetricKind, target_kind: TargetKind
) -> None:
    with pytest.raises(
        ValueError, match=rf"^target_kind of a {kind} metric cannot be {target_kind}"
    ):
        MetricSpec(kind, target_kind, 1)


def test_a_target_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^target must be at least 1, got 0"):
        MetricSpec("resource", "utilisation", 0)


def test_the_tolerated_ratios_include_their_ends() -> None:
    assert replicas_by_value(10, 10, 110, 100, TENTH) == 10
    assert replicas_by_value(10, 10, 90, 100, TENTH) == 10
    assert replicas_by_value(10, 10, 111, 100, TENTH) == 12
    assert replicas_by_value(10, 10, 89, 100, TENTH) == 9


def test_what_is_called_for_ends_at_thirty_two_bits() -> None:
    largest = 2**63 - 1
    assert replicas_by_pods(1, 1, PodGroup(1, largest, 1), NOBODY, NOBODY, TENTH) == REPLICAS_MAX
    assert replicas_by_value(1, largest, largest, 1, TENTH) == REPLICAS_MAX
    assert replicas_by_value(0, 0, largest, 1, TENTH) == REPLICAS_MAX
    assert replicas_by_average(1, largest, 1, TENTH) == REPLICAS_MAX


def test_without_proposals_nothing_is_called_for() -> None:
    assert largest_proposal(3, []) is None
    assert largest_proposal(3, [None, 2]) is None
    assert largest_proposal(3, [None, 3]) == 3
    assert largest_proposal(3, [1, 2]) == 2
