"""P5, load distribution fairness: who can be served equally well gets equally much.

In words. (a) Backlogged flows share by weight, max-min: nobody gets less than its weight's share
unless it wants no more, and what it leaves is shared by the others. (b) Equal healthy backends
get about equally many requests. (c) A backend that fails gets no more than its equal share, as
its failures count: answering at once with an error is no way to draw traffic. (d) Nobody waits
for ever: not a light weight, not a backend that is well again. (e) Nobody is idle and passed
over while somebody waits elsewhere.

In symbols, with n backends, S_i what i got, w_i its weight, r_i its room:

    (a) S = argmax-min S_i / w_i subject to S_i <= r_i, sum S = offered; |S_i - optimum| <= n;
        and for flows f, g that stay backlogged, |S_f / w_f - S_g / w_g| < n (1 / w_f + 1 / w_g)
    (b) (sum S)^2 / (n sum S^2) >= 0.98 and max S / mean S <= 1.1, from 1000 requests for each on
    (c) S_i e_i / sum S <= 1 / n + epsilon for a backend whose requests fail with odds e_i
    (d) between two turns of i lie at most T choices
    (e) chosen(t) = j and outstanding_j(t) > 0 imply outstanding_i(t) > 0 for all i

(a) and (d) are promised by turns by weight, (b) by every balancer, (c) by ``latency_aware`` alone
(the judge finds the others guilty below), (e) by ``least_outstanding`` alone. Against a running
gateway: ``test_p05_fairness_live.py``.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.balancing import LeastOutstanding
from policies.weighted_balancing import SmoothWeighted
from properties.balanced_backends import MS, Backend, choices
from properties.checkers.fairness import (
    judge_allocation,
    judge_evenness,
    judge_share,
    judge_starvation,
)
from properties.checkers.verdict import Judgement, Verdict
from properties.profiles import scaled
from properties.strategies import uniforms
from properties.strategies.balancing import weights
from scenarios import units
from scenarios.spec import Scenario
from sim.models.service import Replica
from sim.models.stop import Work
from sim.models.timeline import Waiting
from sim.models.visit import Reply, Visit
from sim.run import simulate

EPSILON = 0.02

BALANCERS = ["round_robin", "least_outstanding", "power_of_two", "latency_aware"]

# Where the average of answers' times decides, a run of luck lasts as long as the average
# remembers it; equal shares take more requests to show.
ENOUGH_EACH = {"latency_aware": 8_000}
ENOUGH_OTHERWISE = 4_500

FEW = settings(max_examples=scaled(2), deadline=None)

seeds = st.integers(0, 2**32)


def shares(chosen: list[int], backends: int) -> dict[str, int]:
    """Return how many requests each backend got, by its name."""
    counted = Counter(chosen)
    return {f"backend {index}": counted[index] for index in range(backends)}


# The policies.


@given(given_weights=weights(least=1), data=st.data())
def test_policy_what_turns_by_weight_hand_out_is_the_max_min_fair_share(
    given_weights: dict[str, int], data: st.DataObject
) -> None:
    rooms = {name: data.draw(st.integers(0, 12)) for name in given_weights}
    balancer = SmoothWeighted(given_weights)
    got: Counter[str] = Counter()
    for _ in range(data.draw(st.integers(0, sum(rooms.values())))):
        chosen = balancer.choose({name for name, room in rooms.items() if got[name] < room})
        assert chosen is not None, "nobody was chosen though there was room"
        got[chosen] += 1
    assert judge_allocation(
        [got[name] for name in given_weights],
        list(rooms.values()),
        list(given_weights.values()),
        slack=len(rooms),
    )


@given(given_weights=weights(least=1), rounds=st.integers(1, 3))
def test_policy_backlogged_flows_stay_close_at_every_moment_and_none_starves(
    given_weights: dict[str, int], rounds: int
) -> None:
    total, count = sum(given_weights.values()), len(given_weights)
    balancer = SmoothWeighted(given_weights)
    got: Counter[str | None] = Counter()
    served: list[str | None] = []
    for _ in range(rounds * total):
        served.append(balancer.choose())
        got[served[-1]] += 1
        for one, its in given_weights.items():
            for other, others in given_weights.items():
                lag = abs(Fraction(got[one], its) - Fraction(got[other], others))
                assert lag < count * (Fraction(1, its) + Fraction(1, others))
    assert judge_starvation(served, list(given_weights), within=2 * total)


@given(
    outstanding=st.lists(st.integers(0, 6), min_size=1, max_size=6),
    draws=st.lists(uniforms(), max_size=30),
)
def test_policy_least_outstanding_fills_like_water_and_passes_no_idle_backend_over(
    outstanding: list[int], draws: list[float]
) -> None:
    level = list(outstanding)
    for uniform in draws:
        chosen = LeastOutstanding().choose(level, uniform)
        assert level[chosen] == 0 or 0 not in level
        level[chosen] += 1
    # Whoever got anything stands at most one above whoever could have got it.
    raised = [now for now, before in zip(level, outstanding, strict=True) if now > before]
    assert not raised or max(raised) <= min(level) + 1


@pytest.mark.parametrize("balancing", BALANCERS)
@FEW
@given(backends=st.integers(2, 4), busy=st.sampled_from([0.3, 0.8]), seed=seeds)
def test_policy_equal_healthy_backends_get_equally_many(
    balancing: str, backends: int, busy: float, seed: int
) -> None:
    service_ns = 10 * MS
    chosen = choices(
        balancing,
        [[Backend(service_ns)] * backends],
        requests=backends * ENOUGH_EACH.get(balancing, ENOUGH_OTHERWISE),
        gap_ns=int(service_ns / backends / busy),
        seed=seed,
    )
    assert judge_evenness(shares(chosen, backends))


def one_fails(
    balancing: str, backends: int, busy: float, fails: float, seed: int, requests: int = 3_000
) -> Judgement:
    """Judge what a failing backend, the first, gets beside healthy ones."""
    service_ns = 10 * MS
    fleet = [Backend(service_ns, fails=fails)] + [Backend(service_ns)] * (backends - 1)
    gap_ns = int(service_ns / backends / busy)
    chosen = choices(balancing, [fleet], requests, gap_ns, seed)
    wasted = round(chosen.count(0) * fails)
    return judge_share("the failing one", wasted, len(chosen), most=1 / backends + EPSILON)


@settings(max_examples=scaled(15), deadline=None)
@given(
    backends=st.integers(2, 10),
    busy=st.sampled_from([0.05, 0.5, 0.9, 1.5]),
    fails=st.sampled_from([0.5, 1.0]),
    seed=seeds,
)
def test_policy_a_backend_that_fails_fast_gets_no_more_than_its_share(
    backends: int, busy: float, fails: float, seed: int
) -> None:
    assert one_fails("latency_aware", backends, busy, fails, seed)


@pytest.mark.parametrize("balancing", ["least_outstanding", "power_of_two"])
@FEW
@given(seed=seeds)
def test_policy_the_judge_finds_those_guilty_who_look_at_open_requests_alone(
    balancing: str, seed: int
) -> None:
    judged = one_fails(balancing, backends=10, busy=1.5, fails=1.0, seed=seed)
    assert judged.verdict is Verdict.BROKEN


@FEW
@given(backends=st.integers(2, 4), seed=seeds)
def test_policy_a_backend_that_is_well_again_gets_its_share_again(backends: int, seed: int) -> None:
    service_ns = 10 * MS
    well = [Backend(service_ns)] * backends
    ill = [Backend(service_ns, fails=1.0), *well[1:]]
    # 20 s each: well, ill, well, and the last third of that counts.
    gap_ns = int(service_ns / backends / 0.5)
    requests = 60_000 * MS // gap_ns
    chosen = choices("latency_aware", [well, ill, well], requests, gap_ns, seed)
    late = chosen[-requests // 6 :]
    assert late.count(0) >= len(late) / backends / 2


# The simulator.


class Counted:
    """Replicas of one service in the simulator: how many requests each got, and which fails."""

    def __init__(self, service: str, failing: str | None) -> None:
        self.service = service
        self.failing = failing
        self.got: Counter[str] = Counter()

    def watching(
        self, serve: Callable[[Replica, Work, Visit], Waiting[Reply]]
    ) -> Callable[[Replica, Work, Visit], Waiting[Reply]]:
        """Return ``serve`` as it is to be while counted: as before, but for the failing one."""

        def served(replica: Replica, work: Work, visit: Visit) -> Waiting[Reply]:
            instance = replica.caller.instance
            if replica.service.name == self.service:
                self.got[instance] += 1
            if instance == self.failing:
                yield replica.service.timeline.timeout(MS)
                return Reply.UNAVAILABLE
            reply = yield from serve(replica, work, visit)
            return reply

        return served


@contextmanager
def counted(service: str, failing: str | None = None) -> Iterator[Counted]:
    """Count each replica's requests; the replica called ``failing`` fails in a millisecond."""
    counting = Counted(service, failing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Replica, "serve", counting.watching(Replica.serve))
        yield counting


