"""More room for what there is more of than before."""

from typing import Any, TypeVar

import numpy as np

from sim.compiled.layout import Integers, Records, State
from sim.compiled.state import chained_rows

_Array = TypeVar("_Array", Records, Integers)


def with_room(s: State) -> State:
    """Return the state with at least twice the room in what is nearly full."""
    run = s.run[0]
    margin = int(run["margin"])
    run["is_short"] = 0
    changed: dict[str, Any] = {}
    if run["frame_left"] < margin:
        changed |= _with_frames(s)
    for pool in ("jobs", "patiences", "failures"):
        single = {"jobs": "job", "patiences": "patience", "failures": "failure"}[pool]
        if run[f"{single}_left"] < margin:
            records = getattr(s, pool)
            changed[pool] = _chained_on(records, 2 * len(records))
            run[f"{single}_left"] += len(records)
    if "frames" in changed or "jobs" in changed:
        frames, jobs = changed.get("frames", s.frames), changed.get("jobs", s.jobs)
        changed["visits"] = _chained_on(s.visits, len(frames) + len(jobs))
    scratch = len(s.scratch)
    if run["view_used"] + margin >= len(s.views):
        changed["views"] = doubled(s.views)
        run["views_max"] *= 2
    if run["slot_used"] + margin * scratch >= len(s.slots):
        changed["slots"] = doubled(s.slots)
        run["slots_max"] *= 2
    if run["seen_used"] + margin * scratch >= len(s.seen):
        changed["seen"] = doubled(s.seen)
        run["seen_max"] *= 2
    return s._replace(**changed)


def growth_bytes(s: State) -> int:
    """Return how many bytes ``with_room`` takes until it gives the old ones back."""
    run = s.run[0]
    margin, scratch = int(run["margin"]), len(s.scratch)
    grows = {
        "frames": run["frame_left"] < margin,
        "jobs": run["job_left"] < margin,
        "patiences": run["patience_left"] < margin,
        "failures": run["failure_left"] < margin,
        "views": run["view_used"] + margin >= len(s.views),
        "slots": run["slot_used"] + margin * scratch >= len(s.slots),
        "seen": run["seen_used"] + margin * scratch >= len(s.seen),
    }
    grown = [getattr(s, name) for name, is_short in grows.items() if is_short]
    if grows["frames"]:
        grown += [s.heap_ns, s.heap_order, s.leases, *([s.spans] if run["is_traced"] else [])]
    if grows["frames"] or grows["jobs"]:
        grown.append(s.visits)
    return 2 * sum(array.nbytes for array in grown)


def _with_frames(s: State) -> dict[str, Any]:
    rows = len(s.frames)
    changed: dict[str, Any] = {
        "frames": _chained_on(s.frames, 2 * rows),
        "heap_ns": doubled(s.heap_ns),
        "heap_order": doubled(s.heap_order),
        "leases": doubled(s.leases),
    }
    s.run[0]["frame_left"] += rows
    if s.run[0]["is_traced"]:
        columns = int(s.run[0]["span_columns"])
        more = chained_rows(rows, columns)
        more[::columns] += len(s.spans) // columns
        changed["spans"] = np.concatenate([s.spans, more])
    return changed


def doubled(array: _Array) -> _Array:
    """Return an array that begins like ``array`` and goes on with as many zeros."""
    return np.concatenate([array, np.zeros_like(array)])


def _chained_on(records: Records, rows: int) -> Records:
    """Return ``records`` with free rows after them; the last free one now names the first new."""
    used = len(records)
    grown = np.concatenate([records, np.zeros(rows - used, records.dtype)])
    # Each pool's rows were chained to the end from the start on, so that the chain of free ones
    # ends with the number of the row after the last: the first of the new ones.
    grown["next"][used:] = np.arange(used + 1, rows + 1)
    return grown
