"""The work in Wavetank, with the whole record collected."""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module, metadata
from typing import Any

from benchmarks.peers.simulators.platforms import scenario
from benchmarks.peers.simulators.programs.telling import Ran, Run, tell
from benchmarks.peers.simulators.work import LINES, REQUESTS
from scenarios.history import Outcome
from scenarios.records import RunRecord
from sim.run import EngineName, simulate

READY_REQUESTS = 2_000


def simulated(item: str, engine: EngineName, seed: int, requests: int) -> Ran:
    """Let an engine do an item."""
    record = simulate(scenario(item, seed, requests), engine=engine)
    counts = [outcome.counts for outcome in record.classes.values()]
    offered = sum(sum(each.values()) for each in counts)
    if item in LINES:
        waits = record.stations["door"].wait_ns
        assert waits is not None
        return Ran(offered, waits.total / waits.count / 1e9)
    latencies = [outcome.latency_ns for outcome in record.classes.values()]
    mean_s = sum(each.total for each in latencies) / sum(each.count for each in latencies) / 1e9
    return Ran(offered, mean_s, "" if item == "c" else _note(record, offered))


def _note(record: RunRecord, offered: int) -> str:
    """Return what the features did: that they are declared costs little."""
    scalings = sum(event.kind == "scaled" for event in record.events)
    openings = sum(event.kind == "opened" for event in record.events)
    ends: dict[Outcome, int] = {}
    for outcome in record.classes.values():
        for end, count in outcome.counts.items():
            ends[end] = ends.get(end, 0) + count
    shares = [f"{count / offered:.2%} {end.value}" for end, count in sorted(ends.items()) if count]
    return f"{', '.join(shares)}; {scalings} scalings, {openings} breakers opened"


def choose_events() -> None:
    """Have the compiled engine go from event to event, also where it could do without."""
    module: Any = import_module("sim.compiled.run")
    if hasattr(module, "qualifies"):
        module.qualifies = lambda _scenario: False


def main() -> None:
    """Tell of one run; the last argument names the engine."""
    asked = sys.argv.pop()
    engine: EngineName = "simpy" if asked == "simpy" else "compiled"
    if asked == "events":
        choose_events()

    def ready(item: str) -> Callable[[], Run]:
        return lambda: partial(simulated, item, engine)

    version = metadata.version("wavetank")
    tell({item: ready(item) for item in REQUESTS}, version, READY_REQUESTS)


if __name__ == "__main__":
    main()
