"""Runs a scenario in simulated time."""

from collections.abc import Callable
from importlib import metadata
from typing import Literal, TypeAlias

from scenarios.history import Operation
from scenarios.load import scenario_sha256
from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario

EngineName: TypeAlias = Literal["simpy", "compiled"]


def simulate(
    scenario: Scenario,
    history: Callable[[Operation], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
    commit: str | None = None,
    engine: EngineName = "simpy",
    should_stop: Callable[[int], bool] | None = None,
) -> RunRecord:
    """Run ``scenario`` in simulated time, and return what came of it.

    The same scenario and seed give the same record and the same history, byte for byte; from
    either engine, but for its name in the record.
    Memory is bounded by the requests in flight, and by one entry of the series a second.

    Args:
        scenario: what to run.
        history: told of every operation as it ends; those that never do come last.
        on_progress: told the simulated time, in nanoseconds, after each simulated second; by the
            compiled engine less often.
        commit: of the source tree, for the record.
        engine: ``simpy``, whose models are there to be read, or ``compiled``, which does the same
            in machine code.
        should_stop: asked every now and then whether to break the run off; the record is then of
            what there was. It is told how many bytes more are needed at once to go on, 0 as a
            rule.

    Raises:
        scenarios.trace.InvalidTrace: the workload is a trace that cannot be read, or not
            replayed in this scenario.
        OSError: the trace cannot be opened.
    """
    provenance = _provenance(scenario, commit, engine)
    if engine == "compiled":
        # Imported here, either: to load one takes as long as a short run of the other.
        from sim.compiled.run import run  # noqa: PLC0415  # see above
    else:
        from sim.models.run import run  # noqa: PLC0415  # see above
    return run(scenario, history, on_progress, should_stop or _never, provenance)


def _never(_more_bytes: int) -> bool:
    """Let a run come to its end."""
    return False


def _provenance(scenario: Scenario, commit: str | None, engine: EngineName) -> Provenance:
    package = "simpy" if engine == "simpy" else "numba"
    version = metadata.version(package)
    return Provenance(
        scenario_sha256=scenario_sha256(scenario),
        seed=scenario.seed,
        wavetank=metadata.version("wavetank"),
        commit=commit,
        engine=f"simpy {version}" if engine == "simpy" else f"compiled, numba {version}",
    )
