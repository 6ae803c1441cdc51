"""Runs a scenario in the compiled engine."""

from collections.abc import Callable

from scenarios.history import Operation
from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from sim.compiled.engine import Engine
from sim.compiled.outcome import broken_off, busy, record_of
from sim.compiled.recursion.engine import Recursion
from sim.compiled.recursion.qualifying import qualifies
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
    A scenario that qualifies for the recursion takes that, unless somebody wants its history.
    """
    told_ns = 0

    def goes_on(now_ns: int, more_bytes: int) -> bool:
        nonlocal told_ns
        if on_progress is not None and now_ns - told_ns >= SECOND_NS:
            told_ns = now_ns // SECOND_NS * SECOND_NS
            on_progress(told_ns)
        return not should_stop(more_bytes)

    if history is None and qualifies(scenario):
        record = run_recursion(scenario, goes_on, provenance)
        if record is not None:
            return record
    return run_events(scenario, history, goes_on, provenance)


def run_recursion(
    scenario: Scenario, goes_on: Callable[[int, int], bool], provenance: Provenance
) -> RunRecord | None:
    """Run ``scenario`` without an event list.

    Args:
        scenario: one that qualifies.
        goes_on: told the time, and how many bytes are needed to go on, every now and then.
        provenance: of the record.

    Returns:
        None: there was a tie that only the event loop can decide.
    """
    recursion = Recursion(scenario)
    if not recursion.run(goes_on):
        return None
    broken_ns = recursion.broken_ns
    if broken_ns is None:
        return recursion.record(provenance)
    # What begins after the break is counted already: go once more, to there and no further.
    again = Recursion(scenario, broken_ns)
    if not again.run(_always):
        return None
    return broken_off(again.record(provenance), scenario, broken_ns)


def _always(_now_ns: int, _more_bytes: int) -> bool:
    return True


def run_events(
    scenario: Scenario,
    history: Callable[[Operation], None] | None,
    goes_on: Callable[[int, int], bool],
    provenance: Provenance,
) -> RunRecord:
    """Run ``scenario`` in the event loop.

    Args:
        scenario: any.
        history: told of every operation as it ends.
        goes_on: as of :func:`run_recursion`.
        provenance: of the record.
    """
    engine = Engine(scenario, history)
    for number, (name, service) in enumerate(scenario.services.items()):
        if service.autoscaler is not None:
            Scaler(engine, number, name, service.autoscaler)

    def goes_on_now(more_bytes: int) -> bool:
        return goes_on(engine.now_ns, more_bytes)

    utilisation: dict[str, float] = {}
    is_whole = engine.advance_to(scenario.warm_up_ns, goes_on_now)
    if is_whole:
        before = busy(engine.state, scenario)
        engine.state.run[0]["is_measuring"] = 1
        is_whole = engine.advance_to(scenario.warm_up_ns + scenario.duration_ns, goes_on_now)
        engine.state.run[0]["is_measuring"] = 0
        after = busy(engine.state, scenario)
        utilisation = {name: after[name].share_since(before[name]) for name in after}
    is_whole = is_whole and engine.advance_to(engine.now_ns + scenario.drain_ns, goes_on_now)
    engine.finish()
    record = record_of(engine.state, scenario, provenance, utilisation, engine.events)
    return record if is_whole else broken_off(record, scenario, engine.now_ns)
