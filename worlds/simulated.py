"""The simulated world: no servers, seconds instead of minutes."""

from pathlib import Path

from scenarios.files import write_record
from scenarios.history import HistoryWriter
from scenarios.records import RunRecord, World
from scenarios.spec import Scenario
from sim.run import simulate
from worlds.provenance import commit
from worlds.world import OnProgress, Progress


class SimulatedWorld:
    """Asks the simulator."""

    name: World = "simulated"

    def run(self, scenario: Scenario, out: Path, on_progress: OnProgress) -> RunRecord:
        """Simulate ``scenario``; the same seed writes the same files, byte for byte."""
        out.mkdir(parents=True, exist_ok=True)
        end_ns = scenario.warm_up_ns + scenario.duration_ns + scenario.drain_ns

        def at(now_ns: int) -> None:
            on_progress(Progress("simulating", min(now_ns / end_ns, 1.0)))

        with HistoryWriter(out / "history.jsonl") as history:
            record = simulate(scenario, history=history.write, on_progress=at, commit=commit())
        write_record(record, out / "record.json")
        on_progress(Progress("simulating", 1.0))
        return record
