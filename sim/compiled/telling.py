"""The history of a compiled run: its rows made into operations."""

from collections.abc import Callable, Iterable
from typing import Final

from scenarios.history import Operation, Outcome
from scenarios.spec import Scenario
from sim.arrivals import tiers_of
from sim.compiled.codes import ENDED_OK, FAILED, NOBODY, REFUSED, UNKNOWN
from sim.compiled.layout import State
from sim.compiled.state import Stations
from sim.compiled.unfinished import Unfinished

OUTCOMES: Final = {
    ENDED_OK: Outcome.OK,
    REFUSED: Outcome.REFUSED,
    FAILED: Outcome.FAILED,
    UNKNOWN: Outcome.UNKNOWN,
}


class Teller:
    """Tells somebody of every operation.

    Args:
        scenario: that is run.
        history: told.
    """

    def __init__(self, scenario: Scenario, history: Callable[[Operation], None]) -> None:
        stations = Stations(scenario)
        self._history = history
        self._classes = stations.classes
        self._spans = stations.spans
        self._tiers = tuple(tiers_of(scenario))

    def tell(self, s: State) -> None:
        """Tell of those that have ended since the last time."""
        run = s.run[0]
        for told in s.ended[: run["ended"]].tolist():
            self._history(self._operation(told, s))
        run["ended"] = 0

    def tell_unfinished(self, s: State, unfinished: Iterable[Unfinished]) -> None:
        """Tell of those of which nobody knows how they will end."""
        for visit, class_index, row in unfinished:
            asked = s.visits[visit]
            told = (
                int(asked["index"]),
                int(asked["at_ns"]),
                class_index,
                NOBODY,
                UNKNOWN,
                int(asked["tries"]) if class_index == asked["class_index"] else 1,
                int(asked["tier"]),
                int(asked["user"]),
                int(asked["content"]),
                0,
                row,
            )
            self._history(self._operation(told, s))

    def _operation(self, told: tuple[int, ...], s: State) -> Operation:
        index, at_ns, class_index, returned_ns, outcome, tries, tier, user, key, status, row = told
        spans_ns: tuple[tuple[str, int], ...] = ()
        if row != NOBODY:
            spans_ns = self._taken(s, row)
        return Operation(
            index,
            self._classes[class_index],
            at_ns,
            at_ns,
            None if returned_ns == NOBODY else returned_ns,
            OUTCOMES[outcome],
            tries,
            f"{self._tiers[tier]}-{user}",
            key,
            status,
            spans_ns,
        )

    def _taken(self, s: State, row: int) -> tuple[tuple[str, int], ...]:
        """Return the spans in a row, and free it."""
        mine = s.spans[row * len(self._spans) : (row + 1) * len(self._spans)]
        spent = mine.tolist()
        mine[:] = 0
        mine[0] = s.run[0]["row_free"]
        s.run[0]["row_free"] = row
        return tuple((name, ns) for name, ns in zip(self._spans, spent, strict=True) if ns)
