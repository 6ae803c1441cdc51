"""Judges of a number of replicas over time: how restless, how late, how fast, how short.

A timeline is a list of levels in the order of their times, each from its time until the next;
of several at one time the last counts. The last one goes on until the end of what was watched.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from properties.checkers.verdict import Judgement, broken, holds, unknown


class Level(NamedTuple):
    """How many, from a time on."""

    at_ns: int
    replicas: int


Timeline = Sequence[Level]


class Shortage(NamedTuple):
    """A stretch in which there were fewer replicas than needed."""

    from_ns: int
    until_ns: int
    missing_max: int


def direction_changes(levels: Timeline) -> int:
    """Return how often the number turned from rising to falling, or back."""
    steps = [later.replicas - earlier.replicas for earlier, later in pairwise(_settled(levels))]
    rises = [step > 0 for step in steps if step]
    return sum(one != other for one, other in pairwise(rises))


def total_variation(levels: Timeline) -> int:
    """Return how many replicas were started and stopped in all."""
    settled = _settled(levels)
    return sum(abs(later.replicas - earlier.replicas) for earlier, later in pairwise(settled))


def shortages(levels: Timeline, need: Timeline, until_ns: int) -> list[Shortage]:
    """Return the stretches with fewer replicas than needed, in order.

    Raises:
        ValueError: one of the timelines is empty or runs backwards.
    """
    short: list[Shortage] = []
    for from_ns, to_ns, replicas, needed in _side_by_side(levels, need, until_ns):
        if replicas >= needed:
            continue
        if short and short[-1].until_ns == from_ns:
            last = short.pop()
            missing_max = max(last.missing_max, needed - replicas)
            short.append(Shortage(last.from_ns, to_ns, missing_max))
        else:
            short.append(Shortage(from_ns, to_ns, needed - replicas))
    return short


def short_ns(levels: Timeline, need: Timeline, until_ns: int) -> int:
    """Return for how long there were fewer replicas than needed."""
    return sum(each.until_ns - each.from_ns for each in shortages(levels, need, until_ns))


def is_in_time(levels: Timeline, need: Timeline, *, within_ns: int, until_ns: int) -> Judgement:
    """Judge whether no shortage lasted longer than ``within_ns``.

    Unknown where a shortage that is not too long yet had not ended when the watch did, or where
    nothing was watched.
    """
    if not levels or not need:
        return unknown("no number of replicas was watched, or no need of them")
    short = shortages(levels, need, until_ns)
    for each in short:
        if each.until_ns - each.from_ns > within_ns:
            return broken(
                f"from {each.from_ns} to {each.until_ns} ns up to {each.missing_max} replicas were "
                f"missing, for longer than {within_ns} ns"
            )
    if short and short[-1].until_ns == until_ns:
        return unknown(f"the shortage since {short[-1].from_ns} ns had not ended at {until_ns} ns")
    return holds(f"{len(short)} shortages, none longer than {within_ns} ns")


def is_steady(levels: Timeline, *, turns_max: int, variation_max: int) -> Judgement:
    """Judge whether the number turned round, and moved in all, no more than that."""
    if not levels:
        return unknown("no number of replicas was watched")
    turns, variation = direction_changes(levels), total_variation(levels)
    told = f"{turns} turns and {variation} replicas started or stopped: {_path(levels)}"
    if turns > turns_max or variation > variation_max:
        return broken(f"more than {turns_max} turns or {variation_max} replicas: {told}")
    return holds(told)


def is_within(levels: Timeline, least: int, most: int) -> Judgement:
    """Judge whether the number stayed within its bounds."""
    if not levels:
        return unknown("no number of replicas was watched")
    for at_ns, replicas in levels:
        if not least <= replicas <= most:
            return broken(f"at {at_ns} ns there were {replicas}, not {least} to {most}")
    return holds()


def keeps_pace(levels: Timeline, allowed: Callable[[int], int], period_ns: int) -> Judgement:
    """Judge whether no rise within a period went beyond what its start allowed.

    Args:
        levels: what there was.
        allowed: from how many replicas at a period's start to how many at its end, at most.
        period_ns: its length; a change just as long ago is not within it.
    """
    if not levels:
        return unknown("no number of replicas was watched")
    settled = _settled(levels)
    for index, (at_ns, replicas) in enumerate(settled):
        if not index or replicas <= settled[index - 1].replicas:
            continue
        at_start = settled[0].replicas
        for earlier in settled[:index]:
            if earlier.at_ns <= at_ns - period_ns:
                at_start = earlier.replicas
        if replicas > allowed(at_start):
            return broken(
                f"at {at_ns} ns there were {replicas}, and {at_start} a period of {period_ns} ns "
                f"before, from where {allowed(at_start)} were allowed"
            )
    return holds()


def rests_after_rises(levels: Timeline, window_ns: int) -> Judgement:
    """Judge whether each fall came at least a window after the last rise before it."""
    if not levels:
        return unknown("no number of replicas was watched")
    risen_ns: int | None = None
    for earlier, later in pairwise(_settled(levels)):
        if later.replicas > earlier.replicas:
            risen_ns = later.at_ns
        elif risen_ns is not None and later.at_ns - risen_ns < window_ns:
            return broken(
                f"at {later.at_ns} ns {earlier.replicas} became {later.replicas}, "
                f"{later.at_ns - risen_ns} ns after a rise"
            )
    return holds()


def _settled(levels: Timeline) -> list[Level]:
    """Return the levels without those that were replaced at once, or changed nothing."""
    settled: list[Level] = []
    for level in levels:
        if settled and settled[-1].at_ns == level.at_ns:
            settled.pop()
        if not settled or settled[-1].replicas != level.replicas:
            settled.append(level)
    return settled


def _side_by_side(
    levels: Timeline, need: Timeline, until_ns: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield begin, end, replicas and need of each stretch in which neither changes."""
    if not levels or not need:
        raise ValueError("a timeline needs a level")
    for line in (levels, need):
        if any(later.at_ns < earlier.at_ns for earlier, later in pairwise(line)):
            raise ValueError("a timeline runs backwards")
    begin_ns = max(levels[0].at_ns, need[0].at_ns)
    edges = sorted({begin_ns, until_ns, *(at_ns for at_ns, _ in (*levels, *need))})
    edges = [at_ns for at_ns in edges if begin_ns <= at_ns <= until_ns]
    held, wanted, held_at, wanted_at = 0, 0, 0, 0
    for from_ns, to_ns in pairwise(edges):
        while held_at < len(levels) and levels[held_at].at_ns <= from_ns:
            held, held_at = levels[held_at].replicas, held_at + 1
        while wanted_at < len(need) and need[wanted_at].at_ns <= from_ns:
            wanted, wanted_at = need[wanted_at].replicas, wanted_at + 1
        yield from_ns, to_ns, held, wanted


def _path(levels: Timeline) -> str:
    settled = [str(level.replicas) for level in _settled(levels)]
    shown = settled if len(settled) <= 12 else [*settled[:6], "...", *settled[-5:]]
    return " ".join(shown)
