"""A stage for short plays: requests at known times, on a platform of known times."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios import units
from scenarios.history import Operation
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from scenarios.trace import TraceEntry, TraceWriter
from sim.run import simulate

MS = units.MILLISECOND_NS


@dataclass(frozen=True)
class Played:
    """What came of a play."""

    record: RunRecord
    operations: list[Operation]
    """In the order in which they ended."""

    def ended(self, class_name: str | None = None) -> dict[int, tuple[str, float | None]]:
        """Return outcome and time in milliseconds of each operation, by its number."""
        return {
            operation.id: (
                operation.outcome.value,
                None if operation.returned_ns is None else operation.returned_ns / MS,
            )
            for operation in sorted(self.operations)
            if class_name is None or operation.class_name == class_name
        }

    def events(self) -> list[tuple[float, str, str]]:
        """Return time in milliseconds, kind and target of each event."""
        return [(event.at_ns / MS, event.kind, event.target) for event in self.record.events]


def request(at_ms: float, class_name: str = "ask", key: int = 0) -> TraceEntry:
    """Return one request."""
    return TraceEntry(int(at_ms * MS), class_name, key)


def scenario(platform: dict[str, Any], **fields: Any) -> Scenario:  # noqa: ANN401  # as in files
    """Return a scenario, written as in files; the mix names all classes."""
    data = {
        "name": "play",
        "seed": 1,
        "duration": "60s",
        "workload": {
            "arrivals": {"constant": {"rate": "1/s"}},
            "mix": dict.fromkeys(platform["classes"], 1),
        },
        **platform,
        **fields,
    }
    return Scenario.model_validate(data, context=units.FILE)


def play(
    folder: Path,
    platform: dict[str, Any],
    requests: list[TraceEntry],
    **fields: Any,  # noqa: ANN401  # as in files
) -> Played:
    """Send ``requests`` to ``platform``, and let them end.

    Args:
        folder: where to write the trace.
        platform: services, classes and so on, written as in files.
        requests: in the order of their times.
        fields: other fields of the scenario.
    """
    trace = folder / "trace.csv"
    with trace.open("w", encoding="utf-8") as file:
        writer = TraceWriter(file)
        for entry in requests:
            writer.write(entry)
    workload = {
        "arrivals": {"trace": {"file": str(trace)}},
        "mix": dict.fromkeys(platform["classes"], 1),
    }
    operations: list[Operation] = []
    record = simulate(scenario(platform, workload=workload, **fields), history=operations.append)
    return Played(record, operations)
