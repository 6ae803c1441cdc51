"""Runs a scenario in the compiled engine."""

from collections.abc import Callable

from scenarios.history import Operation
from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from sim.compiled.engine import Engine
from sim.compiled.outcome import broken_off, busy, record_of
from sim.compiled.scaling import Scaler


def run(
    scenario: Scenario,
    history: Callable[[Operation], None] | None,
    on_progress: Callable[[int], None] | None,
    should_stop: Callable[[int], bool],
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

    def goes_on(more_bytes: int) -> bool:
        nonlocal told_ns
        if on_progress is not None and engine.now_ns - told_ns >= SECOND_NS:
            told_ns = engine.now_ns // SECOND_NS * SECOND_NS
            on_progress(told_ns)
        return not should_stop(more_bytes)

    utilisation: dict[str, float] = {}
    is_whole = engine.advance_to(scenario.warm_up_ns, goes_on)
    if is_whole:
        before = busy(engine.state, scenario)
        engine.state.run[0]["is_measuring"] = 1
        is_whole = engine.advance_to(scenario.warm_up_ns + scenario.duration_ns, goes_on)
        engine.state.run[0]["is_measuring"] = 0
        after = busy(engine.state, scenario)
        utilisation = {name: after[name].share_since(before[name]) for name in after}
    is_whole = is_whole and engine.advance_to(engine.now_ns + scenario.drain_ns, goes_on)
    engine.finish()
    record = record_of(engine.state, scenario, provenance, utilisation, engine.events)
    return record if is_whole else broken_off(record, scenario, engine.now_ns)
