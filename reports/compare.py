"""Prediction against measurement: how wrong was it, and is the difference more than noise?

The relative error of a figure is predicted / measured - 1. A latency quantile comes with
its 95 % interval, and its error with one that counts the noise of both runs; where too
few operations stand behind a quantile, none is quoted, and the reason stands in its
place.
"""

import math
from collections.abc import Iterator
from statistics import fmean
from typing import Literal

from reports.intervals import Interval, quantile_interval, ratio_interval, samples_needed
from reports.quantities import relative
from scenarios.histogram import Histogram
from scenarios.history import Outcome
from scenarios.model import RecordModel
from scenarios.objectives import wilson_interval
from scenarios.records import ClassOutcome, RunRecord

QuantileName = Literal["p50", "p95", "p99"]
ErrorName = Literal["refused", "failed", "unanswered"]

QUANTILES: dict[QuantileName, float] = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
ERRORS: dict[ErrorName, Outcome] = {
    "refused": Outcome.REFUSED,
    "failed": Outcome.FAILED,
    "unanswered": Outcome.UNKNOWN,
}


class Figure(RecordModel):
    """One quantity of one class, predicted and measured."""

    name: Literal["throughput"] | QuantileName | ErrorName
    unit: Literal["1/s", "ns", "share"]
    predicted: float | None = None
    measured: float | None = None
    predicted_interval: tuple[float, float] | None = None
    """95 %; of quantiles and shares."""

    measured_interval: tuple[float, float] | None = None

    relative_error: float | None = None
    """predicted / measured - 1."""

    error_interval: tuple[float, float] | None = None
    """95 %, with the sampling noise of both runs; of quantiles."""

    beyond_noise: bool | None = None
    """Whether noise alone does not explain the difference. None: cannot be told."""

    reason: str = ""
    """Why a number is missing."""


class ClassComparison(RecordModel):
    """One request class, or the jobs of one queue."""

    name: str
    is_job: bool
    predicted_ok: int
    measured_ok: int
    figures: tuple[Figure, ...]


class Comparison(RecordModel):
    """What was predicted, beside what was measured."""

    scenario: str
    predicted_world: str
    measured_world: str
    classes: tuple[ClassComparison, ...]
    mean_absolute_error: float | None
    """Of the latency quantiles that could be compared."""

    worst_error: float | None
    """The worst of these errors by its factor, so that half is as wrong as double."""

    worst_of: str | None
    """Where: ``p99 of read_title``."""

    summary: tuple[str, ...]
    """The same in sentences."""


def compare(predicted: RunRecord, measured: RunRecord) -> Comparison:
    """Lay two records of one scenario side by side.

    Raises:
        ValueError: they are of different scenarios.
    """
    if predicted.scenario != measured.scenario:
        raise ValueError(
            f"records of different scenarios cannot be compared: "
            f"{predicted.scenario}, {measured.scenario}"
        )
    classes = figures_by_class(predicted, measured)
    errors = [
        (figure.relative_error, f"{figure.name} of {found.name}")
        for found in classes
        for figure in found.figures
        if figure.name in QUANTILES and figure.relative_error is not None
    ]
    worst = max(errors, key=lambda error: _off_by(error[0]), default=(None, None))
    return Comparison(
        scenario=measured.scenario,
        predicted_world=predicted.world,
        measured_world=measured.world,
        classes=classes,
        mean_absolute_error=fmean(abs(error) for error, _ in errors) if errors else None,
        worst_error=worst[0],
        worst_of=worst[1],
        summary=tuple(_sentences(classes, worst)),
    )


def _off_by(error: float) -> float:
    return abs(math.log1p(error)) if error > -1 else math.inf


def figures_by_class(
    predicted: RunRecord | None, measured: RunRecord | None
) -> tuple[ClassComparison, ...]:
    """Return the figures of each class, requests before jobs; one record may be missing."""
    found: dict[str, list[ClassOutcome | None]] = {}
    for i, record in enumerate((predicted, measured)):
        for name, outcome in (record.classes if record else {}).items():
            found.setdefault(name, [None, None])[i] = outcome
    return tuple(
        sorted(
            (
                _compare_class(name, *outcomes, seconds=_seconds(measured or predicted))
                for name, outcomes in found.items()
            ),
            key=lambda each: (each.is_job, each.name),
        )
    )


def _seconds(record: RunRecord | None) -> float:
    assert record is not None, "a class is in one record at least"
    return (record.measured_until_ns - record.measured_from_ns) / 1e9


def _compare_class(
    name: str, predicted: ClassOutcome | None, measured: ClassOutcome | None, *, seconds: float
) -> ClassComparison:
    figures = [_throughput(predicted, measured, seconds)]
    figures += [_quantile(of, q, predicted, measured) for of, q in QUANTILES.items()]
    figures += [_share(of, outcome, predicted, measured) for of, outcome in ERRORS.items()]
    return ClassComparison(
        name=name,
        is_job=any(outcome.is_job for outcome in (predicted, measured) if outcome),
        predicted_ok=_latency(predicted).count,
        measured_ok=_latency(measured).count,
        figures=tuple(figures),
    )


