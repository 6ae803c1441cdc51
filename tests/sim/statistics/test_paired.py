"""Two variants under the same luck."""

import math

import pytest

from scenarios.history import Outcome
from sim.statistics.figures import (
    Figure,
    Number,
    goodput,
    latency_quantile,
    mean_latency,
    outcome_share,
)
from sim.statistics.honest import Reason, Refusal
from sim.statistics.paired import Difference, difference
from sim.statistics.replications import Replications
from tests.sim.statistics.made import record, replications

SHIFTS = (0, 40, 10, 30, 20)


def variant(more: int = 0, noise: tuple[int, ...] = (0,) * 5) -> Replications:
    """Return five runs that differ a lot, all slower by ``more``, and by some noise."""
    return replications(
        [
            record(range(1 + shift + more + own, 101 + shift + more + own), refused=10 + shift)
            for shift, own in zip(SHIFTS, noise, strict=True)
        ]
    )


def test_a_shift_in_every_run_is_known_to_the_bit_although_runs_differ() -> None:
    found = difference(variant(), variant(more=7), mean_latency("ask"))
    assert isinstance(found, Difference)
    assert found.estimate.value == 7
    assert found.estimate.half_width == pytest.approx(0, abs=1e-9)
    assert found.variance_reduction > 1e9
    assert found.is_clear
    assert (found.first.value, found.second.value) == (70.5, 77.5)


def test_what_pairs_do_not_share_is_what_is_left() -> None:
    found = difference(variant(), variant(noise=(1, -1, 2, -2, 0)), mean_latency("ask"))
    assert isinstance(found, Difference)
    # Variances 250 of the shifts alone, 2.5 of the noise, and 212.5 of both.
    assert found.estimate.value == 0
    assert found.estimate.half_width == pytest.approx(2.7764 * math.sqrt(2.5 / 5), abs=1e-3)
    assert found.variance_reduction == pytest.approx((250 + 212.5) / 2.5, rel=1e-3)
    assert not found.is_clear


def test_the_second_is_compared_to_the_first() -> None:
    faster = difference(variant(more=7), variant(), mean_latency("ask"))
    assert isinstance(faster, Difference)
    assert faster.estimate.value == -7


@pytest.mark.parametrize(
    "figure",
    [
        latency_quantile("ask", 0.5),
        outcome_share("ask", Outcome.REFUSED),
        goodput("ask"),
        Number("ask", "largest", lambda it: it.classes["ask"].latency_ns.largest),
    ],
)
def test_a_variant_differs_from_itself_by_nothing(figure: Figure) -> None:
    found = difference(variant(), variant(), figure)
    assert isinstance(found, Difference)
    assert (found.estimate.low, found.estimate.value, found.estimate.high) == (0, 0, 0)
    assert found.variance_reduction in {1, math.inf}


def test_quantiles_are_paired_as_means_are() -> None:
    found = difference(variant(), variant(more=7), latency_quantile("ask", 0.5))
    assert isinstance(found, Difference)
    assert found.estimate.value == pytest.approx(7, abs=1)
    assert found.variance_reduction > 20


@pytest.mark.parametrize("nothing_first", [True, False])
def test_a_figure_that_one_variant_is_refused_is_not_compared(*, nothing_first: bool) -> None:
    silent = replications([record(refused=1)] * 5)
    pair = (silent, variant()) if nothing_first else (variant(), silent)
    found = difference(*pair, mean_latency("ask"))
    assert isinstance(found, Refusal)
    assert found.reason is Reason.WITHOUT_VALUE


def test_runs_with_other_seeds_are_no_pairs() -> None:
    others = replications([record([1])] * 5, first_seed=2)
    with pytest.raises(ValueError, match="pairs need the same seeds"):
        difference(variant(), others, mean_latency("ask"))
    fewer = Replications(1, variant().records[:4])
    with pytest.raises(ValueError, match="pairs need the same seeds"):
        difference(variant(), fewer, mean_latency("ask"))
