"""Plays with every policy that is told the time, in a few ways that a number chooses.

What a policy says is told without the times in it, so that plays that begin at different times can
be compared.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from policies.ageing_queue import AgeingLimits, AgeingQueue
from policies.allowance import Allowance, AllowanceLimit
from policies.backfill import BackfillQueue, QueuedJob
from policies.batching import Batcher, BatchLimits, BatchRefused
from policies.cache import Fill, LeasedEntry
from policies.circuit_breaker import BreakerLimits, CircuitBreaker, FailureRate
from policies.coalescing import Coalescer, CoalescingLimits
from policies.codel import CodelLimits
from policies.connection_pool import ConnectionPool, PoolLimits
from policies.device_room import Ask, Device
from policies.draining import BackendSet
from policies.failover import FailoverLimits, RegionalFailover, Reign
from policies.fixed_window import FixedWindow
from policies.freshness import FreshnessLimits, StaleableEntry
from policies.health import HealthLimits
from policies.hpa_behaviour import ReplicaPace
from policies.idempotency import IdempotencyKeys, IdempotencyLimits
from policies.joint_limit import Counted, JointLimiter
from policies.keda import ScaledObject, ScaledObjectSpec, Trigger
from policies.latency_balancing import BackendLatency, LatencyLimits
from policies.lease import LeaseTable
from policies.outlier_ejection import OutlierEjection, OutlierLimits
from policies.placement import DeviceLeases
from policies.queue_discipline import AdaptiveQueue, CodelQueue, QueueLimits
from policies.rate_limit import RateLimit, SlidingLog, TieredLimiter
from policies.shrink_guard import Calm, ShrinkGuard
from policies.sliding_counter import SlidingCounter
from policies.store_failure import CountLocally, WithoutStore
from policies.suspicion import Evidence, Suspicion, SuspicionSettings
from policies.token_bucket import TokenBucket, TokenBucketLimit
from policies.versioned_entry import VersionedEntry, VersionedLimits
from policies.warm_models import SwapLimit, WarmModels

Play: TypeAlias = Callable[[int, int], object]
"""Do what a number from 0 to 5 chooses, at a time; return what was said."""

W: Final = 8
BACKWARDS: Final = "time ran backwards"
LIMIT: Final = RateLimit(requests=2, window_ns=W)


class Clocked(NamedTuple):
    """A policy that is told the time."""

    new: Callable[[], Play]
    refusal: str | None = None
    """How time that runs backwards is refused, as a mistake of the caller; None: it is not."""

    from_zero: bool = False
    """Whether time begins at 0: a time before that has run backwards."""

    ways: tuple[int, int] = (0, 0)
    """What can be done, and then not done at an earlier time, if that is refused."""


def sliding_log() -> Play:
    log = SlidingLog(LIMIT)
    return lambda _, now_ns: log.admit(now_ns)


def tiered_limiter() -> Play:
    limiter = TieredLimiter({"free": LIMIT})
    return lambda way, now_ns: limiter.admit("free", "ab"[way % 2], now_ns)


def joint_limiter() -> Play:
    limiter = JointLimiter(LIMIT)
    return lambda way, now_ns: limiter.admit([Counted("ab"[way % 2], LIMIT)], now_ns)


def without_store() -> Play:
    limiter = WithoutStore(CountLocally(50), {"free": LIMIT})
    return lambda way, now_ns: limiter.admit("free", "ab"[way % 2], now_ns)


def fixed_window() -> Play:
    window = FixedWindow(LIMIT)
    return lambda _, now_ns: window.admit(now_ns)


def sliding_counter() -> Play:
    counter = SlidingCounter(LIMIT)
    return lambda _, now_ns: counter.admit(now_ns)


def token_bucket() -> Play:
    bucket = TokenBucket(TokenBucketLimit(interval_ns=4, burst=2))
    return lambda _, now_ns: bucket.admit(now_ns)


def suspicion() -> Play:
    suspected = Suspicion(SuspicionSettings(drain_ns=2, level_points=2, slack_points=1))

    def play(way: int, now_ns: int) -> object:
        if way < 4:
            suspected.note(f"203.0.{way % 2}.1", list(Evidence)[way // 2], now_ns)
        else:
            suspected.seen("203.0.0.1", str(way), now_ns)
        return [suspected.level(f"203.0.{third}.1", now_ns) for third in (0, 1)]

    return play


def circuit_breaker() -> Play:
    breaker = CircuitBreaker(
        BreakerLimits(W, failures_max=2, rate=FailureRate(50, 2, 4), slow_ns=W)
    )
    tickets: list[int] = []

    def play(way: int, now_ns: int) -> object:
        if way < 3 or not tickets:
            ticket = breaker.admit(now_ns)
            tickets.extend([] if ticket is None else [ticket])
            return ticket, breaker.retry_after_ns(now_ns)
        if way == 3:
            breaker.answered(tickets.pop(), now_ns, W + 1)
        else:
            breaker.failed(tickets.pop(0), now_ns)
        return None

    return play


def leased_entry() -> Play:
    entry, leases = LeasedEntry(lease_ns=W), [0]

    def play(way: int, now_ns: int) -> object:
        if way < 3:
            answer = entry.read(now_ns)
            leases.extend([answer.lease] if isinstance(answer, Fill) else [])
            return type(answer)
        if way < 5:
            return entry.fill(leases[-1], now_ns, ttl_ns=W)
        entry.invalidate(now_ns)
        return None

    return play


def versioned_entry() -> Play:
    entry = VersionedEntry(VersionedLimits(W, fill_max_ns=W, tombstone_ns=2 * W))

    def play(way: int, now_ns: int) -> object:
        if way < 2:
            return type(entry.read(now_ns))
        if way < 4:
            return entry.fill(way, now_ns + W - way, now_ns)
        entry.invalidate(way - 1, now_ns)
        return None

    return play


def coalescer() -> Play:
    flights: Coalescer[str] = Coalescer(CoalescingLimits(W, 2 * W, leaders_max=2))

    def play(way: int, now_ns: int) -> object:
        caller = way + 1
        if way < 2:
            part = flights.join("ab"[way], now_ns)
            return type(part), part.caller, part.until_ns - now_ns
        if way == 2:
            return type(flights.look("a", caller, now_ns))
        if way == 3:
            return flights.succeeded("a", caller, now_ns)
        return type(flights.failed("a", caller - 3, now_ns))

    return play


def codel_queue() -> Play:
    queue: CodelQueue[int] = CodelQueue(4, CodelLimits(target_ns=2, interval_ns=W))
    return lambda way, now_ns: queue.offer(way, now_ns) if way < 3 else queue.take(now_ns)


def adaptive_queue() -> Play:
    queue: AdaptiveQueue[int] = AdaptiveQueue(QueueLimits(3, W, W // 2))
    return lambda way, now_ns: queue.offer(way, now_ns) if way < 3 else queue.take(now_ns)


def allowance() -> Play:
    tokens = Allowance(AllowanceLimit(amount=3, period_ns=W, hold_ns=W))

    def play(way: int, now_ns: int) -> object:
        if way < 3:
            return tokens.reserve(way, now_ns), tokens.left(now_ns)
        return tokens.settle(way - 2, 1, now_ns), tokens.left(now_ns)

    return play


def batcher() -> Play:
    batches: Batcher[int] = Batcher(BatchLimits(weight_max=3, age_max_ns=W, keys_max=2))

    def play(way: int, now_ns: int) -> object:
        gone = batches.add("abc"[way % 3], way, 1, now_ns) if way < 5 else batches.due(now_ns)
        if isinstance(gone, BatchRefused):
            return gone
        return [(batch.items, now_ns - batch.opened_ns) for batch in gone]

    return play


def connection_pool() -> Play:
    pool = ConnectionPool(PoolLimits(2, idle_max_ns=W, lifetime_max_ns=3 * W, open_interval_ns=1))

    def play(way: int, now_ns: int) -> object:
        if way < 3:
            return pool.ask(now_ns, now_ns + W)
        return pool.failed_over(now_ns) if way == 3 else pool.due(now_ns)

    return play


def device_leases() -> Play:
    leases = DeviceLeases([Device(4), Device(4)], lease_ns=W)

    def play(way: int, now_ns: int) -> object:
        if way < 3:
            placed = leases.take("abc"[way], Ask(3), now_ns)
            return type(placed), getattr(placed, "token", None)
        if way == 3:
            return leases.renew(1, now_ns) is None
        return leases.release(way - 3, now_ns) if way == 4 else len(leases.reap(now_ns))

    return play


def backfill() -> Play:
    queue = BackfillQueue(DeviceLeases([Device(4)], lease_ns=W), head_start_ns=1)

    def play(way: int, now_ns: int) -> object:
        refused = queue.submit(QueuedJob(str(way), Ask(3), W, way), now_ns)
        if way < 3:
            return refused
        started = queue.start(now_ns)
        reserved = queue.reservation(now_ns)
        told = reserved and (reserved.job, reserved.at_ns - now_ns)
        return [(job, lease.token) for job, lease in started], told

    return play


def warm_models() -> Play:
    warm = WarmModels(4, {"a": 3, "b": 3}, SwapLimit(swaps_max=2, window_ns=W))
    using: list[str] = []

    def play(way: int, now_ns: int) -> object:
        if way > 3 and using:
            warm.done(using.pop())
            return warm.loaded
        answer = warm.use("ab"[way % 2], now_ns)
        using.extend(["ab"[way % 2]] if hasattr(answer, "evicted") else [])
        return answer

    return play


def backend_set() -> Play:
    backends = BackendSet()
    for name in "ab":
        backends.add(name)

    def play(way: int, now_ns: int) -> object:
        if way < 2:
            return backends.eject("ab"[way], now_ns + W)
        if way == 2:
            return backends.drain("b", now_ns + W)
        return backends.assign("ab"[way % 2], now_ns), backends.cut(now_ns), backends.loads(now_ns)

    return play


def failover() -> Play:
    regions = RegionalFailover("ab", FailoverLimits(HealthLimits(rise=1, fall=1), W))
    reign = [Reign(None, 0, -(2**63))]

    def play(way: int, now_ns: int) -> object:
        regions.observe("ab"[way % 2], passed=way < 3)
        proposed = regions.propose(reign[-1], now_ns)
        reign.extend([] if proposed is None else [proposed])
        return proposed and (proposed.region, proposed.epoch)

    return play


def staleable_entry() -> Play:
    entry = StaleableEntry(
        FreshnessLimits(
            W, while_revalidate_ns=W, if_error_ns=W, load_max_ns=W, error_pause_ns=W // 2
        )
    )
    tickets = [0]

    def play(way: int, now_ns: int) -> object:
        if way < 3:
            answer = entry.read(now_ns)
            tickets.append(getattr(answer, "ticket", 0) or tickets[-1])
            return type(answer), getattr(answer, "ticket", None)
        if way == 3:
            return entry.store(tickets[-1], now_ns, 0.5)
        if way == 4:
            return entry.failed(tickets[-1], now_ns)
        entry.invalidate(now_ns)
        return None

    return play


def replica_pace() -> Play:
    pace = ReplicaPace(1, 10, None, window_ns=W)
    replicas = [3]

    def play(way: int, now_ns: int) -> object:
        replicas.append(pace.follow(now_ns, replicas[-1], None if way == 5 else 2 * way))
        return replicas[-1]

    return play


def scaled_object() -> Play:
    spec = ScaledObjectSpec((Trigger(2),), polling_interval_ns=W // 2, cool_down_ns=W)
    scaled = ScaledObject(spec)
    replicas = [0]

    def play(way: int, now_ns: int) -> object:
        replicas.append(scaled.desired(now_ns, replicas[-1], [None if way == 5 else way // 2]))
        return replicas[-1]

    return play


def shrink_guard() -> Play:
    guard = ShrinkGuard(Calm(signal_max=3, window_ns=W))
    return lambda way, now_ns: guard.guarded(now_ns, 5, 2, way)


def idempotency_keys() -> Play:
    limits = IdempotencyLimits(kept_ns=2 * W, retry_horizon_ns=W, hold_ns=W // 2)
    keys = IdempotencyKeys(limits, keys_max=2)

    def play(way: int, now_ns: int) -> object:
        if way < 3:
            return keys.begin("ada", "xyz"[way], "print", work_id="work", now_ns=now_ns)
        if way == 3:
            return keys.finish("ada", "x", 1, "done", now_ns)
        return keys.abandon("ada", "y", way - 3, now_ns)

    return play


def backend_latency() -> Play:
    latency = BackendLatency(LatencyLimits(decay_ns=W, failure_ns=W))

    def play(way: int, now_ns: int) -> object:
        if way < 2:
            latency.answered(way * 100, now_ns)
        elif way == 2:
            latency.failed(way, now_ns)
        return latency.cost(way, now_ns)

    return play


def lease_table() -> Play:
    table = LeaseTable(W)

    def play(way: int, now_ns: int) -> object:
        if way < 2:
            claim = table.acquire(now_ns)
            return type(claim), getattr(claim, "token", None)
        if way < 4:
            return type(table.renew(way - 1, now_ns))
        return table.release(way - 3, now_ns)

    return play


def outlier_ejection() -> Play:
    limits = OutlierLimits(failures_max=2, ejection_ns=W, ejection_max_ns=4 * W, requests_min=1)
    ejection = OutlierEjection("abc", limits)

    def play(way: int, now_ns: int) -> object:
        if way < 4:
            return ejection.failed("abc"[way % 3], now_ns), ejection.eligible(now_ns)
        if way == 4:
            return ejection.sweep(now_ns)
        ejection.answered("a", now_ns)
        return None

    return play


def ageing_queue() -> Play:
    queue: AgeingQueue[int] = AgeingQueue(AgeingLimits(3, priority_max=2, ageing_ns=W))
    return lambda way, now_ns: queue.push(way, way, now_ns) if way < 3 else queue.pop()


POLICIES: Final = {
    "sliding log": Clocked(sliding_log, refusal=BACKWARDS),
    "tiered limiter": Clocked(tiered_limiter, refusal=BACKWARDS),
    "joint limiter": Clocked(joint_limiter, refusal=BACKWARDS),
    "without store": Clocked(without_store, refusal=BACKWARDS),
    "fixed window": Clocked(fixed_window),
    "sliding counter": Clocked(sliding_counter),
    "token bucket": Clocked(token_bucket),
    "suspicion": Clocked(suspicion),
    "circuit breaker": Clocked(circuit_breaker),
    "leased entry": Clocked(leased_entry),
    "versioned entry": Clocked(versioned_entry),
    "coalescer": Clocked(coalescer),
    "codel queue": Clocked(codel_queue, "a request left before it came", ways=(0, 3)),
    "adaptive queue": Clocked(adaptive_queue),
    "allowance": Clocked(allowance, refusal=BACKWARDS, from_zero=True),
    "batcher": Clocked(batcher, refusal=BACKWARDS, from_zero=True),
    "connection pool": Clocked(connection_pool, refusal=BACKWARDS, from_zero=True),
    "device leases": Clocked(device_leases, refusal=BACKWARDS, from_zero=True),
    "backfill": Clocked(backfill, refusal=BACKWARDS, from_zero=True, ways=(3, 4)),
    "warm models": Clocked(warm_models, refusal=BACKWARDS, ways=(0, 1)),
    "backend set": Clocked(backend_set),
    "failover": Clocked(failover),
    "staleable entry": Clocked(staleable_entry),
    "replica pace": Clocked(replica_pace, refusal=BACKWARDS),
    "scaled object": Clocked(scaled_object, refusal=BACKWARDS, ways=(4, 4)),
    "shrink guard": Clocked(shrink_guard, refusal=BACKWARDS),
    "idempotency keys": Clocked(idempotency_keys, refusal=BACKWARDS, from_zero=True),
    "backend latency": Clocked(backend_latency, refusal=BACKWARDS, from_zero=True),
    "lease table": Clocked(lease_table, refusal=BACKWARDS, from_zero=True),
    "outlier ejection": Clocked(outlier_ejection),
    "ageing queue": Clocked(ageing_queue, "submitted_ns must be from 0", from_zero=True),
}
