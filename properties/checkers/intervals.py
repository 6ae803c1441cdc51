"""Judges of who held what when: no resource beyond its capacity, no two where one may be.

The ends of a span may be known only within bounds: a live process tells before it asks and after
it was answered, a killed one tells nothing more. What was held for certain decides between broken
and not; what may have been held besides decides between holds and unknown.

A span holds from its begin up to its end, not at it: who comes when another goes does not meet it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final, NamedTuple

from properties.checkers.verdict import Judgement, broken, holds, unknown, worst

FOREVER_NS: Final = 2**63 - 1
"""The latest end of what nobody saw end."""


class Moment(NamedTuple):
    """When something happened, as far as it is known."""

    earliest_ns: int
    latest_ns: int


class Span(NamedTuple):
    """So much of a resource, held by somebody for a while."""

    resource: str
    holder: str
    amount: int
    begun: Moment
    ended: Moment

    def __str__(self) -> str:
        return (
            f"{self.holder} has {self.amount} of {self.resource} "
            f"from {_told(self.begun)} to {_told(self.ended)}"
        )


def exact(resource: str, holder: str, amount: int, begun_ns: int, ended_ns: int) -> Span:
    """Return a span whose ends are known."""
    begun, ended = Moment(begun_ns, begun_ns), Moment(ended_ns, ended_ns)
    return Span(resource, holder, amount, begun, ended)


def capacity_kept(spans: Iterable[Span], capacities: Mapping[str, int]) -> Judgement:
    """Judge whether at no time more of a resource was held than there is; O(n log n).

    Unknown where nobody held anything.

    Raises:
        ValueError: a span is of a resource without a capacity, of an amount below 0, or has an
            end before its begin.
    """
    by_resource: dict[str, list[Span]] = {}
    for span in spans:
        _check(span, capacities)
        by_resource.setdefault(span.resource, []).append(span)
    judgement = worst(
        _judged(of_one, capacities[resource]) for resource, of_one in by_resource.items()
    )
    return judgement if not judgement else holds(*map(_tell_the_most, by_resource.values()))


def held_by_one(spans: Iterable[Span]) -> Judgement:
    """Judge whether no two spans of a resource overlap, whatever their amounts and holders.

    Unknown where nobody held anything.

    Raises:
        ValueError: a span has an end before its begin.
    """
    each_one = [span._replace(amount=1) for span in spans]
    return capacity_kept(each_one, {span.resource: 1 for span in each_one})


def most_held(spans: Iterable[Span]) -> int:
    """Return the most that was held for certain at one time, of one resource."""
    return max((total for total, _, _ in _totals(spans, certain=True)), default=0)


def _check(span: Span, capacities: Mapping[str, int]) -> None:
    if span.resource not in capacities:
        raise ValueError(f"{span.resource} has no capacity")
    if span.amount < 0:
        raise ValueError(f"an amount must be at least 0: {span}")
    for earlier, later in (span.begun, span.ended, (span.begun.earliest_ns, span.ended.latest_ns)):
        if earlier > later:
            raise ValueError(f"an end must not be before its begin: {span}")


def _judged(spans: list[Span], capacity: int) -> Judgement:
    for certain, verdict in ((True, broken), (False, unknown)):
        for total, at_ns, active in _totals(spans, certain=certain):
            if total > capacity:
                claim = "is" if certain else "may be"
                story = f"at {at_ns} ns {total} of {spans[0].resource} {claim} held, of {capacity}"
                return verdict(story, *sorted(map(str, active)))
    return holds()


def _totals(spans: Iterable[Span], *, certain: bool) -> Iterator[tuple[int, int, Collection[Span]]]:
    """Give how much is held, from when on, and by whom up to the next change."""
    changes: list[tuple[int, bool, int, Span]] = []
    for number, span in enumerate(spans):
        begin_ns, end_ns = _core(span) if certain else _hull(span)
        if begin_ns < end_ns:
            # At one time the ends come first: False is before True.
            changes += [(begin_ns, True, number, span), (end_ns, False, number, span)]
    changes.sort(key=lambda change: change[:3])
    active: dict[int, Span] = {}
    total = 0
    for at_ns, together in groupby(changes, key=lambda change: change[0]):
        for _, begins, number, span in together:
            if begins:
                active[number] = span
                total += span.amount
            else:
                del active[number]
                total -= span.amount
        yield total, at_ns, active.values()


def _core(span: Span) -> tuple[int, int]:
    return span.begun.latest_ns, span.ended.earliest_ns


def _hull(span: Span) -> tuple[int, int]:
    return span.begun.earliest_ns, span.ended.latest_ns


def _tell_the_most(spans: list[Span]) -> str:
    return f"at most {most_held(spans)} of {spans[0].resource} was held, by {len(spans)} spans"


def _told(moment: Moment) -> str:
    if moment.earliest_ns == moment.latest_ns:
        return f"{moment.earliest_ns} ns"
    latest = "ever" if moment.latest_ns == FOREVER_NS else f"{moment.latest_ns} ns"
    return f"{moment.earliest_ns} ns or later, {latest} at the latest"
