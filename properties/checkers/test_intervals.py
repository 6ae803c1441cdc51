"""Interval sweeps say what a search by brute force says, and are unknown where both can be."""

from collections.abc import Iterator
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from properties.checkers.intervals import Moment, Span, capacity_kept, exact, held_by_one, most_held
from properties.checkers.verdict import Verdict
from properties.profiles import scaled


@st.composite
def spans(draw: st.DrawFn, *, vague: bool, least: int = 0) -> list[Span]:
    """Up to four short spans of two resources; vague: with ends known to a nanosecond or two."""
    found = []
    for number in range(draw(st.integers(least, 4))):
        begun_ns, lasts_ns = draw(st.integers(0, 4)), draw(st.integers(0, 3))
        span = exact(draw(st.sampled_from("ab")), str(number), draw(st.integers(0, 3)), 0, 0)
        before, after = (draw(st.integers(0, 2)) if vague else 0 for _ in range(2))
        begun = Moment(begun_ns, begun_ns + before)
        ended = Moment(begun.latest_ns + lasts_ns, begun.latest_ns + lasts_ns + after)
        found.append(span._replace(begun=begun, ended=ended))
    return found


def too_much(held: list[tuple[Span, int, int]], capacities: dict[str, int]) -> bool:
    """Look at every nanosecond, with these begins and ends."""
    return any(
        sum(span.amount for span, begin, end in held if span.resource == of and begin <= at < end)
        > capacity
        for of, capacity in capacities.items()
        for at in range(16)
    )


def possible_pasts(of: list[Span]) -> Iterator[list[tuple[Span, int, int]]]:
    """Give every way in which it can have been."""
    ends = [
        [
            (span, begin, end)
            for begin in range(span.begun.earliest_ns, span.begun.latest_ns + 1)
            for end in range(span.ended.earliest_ns, span.ended.latest_ns + 1)
        ]
        for span in of
    ]
    for past in product(*ends):
        yield list(past)


@given(spans=spans(vague=False), capacity=st.integers(0, 6))
def test_with_known_ends_the_sweep_finds_what_a_look_at_every_nanosecond_finds(
    spans: list[Span], capacity: int
) -> None:
    capacities = {"a": capacity, "b": 3}
    [past] = possible_pasts(spans)
    judgement = capacity_kept(spans, capacities)
    if too_much(past, capacities):
        assert judgement.verdict is Verdict.BROKEN
    else:
        assert judgement.verdict is (Verdict.HOLDS if spans else Verdict.UNKNOWN)
    alone = [span._replace(amount=1) for span in spans]
    assert held_by_one(spans) == capacity_kept(alone, {"a": 1, "b": 1})


@settings(max_examples=scaled(60), deadline=None)
@given(spans=spans(vague=True, least=1), capacity=st.integers(0, 6))
def test_with_vague_ends_it_is_broken_if_it_must_be_and_unknown_if_it_may_be(
    spans: list[Span], capacity: int
) -> None:
    capacities = {"a": capacity, "b": 3}
    pasts = {too_much(past, capacities) for past in possible_pasts(spans)}
    expected = {
        (True,): Verdict.BROKEN,
        (False,): Verdict.HOLDS,
        (False, True): Verdict.UNKNOWN,
    }[tuple(sorted(pasts))]
    judgement = capacity_kept(spans, capacities)
    # Two vague spans may be bound to meet at one of two times, and at neither for certain.
    assert judgement.verdict is expected or (
        expected is Verdict.BROKEN and judgement.verdict is Verdict.UNKNOWN
    )


@given(spans=spans(vague=False), capacity=st.integers(0, 6))
def test_what_holds_holds_with_the_most_that_was_held_and_not_with_less(
    spans: list[Span], capacity: int
) -> None:
    of_a = [span for span in spans if span.resource == "a"]
    most = most_held(of_a)
    judgement = capacity_kept(of_a, {"a": capacity})
    assert (judgement.verdict is Verdict.BROKEN) is (most > capacity)
    assert bool(judgement) is (bool(of_a) and most <= capacity)
