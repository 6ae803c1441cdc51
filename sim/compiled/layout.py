"""What the event loop works on: arrays of records, one array for each kind of thing.

Things refer to one another by their row. A row that is not in use any more is given out
again; ``free`` and ``next`` chain those that wait for it. All numbers are 64 bits wide:
times and durations are nanoseconds, and a missing reference is -1.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.compiled.draws import DrawTable

Records: TypeAlias = NDArray[np.void]
Integers: TypeAlias = NDArray[np.int64]


def _record(*names: str, keys: tuple[str, ...] = ()) -> np.dtype[np.void]:
    fields = [(name, np.int64) for name in names] + [(name, np.uint64) for name in keys]
    return np.dtype(fields, align=True)


FRAME: Final = _record(
    "state",
    "next",  # in whichever line or list it stands
    "order",  # of the event that it waits for, among those of the same time
    "pc",  # row of its program
    "op",  # row of the program that brought it here: a call, as seen from the called
    "parent",  # frame that is told how it ended
    "visit",
    "replica",  # where it runs; 0: the client
    "places",
    "path",
    "row",  # of spans
    "entered_ns",
    "began_ns",
    "reply",
    "job",
    "is_stale",
    "took_ns",
    # The call that it has open, if it is guarded.
    "child",
    "outlook",
    "number",  # of attempts so far
    "deadline_ns",
    "patience",
    "seen",
    "ticket",
    "failures",
    "called_ns",
    "attempt_path",
    "attempt_row",
)

VISIT: Final = _record(
    "next",
    "refs",
    "index",
    "at_ns",
    "class_index",
    "tier",
    "user",
    "content",  # the key that it is about
    "tries",
    "answered",
    "row",  # of the request's spans
    keys=("draws",),
)

JOB: Final = _record("next", "visit", "path", "op", "submitted_ns", "begun", "is_found")

PATIENCE: Final = _record("next", "deadline_ns", "frame", "is_over")

FAILURE: Final = _record("next", "seen")

OP: Final = _record(
    "kind",
    "station",
    "goes_to",  # a call: the called service's program; a look-up: what follows its miss
    "site",
    "draw",
    "second_draw",  # a call: of its wait; a submission: of the job
    "rank",  # of its class's priority among all, the lowest first
    "level",  # of nesting: look-ups within look-ups
    "invalidates",
    "invalidation_draw",
    "invalidation_site",
)

CLASS: Final = _record("program", "is_read_only", "is_repeatable")

SERVICE: Final = _record(
    "span",
    "waits",  # row of histograms; likewise ``services``
    "services",
    "concurrency",
    "line_max",
    "discipline",
    "balancing",
    "is_plain",
    "timeout_ns",
    "timer",  # frame that ends the patience of its callers
    "line_head",
    "line_tail",
    "failures_max",
    "cool_down_ns",
    "attempts_max",  # 0: callers do not try again
    "base_ns",
    "cap_ns",
    "budget_percent",
    "is_limited",
    "ready",  # number of replicas that may be chosen
    "ready_max",
    "ready_base",  # their rows in ``slots``
    "version",  # changes with every replica that comes or goes
    "since_ns",  # sum over the ready replicas of when they became ready
    "gone_ns",  # sum over the others of how long they were
    "busy_ns",  # as in PLACES
    "occupied",
    "sampled_busy_ns",
    "sampled_available_ns",
    keys=("balancing_stream", "backoff_stream"),
)

REPLICA: Final = _record("service", "index", "places", "ready_ns", "stopped_ns", "span")

PLACES: Final = _record(
    "capacity",
    "occupied",
    "waiting",
    "head",  # of the line: who is next
    "tail",
    "busy_ns",
    "service",
    "discipline",
    "lasts",  # row of ``lasts``: the last in line of the first rank; then of the others
)

VIEW: Final = _record("service", "replica", "version", "count", "base", "turn", "tripped", "tokens")

SEEN: Final = _record(
    "replica",
    "outlook",
    "outstanding",
    "breaker",
    "ticket",
    "failures",
    "places",
    "wait_until_ns",
    "probe",
    "time_ns",
    "noted_ns",
    "excess",
    "judged_ns",
)

CACHE: Final = _record("span", "waits", "services", "is_leased", "ttl_ns", "base")

ENTRY: Final = _record("lease", "until_ns", "is_filled", "head", "tail")

DATABASE: Final = _record(
    "span",
    "waits",
    "services",
    "primary",
    "standbys",
    "first_standby",
    "next",
    "stale_reads",
    "sampled",
    "lag_draw",
)

STANDBY: Final = _record("places", "replayed_ns", "base")

QUEUE: Final = _record(
    "waits",
    "services",
    "span",
    "class_index",
    "workers",
    "results",  # cache whose results are kept; -1: none are
    "results_base",
    "find_draw",
    "head",
    "tail",
    "discipline",
    "lasts",  # as in PLACES
    "waiting",
    "active",
    "idle_head",
    "idle_tail",
)

LIMITED_USERS: Final = _record("requests", "window_ns", "base", "users")
"""For each service and tier: the limit (0: none), and where the logs of its users begin."""

LOG: Final = _record("start", "count", "next")

MEASURE: Final = _record("count", "total", "total_high", "smallest", "largest")
"""What a histogram has besides buckets; ``total_high`` counts steps of 2**62."""

CHANGE: Final = _record("at_ns", "replica", "by", "breaker")
"""A breaker that opened or closed."""

ENDED: Final = _record(
    "index", "at_ns", "class_index", "returned_ns", "outcome", "tries", "tier", "user", "content",
    "status", "row",
)  # fmt: skip
"""An operation, for the history."""

USER: Final = _record("tier", "user", "sent", keys=("draws",))
"""A user who waits for answers; what it thinks for draws from a key of its own."""

RUN_RECORD: Final = _record(
    "now_ns",
    "end_ns",
    "order",  # of the next event that is scheduled
    "heap",  # events in it
    "soon_head",  # frames whose turn is now
    "soon_tail",
    "urgent_head",  # frames that begin before anything else of this time
    "urgent_tail",
    "due",  # patiences that end now
    "arrival_row",
    "arrival_rows",
    "arrival_ns",
    "arrival_order",
    "first_index",
    "frame_free",
    "frame_left",
    "visit_free",
    "job_free",
    "job_left",
    "patience_free",
    "patience_left",
    "failure_free",
    "failure_left",
    "row_free",
    "seen_used",
    "view_used",
    "slot_used",
    "margin",
    "is_short",  # of room, or of requests for users who wait for their answers
    "think_draw",  # of these users; -1: there are none
    "is_traced",
    "is_measuring",
    "measured_from_ns",
    "measured_until_ns",
    "second",
    "second_low",
    "second_high",
    "changes",
    "ended",
    "begun",
    "driver_frame",
    "events",
    "services",  # how many there are; likewise the others
    "queues",
    "databases",
    "tiers",
    "levels",
    "ranks",  # different priorities that classes have
    "scratch",
    "span_columns",
    "sample_columns",
    "second_row",  # of the histogram of the current second
    "changes_max",
    "ended_max",
    "views_max",
    "slots_max",
    "seen_max",
)


class Arrivals(NamedTuple):
    """A block of arrivals, column by column."""

    at_ns: Integers
    class_index: Integers
    tier: Integers
    user: Integers
    key: Integers
    draw_key: NDArray[np.uint64]


class State(NamedTuple):
    """Everything that a run consists of.

    ``heap_ns`` and ``heap_order`` are one binary heap: the time of an event, and its order
    among those of the same time with the frame that waits for it in the lowest 24 bits.
    """

    run: Records
    frames: Records
    visits: Records
    jobs: Records
    patiences: Records
    failures: Records
    heap_ns: Integers
    heap_order: Integers
    program: Records
    classes: Records
    services: Records
    replicas: Records
    places: Records
    lasts: Integers
    views: Records
    views_of: Integers
    slots: Integers
    scratch: Integers
    seen: Records
    caches: Records
    entries: Records
    results: Integers
    databases: Records
    standbys: Records
    shows: Integers
    queues: Records
    limits: Records
    logs: Records
    admitted_ns: Integers
    measures: Records
    buckets: Integers
    outcomes: Integers
    rates: Integers
    quantiles: Integers
    samples: NDArray[np.float64]
    spans: Integers
    leases: Integers
    changes: Records
    ended: Records
    users: Records
    arrivals: Arrivals
    draws: DrawTable
