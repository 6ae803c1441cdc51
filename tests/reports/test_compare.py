"""Prediction against measurement."""

import pytest

from reports.compare import Figure, compare, figures_by_class
from tests.reports.sample import MS, lognormal_ns, outcome_of, sample_record, small_record


def _figure(name: str, predicted: list[int], measured: list[int]) -> Figure:
    comparison = compare(
        small_record("simulated", {"read": outcome_of(predicted)}),
        small_record("processes", {"read": outcome_of(measured)}),
    )
    [figure] = [each for each in comparison.classes[0].figures if each.name == name]
    return figure


@pytest.mark.requirement("learning-18.4")
def test_the_relative_error_is_predicted_over_measured_minus_one() -> None:
    figure = _figure("p50", [3 * MS] * 100, [4 * MS] * 100)
    assert figure.predicted == pytest.approx(3 * MS, rel=0.002)
    assert figure.measured == pytest.approx(4 * MS, rel=0.002)
    assert figure.relative_error == pytest.approx(-0.25, abs=0.003)


def test_throughput_counts_what_ended_ok_in_the_measured_part() -> None:
    figure = _figure("throughput", [MS] * 90, [MS] * 100)
    assert (figure.predicted, figure.measured) == (9.0, 10.0)
    assert figure.relative_error == pytest.approx(-0.1)


def test_the_summary_tells_throughput_that_matched_from_throughput_that_did_not() -> None:
    of_ten, of_nine = outcome_of([MS] * 10), outcome_of([MS] * 9)
    measured = small_record("processes", {"read": of_ten})
    same = compare(small_record("simulated", {"read": of_ten}), measured)
    less = compare(small_record("simulated", {"read": of_nine}), measured)
    assert same.summary[-1] == "Predicted throughput matched what was measured."
    assert less.summary[-1] == ("Predicted throughput was off by at most 10\N{NO-BREAK SPACE}%.")


def test_a_p99_of_twenty_operations_is_not_quoted() -> None:
    figure = _figure("p99", [MS] * 1000, [MS] * 20)
    assert figure.measured is None
    assert figure.measured_interval is None
    assert figure.relative_error is None
    assert figure.beyond_noise is None
    assert figure.reason == (
        "p99 takes at least 368 operations that ended ok; there are 20 measured"
    )
    assert figure.predicted is not None


def test_two_samples_of_one_distribution_differ_within_noise() -> None:
    values = lognormal_ns(5 * MS, 0.7, 2_000)
    figure = _figure("p95", values[:1_000], values[1_000:])
    assert figure.beyond_noise is False
    assert figure.error_interval is not None
    low, high = figure.error_interval
    assert low < 0 < high


def test_a_shift_of_a_half_is_beyond_the_noise_of_a_thousand_operations() -> None:
    values = lognormal_ns(5 * MS, 0.7, 1_000)
    figure = _figure("p95", values, [value * 3 // 2 for value in values])
    assert figure.beyond_noise is True
    assert figure.measured_interval is not None
    assert figure.measured is not None
    low, high = figure.measured_interval
    assert low < figure.measured < high


def test_shares_of_errors_are_judged_by_intervals_that_do_not_touch() -> None:
    comparison = compare(
        small_record("simulated", {"read": outcome_of([MS] * 900, refused=100)}),
        small_record("processes", {"read": outcome_of([MS] * 700, refused=290, failed=10)}),
    )
    figures = {figure.name: figure for figure in comparison.classes[0].figures}
    assert figures["refused"].predicted == pytest.approx(0.10)
    assert figures["refused"].measured == pytest.approx(0.29)
    assert figures["refused"].beyond_noise is True
    assert figures["failed"].relative_error == pytest.approx(-1.0)
    assert figures["unanswered"].relative_error == 0.0


def test_an_error_against_nothing_has_a_reason_in_its_place() -> None:
    comparison = compare(
        small_record("simulated", {"read": outcome_of([MS] * 99, failed=1)}),
        small_record("processes", {"read": outcome_of([MS] * 100)}),
    )
    [failed] = [each for each in comparison.classes[0].figures if each.name == "failed"]
    assert failed.relative_error is None
    assert failed.reason == "measured 0, so there is no relative error"


def test_a_class_of_one_world_only_is_listed_without_errors() -> None:
    comparison = compare(
        small_record("simulated", {"read": outcome_of([MS] * 100)}),
        small_record("processes", {}),
    )
    [figures] = comparison.classes
    assert all(figure.relative_error is None for figure in figures.figures)
    assert figures.figures[0].reason == "nothing of this class was measured"
    assert comparison.mean_absolute_error is None
    assert comparison.summary[0].startswith("No latency quantile could be compared")


def test_half_is_a_worse_prediction_than_one_and_six_tenths() -> None:
    comparison = compare(
        small_record(
            "simulated", {"a": outcome_of([5 * MS] * 10), "b": outcome_of([16 * MS] * 10)}
        ),
        small_record(
            "processes", {"a": outcome_of([10 * MS] * 10), "b": outcome_of([10 * MS] * 10)}
        ),
    )
    assert comparison.worst_of == "p50 of a"
    assert comparison.worst_error == pytest.approx(-0.5, abs=0.003)
    assert comparison.mean_absolute_error == pytest.approx(0.55, abs=0.003)


def test_records_of_different_scenarios_are_not_compared() -> None:
    predicted = small_record("simulated", {}).model_copy(update={"scenario": "other"})
    with pytest.raises(ValueError, match="different scenarios cannot be compared: other, baseline"):
        compare(predicted, small_record("processes", {}))


def test_requests_come_before_jobs_and_both_by_name() -> None:
    classes = figures_by_class(sample_record("simulated"), None)
    names = [each.name for each in classes]
    assert names == ["list_titles", "read_title", "submit_video", "update_title", "render"]


def test_a_comparison_reads_back_from_json() -> None:
    comparison = compare(sample_record("simulated"), sample_record("processes", slower=1.2))
    assert type(comparison).model_validate_json(comparison.model_dump_json()) == comparison
