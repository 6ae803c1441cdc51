"""The state of a run, handed over to machine code as a list of addresses."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.compiled import layout
from sim.compiled.draws import DrawTable
from sim.compiled.layout import Arrivals, State
from sim.compiled.rows import TablesType, rows_of, tables_at

_INTEGERS: Final = np.dtype(np.int64)
_UNSIGNED: Final = np.dtype(np.uint64)
_REALS: Final = np.dtype(np.float64)

_RECORDS: Final[dict[str, "np.dtype[Any]"]] = {
    "run": layout.RUN_RECORD,
    "frames": layout.FRAME,
    "visits": layout.VISIT,
    "jobs": layout.JOB,
    "patiences": layout.PATIENCE,
    "failures": layout.FAILURE,
    "program": layout.OP,
    "classes": layout.CLASS,
    "services": layout.SERVICE,
    "replicas": layout.REPLICA,
    "places": layout.PLACES,
    "views": layout.VIEW,
    "seen": layout.SEEN,
    "caches": layout.CACHE,
    "entries": layout.ENTRY,
    "databases": layout.DATABASE,
    "standbys": layout.STANDBY,
    "queues": layout.QUEUE,
    "limits": layout.LIMITED_USERS,
    "logs": layout.LOG,
    "measures": layout.MEASURE,
    "samples": _REALS,
    "changes": layout.CHANGE,
    "ended": layout.ENDED,
}
"""What the rows of the state's arrays are, where they are not integers."""

_PARTS: Final[dict[str, tuple[Any, dict[str, "np.dtype[Any]"]]]] = {
    "arrivals": (Arrivals, {"draw_key": _UNSIGNED}),
    "draws": (
        DrawTable,
        {"streams": _UNSIGNED, "first": _REALS, "second": _REALS, "nodes": _REALS},
    ),
}
"""Likewise of those of its parts, which come last."""


def _type_of_state() -> TablesType:
    parts: dict[str, tuple[int, Any]] = {}
    place = 0
    for name in State._fields:
        if name not in _PARTS:
            parts[name] = place, rows_of(_RECORDS.get(name, _INTEGERS))
            place += 1
            continue
        columns, kinds = _PARTS[name]
        inner = {
            column: (number, rows_of(kinds.get(column, _INTEGERS)))
            for number, column in enumerate(columns._fields)
        }
        parts[name] = place, TablesType(name, inner)
        place += len(inner)
    return TablesType("state", parts)


state_at: Final[Any] = tables_at(_type_of_state())
"""For machine code: from the address of what ``addresses_of`` returns to the state."""


def addresses_of(s: State) -> NDArray[np.uint64]:
    """Return where each array of the state begins, those of its parts last.

    The arrays have to be kept for as long as the addresses are used.
    """
    *arrays, arrivals, draws = s
    return np.array([each.ctypes.data for each in (*arrays, *arrivals, *draws)], np.uint64)