def _throughput(
    predicted: ClassOutcome | None, measured: ClassOutcome | None, seconds: float
) -> Figure:
    rates = [
        outcome.counts.get(Outcome.OK, 0) / seconds if outcome else None
        for outcome in (predicted, measured)
    ]
    return _with_error(Figure(name="throughput", unit="1/s", predicted=rates[0], measured=rates[1]))


def _quantile(
    name: QuantileName,
    q: float,
    predicted: ClassOutcome | None,
    measured: ClassOutcome | None,
) -> Figure:
    of_predicted, of_measured = _latency(predicted), _latency(measured)
    noise_predicted = quantile_interval(of_predicted, q)
    noise_measured = quantile_interval(of_measured, q)
    missing = [
        f"{histogram.count} {world}"
        for world, histogram in (("predicted", of_predicted), ("measured", of_measured))
        if histogram.count < samples_needed(q)
    ]
    figure = Figure(
        name=name,
        unit="ns",
        predicted=of_predicted.quantile(q) if noise_predicted else None,
        measured=of_measured.quantile(q) if noise_measured else None,
        predicted_interval=noise_predicted,
        measured_interval=noise_measured,
        reason=(
            f"{name} takes at least {samples_needed(q)} operations that ended ok; "
            f"there are {' and '.join(missing)}"
            if missing
            else ""
        ),
    )
    if noise_predicted is None or noise_measured is None:
        return figure
    return _with_noise(_with_error(figure), noise_predicted, noise_measured)


def _with_noise(figure: Figure, of_predicted: Interval, of_measured: Interval) -> Figure:
    if not figure.predicted or not figure.measured or not (of_predicted.low and of_measured.low):
        return figure
    low, high = ratio_interval(figure.predicted, of_predicted, figure.measured, of_measured)
    error_interval = (low - 1, high - 1)
    beyond_noise = not low <= 1 <= high
    return figure.model_copy(
        update={"error_interval": error_interval, "beyond_noise": beyond_noise}
    )


def _share(
    name: ErrorName,
    outcome: Outcome,
    predicted: ClassOutcome | None,
    measured: ClassOutcome | None,
) -> Figure:
    shares, noise = [], []
    for found in (predicted, measured):
        bad, total = (found.counts.get(outcome, 0), found.total) if found else (0, 0)
        shares.append(bad / total if total else None)
        noise.append(wilson_interval(bad, total) if total else None)
    # Two intervals that do not touch: a cautious rule, which needs no ratio of zeros.
    apart = None
    if noise[0] and noise[1]:
        apart = noise[0][0] > noise[1][1] or noise[0][1] < noise[1][0]
    return _with_error(
        Figure(
            name=name,
            unit="share",
            predicted=shares[0],
            measured=shares[1],
            predicted_interval=noise[0],
            measured_interval=noise[1],
            beyond_noise=apart,
        )
    )


def _with_error(figure: Figure) -> Figure:
    if figure.predicted is None or figure.measured is None:
        absent = "predicted" if figure.predicted is None else "measured"
        return figure.model_copy(update={"reason": f"nothing of this class was {absent}"})
    if figure.predicted == figure.measured:
        return figure.model_copy(update={"relative_error": 0.0})
    if figure.measured == 0:
        return figure.model_copy(update={"reason": "measured 0, so there is no relative error"})
    return figure.model_copy(update={"relative_error": figure.predicted / figure.measured - 1})


def _latency(outcome: ClassOutcome | None) -> Histogram:
    return outcome.latency_ns if outcome is not None else Histogram()


def _sentences(
    classes: tuple[ClassComparison, ...], worst: tuple[float | None, str | None]
) -> Iterator[str]:
    figures = [figure for found in classes for figure in found.figures]
    quantiles = [figure for figure in figures if figure.name in QUANTILES]
    known = [figure for figure in quantiles if figure.relative_error is not None]
    if worst[0] is None or not known:
        yield "No latency quantile could be compared: too few operations ended ok in both worlds."
    else:
        mean = fmean(abs(figure.relative_error or 0.0) for figure in known)
        yield (
            f"Predicted latency was off by {relative(mean).lstrip('+')} on average over "
            f"{len(known)} quantiles, at worst by {relative(worst[0])} ({worst[1]})."
        )
        beyond = sum(bool(figure.beyond_noise) for figure in known)
        said = f"{beyond or 'None'} of these {len(known)} differences"
        yield f"{said} {'is' if beyond == 1 else 'are'} beyond sampling noise."
    if len(known) < len(quantiles):
        left = len(quantiles) - len(known)
        rest = "rests" if left == 1 else "rest"
        yield f"{left} of {len(quantiles)} quantiles {rest} on too few operations to be compared."
    rates = [
        figure.relative_error
        for figure in figures
        if figure.name == "throughput" and figure.relative_error is not None
    ]
    if rates:
        furthest = max(rates, key=abs)
        off = relative(abs(furthest))
        matched = "matched what was measured"
        said = f"was off by at most {off.lstrip('+')}" if off.startswith("+") else matched
        yield f"Predicted throughput {said}."
