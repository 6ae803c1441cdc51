"""The simulated world: no servers, seconds instead of minutes."""

from collections.abc import Callable
from pathlib import Path

from scenarios.files import write_record
from scenarios.history import HistoryWriter, Operation
from scenarios.records import RunRecord, World
from scenarios.spec import Scenario
from sim.run import EngineName, simulate
from worlds.provenance import commit
from worlds.world import OnProgress, Progress


class SimulatedWorld:
    """Asks the simulator.

    Args:
        engine: which of its two; both give the same answer.
    """

    name: World = "simulated"

    def __init__(self, engine: EngineName = "compiled") -> None:
        self._engine = engine

    def run(self, scenario: Scenario, out: Path, on_progress: OnProgress) -> RunRecord:
        """Simulate ``scenario``; the same seed writes the same files, byte for byte."""
        out.mkdir(parents=True, exist_ok=True)
        with HistoryWriter(out / "history.jsonl") as history:
            record = simulated(scenario, self._engine, on_progress, history.write)
        write_record(record, out / "record.json")
        return record


def simulated(
    scenario: Scenario,
    engine: EngineName,
    on_progress: OnProgress,
    history: Callable[[Operation], None] | None = None,
    should_stop: Callable[[int], bool] | None = None,
) -> RunRecord:
    """Return what :func:`sim.run.simulate` does, and tell people how far it is."""
    end_ns = scenario.warm_up_ns + scenario.duration_ns + scenario.drain_ns

    def at(now_ns: int) -> None:
        on_progress(Progress("simulating", min(now_ns / end_ns, 1.0)))

    tell_of_compiling(engine, on_progress)
    record = simulate(scenario, history, at, commit(), engine, should_stop)
    on_progress(Progress("simulating", 1.0))
    return record


def tell_of_compiling(engine: EngineName, on_progress: OnProgress) -> None:
    """Say why nothing happens for some seconds, if the engine has yet to be compiled."""
    if engine != "compiled":
        return
    # Imported here: who asks the other engine need not wait for the compiler to load.
    from sim.compiled.cache_folder import is_compiled  # noqa: PLC0415  # see above

    if not is_compiled():
        on_progress(Progress("compiling the engine, once after each change of version", 0.0))
