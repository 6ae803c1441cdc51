"""The words of refusals, whole: they are what a person has who did something wrong."""

import re
from collections.abc import Callable

import pytest

from policies.ageing_queue import AgeingLimits, AgeingQueue
from policies.allowance import Allowance, AllowanceLimit
from policies.autoscale import HorizontalPodAutoscalerSpec, HpaSpec
from policies.backfill import BackfillQueue
from policies.balancing import balancer
from policies.cache import LeasedEntry
from policies.concurrency_limit import ConcurrencyLimits
from policies.connection_pool import PoolLimits
from policies.consistent_hashing import HashRing, RingLimits
from policies.dead_letter import Deliveries, Failure, RedeliveryLimits
from policies.device_room import Ask, Device, Rooms, Slot, memory_bytes
from policies.failover import FailoverLimits, RegionalFailover
from policies.freshness import FreshnessLimits
from policies.health import HealthLimits
from policies.hedging import HedgeLimits
from policies.hpa_behaviour import ReplicaPace, ScalingRules
from policies.hpa_metrics import Fleet, MetricSpec, Patience, metric_proposal, tolerance_of
from policies.idempotency import IdempotencyLimits
from policies.keda import Pause, ScaledObject, ScaledObjectSpec, Trigger
from policies.latency_balancing import BackendLatency, LatencyLimits
from policies.lease import TOKEN_MAX, LeaseState, LeaseTable
from policies.model_choice import LatencyRule
from policies.placement import DeviceLeases
from policies.rate_limit import RateLimit
from policies.retry import Backoff
from policies.timeouts import HopLimits
from policies.versioned_entry import VersionedEntry, VersionedLimits

AGES = AgeingLimits(waiting_max=1, priority_max=1, ageing_ns=1)
TOKENS = AllowanceLimit(amount=9, period_ns=1, hold_ns=1)
REDELIVERY = RedeliveryLimits(attempts_max=2, base_ns=1, cap_ns=1)
VERSIONED = VersionedLimits(ttl_ns=1, fill_max_ns=1, tombstone_ns=1)
PODS = MetricSpec("pods", "average_value", 5)
OBJECT = MetricSpec("object", "value", 5)
FLEET = Fleet(0, 1, ())
TWO = [Device(4), Device(4, slices=2)]

