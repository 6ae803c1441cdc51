"""A scenario as the state that the event loop begins with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from policies.cache import FOREVER_NS
from scenarios.spec import Queue, Scenario, Service
from scenarios.units import SECOND_NS
from scenarios.workload import ClosedArrivals
from sim.arrivals import Particulars, cache_of_keys, tiers_of
from sim.closed import THINK_STREAM
from sim.compiled import layout
from sim.compiled.codes import (
    FIFO,
    LATENCY_AWARE,
    LEAST_OUTSTANDING,
    LIFO,
    NOBODY,
    POWER_OF_TWO,
    PRIORITY,
    ROUND_ROBIN,
)
from sim.compiled.layout import Arrivals, Integers, Records, State
from sim.compiled.measures import BUCKETS
from sim.compiled.program import Draws, numbers_of, program_of, ranks_of
from sim.streams import request_key, seed_key, stream_key

ROOM: Final = 1_024
"""Rows of a pool at first; it grows as it has to."""

CLIENT: Final = "client"
"""What the client's waiting is put down to."""

_NO_BOUND: Final = 1 << 62
_IDEMPOTENT: Final = ("GET", "PUT")
_DISCIPLINES: Final = {"fifo": FIFO, "lifo": LIFO, "priority": PRIORITY}
_BALANCING: Final = {
    "round_robin": ROUND_ROBIN,
    "least_outstanding": LEAST_OUTSTANDING,
    "power_of_two": POWER_OF_TWO,
    "latency_aware": LATENCY_AWARE,
}


