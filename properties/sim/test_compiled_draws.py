"""The compiled engine's chance is that of the readable one, to the last bit.

Compiled are the wrappers below as well: called from Python, only those would be looked at that
turn numbers of Python into those of the machine.
"""

from typing import Final

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from properties.strategies.distributions import distributions
from scenarios.distributions import Constant, Distribution, Exponential, Mean, MeanAndTail, Pareto
from sim import streams
from sim.compiled.draws import LONGEST_DRAW_NS, DrawTable, draw_ns, draw_table, request_key, uniform
from sim.compiled.machine_code import unsigned
from sim.distributions import drawing_ns, quantile_ns
from sim.normal import normal_quantile
from sim.streams import seed_key, stream_key

_FIRST_INVERSE: Final = pow(0xBF58_476D_1CE4_E5B9, -1, 2**64)
_SECOND_INVERSE: Final = pow(0x94D0_49BB_1331_11EB, -1, 2**64)

U_MIN: Final = 2.0**-53
U_MAX: Final = 1 - 2.0**-53

the_first_example_pays_for_the_compiler = settings(deadline=None)

keys = st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**63 - 1, 2**63, 2**64 - 1])
steps = st.integers(0, 2**63 - 1) | st.integers(0, 9) | st.just(1 << 16)
names = st.text(max_size=9)
draws = st.floats(U_MIN, U_MAX) | st.sampled_from(
    # The edges, where the normal quantile changes its formula, and its farthest tails.
    [U_MIN, U_MAX, 0.5, 0.075, 0.925, 1e-11, 1.3887943864964021e-11, 1e-9, 1 - 1e-11]
)


@njit()
def drawn_ns(
    table: DrawTable,
    drawn: NDArray[np.int64],
    keys: NDArray[np.uint64],
    steps: NDArray[np.int64],
) -> None:
    """Draw once from each row."""
    for row in range(table.kinds.size):
        drawn[row] = draw_ns(table, row, keys[row], steps[row])


@given(seed=keys, request=steps, stream=keys, step=steps)
@the_first_example_pays_for_the_compiler
def test_a_uniform_draw(seed: int, request: int, stream: int, step: int) -> None:
    key = streams.request_key(seed, request)
    assert int(request_key(unsigned(seed), request)) == key
    assert uniform(unsigned(key), unsigned(stream), step) == streams.uniform(key, stream, step)


@given(
    wanted=st.lists(st.tuples(distributions(), names, keys, steps), min_size=1, max_size=6),
)
@the_first_example_pays_for_the_compiler
def test_draws_from_any_distributions(wanted: list[tuple[Distribution, str, int, int]]) -> None:
    drawn = np.zeros(len(wanted), np.int64)
    table = draw_table((distribution, name) for distribution, name, _, _ in wanted)
    drawn_ns(
        table,
        drawn,
        np.array([key for _, _, key, _ in wanted], np.uint64),
        np.array([step for _, _, _, step in wanted], np.int64),
    )
    assert drawn.tolist() == [_expected_ns(*each) for each in wanted]


def _expected_ns(distribution: Distribution, name: str, key: int, step: int) -> int:
    draw = drawing_ns(distribution, stream_key(name))
    return 0 if draw is None else min(draw(key, step), LONGEST_DRAW_NS)


@example(distribution=Exponential(exponential=Mean(mean_ns=1)), u=U_MIN)
# A hundredth of a second of a year: what is lost in 1 - u shows.
@example(distribution=Exponential(exponential=Mean(mean_ns=LONGEST_DRAW_NS // 100)), u=1e-9)
@example(
    distribution=Pareto(pareto=MeanAndTail(mean_ns=LONGEST_DRAW_NS // 100, alpha=1.01)), u=U_MAX
)
@given(distribution=distributions(), u=draws)
@the_first_example_pays_for_the_compiler
def test_the_values_at_given_probabilities(distribution: Distribution, u: float) -> None:
    # Draws are hashes, and hashes can be undone: this is the key that draws u.
    key = key_that_draws(u, stream_key("a"))
    u = streams.uniform(key, stream_key("a"), 0)
    drawn = np.zeros(1, np.int64)
    table = draw_table([(distribution, "a")])
    drawn_ns(table, drawn, np.array([key], np.uint64), np.zeros(1, np.int64))
    assert drawn[0] == min(quantile_ns(distribution)(u), LONGEST_DRAW_NS)


def key_that_draws(u: float, stream: int) -> int:
    """Return the key of a request whose first draw from ``stream`` is ``u``, or next to it."""
    word = int(u * 2**52) << 12
    word = _unshifted(word, 31) * _SECOND_INVERSE % 2**64
    word = _unshifted(word, 27) * _FIRST_INVERSE % 2**64
    return (_unshifted(word, 30) - stream) % 2**64


def _unshifted(word: int, places: int) -> int:
    """Undo ``word ^ (word >> places)``, for at least 22 places."""
    return word ^ (word >> places) ^ (word >> 2 * places)


def test_the_key_that_draws_a_number_draws_it() -> None:
    for u in (U_MIN, 0.3, 0.5, U_MAX):
        assert abs(streams.uniform(key_that_draws(u, 77), 77, 0) - u) <= 2.0**-53


@given(runs=st.integers(0, 2**40), seeds=st.integers(0, 10**18 - 1))
@settings(deadline=None, max_examples=20)
def test_many_draws_in_a_row(runs: int, seeds: int) -> None:
    # Loops are where a compiler turns single calculations into several at once.
    count = 500
    key = seed_key(seeds)
    assert normals_in_a_row(unsigned(key), runs, count).tolist() == [
        normal_quantile(streams.uniform(streams.request_key(key, runs + i), 5, i))
        for i in range(count)
    ]


@njit()
def normals_in_a_row(seed: int, first: int, count: int) -> NDArray[np.float64]:
    """Return the normal variables of ``count`` requests."""
    found = np.empty(count)
    for i in range(count):
        found[i] = normal_quantile(uniform(request_key(seed, first + i), unsigned(5), i))
    return found


def test_what_takes_no_time_takes_none() -> None:
    drawn = np.ones(1, np.int64)
    table = draw_table([(Constant(constant_ns=0), "a")])
    drawn_ns(table, drawn, np.zeros(1, np.uint64), np.zeros(1, np.int64))
    assert drawn[0] == 0
