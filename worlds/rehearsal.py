"""A rehearsal: one scenario, live and simulated, with the numbers of this machine.

The platform is started, its service times are measured under light load, the scenario's
traffic is sent at it, and the simulator answers the same question with the measured
times. Both records land in one folder, to be laid side by side.
"""

from pathlib import Path
from typing import NamedTuple

from scenarios.files import write_whole
from scenarios.load import write_scenario
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from scenarios.trace_check import trace_notes
from sim.run import EngineName
from worlds.calibration import calibrate
from worlds.light_load import observe_light_load
from worlds.live import run_live
from worlds.live_shape import shape_of, unheeded
from worlds.load.plan import check_sendable, submitted_queues
from worlds.processes.platform import Platform, running_platform
from worlds.simulated import SimulatedWorld
from worlds.world import OnProgress, Progress


def check(scenario: Scenario) -> None:
    """Find, before anything starts, what would keep ``scenario`` from being rehearsed.

    Raises:
        NotLive: the scenario names what the reference platform has not.
        NotSendable: a class of the mix can only be simulated.
        InvalidTrace: the trace to be replayed cannot be, or not in this scenario.
        OSError: the trace cannot be opened.
    """
    check_sendable(scenario)
    shape_of(scenario)
    trace_notes(scenario)


class Rehearsed(NamedTuple):
    """What came of a rehearsal."""

    predicted: RunRecord
    """By the simulator, with calibrated times."""

    measured: RunRecord
    """Of the live platform."""

    notes: tuple[str, ...]
    """What calibration set to what, and what was left out."""


def rehearse(
    scenario: Scenario,
    folder: Path,
    home: Path,
    on_progress: OnProgress,
    engine: EngineName = "compiled",
) -> Rehearsed:
    """Rehearse ``scenario`` on this machine.

    Args:
        scenario: what to ask.
        folder: of the run, empty; everything that came of it is written there.
        home: of the platform; its database is initialised there once and kept.
        on_progress: told of each stage.
        engine: which of the simulator's two makes the prediction.

    Raises:
        NotLive: the scenario names what the reference platform has not.
        NotSendable: a class of the mix can only be simulated.
        InvalidTrace: the trace to be replayed cannot be, or not in this scenario.
        PlatformProblem: the platform cannot be started; the message says why.
        LoadFailed: the load generator itself failed.
    """
    write_scenario(scenario, folder / "scenario.yaml")

    def starting(message: str) -> None:
        on_progress(Progress(f"starting the platform: {message}", 0.0))

    known = (*trace_notes(scenario), *unheeded(scenario))
    with running_platform(home, shape_of(scenario), starting) as platform:
        played, left_out = _playable(scenario, platform)
        seen = observe_light_load(played, platform, folder / "calibration", on_progress)
        platform.forget_what_was_cached()
        told = (*known, *left_out)
        measured = run_live(played, platform, folder / "processes", on_progress, told)
    calibrated = calibrate(played, seen)
    write_scenario(calibrated.scenario, folder / "calibrated.yaml")
    notes = (*told, *calibrated.notes)
    write_whole(folder / "calibration.txt", "".join(f"{note}\n" for note in notes))
    predicted = SimulatedWorld(engine).run(calibrated.scenario, folder / "simulated", on_progress)
    return Rehearsed(predicted, measured, notes)


def _playable(scenario: Scenario, platform: Platform) -> tuple[Scenario, tuple[str, ...]]:
    """Leave out the classes whose jobs nobody here can work off."""
    workers = {status.name for status in platform.services()}
    queues = {name for name, queue in scenario.queues.items() if queue.workers not in workers}
    left_out = {name for name, queue in submitted_queues(scenario).items() if queue in queues}
    mix = {name: w for name, w in scenario.workload.mix.items() if name not in left_out}
    if not left_out or not mix:
        return scenario, ()
    note = (
        f"{', '.join(sorted(left_out))}: left out, in both worlds, because no worker for "
        f"{', '.join(sorted(queues))} runs here (is Manim installed?)"
    )
    kept = tuple(o for o in scenario.objectives if o.of not in queues | left_out)
    workload = scenario.workload.model_copy(update={"mix": mix})
    return scenario.model_copy(update={"workload": workload, "objectives": kept}), (note,)
