"""What the recursion works on: arrays of records, as :mod:`sim.compiled.layout` has them."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.compiled.addresses import type_of_tables
from sim.compiled.draws import DrawTable
from sim.compiled.layout import MEASURE, Integers, Records
from sim.compiled.rows import tables_at


def _record(*names: str, keys: tuple[str, ...] = ()) -> "np.dtype[np.void]":
    fields = [(name, np.int64) for name in names] + [(name, np.uint64) for name in keys]
    return np.dtype(fields, align=True)


RUN: Final = _record(
    "now_ns",  # the end, when it is reached
    "from_ns",  # of the measured part; likewise ``until_ns``
    "until_ns",
    "end_ns",
    "row",
    "rows",
    "is_drawn",  # whether it is known how long each row is served first
    "sent_ns",  # when the last request was sent; -1: none was
    "waiting",  # visitors in the heap
    "free",
    "free_left",
    "order",  # of the next visit
    "tie_ns",  # when several came at once the last time
    "is_undecided",
    "cell",
    "cells",
    "cell_end_ns",
    "second",
    "second_end_ns",
    "seconds",
    "second_row",  # of its histogram
)

STOP: Final = _record(
    "class_index",
    "station",
    "group",  # the first from which it is chosen
    "groups",
    "turns",  # where the caller's turn is; -1: there is no choice
    "caller",  # where in ``callers`` the caller's replica is; -1: it has but one
    "own",  # where the chosen one is kept there; -1: nobody asks
    "takes_place",
    "draw",
    "wait_draw",
    "site",
    "is_entry",  # whether none but new requests come to this station
    "is_last",
)
"""One stop of a class; what it calls next is in the row after it."""

STATION: Final = _record(
    "waits",  # row of histograms; service times are in the next
    "cells",  # where its busy times begin
    "came_ns",  # when the last one of a tie came, and what orders it
    "scheduled_ns",
    "began_ns",
    "kind",
    "manner",
    "origin",
    "order",
)

GROUP: Final = _record("station", "base", "capacity")
"""Places with a line of their own: a replica, or a pool of connections."""

VISITOR: Final = _record(
    "next",
    "stop",
    "at_ns",  # when the request was due; in the line of a later second: its latency
    "callers",  # replicas, eight bits each
    "scheduled_ns",  # when it was scheduled that it comes; see ``order``
    "began_ns",
    "kind",
    "manner",
    "origin",  # group that it comes from
    "order",
    keys=("draws",),
)
"""A request between two stations, or one whose second of return is still to come."""


class Arrivals(NamedTuple):
    """A block of arrivals, column by column."""

    at_ns: Integers
    class_index: Integers
    draw_key: NDArray[np.uint64]


class State(NamedTuple):
    """Everything that a run consists of.

    ``heap_ns`` and ``heap_visitor`` are one binary heap: who comes next to a station, and when.
    """

    run: Records
    stops: Records
    starts: Integers
    """By class: its first stop."""

    stations: Records
    groups: Records
    free_ns: Integers
    """By place: when it is free. Places of a large group are a heap, with the earliest first."""

    drawn_ns: Integers
    """By row of the block of arrivals: how long it is served first."""

    turns: Integers
    visitors: Records
    heap_ns: Integers
    heap_visitor: Integers
    later: Integers
    """By second: the first of those that return in it, and of whom this is already known."""

    ends_ns: Integers
    """Of the cells, into which the seconds and the measured part divide the run."""

    busy_ns: Integers
    """By station and cell."""

    sent: Integers
    """By class: requests due in the measured part."""

    measures: Records
    buckets: Integers
    rates: Integers
    quantiles: Integers
    arrivals: Arrivals
    draws: DrawTable


_RECORDS: Final[dict[str, "np.dtype[Any]"]] = {
    "run": RUN,
    "stops": STOP,
    "stations": STATION,
    "groups": GROUP,
    "visitors": VISITOR,
    "measures": MEASURE,
}

state_at: Final[Any] = tables_at(
    type_of_tables("recursion", State._fields, _RECORDS, Arrivals._fields)
)
"""For machine code: from the address of what ``addresses_of`` returns to the state."""
