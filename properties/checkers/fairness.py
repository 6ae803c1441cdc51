"""Judges of shares: who got how much, and whether that is what fairness gives.

Counts of what chance decided are samples. Where a claim is about the odds behind them, it is
judged by an interval that holds with all but ``ALPHA`` of certainty: it holds if the whole
interval is within the bound, is broken if all of it is beyond, and is unknown in between, so
that too few requests prove nothing either way. Claims about the counts themselves (an optimum
that is computed, the longest wait) need no interval.

Source: R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness" (1984); E. B. Wilson,
"Probable Inference" (1927); C. McDiarmid, "On the method of bounded differences" (1989);
D. Bertsekas, R. Gallager, "Data Networks" (1992), section 6.5, for the filling with water.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import log, sqrt
from statistics import NormalDist
from typing import Final

from properties.checkers.verdict import Judgement, broken, holds, unknown, worst

ALPHA: Final = 1e-4
"""How often a fair chooser may be called unfair by bad luck, for each judgement."""

JAIN_LEAST: Final = 0.98
SKEW_MOST: Final = 1.1
REQUESTS_LEAST: Final = 1_000
"""For each backend; fewer say nothing."""


def jain(amounts: Sequence[float]) -> float:
    """Return Jain's index: 1 where all have the same, 1/n where one has everything.

    Raises:
        ValueError: nobody has anything.
    """
    squares = sum(amount * amount for amount in amounts)
    if not squares:
        raise ValueError("nobody has anything")
    return sum(amounts) ** 2 / (len(amounts) * squares)


def wilson(count: int, total: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Return between which odds something lies that came about ``count`` times in ``total``."""
    z = NormalDist().inv_cdf(1 - alpha / 2)
    share = count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2) / (1 + z * z / total)
    return middle - half, middle + half


def judge_share(name: str, count: int, total: int, most: float) -> Judgement:
    """Judge whether the odds of ``name`` are at most ``most``."""
    if total == 0:
        return unknown(f"nothing was sent, to {name} or anywhere")
    low, high = wilson(count, total)
    story = f"{name} got {count} of {total}: odds {low:.4f} to {high:.4f}, allowed {most:.4f}"
    if high <= most:
        return holds(story)
    return broken(story) if low > most else unknown(story)


def judge_evenness(counts: Mapping[str, int]) -> Judgement:
    """Judge whether equal backends have equal odds: Jain's index and the most over the mean."""
    total, backends = sum(counts.values()), len(counts)
    if not backends or total < REQUESTS_LEAST * backends:
        return unknown(f"{total} requests are too few to tell of {backends} backends")
    return worst([_judge_jain(counts), *_judge_each_share(counts)])


def _judge_jain(counts: Mapping[str, int]) -> Judgement:
    """Judge Jain's index by the coefficient of variation, of which it is 1 / (1 + cv**2).

    By McDiarmid, the observed shares are off by at most r in Euclid's distance.
    """
    total, backends = sum(counts.values()), len(counts)
    off = sqrt(sum((count / total - 1 / backends) ** 2 for count in counts.values()))
    radius = (1 + sqrt(log(1 / ALPHA))) / sqrt(total)
    best = 1 / (1 + backends * max(0.0, off - radius) ** 2)
    least = 1 / (1 + backends * (off + radius) ** 2)
    story = f"Jain's index is {least:.4f} to {best:.4f}, of {dict(counts)}"
    if least >= JAIN_LEAST:
        return holds(story)
    return broken(story) if best < JAIN_LEAST else unknown(story)


def _judge_each_share(counts: Mapping[str, int]) -> list[Judgement]:
    total, backends = sum(counts.values()), len(counts)
    return [
        judge_share(name, count, total, most=SKEW_MOST / backends) for name, count in counts.items()
    ]


def judge_starvation(choices: Sequence[str | None], names: Sequence[str], within: int) -> Judgement:
    """Judge whether nobody waits for longer than ``within`` choices for its next turn.

    Unknown if nothing was chosen, or there is nobody to wait.
    """
    if not choices or not names:
        return unknown(f"{len(choices)} choices among {len(names)} say nothing")
    for name in names:
        last = -1
        for index, chosen in enumerate([*choices, name]):
            if chosen != name:
                continue
            if index - last > within + (index == len(choices)):
                return broken(f"{name} waited from choice {last + 1} to {index}: {choices!r}")
            last = index
    return holds()


def water_filling(
    amount: int | Fraction, rooms: Sequence[int | Fraction], weights: Sequence[int]
) -> list[Fraction]:
    """Pour ``amount`` over vessels: each up to its room, all others to one level by weight.

    This is the weighted max-min fair allocation: nobody can have more but from somebody who
    has less, by weight. What is more than all rooms together runs over.

    Args:
        amount: at least 0.
        rooms: of each vessel, at least 0.
        weights: of each, at least 1.
    """
    poured = [Fraction(0)] * len(rooms)
    filling = [index for index, room in enumerate(rooms) if room]
    rest = Fraction(amount)
    while rest and filling:
        level = rest / sum(weights[index] for index in filling)
        full = [i for i in filling if rooms[i] <= level * weights[i]]
        if not full:
            for index in filling:
                poured[index] = level * weights[index]
            break
        for index in full:
            poured[index] = Fraction(rooms[index])
            rest -= rooms[index]
        filling = [index for index in filling if index not in full]
    return poured


def judge_allocation(
    got: Sequence[int], rooms: Sequence[int], weights: Sequence[int], slack: int
) -> Judgement:
    """Judge whether what each got is the weighted max-min fair share of the sum, up to slack.

    Unknown if nobody was there to get anything.
    """
    if not got:
        return unknown("nobody was there to get anything")
    due = water_filling(sum(got), rooms, weights)
    for index, (has, fair) in enumerate(zip(got, due, strict=True)):
        if abs(has - fair) > slack:
            return broken(
                f"{index} got {has}, its fair share is {float(fair):.2f}"
                f" (all: {list(got)}, rooms {list(rooms)}, weights {list(weights)})"
            )
    return holds()
