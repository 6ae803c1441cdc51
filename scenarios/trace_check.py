"""Whether a trace suits the scenario that replays it: asked before anything starts."""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from scenarios.errors import remedy
from scenarios.spec import Scenario
from scenarios.trace import InvalidTrace, TraceEntry, TraceSummary, check_trace, read_trace
from scenarios.trace_sort import CHUNK, Sorter
from scenarios.units import SECOND_NS
from scenarios.workload import TraceArrivals, TraceSource


def trace_notes(scenario: Scenario) -> tuple[str, ...]:
    """Return what a user should know before the trace of ``scenario`` is replayed.

    Returns:
        Sentences without their full stop; none if it is no trace, or a usual one.

    Raises:
        InvalidTrace: the trace cannot be replayed in this scenario.
        OSError: it cannot be read.
    """
    match scenario.workload.arrivals:
        case TraceArrivals(trace=source):
            summary = _suitable(scenario, source)
            name = Path(source.file).name
            return (
                *_notes_on_content(name, summary, scenario),
                *_notes_on_time(source, summary, scenario),
            )
        case _:
            return ()


def entries_in_order(
    scenario: Scenario, source: TraceSource, chunk: int = CHUNK
) -> Iterator[TraceEntry]:
    """Return the entries of a trace in the order of arrival, sorted if its lines are not.

    The whole trace is read, and sorted, before this returns; memory holds
    ``chunk`` entries of it.

    Raises:
        InvalidTrace: the trace cannot be replayed in this scenario.
        OSError: it cannot be read, or a temporary file not written.
    """
    entries = read_trace(Path(source.file))
    if not _suitable(scenario, source).displaced:
        return entries
    in_order = Sorter(Path(tempfile.gettempdir()), chunk).sorted(entries)
    # Asked for the first, it sorts: live, the time for that is now, not when the run has begun.
    return chain((next(in_order),), in_order)


def _suitable(scenario: Scenario, source: TraceSource) -> TraceSummary:
    path = Path(source.file)
    summary = check_trace(path)
    for name, line in summary.classes.items():
        if name and name not in scenario.classes:
            reason = f"has the class {name!r}, which the scenario does not have"
            raise InvalidTrace(path, line, f"{reason}; {remedy(name, scenario.classes)}")
    return summary


def _notes_on_content(name: str, summary: TraceSummary, scenario: Scenario) -> list[str]:
    notes: list[str] = []
    if summary.displaced:
        were = "was" if summary.displaced == 1 else "were"
        notes.append(
            f"{name}: {summary.displaced} of {summary.requests} entries {were} out of order; "
            "they are replayed sorted"
        )
    beside = [each for each in summary.classes if each and each not in scenario.workload.mix]
    if beside:
        notes.append(
            f"{name}: the mix does not have {', '.join(beside)}; the trace does, "
            "and is replayed as recorded"
        )
    return notes


def _notes_on_time(source: TraceSource, summary: TraceSummary, scenario: Scenario) -> list[str]:
    first_s, last_s = (
        at_ns / source.speed / SECOND_NS for at_ns in (summary.first_ns, summary.last_ns)
    )
    measured_s = scenario.warm_up_ns / SECOND_NS
    end_s = (scenario.warm_up_ns + scenario.duration_ns) / SECOND_NS
    if last_s < measured_s:
        return [
            f"the trace ends at {last_s:g} s, before the measured part begins at {measured_s:g} s"
        ]
    if first_s >= end_s:
        return [f"the trace begins at {first_s:g} s, when the run has ended at {end_s:g} s"]
    return []