def platform(balancing: str, replicas: int, requests: int, busy: float, seed: int) -> Scenario:
    """Return a service that calls another, whose replicas are balanced over."""
    rate = replicas * 100 * busy
    data: dict[str, Any] = {
        "name": "balanced",
        "seed": seed,
        "duration": f"{round(requests / rate * 1000)}ms",
        "workload": {"arrivals": {"poisson": {"rate": f"{rate}/s"}}, "mix": {"ask": 1}},
        "services": {
            "edge": {},
            "api": {
                "replicas": replicas,
                "balancing": balancing,
                "service_time": {"exponential": {"mean": "10ms"}},
            },
        },
        "classes": {"ask": {"through": ["edge", "api"]}},
    }
    return Scenario.model_validate(data, context=units.FILE)


@pytest.mark.parametrize("balancing", BALANCERS)
@settings(max_examples=scaled(1), deadline=None)
@given(replicas=st.integers(2, 3), busy=st.sampled_from([0.4, 0.8]), seed=seeds)
def test_simulator_equal_replicas_get_equally_many(
    balancing: str, replicas: int, busy: float, seed: int
) -> None:
    requests = replicas * ENOUGH_EACH.get(balancing, ENOUGH_OTHERWISE)
    with counted("api") as counting:
        simulate(platform(balancing, replicas, requests, busy, seed))
    assert judge_evenness(
        {f"api/{index}": counting.got[f"api/{index}"] for index in range(replicas)}
    )


def one_replica_fails(balancing: str, replicas: int, busy: float, seed: int) -> Judgement:
    """Judge what a failing replica gets in the simulator."""
    with counted("api", failing="api/0") as counting:
        simulate(platform(balancing, replicas, 2_500, busy, seed))
    total = sum(counting.got.values())
    return judge_share("api/0", counting.got["api/0"], total, most=1 / replicas + EPSILON)


@settings(max_examples=scaled(6), deadline=None)
@given(replicas=st.integers(2, 8), busy=st.sampled_from([0.1, 0.6, 1.5]), seed=seeds)
def test_simulator_a_replica_that_fails_fast_gets_no_more_than_its_share(
    replicas: int, busy: float, seed: int
) -> None:
    assert one_replica_fails("latency_aware", replicas, busy, seed)


@settings(max_examples=scaled(2), deadline=None)
@given(seed=seeds)
def test_simulator_the_judge_finds_least_outstanding_guilty(seed: int) -> None:
    judged = one_replica_fails("least_outstanding", replicas=8, busy=1.5, seed=seed)
    assert judged.verdict is Verdict.BROKEN
