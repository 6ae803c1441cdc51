"""Stories of backends that are left alone for a while."""

import pytest

from policies.outlier_ejection import OutlierEjection, OutlierLimits

LIMITS = OutlierLimits(
    failures_max=3,
    ejection_ns=100,
    ejection_max_ns=250,
    ejected_max_percent=50,
    requests_min=10,
)
FIVE = ["a", "b", "c", "d", "e"]


def fail(detector: OutlierEjection, backend: str, times: int, now_ns: int) -> list[bool]:
    return [detector.failed(backend, now_ns) for _ in range(times)]


def test_failures_in_a_row_eject_at_once_and_time_brings_back() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    assert fail(detector, "b", 3, now_ns=10) == [False, False, True]
    assert detector.eligible(10) == ["a", "c", "d", "e"]
    assert "b" not in detector.eligible(109)
    assert detector.eligible(110) == FIVE


def test_one_good_answer_begins_the_row_anew() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    fail(detector, "b", 2, now_ns=0)
    detector.answered("b", 0)
    assert fail(detector, "b", 2, now_ns=0) == [False, False]


def test_each_further_ejection_is_longer_up_to_the_cap() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    now_ns = 0
    for length_ns in (100, 200, 250, 250):
        fail(detector, "b", 3, now_ns)
        assert "b" not in detector.eligible(now_ns + length_ns - 1)
        now_ns += length_ns
        assert "b" in detector.eligible(now_ns)


def test_a_backend_that_stays_well_makes_good_for_its_ejections() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    fail(detector, "b", 3, now_ns=0)
    fail(detector, "b", 3, now_ns=100)
    # Out until 300; well from one sweep to the next twice over.
    for now_ns in (200, 300, 400, 500):
        detector.sweep(now_ns)
    fail(detector, "b", 3, now_ns=600)
    assert "b" in detector.eligible(700)


def test_word_of_requests_from_before_the_ejection_changes_nothing() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    fail(detector, "b", 3, now_ns=0)
    assert fail(detector, "b", 5, now_ns=50) == [False] * 5
    detector.answered("b", 50)
    assert "b" not in detector.eligible(99)
    assert fail(detector, "b", 2, now_ns=100) == [False, False]


def test_a_success_rate_far_below_the_rest_is_found_by_the_sweep() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    for name in FIVE:
        for request in range(20):
            # Never three failures in a row.
            if name == "d" and request % 2:
                detector.failed(name, 0)
            else:
                detector.answered(name, 0)
    assert detector.sweep(1) == ["d"]
    assert detector.eligible(1) == ["a", "b", "c", "e"]
    # What was counted before the sweep is not counted again.
    assert detector.sweep(2) == []


def test_of_two_outliers_the_worse_goes_first() -> None:
    ten = "abcdefghij"
    detector = OutlierEjection(ten, OutlierLimits(deviations_percent=100, failures_max=1000))
    for name in ten:
        for request in range(100):
            failed = request < {"c": 50, "j": 90}.get(name, 0)
            (detector.failed if failed else detector.answered)(name, 0)
    # A tenth of ten may be out.
    assert detector.sweep(1) == ["j"]


def test_too_few_requests_or_too_few_backends_make_no_outlier() -> None:
    for names, requests in ((FIVE, 9), (FIVE[:4], 20)):
        detector = OutlierEjection(names, LIMITS)
        for name in names:
            for request in range(requests):
                if name == "a" and request % 2:
                    detector.failed(name, 0)
                else:
                    detector.answered(name, 0)
        assert detector.sweep(1) == []


def test_equal_rates_have_no_outlier_however_low() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    for name in FIVE:
        for request in range(20):
            (detector.answered if request % 2 else detector.failed)(name, 0)
    assert detector.sweep(1) == []


def test_never_more_than_the_share_and_never_the_last() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    assert [fail(detector, name, 3, 0)[-1] for name in FIVE] == [True, True, False, False, False]
    # What had to stay goes as soon as there is room again.
    assert detector.failed("c", 100)
    alone = OutlierEjection(["a"], LIMITS)
    assert fail(alone, "a", 9, 0) == [False] * 9
    pair = OutlierEjection(["a", "b"], OutlierLimits(failures_max=1, ejected_max_percent=100))
    assert [pair.failed("a", 0), pair.failed("b", 0)] == [True, False]


def test_backends_come_and_go_and_who_stays_is_still_known() -> None:
    detector = OutlierEjection(FIVE, LIMITS)
    fail(detector, "b", 3, now_ns=0)
    detector.follow(["b", "c", "f"])
    assert detector.eligible(1) == ["c", "f"]
    assert not detector.failed("a", 1)
    detector.answered("a", 1)
    detector.follow([])
    assert detector.eligible(1) == []
    assert detector.sweep(1) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("failures_max", 0),
        ("ejection_ns", 0),
        ("ejection_max_ns", 1),
        ("ejected_max_percent", 101),
        ("requests_min", 0),
        ("backends_min", 1),
        ("deviations_percent", 501),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be from .*, got {value}"):
        OutlierLimits(**{name: value})


def test_more_backends_than_can_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^backends must be at most 1000, got 1001"):
        OutlierEjection([str(number) for number in range(1001)], LIMITS)


def test_before_time_zero_backends_are_eligible_and_ejected_like_at_any_other() -> None:
    ejection = OutlierEjection(["a", "b"], OutlierLimits(failures_max=1, ejection_ns=10))
    assert ejection.eligible(-100) == ["a", "b"]
    assert ejection.failed("a", -100)
    assert ejection.eligible(-91) == ["b"]
    assert ejection.eligible(-90) == ["a", "b"]
