"""What a set of runs says, and when it is silent."""

import pytest

from scenarios.history import Outcome
from scenarios.records import RunRecord
from sim.statistics.figures import (
    Number,
    goodput,
    latency_quantile,
    mean_latency,
    mean_wait,
    outcome_share,
    utilisation,
)
from sim.statistics.honest import Answer, Estimate, Reason
from sim.statistics.replications import Replications, replication_seed
from tests.sim.statistics.made import record, replications

BAD = {"ok": (10.0, 10.0, 10.0, 1.0)}


def reason(answer: Answer) -> Reason | None:
    return None if isinstance(answer, Estimate) else answer.reason


def value(answer: Answer) -> float:
    assert isinstance(answer, Estimate), answer
    return answer.value


def spread(shift: int = 0, **more: object) -> RunRecord:
    """Return a run of 100 requests that took 1 to 100 ns and the shift."""
    return record(range(1 + shift, 101 + shift), **more)  # type: ignore[arg-type]  # passed on


def test_each_figure_of_the_record_can_be_asked_for() -> None:
    some = replications([spread(shift, refused=20, utilisation=0.5) for shift in range(5)])
    assert value(some.estimate(mean_latency("ask"))) == 52.5
    assert value(some.estimate(latency_quantile("ask", 0.5))) == pytest.approx(52, abs=1)
    assert value(some.estimate(goodput("ask"))) == 25
    assert value(some.estimate(outcome_share("ask", Outcome.REFUSED))) == 1 / 6
    assert value(some.estimate(utilisation("door"))) == 0.5
    own = Number("run", "seconds", lambda it: it.measured_until_ns / 1e9)
    assert value(some.estimate(own)) == 4


def test_what_no_run_has_is_said_to_be_missing() -> None:
    some = replications([spread()] * 5)
    for figure in (utilisation("door"), mean_wait("door"), mean_latency("tell")):
        assert reason(some.estimate(figure)) is Reason.WITHOUT_VALUE
    assert str(some.estimate(utilisation("door"))).startswith("5 of 5 runs have no such number.")


def test_four_runs_say_nothing() -> None:
    some = replications([spread()] * 4)
    assert reason(some.estimate(goodput("ask"))) is Reason.TOO_FEW_REPLICATIONS


def test_runs_that_were_broken_off_say_nothing() -> None:
    some = replications([*[spread()] * 5, spread(interrupted=True)])
    answer = some.estimate(goodput("ask"))
    assert reason(answer) is Reason.INCOMPLETE
    assert "1 of 6 runs did not come to their end" in str(answer)


def test_good_runs_and_collapsed_ones_have_no_mean_in_common() -> None:
    some = replications([spread()] * 6 + [spread(100, series=BAD)] * 6)
    answer = some.estimate(mean_latency("ask"))
    assert reason(answer) is Reason.BIMODAL
    assert "6 of 12 runs, 21% to 79% (95%) of all, collapsed" in str(answer)
    assert value(some.of_kind(collapsed=False).estimate(mean_latency("ask"))) == 50.5
    assert value(some.of_kind(collapsed=True).estimate(mean_latency("ask"))) == 150.5


def test_two_clusters_of_one_figure_have_no_mean() -> None:
    some = replications([spread(shift) for shift in (0, 1, 2, 3, 4, 1000, 1001, 1002, 1003, 1004)])
    assert reason(some.estimate(mean_latency("ask"))) is Reason.BIMODAL
    assert reason(some.estimate(latency_quantile("ask", 0.5))) is Reason.BIMODAL
    assert value(some.estimate(goodput("ask"))) == 25


def test_two_clusters_of_shares_and_of_numbers_have_no_mean_either() -> None:
    some = replications(
        [
            record([1] * 9, refused=it, utilisation=it / 99)
            for it in (1, 1, 1, 2, 2, 97, 98, 98, 98, 99)
        ]
    )
    assert reason(some.estimate(outcome_share("ask", Outcome.REFUSED))) is Reason.BIMODAL
    assert reason(some.estimate(utilisation("door"))) is Reason.BIMODAL


def test_delays_of_a_queue_that_grows_are_not_quoted_but_what_it_lets_through_is() -> None:
    growing = [{"latency_p50": (1.0, 2.0, 3.0, 4.0 + it / 10)} for it in range(5)]
    some = replications([spread(series=it) for it in growing])
    assert reason(some.estimate(mean_latency("ask"))) is Reason.SATURATED
    assert reason(some.estimate(latency_quantile("ask", 0.5))) is Reason.SATURATED
    assert value(some.estimate(goodput("ask"))) == 25
    delay = Number("ask", "slowest", lambda it: it.measured_until_ns, grows_with_queues=True)
    assert reason(some.estimate(delay)) is Reason.SATURATED


def test_seeds_of_replications_are_the_same_in_every_process_and_fit_into_json() -> None:
    assert replication_seed(7, 0) == 1541454320251203
    assert all(replication_seed(7, index) < 2**53 for index in range(100))


def test_a_set_has_as_many_replications_as_records() -> None:
    assert len(Replications(1, (spread(),) * 3)) == 3
