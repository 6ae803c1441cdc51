"""Draws by name are uniform, and as independent as draws can be told to be.

All seeds are fixed, so a red run is red again. The bounds are those of tests at a level of
1e-6 each: with other seeds, one run in some ten thousand of this file would be red.
"""

import math
import statistics
from itertools import pairwise

from sim.streams import request_key, seed_key, stream_key, uniform

DRAWS = 20_000

Z_MAX = 4.9
"""Two-sided 1e-6 of the normal distribution."""


def draws(seed: int = 1, stream: str = "a", step: int = 0, count: int = DRAWS) -> list[float]:
    of_run, of_stream = seed_key(seed), stream_key(stream)
    return [uniform(request_key(of_run, i), of_stream, step) for i in range(count)]


def chi_square_z(counts: list[int], total: int) -> float:
    """Return how many standard deviations the counts are from even, as a normal variable.

    Source: E. Wilson, M. Hilferty, "The Distribution of Chi-Square", PNAS 17 (1931).
    """
    expected = total / len(counts)
    degrees = len(counts) - 1
    chi2 = sum((count - expected) ** 2 for count in counts) / expected
    cube: float = (chi2 / degrees) ** (1 / 3)
    return (cube - (1 - 2 / (9 * degrees))) / math.sqrt(2 / (9 * degrees))


def evenness(values: list[float], cells: int = 100) -> float:
    counts = [0] * cells
    for value in values:
        counts[int(value * cells)] += 1
    return chi_square_z(counts, len(values))


def pair_evenness(pairs: list[tuple[float, float]], side: int = 16) -> float:
    counts = [0] * (side * side)
    for one, other in pairs:
        counts[int(one * side) * side + int(other * side)] += 1
    return chi_square_z(counts, len(pairs))


def test_draws_are_uniform_over_requests_steps_streams_and_seeds() -> None:
    of_run, of_stream = seed_key(3), stream_key("a")
    key = request_key(of_run, 0)
    assert abs(evenness(draws())) < Z_MAX
    assert abs(evenness([uniform(key, of_stream, step) for step in range(DRAWS)])) < Z_MAX
    assert abs(evenness([uniform(key, stream_key(f"s{i}"), 0) for i in range(DRAWS)])) < Z_MAX
    over_seeds = [uniform(request_key(seed_key(i), 0), of_stream, 0) for i in range(DRAWS)]
    assert abs(evenness(over_seeds)) < Z_MAX


def test_no_draw_is_far_from_where_uniform_draws_are() -> None:
    # Kolmogorov and Smirnov: beyond 2.69 once in a million.
    ordered = sorted(draws(seed=5))
    distance = max(
        max((i + 1) / DRAWS - value, value - i / DRAWS) for i, value in enumerate(ordered)
    )
    assert distance * math.sqrt(DRAWS) < 2.69


def test_neighbours_of_every_kind_are_independent() -> None:
    base = draws()
    assert abs(pair_evenness([*pairwise(base)])) < Z_MAX
    assert abs(pair_evenness([*zip(base, draws(step=1), strict=True)])) < Z_MAX
    assert abs(pair_evenness([*zip(base, draws(stream="b"), strict=True)])) < Z_MAX
    assert abs(pair_evenness([*zip(base, draws(seed=2), strict=True)])) < Z_MAX
    # Far apart as well: attempts draw from steps 2**16 apart.
    assert abs(pair_evenness([*zip(base, draws(step=1 << 16), strict=True)])) < Z_MAX


def test_no_two_seeds_share_a_sequence() -> None:
    # Seeds that are multiplied instead of hashed give the same sequence, shifted.
    seen = {value for seed in range(40) for value in draws(seed, count=200)}
    assert len(seen) == 40 * 200


def test_the_mean_of_a_run_varies_from_seed_to_seed_as_much_as_it_should() -> None:
    # Overlapping streams show here, and only here: each mean is fine, but all are alike.
    count, seeds = 200, 400
    means = [statistics.fmean(draws(seed, count=count)) for seed in range(seeds)]
    ratio = statistics.variance(means) / (1 / 12 / count)
    assert abs(ratio - 1) < Z_MAX * math.sqrt(2 / seeds)
