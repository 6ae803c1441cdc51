"""Laws of ejection: for failures in a row or far below the rest, bounded, and not for ever."""

from fractions import Fraction
from math import sqrt
from statistics import pstdev

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policies.outlier_ejection import (
    OutlierEjection,
    OutlierLimits,
    ejection_time_ns,
    is_rate_outlier,
    may_eject,
)
from properties.profiles import scaled
from properties.strategies.balancing import NAMES, edges

rates = st.lists(st.integers(0, 10_000) | st.sampled_from([0, 5_000, 9_999, 10_000]), max_size=12)

SLACK = 1e-6
"""Of deviations that were computed in floats."""


@given(base_ns=st.integers(1, 2**40), cap_ns=st.integers(1, 2**62), times=st.integers(1, 2**62))
def test_an_ejection_lasts_as_often_its_time_as_there_were_up_to_the_cap(
    base_ns: int, cap_ns: int, times: int
) -> None:
    assume(base_ns <= cap_ns)
    assert ejection_time_ns(base_ns, cap_ns, times) == min(base_ns * times, cap_ns)


@given(backends=st.integers(0, 50), percent=st.integers(0, 100))
def test_a_share_may_be_out_and_one_at_least_but_never_the_last(
    backends: int, percent: int
) -> None:
    out = 0
    while may_eject(out, backends, percent):
        out += 1
    assert out == min(max(1, backends * percent // 100), max(0, backends - 1))


@given(found=rates.filter(lambda it: len(it) >= 2), percent=st.integers(1, 500))
def test_an_outlier_is_further_below_the_mean_than_so_many_deviations(
    found: list[int], percent: int
) -> None:
    total, squares = sum(found), sum(rate * rate for rate in found)
    deviation = pstdev(found)
    for rate in found:
        below = float(Fraction(total, len(found)) - rate)
        # At the edge the floats of this test may err; there, whole numbers decide.
        assume(abs(below - percent / 100 * deviation) > SLACK or deviation == 0)
        outlier = is_rate_outlier(rate, total, squares, len(found), percent)
        assert outlier == (below > percent / 100 * deviation)


@given(found=rates.filter(lambda it: len(it) >= 2))
def test_with_so_few_backends_none_is_an_outlier(found: list[int]) -> None:
    percent = int(sqrt(len(found) - 1) * 100) + 1
    total, squares = sum(found), sum(rate * rate for rate in found)
    assert not any(
        is_rate_outlier(rate, total, squares, len(found), min(percent, 500)) for rate in found
    )


class Ejection(RuleBasedStateMachine):
    """Six backends, whose failures in a row are counted here once more, by hand."""

    @initialize(failures_max=st.integers(1, 4), percent=st.sampled_from([0, 10, 34, 50, 100]))
    def begin(self, failures_max: int, percent: int) -> None:
        """Draw limits that three or four failures reach."""
        self.limits = OutlierLimits(
            failures_max=failures_max,
            ejection_ns=100,
            ejection_max_ns=350,
            ejected_max_percent=percent,
            requests_min=4,
            backends_min=4,
            deviations_percent=120,
        )
        self.detector = OutlierEjection(NAMES, self.limits)
        self.now_ns = 1_000
        self.row = dict.fromkeys(NAMES, 0)
        self.counted: dict[str, list[bool]] = {name: [] for name in NAMES}
        self.until_ns = dict.fromkeys(NAMES, 0)
        self.times = dict.fromkeys(NAMES, 0)

    @rule(name=st.sampled_from(NAMES), times=st.integers(1, 5))
    def answers(self, name: str, times: int) -> None:
        """Answer well some times."""
        for _ in range(times):
            self.detector.answered(name, self.now_ns)
            if not self.is_out(name):
                self.row[name] = 0
                self.counted[name].append(True)

    @rule(name=st.sampled_from(NAMES), off=st.integers(-1, 1))
    def fails_about_as_often_as_is_allowed(self, name: str, off: int) -> None:
        """Fail one time too few, just often enough, or once more."""
        for _ in range(self.limits.failures_max + off):
            was_out = self.is_out(name)
            ejected = self.detector.failed(name, self.now_ns)
            if was_out:
                assert not ejected, "an ejected backend was ejected"
                continue
            self.row[name] += 1
            self.counted[name].append(False)
            assert ejected == (self.row[name] >= self.limits.failures_max and self.has_place())
            if ejected:
                self.note_ejection(name)

    @rule(wait_ns=edges(100) | edges(350))
    def time_passes(self, wait_ns: int) -> None:
        """Go on to about the end of an ejection."""
        self.now_ns += wait_ns

    @rule()
    def all_are_busy(self) -> None:
        """Give every backend a success rate."""
        for name in NAMES:
            self.answers(name, 4)

    @precondition(lambda self: hasattr(self, "detector"))
    @rule()
    def is_swept(self) -> None:
        """Sweep: whom that ejects must have failed, often enough asked."""
        out_before = {name for name in NAMES if self.is_out(name)}
        ejected = self.detector.sweep(self.now_ns)
        for name in ejected:
            assert name not in out_before
            assert not all(self.counted[name]), "a backend that never failed was ejected"
            assert len(self.counted[name]) >= self.limits.requests_min
            assert self.has_place()
            self.note_ejection(name)
        for name in NAMES:
            self.counted[name] = []

    @invariant()
    def those_and_only_those_are_out_whose_time_is_not_over(self) -> None:
        """Hold them against our own list."""
        if hasattr(self, "detector"):
            assert self.detector.eligible(self.now_ns) == [
                name for name in NAMES if not self.is_out(name)
            ]

    @invariant()
    def never_more_than_the_share_is_out(self) -> None:
        """Count those who are out."""
        if hasattr(self, "detector"):
            out = len(NAMES) - len(self.detector.eligible(self.now_ns))
            assert out <= max(1, len(NAMES) * self.limits.ejected_max_percent // 100)
            assert out < len(NAMES)

    def is_out(self, name: str) -> bool:
        """Say whether it is ejected, by our own account."""
        return self.now_ns < self.until_ns[name]

    def has_place(self) -> bool:
        """Say whether one more may be."""
        out = sum(map(self.is_out, NAMES))
        return may_eject(out, len(NAMES), self.limits.ejected_max_percent)

    def note_ejection(self, name: str) -> None:
        """Find out when it returns, and that this is after a time that its past explains."""
        lengths_ns = {100, 200, 300, 350}
        back_ns = next(
            length_ns
            for length_ns in sorted(lengths_ns)
            if name in self.detector.eligible(self.now_ns + length_ns)
        )
        assert name not in self.detector.eligible(self.now_ns + back_ns - 1)
        self.times[name] += 1
        assert back_ns <= min(100 * self.times[name], 350)
        self.until_ns[name] = self.now_ns + back_ns
        self.row[name], self.counted[name] = 0, []


TestEjection = Ejection.TestCase
TestEjection.settings = settings(max_examples=scaled(40))


@given(repeats=st.integers(1, 12), sweeps=st.integers(0, 12))
def test_ejections_in_a_row_grow_and_quiet_times_make_good_for_them(
    repeats: int, sweeps: int
) -> None:
    limits = OutlierLimits(failures_max=1, ejection_ns=100, ejection_max_ns=10_000)
    detector = OutlierEjection(NAMES, limits)
    now_ns = 0
    for nth in range(1, repeats + 1):
        assert detector.failed("a", now_ns)
        assert "a" not in detector.eligible(now_ns + 100 * nth - 1)
        now_ns += 100 * nth
        assert "a" in detector.eligible(now_ns)
    # The first sweep only begins a quiet time.
    detector.sweep(now_ns)
    for _ in range(sweeps):
        now_ns += 1
        detector.sweep(now_ns)
    assert detector.failed("a", now_ns)
    length_ns = 100 * (1 + max(0, repeats - sweeps))
    assert "a" not in detector.eligible(now_ns + length_ns - 1)
    assert "a" in detector.eligible(now_ns + length_ns)
