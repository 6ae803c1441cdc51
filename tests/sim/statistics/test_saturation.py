"""Queues that grow, and those that only look like it."""

import pytest

from sim.statistics.honest import Reason, Refusal
from sim.statistics.saturation import refuse_saturated
from tests.sim.statistics.made import Values, record

MS = 1e6


def runs(**series: list[Values]) -> Refusal | None:
    """Judge five runs, with each series' own values for each of them."""
    names = list(series)
    return refuse_saturated(
        [
            record([5] * 800, utilisation=0.98, series=dict(zip(names, found, strict=True)))
            for found in zip(*series.values(), strict=True)
        ]
    )


def around(values: list[float]) -> list[Values]:
    """Return five series that differ a little."""
    return [tuple(value * (1 + run / 100) for value in values) for run in range(5)]


FLAT = around([100.0] * 8)


def test_latency_that_grows_by_half_is_a_queue_that_grows() -> None:
    latency = around([10 * MS, 11 * MS, 12 * MS, 12 * MS, 13 * MS, 14 * MS, 15 * MS, 17 * MS])
    refusal = runs(offered=FLAT, ok=FLAT, latency_p50=latency)
    assert refusal is not None
    assert refusal.reason is Reason.SATURATED
    assert "Latency grew from 10.71 to 16.32 ms through the measured 8 s" in refusal.because
    assert "while door was busy 98% of the time" in refusal.because


def test_latency_that_grows_by_less_is_not() -> None:
    latency = around([10 * MS] * 4 + [14 * MS] * 4)
    assert runs(offered=FLAT, ok=FLAT, latency_p50=latency) is None


def test_growth_in_some_runs_and_shrinking_in_others_is_luck() -> None:
    up, down = (1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 5.0, 5.0), (2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0)
    assert runs(offered=FLAT, ok=FLAT, latency_p99=[up, up, down, up, down]) is None


def test_the_latency_of_the_slowest_is_looked_at_too() -> None:
    refusal = runs(offered=FLAT, ok=FLAT, latency_p99=around([float(it) for it in range(8)]))
    assert refusal is not None


def test_a_queue_is_named() -> None:
    refusal = runs(
        offered=FLAT, ok=FLAT, **{"queue_depth.render": around([float(it) for it in range(8)])}
    )
    assert refusal is not None
    assert refusal.because.startswith("The queue render grew from 0.51 to 6.63 jobs")


def test_a_queue_that_grows_by_less_than_a_job_is_no_matter() -> None:
    depth = around([it / 10 for it in range(8)])
    assert runs(offered=FLAT, ok=FLAT, **{"queue_depth.render": depth}) is None


@pytest.mark.parametrize(("end_ms", "saturated"), [(70, False), (300, True)])
def test_where_the_load_grows_latency_may_grow_with_it_and_settle(
    end_ms: float, *, saturated: bool
) -> None:
    # A hundredth of the measured 8 s is 80 ms.
    ramp = around([100.0 + 10 * it for it in range(8)])
    latency = around([10 * MS] * 4 + [end_ms * MS] * 4)
    assert (runs(offered=ramp, ok=ramp, latency_p50=latency) is not None) is saturated


@pytest.mark.parametrize(("end", "saturated"), [(7.0, False), (12.0, True)])
def test_where_the_load_grows_a_queue_may_grow_with_it_and_settle(
    end: float, *, saturated: bool
) -> None:
    # A hundredth of the 800 requests that each run had.
    ramp = around([100.0 + 10 * it for it in range(8)])
    depth = {"queue_depth.render": around([1.0] * 4 + [end] * 4)}
    assert (runs(offered=ramp, ok=ramp, **depth) is not None) is saturated


def test_seconds_without_answers_say_nothing_of_latency() -> None:
    holes: list[Values] = [(None, None, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0)] * 5
    assert runs(offered=FLAT, ok=FLAT, latency_p50=holes) is None


def test_only_the_measured_part_is_judged() -> None:
    warming = [record(series={"latency_p50": (1.0, 5.0, 5.0, 5.0, 5.0)}) for _ in range(5)]
    late = [it.model_copy(update={"measured_from_ns": 1_000_000_000}) for it in warming]
    assert refuse_saturated(warming) is not None
    assert refuse_saturated(late) is None
