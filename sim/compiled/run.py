"""Runs a scenario in the compiled engine."""

from collections.abc import Callable

from scenarios.history import Operation
from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from sim.compiled.engine import Engine
from sim.compiled.outcome import busy, record_of
from sim.compiled.scaling import Scaler


def run(
    scenario: Scenario,
    history: Callable[[Operation], None] | None,
    on_progress: Callable[[int], None] | None,
    provenance: Provenance,
) -> RunRecord:
    """Run ``scenario``; as :func:`sim.run.simulate`, but for whom it tells of its progress when.

    Progress is told of now and then, at most once for each simulated second.
    """
    engine = Engine(scenario, history)
    for number, (name, service) in enumerate(scenario.services.items()):
        if service.autoscaler is not None:
            Scaler(engine, number, name, service.autoscaler)
    told_ns = 0

    def on_block() -> None:
        nonlocal told_ns
        if on_progress is not None and engine.now_ns - told_ns >= SECOND_NS:
            told_ns = engine.now_ns // SECOND_NS * SECOND_NS
            on_progress(told_ns)

    if scenario.warm_up_ns:
        engine.advance_to(scenario.warm_up_ns, on_block)
    before = busy(engine.state, scenario)
    engine.state.run[0]["is_measuring"] = 1
    engine.advance_to(scenario.warm_up_ns + scenario.duration_ns, on_block)
    engine.state.run[0]["is_measuring"] = 0
    after = busy(engine.state, scenario)
    utilisation = {name: after[name].share_since(before[name]) for name in after}
    if scenario.drain_ns:
        engine.advance_to(engine.now_ns + scenario.drain_ns, on_block)
    engine.finish()
    return record_of(engine.state, scenario, provenance, utilisation, engine.events)
