"""A budget bounds what retries add to an overload; back-off and jitter alone only spread it.

In words: whatever fails, callers send no more than their first attempts, a share of these, and a
reserve. In symbols, for each caller of a service, over any run:

    attempts <= (1 + percent / 100) * first attempts + reserve
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from properties.sim.platforms import scenarios
from scenarios import units
from scenarios.history import Operation, Outcome
from scenarios.spec import Scenario
from sim.models.calls import RETRY_RESERVE
from sim.run import simulate

EXAMPLES = settings(max_examples=scaled(15), deadline=None)


def history_of(scenario: Scenario) -> list[Operation]:
    operations: list[Operation] = []
    simulate(scenario, history=operations.append)
    return [it for it in operations if it.class_name not in scenario.queues]


def attempts_in(operations: list[Operation]) -> int:
    """Count what the client sent to the first service on each request's way."""
    return sum(operation.attempt for operation in operations)


def overloaded(retry: dict[str, Any], *, rate: str = "150/s", seed: int = 7) -> Scenario:
    """Return a service that can do a hundred a second, under load, with a line of five.

    Whoever finds the line full is refused at once, and tries again after a back-off with full
    jitter, as often as ``retry`` lets it.
    """
    data = {
        "name": "overloaded",
        "seed": seed,
        "duration": "5s",
        "drain": "10s",
        "users": {"free": {"count": 3}},
        "workload": {"arrivals": {"poisson": {"rate": rate}}, "mix": {"read": 1}},
        "services": {
            "api": {
                "service_time": {"exponential": {"mean": "10ms"}},
                "queue_max": 5,
                "retry": retry,
            }
        },
        "classes": {"read": {"steps": [{"call": "api"}]}},
    }
    return Scenario.model_validate(data, context=units.FILE)


def test_without_a_budget_the_overload_is_multiplied_and_with_one_it_is_not() -> None:
    # With two attempts, a budget of 100 % pays for every retry there can be.
    unbounded = history_of(overloaded({"attempts": 2, "budget_percent": 100}))
    bounded = history_of(overloaded({"attempts": 2, "budget_percent": 10}))
    offered = len(unbounded)
    assert len(bounded) == offered
    assert attempts_in(unbounded) > 1.3 * offered
    assert attempts_in(bounded) <= 1.1 * offered + RETRY_RESERVE
    # What the retries were for: they get hardly anybody in who would not have got in anyway.
    served = [sum(it.outcome is Outcome.OK for it in run) for run in (unbounded, bounded)]
    assert served[0] <= 1.1 * served[1]


def test_without_a_budget_everybody_who_is_refused_has_tried_as_often_as_allowed() -> None:
    refused = [
        it
        for it in history_of(overloaded({"attempts": 2, "budget_percent": 100}))
        if it.outcome is not Outcome.OK
    ]
    assert refused
    assert {it.attempt for it in refused} == {2}


def test_a_rare_failure_is_retried_in_spite_of_the_budget() -> None:
    retry = {"attempts": 3, "budget_percent": 20, "base": "500ms"}
    calm = history_of(overloaded(retry, rate="60/s"))
    retried = [it for it in calm if it.attempt > 1]
    assert len(retried) >= 5
    assert all(it.outcome is Outcome.OK for it in retried)
    assert all(it.outcome is Outcome.OK for it in calm)


@EXAMPLES
@given(
    attempts=st.integers(1, 6),
    percent=st.sampled_from([0, 1, 10, 50, 100]),
    base=st.sampled_from(["1ms", "100ms", "2s"]),
    rate=st.sampled_from(["50/s", "110/s", "400/s"]),
    seed=st.integers(0, 2**32),
)
def test_attempts_stay_within_the_budget_of_a_service_under_any_load(
    attempts: int, percent: int, base: str, rate: str, seed: int
) -> None:
    retry = {"attempts": attempts, "budget_percent": percent, "base": base, "cap": "2s"}
    operations = history_of(overloaded(retry, rate=rate, seed=seed))
    retries = attempts_in(operations) - len(operations)
    assert 100 * retries <= percent * len(operations) + 100 * RETRY_RESERVE
    assert max(it.attempt for it in operations) <= attempts


@EXAMPLES
@given(scenarios())
def test_attempts_stay_within_the_budget_on_any_platform(scenario: Scenario) -> None:
    # All classes begin at the edge, so that its callers' attempts are the client's.
    retry = scenario.services["edge"].retry
    operations = history_of(scenario)
    retries = attempts_in(operations) - len(operations)
    if retry is None:
        assert retries == 0
    else:
        budget = retry.budget_percent * len(operations) + 100 * RETRY_RESERVE
        assert 100 * retries <= budget
        assert all(it.attempt <= retry.attempts for it in operations)