class Stations:
    """A scenario's stations, and where in the arrays each has its measures and spans.

    Attributes:
        spans: what spans are put down to, in the order of their columns.
        measured: the stations that have histograms, in the order of their rows: two each, waits
            and service times, after those of the classes and of the queues' jobs.
        classes: names of the classes, then of the queues, as operations bear them.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.measured = (
            *scenario.caches,
            *scenario.databases,
            *scenario.queues,
            *scenario.services,
        )
        self.spans = tuple(sorted({CLIENT, *self.measured}))
        self.classes = (*scenario.classes, *scenario.queues)

    def span(self, name: str) -> int:
        """Return the column of a station's spans."""
        return self.spans.index(name)

    def waits(self, name: str) -> int:
        """Return the row of a station's waits; its service times are in the next."""
        return len(self.classes) + 2 * self.measured.index(name)

    @property
    def histograms(self) -> int:
        """How many there are, that of the current second included, which is the last."""
        return len(self.classes) + 2 * len(self.measured) + 1


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How many rows things have at first."""

    room: int
    """Of each pool."""

    margin: int
    """Rows that a single event does not use up."""

    scratch: int
    """Replicas that one service can have."""

    slots: int
    seen: int
    samples: int
    """Columns."""

    ended: int
    seconds: int


def initial_state(scenario: Scenario, arrivals: Arrivals, *, traced: bool) -> State:
    """Return the state before the first replica has started.

    Args:
        scenario: what is to be run.
        arrivals: columns of the block of arrivals.
        traced: whether operations are to be told one by one.
    """
    draws = Draws()
    program = program_of(scenario, draws)
    stations = Stations(scenario)
    sizes = _sizes(scenario, len(program.steps), traced=traced)
    run = _run(scenario, sizes, traced=traced)
    run["levels"] = program.levels
    users, run["think_draw"] = _users(scenario, draws)
    parts = _parts_of(scenario, stations, draws)
    return State(
        run=run,
        leases=np.zeros(sizes.room * program.levels, np.int64),
        program=program.rows(),
        classes=_classes(scenario, program.starts),
        users=users,
        arrivals=arrivals,
        **parts,
        **_pools(sizes),
        **_notes(sizes, stations, traced=traced),
        draws=draws.table(),
    )


def _users(scenario: Scenario, draws: Draws) -> tuple[Records, int]:
    """Return the users who wait for their answers, and the row of what they think for."""
    match scenario.workload.arrivals:
        case ClosedArrivals(closed=closed):
            names = Particulars(scenario).spread(closed.users)
        case _:
            return _empty(layout.USER, 0), NOBODY
    seed = seed_key(scenario.seed)
    tiers = list(tiers_of(scenario))
    rows = [
        {
            "tier": tiers.index(tier),
            "user": int(name.removeprefix(f"{tier}-")),
            "draws": request_key(seed, number),
        }
        for number, (tier, name) in enumerate(names)
    ]
    return records_of(layout.USER, rows), draws(closed.think_time_ns, THINK_STREAM)


def _sizes(scenario: Scenario, steps: int, *, traced: bool) -> _Sizes:
    scratch = max(_replicas_max(spec) for spec in scenario.services.values())
    margin = 64 + 4 * steps
    room = ROOM + 2 * margin
    stations = 2 * len(scenario.services) + len(scenario.queues) + len(scenario.databases)
    length_ns = scenario.warm_up_ns + scenario.duration_ns + scenario.drain_ns
    return _Sizes(
        room=room,
        margin=margin,
        scratch=scratch,
        slots=(room + 2 * margin) * scratch,
        seen=room + 2 * margin * scratch,
        samples=stations,
        ended=4 * room if traced else 1,
        seconds=-(-length_ns // SECOND_NS) + 1,
    )


def _parts_of(scenario: Scenario, stations: Stations, draws: Draws) -> dict[str, Any]:
    """Return the arrays of what the platform consists of."""
    caches, entries = _caches(scenario, stations)
    queues, results = _queues(scenario, stations, draws)
    limits, users, admissions = _limits(scenario)
    standbys = sum(spec.replicas for spec in scenario.databases.values())
    return {
        "services": _services(scenario, stations),
        "replicas": _empty(layout.REPLICA, 0),
        "places": _empty(layout.PLACES, 0),
        "lasts": np.full(len(scenario.queues) * len(ranks_of(scenario)), NOBODY, np.int64),
        "views_of": np.zeros(0, np.int64),
        "caches": caches,
        "entries": entries,
        "results": results,
        "databases": _databases(scenario, stations, draws),
        "standbys": _empty(layout.STANDBY, standbys),
        "shows": np.zeros(standbys * contents_of(scenario), np.int64),
        "queues": queues,
        "limits": limits,
        "logs": _empty(layout.LOG, users),
        "admitted_ns": np.zeros(admissions, np.int64),
    }


def _pools(sizes: _Sizes) -> dict[str, Any]:
    """Return the arrays whose rows are given out as the run needs them."""
    return {
        "frames": _chained(layout.FRAME, sizes.room),
        "visits": _chained(layout.VISIT, 2 * sizes.room),
        "jobs": _chained(layout.JOB, sizes.room),
        "patiences": _chained(layout.PATIENCE, sizes.room),
        "failures": _chained(layout.FAILURE, sizes.room),
        "heap_ns": np.zeros(sizes.room, np.int64),
        "heap_order": np.zeros(sizes.room, np.int64),
        "views": _empty(layout.VIEW, sizes.room),
        "slots": np.zeros(sizes.slots, np.int64),
        "scratch": np.zeros(sizes.scratch, np.int64),
        "seen": _empty(layout.SEEN, sizes.seen),
    }


def _notes(sizes: _Sizes, stations: Stations, *, traced: bool) -> dict[str, Any]:
    """Return the arrays in which the run is written down."""
    return {
        "measures": _empty(layout.MEASURE, stations.histograms),
        "buckets": np.zeros(stations.histograms * BUCKETS, np.int64),
        "outcomes": np.zeros(4 * len(stations.classes), np.int64),
        "rates": np.zeros(4 * sizes.seconds, np.int64),
        "quantiles": np.full(2 * sizes.seconds, NOBODY, np.int64),
        "samples": np.full(sizes.seconds * sizes.samples, np.nan),
        # Those of operations that have ended are taken until these are told.
        "spans": chained_rows(sizes.room + sizes.ended if traced else 1, len(stations.spans)),
        "changes": _empty(layout.CHANGE, sizes.room),
        "ended": _empty(layout.ENDED, sizes.ended),
    }


def contents_of(scenario: Scenario) -> int:
    """Return how many keys requests can be about, and one for those about none."""
    asked = [cache_of_keys(it, scenario) for it in scenario.classes.values()]
    return 1 + max((scenario.caches[name].keys for name in asked if name), default=0)


def _replicas_max(spec: Service) -> int:
    return spec.replicas if spec.autoscaler is None else spec.autoscaler.max_replicas


def _empty(dtype: "np.dtype[np.void]", rows: int) -> Records:
    return np.zeros(rows, dtype)


def _chained(dtype: "np.dtype[np.void]", rows: int) -> Records:
    """Return rows that are all free, each of which names the next free one."""
    records = _empty(dtype, rows)
    records["next"] = np.arange(1, rows + 1)
    return records


def chained_rows(rows: int, columns: int) -> Integers:
    """Return rows of spans that are all free; each names the next one in its first column."""
    spans = np.zeros((rows, columns), np.int64)
    spans[:, 0] = np.arange(1, rows + 1)
    return spans.reshape(-1)


def records_of(dtype: "np.dtype[np.void]", rows: Sequence[Mapping[str, int]]) -> Records:
    """Return records from mappings; fields that are not named are 0."""
    records = _empty(dtype, len(rows))
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return records


def _run(scenario: Scenario, sizes: _Sizes, *, traced: bool) -> Records:
    nobody = dict.fromkeys(("soon_head", "urgent_head", "due", "driver_frame"), NOBODY)
    left = ("frame_left", "job_left", "patience_left", "failure_left")
    stations = Stations(scenario)
    return records_of(
        layout.RUN_RECORD,
        [
            {
                **nobody,
                **dict.fromkeys(left, sizes.room),
                "arrival_ns": FOREVER_NS,
                # Visit 0 is that of frames that are nobody's request.
                "visit_free": 1,
                "margin": sizes.margin,
                "is_traced": traced,
                "measured_from_ns": scenario.warm_up_ns,
                "measured_until_ns": scenario.warm_up_ns + scenario.duration_ns,
                "services": len(scenario.services),
                "queues": len(scenario.queues),
                "databases": len(scenario.databases),
                "tiers": len(tiers_of(scenario)),
                "ranks": len(ranks_of(scenario)),
                "scratch": sizes.scratch,
                "span_columns": len(stations.spans),
                "sample_columns": sizes.samples,
                "second_row": stations.histograms - 1,
                "changes_max": sizes.room,
                "ended_max": sizes.ended,
                "views_max": sizes.room,
                "slots_max": sizes.slots,
                "seen_max": sizes.seen,
            }
        ],
    )


def _classes(scenario: Scenario, starts: Sequence[int]) -> Records:
    methods = [
        "GET" if it.request is None else it.request.method for it in scenario.classes.values()
    ]
    return records_of(
        layout.CLASS,
        [
            {
                "program": start,
                "is_read_only": method == "GET",
                "is_repeatable": method in _IDEMPOTENT,
            }
            for start, method in zip(starts, methods, strict=True)
        ],
    )


def _services(scenario: Scenario, stations: Stations) -> Records:
    rows: list[dict[str, int]] = []
    ready_base = 0
    for name, spec in scenario.services.items():
        row = _guards(spec) | {
            "span": stations.span(name),
            "waits": stations.waits(name),
            "services": stations.waits(name) + 1,
            "concurrency": spec.concurrency,
            "line_max": _NO_BOUND if spec.queue_max is None else spec.queue_max,
            "discipline": _DISCIPLINES[spec.discipline],
            "balancing": _BALANCING[spec.balancing],
            "line_head": NOBODY,
            "line_tail": NOBODY,
            "is_limited": bool(spec.limits),
            "ready_max": _replicas_max(spec),
            "ready_base": ready_base,
            "balancing_stream": stream_key(f"{name} balancing"),
            "backoff_stream": stream_key(f"{name} back-off"),
        }
        ready_base += _replicas_max(spec)
        rows.append(row)
    return records_of(layout.SERVICE, rows)


def _guards(spec: Service) -> dict[str, int]:
    """Return what callers of a service guard themselves by."""
    row: dict[str, int] = {"timeout_ns": spec.timeout_ns or 0}
    if spec.breaker is not None:
        row["failures_max"] = spec.breaker.failures
        row["cool_down_ns"] = spec.breaker.cool_down_ns
    if spec.retry is not None:
        row["attempts_max"] = spec.retry.attempts
        row["base_ns"] = spec.retry.base_ns
        row["cap_ns"] = max(spec.retry.base_ns, spec.retry.cap_ns)
        row["budget_percent"] = spec.retry.budget_percent
    guarded = spec.breaker or spec.retry or spec.timeout_ns
    row["is_plain"] = spec.balancing == "round_robin" and not guarded
    return row


def _caches(scenario: Scenario, stations: Stations) -> tuple[Records, Records]:
    contents = contents_of(scenario)
    entries = _empty(layout.ENTRY, contents * len(scenario.caches))
    entries["head"] = NOBODY
    rows: list[dict[str, int]] = []
    for name, spec in scenario.caches.items():
        base = contents * len(rows)
        ttl_ns = FOREVER_NS if spec.ttl_ns is None else spec.ttl_ns
        if spec.warm:
            warm = entries[base : base + contents]
            warm["lease"], warm["until_ns"], warm["is_filled"] = 1, ttl_ns, 1
        rows.append(
            {
                "span": stations.span(name),
                "waits": stations.waits(name),
                "services": stations.waits(name) + 1,
                "is_leased": spec.protection == "lease",
                "ttl_ns": ttl_ns,
                "base": base,
            }
        )
    return records_of(layout.CACHE, rows), entries


def _databases(scenario: Scenario, stations: Stations, draws: Draws) -> Records:
    rows: list[dict[str, int]] = []
    standbys = 0
    for name, spec in scenario.databases.items():
        rows.append(
            {
                "span": stations.span(name),
                "waits": stations.waits(name),
                "services": stations.waits(name) + 1,
                "standbys": spec.replicas,
                "first_standby": standbys,
                "lag_draw": draws(spec.lag_ns, f"database {name} lag"),
            }
        )
        standbys += spec.replicas
    return records_of(layout.DATABASE, rows)


def _queues(scenario: Scenario, stations: Stations, draws: Draws) -> tuple[Records, Integers]:
    numbers, contents = numbers_of(scenario), contents_of(scenario)
    results = np.zeros(contents * len(scenario.queues), np.int64)
    rows: list[dict[str, int]] = []
    for name, spec in scenario.queues.items():
        row = {
            "waits": stations.waits(name),
            "services": stations.waits(name) + 1,
            "span": stations.span(name),
            "class_index": stations.classes.index(name, len(scenario.classes)),
            "workers": numbers.services[spec.workers],
            "head": NOBODY,
            "discipline": _DISCIPLINES[spec.discipline],
            "lasts": len(rows) * len(ranks_of(scenario)),
            "idle_head": NOBODY,
        }
        results_base = contents * len(rows)
        rows.append(row | _results(scenario, name, spec, draws) | {"results_base": results_base})
        kept = None if spec.results is None else scenario.caches[spec.results]
        if kept is not None and kept.warm:
            ttl_ns = FOREVER_NS if kept.ttl_ns is None else kept.ttl_ns
            results[results_base : results_base + contents] = ttl_ns
    return records_of(layout.QUEUE, rows), results


def _results(scenario: Scenario, name: str, spec: Queue, draws: Draws) -> dict[str, int]:
    if spec.results is None:
        return {"results": NOBODY, "find_draw": NOBODY}
    find_ns = scenario.caches[spec.results].service_time_ns
    return {
        "results": numbers_of(scenario).caches[spec.results],
        "find_draw": draws(find_ns, f"queue {name} results"),
    }


def _limits(scenario: Scenario) -> tuple[Records, int, int]:
    """Return the limits by service and tier, how many users and how many admissions they log."""
    rows: list[dict[str, int]] = []
    users = admissions = 0
    for spec in scenario.services.values():
        for tier_name, tier in tiers_of(scenario).items():
            limit = spec.limits.get(tier_name)
            if limit is None:
                rows.append({})
                continue
            rows.append(
                {
                    "requests": limit.requests,
                    "window_ns": limit.window_ns,
                    "base": admissions,
                    "users": users,
                }
            )
            users += tier.count
            admissions += tier.count * limit.requests
    return records_of(layout.LIMITED_USERS, rows), users, admissions
