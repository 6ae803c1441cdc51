"""The hot steps of queued work decide alike in Python and compiled, to the ends of their ranges."""

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.ageing_queue import effective_submission_ns
from policies.batching import batch_must_go
from policies.dead_letter import redelivery_step
from policies.fair_share import deficit_step
from policies.lease import fence_step, lease_is_live
from properties.compiled import compiled
from properties.strategies import uniforms

# The first example of each compiles.
AGREES = settings(deadline=None)

LONG = st.integers(0, 2**62) | st.sampled_from([0, 1, 2**62 - 1, 2**62])
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])


def near(edge: int) -> st.SearchStrategy[int]:
    """A number within one of ``edge``, not below 0."""
    return st.sampled_from([max(edge - 1, 0), edge, edge + 1])


@given(
    priority=st.integers(0, 2**31),
    ageing_ns=st.integers(1, 2**31),
    submitted_ns=st.integers(0, 2**62 - 1) | st.sampled_from([0, 2**62 - 1]),
)
@AGREES
def test_ageing(priority: int, ageing_ns: int, submitted_ns: int) -> None:
    inputs = priority, submitted_ns, ageing_ns
    assert compiled(effective_submission_ns)(*inputs) == effective_submission_ns(*inputs)


@given(data=st.data(), deficit=st.integers(0, 2**62 - 1), earned=LONG)
@AGREES
def test_deficits(data: st.DataObject, deficit: int, earned: int) -> None:
    cost = min(data.draw(near(deficit + earned) | st.integers(1, 2**62)), 2**62)
    inputs = deficit, earned, cost
    assert compiled(deficit_step)(*inputs) == deficit_step(*inputs)


@given(data=st.data(), live_token=WHOLE, ends_ns=st.integers(0, 2**63 - 2))
@AGREES
def test_leases(data: st.DataObject, live_token: int, ends_ns: int) -> None:
    token = data.draw(st.just(live_token) | WHOLE)
    inputs = live_token, ends_ns, token, data.draw(near(ends_ns))
    assert compiled(lease_is_live)(*inputs) == lease_is_live(*inputs)


@given(tokens=st.lists(WHOLE | st.integers(0, 4), max_size=12))
@AGREES
def test_fences(tokens: list[int]) -> None:
    python = machine = 0
    for token in tokens:
        python, python_admits = fence_step(python, token)
        machine, machine_admits = compiled(fence_step)(machine, token)
        assert (machine, machine_admits) == (python, python_admits)


@given(
    attempts=st.integers(1, 70),
    attempts_max=st.integers(1, 70),
    base_ns=st.integers(1, 2**53) | st.integers(1, 1000),
    cap_factor=st.sampled_from([1, 2, 3, 1000]),
    jitter_percent=st.integers(0, 100),
    uniform=uniforms(),
)
@AGREES
def test_redelivery(
    *,
    attempts: int,
    attempts_max: int,
    base_ns: int,
    cap_factor: int,
    jitter_percent: int,
    uniform: float,
) -> None:
    cap_ns = min(base_ns * cap_factor, 2**53)
    inputs = attempts, attempts_max, base_ns, cap_ns, jitter_percent, uniform
    assert compiled(redelivery_step)(*inputs) == redelivery_step(*inputs)


@given(data=st.data(), weight_max=st.integers(1, 2**63 - 1), age_max_ns=LONG)
@AGREES
def test_batches(data: st.DataObject, weight_max: int, age_max_ns: int) -> None:
    weight = data.draw(st.integers(1, weight_max))
    added = data.draw(near(weight_max - weight) | st.just(0))
    inputs = weight, weight_max, added, data.draw(near(age_max_ns)), age_max_ns
    assert compiled(batch_must_go)(*inputs) == batch_must_go(*inputs)
