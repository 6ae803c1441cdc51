"""Where theory knows the answer, the engines give it: every system of the textbook.

Each figure is compared by a Student interval over independent runs at a level of 5e-6, and
there are fewer than two hundred comparisons. Of the runs with other seeds that this file could
make, less than one in a thousand would be red although nothing is wrong, as far as means of
many requests are normal. The seeds are fixed, so a red run is red again.
"""

from collections.abc import Callable
from functools import partial

import pytest

from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.run import simulate
from sim.textbook import Estimate, System, estimates, systems

REPLICATIONS = 20
T_19 = 6.279
"""Student's t with 19 degrees of freedom, two-sided 5e-6, rounded up."""

REQUESTS = 1_200
COMPILED_REQUESTS = 50_000
WIDEST = 0.25
"""An interval that is wide enough holds anything: the largest standard error, as a share."""

Engine = Callable[[Scenario], RunRecord]


def holds(estimate: Estimate, widest: float) -> None:
    exact = estimate.figure.exact
    assert abs(estimate.mean - exact) < T_19 * estimate.error, estimate.figure.name
    assert estimate.error < widest * exact, estimate.figure.name


@pytest.mark.parametrize(
    "system", [each for each in systems() if not each.is_slow], ids=lambda system: system.name
)
def test_the_readable_engine_gives_the_textbook_s_answer(system: System) -> None:
    for estimate in estimates(system, simulate, REPLICATIONS, REQUESTS):
        holds(estimate, WIDEST)


@pytest.mark.parametrize("system", systems(), ids=lambda system: system.name)
def test_the_compiled_engine_gives_the_textbook_s_answer(system: System) -> None:
    compiled = partial(simulate, engine="compiled")
    for estimate in estimates(system, compiled, REPLICATIONS, COMPILED_REQUESTS):
        holds(estimate, WIDEST)


def test_there_are_as_many_comparisons_as_the_false_alarm_rate_allows() -> None:
    assert sum(len(system.figures) for system in systems()) < 100  # for each of two engines
    names = [system.name for system in systems()]
    assert len(set(names)) == len(names)
    for system in systems():
        figures = [figure.name for figure in system.figures]
        assert len(set(figures)) == len(figures)
