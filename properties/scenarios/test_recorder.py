"""Laws of the recorder: when it counts, and how often, makes no difference."""

from hypothesis import given
from hypothesis import strategies as st

from scenarios.history import Operation, Outcome
from scenarios.load import load_scenario
from scenarios.recorder import Recorder
from scenarios.records import Provenance, RunRecord

S = 1_000_000_000
PROVENANCE = Provenance(scenario_sha256="00", seed=1, wavetank="0.1.0", engine="simpy")
SCENARIO = load_scenario("baseline", ["warm_up=1s", "duration=2s"])

# As many as are counted without anybody asking for it, and numbers near that.
TIMES = st.sampled_from([1, 2, 999, 1_000, 1_001])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Draw an operation of a class or of a queue, before, in or after the measured part."""
    scheduled_ns = draw(st.integers(0, 4 * S))
    outcome = draw(st.sampled_from(Outcome))
    returned_ns = None
    if outcome is not Outcome.UNKNOWN:
        returned_ns = scheduled_ns + draw(st.integers(0, 3 * S))
    name = draw(st.sampled_from(["read_title", "update_title", "render"]))
    return Operation(0, name, scheduled_ns, scheduled_ns, returned_ns, outcome)


def both_ways(
    told: list[Operation],
) -> st.SearchStrategy[tuple[list[Operation], list[Operation]]]:
    """Draw another order of operations, to go with theirs."""
    return st.tuples(st.just(told), st.permutations(told))


def record_of(recorder: Recorder) -> RunRecord:
    """Sum up what a recorder was told."""
    return recorder.record("simulated", PROVENANCE, stations={})


@given(st.lists(st.tuples(operations(), st.booleans()), max_size=10), TIMES)
def test_settling_now_and_then_changes_nothing(
    told: list[tuple[Operation, bool]], times: int
) -> None:
    told.sort(key=lambda each: each[0].returned_ns or 0)
    at_once, now_and_then = Recorder(SCENARIO), Recorder(SCENARIO)
    for operation, settles in told:
        if settles:
            now_and_then.settle(operation.returned_ns or 0)
        for _ in range(times):
            at_once.operation(operation)
            now_and_then.operation(operation)
    assert record_of(now_and_then) == record_of(at_once)


@given(st.lists(operations(), max_size=20).flatmap(both_ways))
def test_the_order_in_which_operations_are_told_does_not_matter(
    told: tuple[list[Operation], list[Operation]],
) -> None:
    in_order, shuffled = Recorder(SCENARIO), Recorder(SCENARIO)
    for operation in told[0]:
        in_order.operation(operation)
    for operation in told[1]:
        shuffled.operation(operation)
    assert record_of(shuffled) == record_of(in_order)
