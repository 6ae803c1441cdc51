"""Replicating until a figure is known, or the budget is spent."""

from functools import partial

import pytest

from sim.statistics.figures import latency_quantile, mean_latency, utilisation
from sim.statistics.honest import Estimate, Reason, Refusal
from sim.statistics.replicate import replicate
from sim.statistics.run_length import Goal, run_until
from sim.statistics.yardstick import record

RUN = partial(record, 0.5, 2_000)


def test_it_stops_as_soon_as_the_figure_is_known_well_enough() -> None:
    rounds: list[int] = []
    goal = Goal(latency_quantile("ask", 0.99), relative_half_width=0.05)
    done = run_until(goal, RUN, first_seed=1, on_progress=rounds.append)
    assert done.ended == "known"
    assert isinstance(done.answer, Estimate)
    assert done.answer.relative_half_width <= 0.05
    assert len(done.replications) > 10
    # They are those that would have been made at once.
    assert done.replications == replicate(RUN, len(done.replications), first_seed=1)
    assert rounds == list(range(1, len(done.replications) + 1))


def test_what_is_known_at_once_takes_ten() -> None:
    done = run_until(Goal(mean_latency("ask"), relative_half_width=0.5), RUN, first_seed=1)
    assert (done.ended, len(done.replications)) == ("known", 10)


def test_it_stops_when_replications_run_out_and_still_answers() -> None:
    goal = Goal(mean_latency("ask"), relative_half_width=0.001, replications_max=23)
    done = run_until(goal, RUN, first_seed=1)
    assert (done.ended, len(done.replications)) == ("out_of_replications", 23)
    assert isinstance(done.answer, Estimate)
    assert done.answer.replications == 23


def test_it_stops_when_time_runs_out_and_still_answers() -> None:
    asked = iter([False, True])
    goal = Goal(mean_latency("ask"), 0.001, out_of_time=lambda: next(asked))
    done = run_until(goal, RUN, first_seed=1)
    # Ten, then twice as many, then no more.
    assert (done.ended, len(done.replications)) == ("out_of_time", 20)


def test_three_replications_are_not_enough_to_answer() -> None:
    done = run_until(Goal(mean_latency("ask"), replications_max=3), RUN, first_seed=1)
    assert done.ended == "out_of_replications"
    assert isinstance(done.answer, Refusal)
    assert done.answer.reason is Reason.TOO_FEW_REPLICATIONS


def test_what_is_refused_is_tried_with_twice_as_many() -> None:
    done = run_until(Goal(utilisation("door"), replications_max=40), RUN, first_seed=1)
    assert (done.ended, len(done.replications)) == ("out_of_replications", 40)


@pytest.mark.parametrize(
    "goal", [Goal(mean_latency("ask"), replications_max=0), Goal(mean_latency("ask"), 0.0)]
)
def test_goals_that_cannot_be_reached_are_refused(goal: Goal) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        run_until(goal, RUN, first_seed=1)
