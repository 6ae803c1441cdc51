"""Placement's steps as machine code decide as they do in Python, to the ends of their ranges."""

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.allowance import AMOUNT_MAX, has_left
from policies.backfill import NEVER_NS, PRIORITY_MAX, ends_in_time, expected_end_ns, rank_ns
from policies.device_room import (
    MEMORY_MAX_BYTES,
    NO_ROOM,
    SLICES_MAX,
    block_length,
    fit_start,
    placement_cost,
)
from policies.model_choice import (
    PRICE_MAX_MICRODOLLARS,
    TOKENS_MAX,
    cost_microdollars,
    lacks_in_numbers,
    quantile_rank,
)
from properties.compiled import compiled

the_first_example_pays_for_the_compiler = settings(deadline=None)


def up_to(highest: int) -> st.SearchStrategy[int]:
    """Whole numbers from 0, often the outermost ones and their neighbours."""
    return st.integers(0, highest) | st.sampled_from([0, 1, highest - 1, highest])


times_ns = up_to(2**62)
amounts = up_to(AMOUNT_MAX)


@given(asked=st.lists(st.integers(1, SLICES_MAX), max_size=20), slices=st.integers(1, SLICES_MAX))
@the_first_example_pays_for_the_compiler
def test_slices_are_given_out_at_the_same_places(asked: list[int], slices: int) -> None:
    taken = 0
    for wanted in asked:
        device = 1, taken, 0, slices
        start = fit_start(*device, 1, wanted)
        assert compiled(fit_start)(*device, 1, wanted) == start
        assert compiled(block_length)(wanted) == block_length(wanted)
        if start != NO_ROOM:
            taken |= ((1 << block_length(wanted)) - 1) << start


@given(
    free=up_to(MEMORY_MAX_BYTES),
    over=st.sampled_from([-1, 0, 1]),
    taken=up_to(2**SLICES_MAX - 1),
    sharers=up_to(3),
    slices=st.integers(1, SLICES_MAX),
    wanted=st.integers(0, SLICES_MAX),
)
@the_first_example_pays_for_the_compiler
def test_the_same_jobs_fit_and_the_same_device_is_best(
    *, free: int, over: int, taken: int, sharers: int, slices: int, wanted: int
) -> None:
    device = free, taken, sharers, slices
    memory_bytes = max(1, free + over)
    assert compiled(fit_start)(*device, memory_bytes, wanted) == fit_start(
        *device, memory_bytes, wanted
    )
    for strategy in range(3):
        assert compiled(placement_cost)(strategy, free) == placement_cost(strategy, free)


@given(
    submitted_ns=times_ns,
    priority=up_to(PRIORITY_MAX),
    head_start_ns=up_to(2**52),
    now_ns=times_ns,
    declared_ns=st.integers(1, NEVER_NS) | st.just(NEVER_NS),
    reserved_after_ns=times_ns,
)
@the_first_example_pays_for_the_compiler
def test_the_queue_s_steps_agree(
    *,
    submitted_ns: int,
    priority: int,
    head_start_ns: int,
    now_ns: int,
    declared_ns: int,
    reserved_after_ns: int,
) -> None:
    rank = submitted_ns, priority, head_start_ns
    assert compiled(rank_ns)(*rank) == rank_ns(*rank)
    reserved_ns = min(now_ns + reserved_after_ns, NEVER_NS)
    step = now_ns, declared_ns, reserved_ns
    assert compiled(ends_in_time)(*step) == ends_in_time(*step)
    assert compiled(expected_end_ns)(declared_ns, now_ns) == expected_end_ns(declared_ns, now_ns)


@given(used=amounts, reserved=amounts, limit=amounts, wanted=amounts)
@the_first_example_pays_for_the_compiler
def test_as_much_is_left(used: int, reserved: int, limit: int, wanted: int) -> None:
    # No more is reserved than was left; what is used may be anything.
    reserved = min(reserved, limit)
    numbers = used, reserved, limit, wanted
    assert compiled(has_left)(*numbers) == has_left(*numbers)


@given(
    tokens=st.tuples(up_to(TOKENS_MAX), up_to(TOKENS_MAX)),
    prices=st.tuples(up_to(PRICE_MAX_MICRODOLLARS), up_to(PRICE_MAX_MICRODOLLARS)),
    numbers=st.tuples(*[up_to(10) | amounts] * 6, st.integers(-AMOUNT_MAX, AMOUNT_MAX)),
    quantile=st.tuples(st.integers(1, 10**6), st.integers(1, 100)),
)
@the_first_example_pays_for_the_compiler
def test_models_cost_and_lack_the_same(
    tokens: tuple[int, int],
    prices: tuple[int, int],
    numbers: tuple[int, int, int, int, int, int, int],
    quantile: tuple[int, int],
) -> None:
    request = tokens[0], prices[0], tokens[1], prices[1]
    assert compiled(cost_microdollars)(*request) == cost_microdollars(*request)
    assert compiled(lacks_in_numbers)(*numbers) == lacks_in_numbers(*numbers)
    assert compiled(quantile_rank)(*quantile) == quantile_rank(*quantile)
