"""Users who wait for their answers, in plays that can be checked by hand."""

from collections import Counter
from typing import Any, get_args

import pytest

from scenarios import units
from scenarios.history import Operation, Outcome
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from scenarios.workload import ClosedArrivals
from sim.arrivals import UnknownBefore, arrivals
from sim.closed import most_requests_per_s
from sim.run import EngineName, simulate
from sim.stability import Verdict, stability

MS = units.MILLISECOND_NS
ENGINES = get_args(EngineName)


def conversation(
    senders: int = 1,
    think_time: str = "10ms",
    service: dict[str, Any] | None = None,
    **fields: Any,  # noqa: ANN401  # as in files
) -> Scenario:
    """Return users of one service that works for 5 ms on each request, for 40 ms."""
    data = {
        "name": "conversation",
        "seed": 1,
        "duration": "40ms",
        "workload": {
            "arrivals": {"closed": {"users": senders, "think_time": {"constant": think_time}}},
            "mix": {"ask": 1},
        },
        "services": {"door": {"service_time": {"constant": "5ms"}, **(service or {})}},
        "classes": {"ask": {"through": ["door"]}},
        **fields,
    }
    return Scenario.model_validate(data, context=units.FILE)


def played(scenario: Scenario, engine: EngineName) -> tuple[list[Operation], RunRecord]:
    """Return the operations by their numbers, and the record."""
    told: list[Operation] = []
    record = simulate(scenario, told.append, engine=engine)
    return sorted(told), record


def times_ms(operations: list[Operation]) -> list[tuple[float, float | None]]:
    """Return when each was sent, and when it was answered."""
    return [
        (it.scheduled_ns / MS, None if it.returned_ns is None else it.returned_ns / MS)
        for it in operations
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_user_sends_waits_thinks_and_sends_again_until_the_traffic_ends(
    engine: EngineName,
) -> None:
    operations, record = played(conversation(), engine)
    # The next would be due at 40 ms, when the traffic is over.
    assert times_ms(operations) == [(10, 15), (25, 30)]
    assert [it.id for it in operations] == [0, 1]
    assert record.classes["ask"].latency_ns.largest == 5 * MS


@pytest.mark.parametrize("engine", ENGINES)
def test_the_warm_up_is_part_of_the_traffic(engine: EngineName) -> None:
    operations, record = played(conversation(warm_up="20ms", duration="20ms"), engine)
    assert times_ms(operations) == [(10, 15), (25, 30)]
    assert record.classes["ask"].total == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_users_wait_for_one_another_and_are_numbered_as_they_send(engine: EngineName) -> None:
    operations, _ = played(conversation(senders=2), engine)
    # Both send at 10 ms; the second is answered 5 ms later, and so it sends 5 ms later.
    assert times_ms(operations) == [(10, 15), (10, 20), (25, 30), (30, 35)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("service", [{"queue_max": 0}, {"timeout": "1ms"}])
def test_whatever_ends_a_request_its_user_goes_on(
    engine: EngineName, service: dict[str, Any]
) -> None:
    operations, _ = played(conversation(senders=2, service=service), engine)
    assert {it.outcome for it in operations} >= {
        Outcome.REFUSED if "queue_max" in service else Outcome.UNKNOWN
    }
    assert len(operations) >= 5


@pytest.mark.parametrize("engine", ENGINES)
def test_a_user_without_an_answer_sends_nothing_more(engine: EngineName) -> None:
    scenario = conversation(service={"service_time": {"constant": "10s"}}, drain="1ms")
    operations, _ = played(scenario, engine)
    assert times_ms(operations) == [(10, None)]


@pytest.mark.parametrize("engine", ENGINES)
def test_more_requests_than_fit_in_a_block_are_sent(engine: EngineName) -> None:
    scenario = conversation(
        senders=3, think_time="10us", service={"service_time": {"constant": "90us"}}, duration="1s"
    )
    operations, _ = played(scenario, engine)
    # One place is always busy: an answer each 90 us.
    assert len(operations) == pytest.approx(1e9 / 90_000, abs=5)
    assert [it.id for it in operations] == list(range(len(operations)))


def test_users_are_spread_over_the_tiers_by_weight_and_stay_who_they_are() -> None:
    users = {"free": {"count": 2, "weight": 3}, "pro": {"count": 10, "weight": 1}}
    operations, _ = played(_tiers(users), "simpy")
    first = [it.user for it in operations[:8]]
    assert Counter(first) == {"free-0": 3, "free-1": 3, "pro-2": 1, "pro-7": 1}
    assert [it.user for it in operations[8:16]] == first


def _tiers(users: dict[str, Any]) -> Scenario:
    service = {"service_time": {"constant": 0}, "wait_time": {"constant": "1ms"}}
    return conversation(senders=8, service=service, users=users)


def test_nobody_can_list_them_beforehand_and_the_remedy_is_named() -> None:
    with pytest.raises(UnknownBefore, match=r"^workload\.arrivals\.closed: .*use open arrivals"):
        arrivals(conversation())


def test_they_send_at_most_what_they_could_if_nobody_were_in_their_way() -> None:
    scenario = conversation(senders=12, service={"wait_time": {"constant": "5ms"}})
    closed = scenario.workload.arrivals
    assert isinstance(closed, ClosedArrivals)
    # 12 users, each of whom thinks for 10 ms and is answered after 10 ms.
    assert most_requests_per_s(scenario, closed.closed) == pytest.approx(600)
    [load] = stability(scenario)
    assert load.verdict is Verdict.SATURATED
    assert load.sentence == (
        "station door would be 300% utilised at 600/s if users waited for nobody; "
        "as they do, it holds them back to 200/s"
    )
    assert stability(conversation(senders=2))[0].verdict is Verdict.STABLE


def test_jobs_hold_nobody_back() -> None:
    scenario = conversation(
        senders=12,
        queues={"jobs": {"workers": "door"}},
        classes={"ask": {"steps": [{"enqueue": "jobs"}]}},
    )
    [load] = stability(scenario)
    assert load.verdict is Verdict.UNSTABLE


@pytest.mark.parametrize("think_time", ["0ns", "999ns"])
def test_users_who_hardly_think_are_refused(think_time: str) -> None:
    with pytest.raises(ValueError, match="should have a think_time of at least 1us on average"):
        conversation(think_time=think_time)
