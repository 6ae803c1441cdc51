"""Laws of health: so many results in a row turn the verdict, and nothing else does."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from policies.health import Health, HealthLimits
from properties.strategies.balancing import checks


@st.composite
def checked(draw: st.DrawFn) -> tuple[HealthLimits, list[bool]]:
    """Limits, and results that play about them."""
    limits = HealthLimits(rise=draw(st.integers(1, 4)), fall=draw(st.integers(1, 4)))
    return limits, draw(checks(limits.rise, limits.fall))


@given(checked())
def test_the_verdict_turns_exactly_when_a_row_of_results_against_it_is_long_enough(
    case: tuple[HealthLimits, list[bool]],
) -> None:
    limits, results = case
    health = Health(limits)
    verdict, turned_at = False, 0
    for count in range(1, len(results) + 1):
        needed = limits.fall if verdict else limits.rise
        since = results[turned_at:count]
        if len(since) >= needed and set(since[-needed:]) == {not verdict}:
            verdict, turned_at = not verdict, count
        assert health.observe(passed=results[count - 1]) == health.healthy == verdict


@given(checked(), st.booleans())
def test_whatever_was_before_a_lasting_change_is_known_after_so_many_checks(
    case: tuple[HealthLimits, list[bool]],
    passed: bool,  # noqa: FBT001  # given by Hypothesis
) -> None:
    limits, before = case
    health = Health(limits)
    for result in before:
        health.observe(passed=result)
    for _ in range(limits.rise if passed else limits.fall):
        health.observe(passed=passed)
    assert health.healthy == passed


@given(checked())
def test_two_turns_lie_at_least_the_lesser_limit_apart(
    case: tuple[HealthLimits, list[bool]],
) -> None:
    limits, results = case
    health = Health(limits)
    verdicts = [health.healthy, *(health.observe(passed=result) for result in results)]
    turns = [index for index in range(1, len(verdicts)) if verdicts[index] != verdicts[index - 1]]
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert all(gap >= min(limits.rise, limits.fall) for gap in gaps)
