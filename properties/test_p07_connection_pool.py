"""P7, connection pool efficiency: few connections, each one's alone, and none idle for nothing.

In words. A pool never has more connections than agreed, and neither have the pools of a fleet
together; a connection is one borrower's at a time; borrowers are served in the order in which they
came, before their deadline or told at it; when all have given back nothing is in use; on average
as many are in use as borrowers come in the time that each keeps one; what is given back is clean;
after a failover old connections are lent no more, and new ones are opened at a bounded rate.

In symbols, at every time t, for borrowers a, b and connections c:

    (a) idle(t) + in_use(t) + opening(t) <= max;   sum of max_i <= server_max - reserved
    (b) owned(c, a) and owned(c, b) do not overlap
    (c) nobody asks, all have given back  =>  in_use = 0
    (d) asked(a) < asked(b), both lent  =>  lent(a) <= lent(b);   lent(a) < asked(a) + patience(a)
    (e) mean in_use = throughput x mean time in use
    (f) a connection that is given back has no open transaction and holds no lock
    (g) failover at f:  lent(c) > f  =>  opened(c) >= f;  openings in (f, f + t] <= 1 + t/interval

and, since a pool that lends nothing keeps most of these: nobody waits while a connection is idle,
and whoever is patient is served. (e) is exact in (a busy pool's) whole history; in a measured part
of it, the connections in use at its ends make it uncertain by one longest use each.

Here on the policy and in the simulator; against a real PostgreSQL: ``.._live``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import simpy
from hypothesis import event, given, settings
from hypothesis import strategies as st

from policies.connection_pool import pool_share
from properties.borrowing import Play, played, plays
from properties.checkers.intervals import capacity_kept, held_by_one
from properties.profiles import scaled
from scenarios import units
from scenarios.history import Operation, Outcome
from scenarios.spec import Scenario
from sim.models.places import Places
from sim.run import simulate


@given(plays())
def test_policy_no_more_connections_than_agreed_and_each_is_one_s_alone(play: Play) -> None:
    tale = played(play)
    assert not tale.existing or capacity_kept(
        tale.existing, {"server": play.limits.connections_max}
    )
    assert not tale.owned or held_by_one(tale.owned)


@given(plays())
def test_policy_first_come_first_served_and_told_at_the_deadline(play: Play) -> None:
    tale = played(play)
    assert list(tale.lent_ns) == sorted(tale.lent_ns), "somebody was overtaken"
    patience_ns = {
        ticket: borrower.patience_ns
        for ticket, borrower in zip(tale.asked_ns, play.borrowers, strict=True)
    }
    for ticket, lent_ns in tale.lent_ns.items():
        assert lent_ns < tale.asked_ns[ticket] + patience_ns[ticket]
    for ticket, told_ns in tale.timed_out_ns.items():
        assert told_ns == tale.asked_ns[ticket] + patience_ns[ticket]


@given(plays(calm=True))
def test_policy_whoever_is_patient_is_served_and_no_connection_is_opened_without_need(
    play: Play,
) -> None:
    tale = played(play)
    assert tale.lent_ns.keys() == tale.asked_ns.keys()
    assert len(tale.openings_ns) <= len(play.borrowers)
    event("waited" if tale.lent_ns != tale.asked_ns else "served at once")


@given(plays())
def test_policy_mean_in_use_is_throughput_times_time_in_use(play: Play) -> None:
    # Over a history that begins and ends with nothing in use; multiplied by its length.
    tale = played(play)
    assert tale.in_use_ns == sum(it.ended.latest_ns - it.begun.latest_ns for it in tale.owned)
    assert len(tale.owned) == len(tale.lent_ns)


@given(plays())
def test_policy_after_a_failover_old_connections_are_gone_and_new_ones_come_one_by_one(
    play: Play,
) -> None:
    tale = played(play)
    for failed_ns in play.failovers_ns:
        for span in tale.owned:
            number = int(span.resource.split()[1])
            if span.begun.latest_ns > failed_ns:
                assert tale.opened_ns[number] >= failed_ns
    for throttled_ns in tale.throttled_ns:
        later = [at_ns for at_ns in tale.openings_ns if at_ns > throttled_ns]
        for openings, at_ns in enumerate(later, start=1):
            by_rate = (at_ns - throttled_ns) // play.limits.open_interval_ns
            assert openings <= 1 + by_rate, "a storm of connections"


@given(play=plays(), processes=st.integers(1, 4), reserved=st.integers(0, 3))
def test_policy_a_fleet_s_connections_fit_into_the_server(
    play: Play, processes: int, reserved: int
) -> None:
    server_max = reserved + processes * play.limits.connections_max
    share = pool_share(server_max, reserved=reserved, processes=processes)
    assert share == play.limits.connections_max
    fleet = played(play).existing * processes
    assert not fleet or capacity_kept(fleet, {"server": server_max - reserved})


QUERY_TIMES: list[dict[str, Any]] = [
    {"constant": "10ms"},
    {"exponential": {"mean": "10ms"}},
    {"pareto": {"mean": "10ms", "alpha": 2.2}},
]


@st.composite
def platforms(draw: st.DrawFn) -> Scenario:
    """Reads and writes of one database, from an idle pool to one that is far too small."""
    query_time = st.sampled_from(QUERY_TIMES)
    data = {
        "name": "pool",
        "seed": draw(st.integers(0, 2**32)),
        "warm_up": draw(st.sampled_from([0, "1s"])),
        "duration": "4s",
        "drain": "60s",
        "workload": {
            "arrivals": {"poisson": {"rate": draw(st.sampled_from(["20/s", "150/s", "320/s"]))}},
            "mix": {"read": 3, "write": 1},
        },
        "services": {"door": {"service_time": {"constant": "0ns"}}},
        "databases": {
            "main": {
                "pool": draw(st.integers(1, 4)),
                "replicas": draw(st.integers(0, 1)),
                "read_time": draw(query_time),
                "write_time": draw(query_time),
            }
        },
        "classes": {
            "read": {"through": ["door"], "steps": [{"read": "main"}]},
            "write": {
                "request": {"method": "PUT", "path": "/"},
                "through": ["door"],
                "steps": [{"write": "main"}],
            },
        },
    }
    return Scenario.model_validate(data, context=units.FILE)


class Watched:
    """What happened at each of the pools of a run."""

    def __init__(self) -> None:
        self.pools: list[Places] = []
        self.asked: dict[Places, int] = {}
        self.served: dict[Places, list[int]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at each ask and each hand-back as long as the ``with`` lasts."""
        enter, leave = Places.enter, Places.leave
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Places, "enter", lambda pool: self._entered(pool, enter(pool)))
            patch.setattr(Places, "leave", lambda pool: self._left(pool, leave))
            yield

    def _entered(self, pool: Places, turn: simpy.Event | None) -> simpy.Event | None:
        ticket = self.asked.get(pool, 0)
        self.asked[pool] = ticket + 1
        served = self.served.setdefault(pool, [])
        if turn is None:
            served.append(ticket)
        else:
            turn.callbacks.append(lambda _: served.append(ticket))
        self._judge(pool)
        return turn

    def _left(self, pool: Places, leave: Callable[[Places], None]) -> None:
        leave(pool)
        self._judge(pool)

    def _judge(self, pool: Places) -> None:
        assert 0 <= pool.occupied <= pool.capacity
        assert not pool.waiting or pool.occupied == pool.capacity, "idle beside who waits"


