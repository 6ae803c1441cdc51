"""How many replications until a figure is known well enough.

After each round the interval says how many more it would take; a round at most doubles what
there is, since early intervals are unsure of themselves. The first round is larger than the
fewest that an interval needs: stopping as soon as an interval happens to be narrow favours those
that are too narrow, the more so the fewer the replications.

Source: Y. Chow, H. Robbins, "On the asymptotic theory of fixed-width sequential confidence
intervals for the mean" (1965); A. Law, "Simulation Modeling and Analysis", 5th ed. (2015), 9.4.1.
"""

import math
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from sim.statistics.figures import Figure
from sim.statistics.honest import CONFIDENCE, Answer, Estimate
from sim.statistics.replicate import Run, extend
from sim.statistics.replications import Replications

FIRST_ROUND: Final = 10


class Goal(NamedTuple):
    """How well a figure is to be known, and what that may cost."""

    figure: Figure
    relative_half_width: float = 0.05
    confidence: float = CONFIDENCE
    replications_max: int = 1_000
    out_of_time: Callable[[], bool] = bool
    """Asked before each round after the first; once it says yes, what there is counts."""


class RunLength(NamedTuple):
    """What came of running until a goal."""

    ended: Literal["known", "out_of_replications", "out_of_time"]
    answer: Answer
    """Even where the goal was missed, it is what the replications say."""

    replications: Replications


def run_until(
    goal: Goal,
    run: Run,
    first_seed: int,
    workers: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> RunLength:
    """Replicate until the goal is reached, or its budget is spent.

    Args:
        goal: what to know.
        run: what to replicate, as for ``replicate``.
        first_seed: from which all seeds follow.
        workers: how many processes.
        on_progress: told how many replications are done, after each.

    Raises:
        ValueError: no replications are allowed, or nothing is ever known that well.
    """
    if goal.replications_max < 1 or goal.relative_half_width <= 0:
        raise ValueError(
            "replications_max must be at least 1 and relative_half_width above 0, "
            f"not {goal.replications_max} and {goal.relative_half_width}"
        )
    replications = Replications(first_seed, ())
    more = min(FIRST_ROUND, goal.replications_max)
    while True:
        replications = extend(replications, run, more, workers, on_progress)
        answer = replications.estimate(goal.figure, goal.confidence)
        if _is_known(answer, goal):
            return RunLength("known", answer, replications)
        left = goal.replications_max - len(replications)
        if left <= 0:
            return RunLength("out_of_replications", answer, replications)
        if goal.out_of_time():
            return RunLength("out_of_time", answer, replications)
        more = min(_more(answer, goal, len(replications)), left)


def _is_known(answer: Answer, goal: Goal) -> bool:
    return isinstance(answer, Estimate) and answer.relative_half_width <= goal.relative_half_width


def _more(answer: Answer, goal: Goal, done: int) -> int:
    """Return how many more replications the goal seems to need, at most as many as there are."""
    if not isinstance(answer, Estimate) or math.isinf(answer.relative_half_width):
        return done
    # The width falls with the root of the number.
    needed = math.ceil(done * (answer.relative_half_width / goal.relative_half_width) ** 2)
    return min(max(needed - done, 1), done)
