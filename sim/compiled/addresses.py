"""The state of a run, handed over to machine code as a list of addresses."""

from collections.abc import Mapping, Sequence
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
    "users": layout.USER,
}
"""What the rows of the state's arrays are, where they are not integers."""

_PARTS: Final[dict[str, dict[str, "np.dtype[Any]"]]] = {
    "arrivals": {"draw_key": _UNSIGNED},
    "draws": {"streams": _UNSIGNED, "first": _REALS, "second": _REALS, "nodes": _REALS},
}
"""Likewise of those of its parts, which come last."""


def type_of_tables(
    title: str,
    fields: Sequence[str],
    records: Mapping[str, "np.dtype[Any]"],
    arrivals: Sequence[str],
) -> TablesType:
    """Return the type of a state as machine code sees it.

    Args:
        title: of the type.
        fields: of the state; the last are ``arrivals`` and ``draws``.
        records: what the rows of its arrays are, where they are not integers.
        arrivals: columns of a block of them.
    """
    columns_of = {"arrivals": arrivals, "draws": DrawTable._fields}
    parts: dict[str, tuple[int, Any]] = {}
    place = 0
    for name in fields:
        if name not in _PARTS:
            parts[name] = place, rows_of(records.get(name, _INTEGERS))
            place += 1
            continue
        columns, kinds = columns_of[name], _PARTS[name]
        inner = {
            column: (number, rows_of(kinds.get(column, _INTEGERS)))
            for number, column in enumerate(columns)
        }
        parts[name] = place, TablesType(f"{name}: {', '.join(columns)}", inner)
        place += len(inner)
    return TablesType(title, parts)


state_at: Final[Any] = tables_at(type_of_tables("state", State._fields, _RECORDS, Arrivals._fields))
"""For machine code: from the address of what ``addresses_of`` returns to the state."""


def addresses_of(s: tuple[Any, ...]) -> NDArray[np.uint64]:
    """Return where each array of a state begins, those of its parts last.

    The arrays have to be kept for as long as the addresses are used.
    """
    *arrays, arrivals, draws = s
    return np.array([each.ctypes.data for each in (*arrays, *arrivals, *draws)], np.uint64)