@settings(max_examples=scaled(20), deadline=None)
@given(platforms())
def test_simulated_pools_are_kept_served_in_order_and_empty_in_the_end(scenario: Scenario) -> None:
    watched, operations = Watched(), list[Operation]()
    with watched.watching():
        simulate(scenario, history=operations.append)
    assert all(operation.outcome is Outcome.OK for operation in operations)
    for pool, served in watched.served.items():
        assert served == list(range(watched.asked[pool])), "somebody was overtaken or forgotten"
        assert pool.occupied == pool.waiting == 0


@settings(max_examples=scaled(20), deadline=None)
@given(platforms())
def test_simulated_mean_in_use_is_throughput_times_service_time(scenario: Scenario) -> None:
    record = simulate(scenario)
    main, spec = record.stations["main"], scenario.databases["main"]
    assert main.utilisation is not None
    assert main.service_ns is not None
    connections = spec.pool * (1 + spec.replicas)
    measured_ns = record.measured_until_ns - record.measured_from_ns
    mean_in_use = main.utilisation * connections
    throughput_per_ns = main.service_ns.count / measured_ns
    expected = throughput_per_ns * (main.service_ns.mean or 0)
    # What was in use when measuring began or ended is counted on one side only.
    in_use_at_the_ends = connections * (main.service_ns.largest or 0) / measured_ns
    before = connections * longest_ns(scenario) / measured_ns
    assert mean_in_use == pytest.approx(expected, abs=in_use_at_the_ends + before + 1e-9)


def longest_ns(scenario: Scenario) -> int:
    """Return the longest query of the whole run, the warm-up included; 0 if there is none."""
    if not scenario.warm_up_ns:
        return 0
    whole = scenario.model_copy(
        update={"warm_up_ns": 0, "duration_ns": scenario.warm_up_ns + scenario.duration_ns}
    )
    services = simulate(whole).stations["main"].service_ns
    assert services is not None
    return services.largest or 0