REFUSALS: dict[str, Callable[[], object]] = {
    "priority_max * ageing_ns must not exceed 2**62, got 9223372036854775808": lambda: AgeingLimits(
        1, 2, 2**62
    ),
    "submitted_ns must be from 0 to below 2**62, got -1": lambda: AgeingQueue[int](AGES).push(
        1, 0, -1
    ),
    "amount must be 0 to 2**62, got -1": lambda: AllowanceLimit(-1, 1, 1),
    "amount must be 0 to 2**62, got -2": lambda: Allowance(TOKENS).reserve(-2, 0),
    "used must be 0 to 2**62, got -1": lambda: Allowance(TOKENS).settle(1, -1, 0),
    "min_replicas must be at least 1, got 0: no pods have no metric, and only an object or "
    "external metric could call for the first": lambda: HorizontalPodAutoscalerSpec(0, 1, (PODS,)),
    "scale_up_policies and scale_down_policies must not be empty": lambda: HpaSpec(
        1, 1, 50, scale_up_policies=()
    ),
    "head_start_ns must be 0 to 2**52, got -1": lambda: BackfillQueue(
        DeviceLeases(TWO, lease_ns=1), head_start_ns=-1
    ),
    "balancer must be round_robin, least_outstanding, power_of_two or latency_aware, got "
    "'best'": lambda: balancer("best"),
    "a value lives for a while": lambda: LeasedEntry(1).fill(1, 0, ttl_ns=0),
    "limit_min, limit_start and limit_max must ascend from 1 to 1000000, got 2, 1 and 3": lambda: (
        ConcurrencyLimits(2, 1, 3)
    ),
    "connections_max must be at least 1, got 0": lambda: PoolLimits(0, 1, 1, 1),
    "lifetime_jitter_percent must be 0 to 100, got 101": lambda: PoolLimits(1, 1, 1, 1, 101),
    "backends must differ, got ['a', 'a', 'b']": lambda: HashRing("aba", RingLimits()),
    "base_ns and cap_ns must ascend from 1 to 9007199254740992, got 2 and 1": lambda: (
        RedeliveryLimits(1, 2, 1)
    ),
    "an attempt begins before it ends": lambda: REDELIVERY.after(
        Deliveries(0, 0), Failure.TRANSIENT, 0.5
    ),
    "memory must be like 80GB or 1.5GiB, got '80 gigabytes'": lambda: memory_bytes("80 gigabytes"),
    "memory must be a whole number of bytes, got '0.5B'": lambda: memory_bytes("0.5B"),
    "memory_bytes must be 1 to 2**53 - 1, got 0": lambda: Device(0),
    "memory was given out twice": lambda: Rooms(TWO).occupy(Ask(5), [Slot(0, 0)]),
    "a slice was given out twice": lambda: Rooms(TWO).occupy(
        Ask(1, slices=1), [Slot(1, 0), Slot(1, 0)]
    ),
    "given back twice": lambda: Rooms(TWO).vacate(Ask(1), [Slot(0, 0)]),
    "regions must differ, got ['a', 'a']": lambda: RegionalFailover(
        "aa", FailoverLimits(HealthLimits(1, 1), 1)
    ),
    "jitter_permille must be 0 to 999, got 1000": lambda: FreshnessLimits(1, jitter_permille=1000),
    "delay_min_ns and delay_max_ns must ascend from 1 to 9007199254740992, got 2 and 1": lambda: (
        HedgeLimits(2, 1, 1)
    ),
    "policies must not be empty; to forbid a direction, select disabled": lambda: ScalingRules(()),
    "there are no negative replicas": lambda: ReplicaPace(1, 2, None).follow(0, -1, 1),
    "a metric of pods has a reading for each of them": lambda: metric_proposal(
        PODS, 5, FLEET, tolerance_of(0.1, 0.1), Patience()
    ),
    "an object or external metric has one value": lambda: metric_proposal(
        OBJECT, [], FLEET, tolerance_of(0.1, 0.1), Patience()
    ),
    "kept_ns must exceed retry_horizon_ns + clock_skew_ns = 3, got 3": lambda: IdempotencyLimits(
        kept_ns=3, retry_horizon_ns=2, clock_skew_ns=1
    ),
    "each trigger has a length": lambda: ScaledObject(ScaledObjectSpec((Trigger(1),))).desired(
        0, 1, []
    ),
    "there are no negative lengths": lambda: ScaledObject(ScaledObjectSpec((Trigger(1),))).desired(
        0, 1, [-1]
    ),
    "direction must be both where replicas are set, got Pause(replicas=1, "
    "direction='in')": lambda: Pause(1, "in"),
    "an answer came before its request": lambda: BackendLatency(LatencyLimits()).answered(-1, 0),
    "there are no tokens left": lambda: LeaseTable(1, LeaseState(TOKEN_MAX, 0)).acquire(1),
    "observations_max must be at least observations_min, got 1": lambda: LatencyRule(50, 2, 1),
    "requests must be at least 1, got 0": lambda: RateLimit(0, 1),
    "base_ns and cap_ns must ascend from 1 to 9007199254740992, got 3 and 2": lambda: Backoff(
        3, 2, 1
    ),
    "the attempt in question is one of those that are left": lambda: HopLimits(0, 1, 1).decide(
        0, 1, attempts_left=0
    ),
    "versions count from 0, which stands for nothing": lambda: VersionedEntry(VERSIONED).fill(
        -1, 1, 0
    ),
    "tombstone_ns must be at least fill_max_ns + lag_max_ns, 3, got 2": lambda: VersionedLimits(
        1, fill_max_ns=2, tombstone_ns=2, lag_max_ns=1
    ),
}


@pytest.mark.parametrize(("words", "refused"), REFUSALS.items(), ids=REFUSALS)
def test_a_refusal_says_in_so_many_words_what_is_wrong(
    words: str, refused: Callable[[], object]
) -> None:
    with pytest.raises((ValueError, AssertionError), match=f"^{re.escape(words)}$"):
        refused()


def test_a_tombstone_of_no_version_is_refused_as_a_value_of_none_is() -> None:
    with pytest.raises(AssertionError, match=r"^versions count from 0, which stands for nothing$"):
        VersionedEntry(VERSIONED).invalidate(-1, 0)


def test_slices_are_not_given_back_twice_nor_by_those_who_share() -> None:
    shared, whole = Rooms(TWO), Rooms(TWO)
    shared.occupy(Ask(1), [Slot(1, 0)])
    with pytest.raises(AssertionError, match=r"^a slice was given back twice$"):
        shared.vacate(Ask(1, slices=1), [Slot(1, 0)])
    whole.occupy(Ask(1, slices=1), [Slot(1, 0)])
    with pytest.raises(AssertionError, match=r"^given back twice$"):
        whole.vacate(Ask(1), [Slot(1, 0)])
