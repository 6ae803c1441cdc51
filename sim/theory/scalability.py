"""The Universal Scalability Law: why twice the workers do not do twice the work.

Throughput with ``n`` workers is ``n`` times that of one, less what they wait for each other
(contention) and what they tell each other (coherency, which grows with the pairs).

Source: N. Gunther, "Guerrilla Capacity Planning" (2007), chapters 4 to 6.
"""

import math
from collections.abc import Sequence
from itertools import compress, product
from typing import NamedTuple

from sim.theory.linear import solve


class Scalability(NamedTuple):
    """The law with its three parameters."""

    alone_per_s: float
    """Throughput of one worker."""

    contention: float
    """Gunther's sigma: share of the work that only one can do at a time; at least 0."""

    coherency: float
    """Gunther's kappa: what each pair costs, as a share of the work; at least 0."""

    def throughput_per_s(self, workers: float) -> float:
        """Return what ``workers``, at least 1, get done in a second."""
        others = workers - 1
        slowed = 1 + self.contention * others + self.coherency * workers * others
        return self.alone_per_s * workers / slowed

    @property
    def best_workers(self) -> float:
        """How many get the most done; infinite if more are always better."""
        if not self.coherency:
            return math.inf
        return math.sqrt(max(1 - self.contention, 0.0) / self.coherency)


def fit(measured: Sequence[tuple[float, float]]) -> Scalability:
    """Return the law that lies nearest to what was measured.

    It minimises the sum of the squared differences in throughput; contention and coherency
    are not negative.

    Args:
        measured: pairs of workers, at least 1, and throughput per second, above 0.

    Raises:
        ValueError: there are fewer than three different numbers of workers, or values out of
            range.
    """
    if len({workers for workers, _ in measured}) < _PARAMETERS:
        raise ValueError("three parameters need at least three different numbers of workers")
    if any(workers < 1 or not throughput > 0 for workers, throughput in measured):
        raise ValueError("each measurement needs a worker and a throughput above 0")
    # Where the best fit has a negative parameter, the best one allowed has a zero there.
    fits = [
        found
        for contended, told in product((True, False), repeat=2)
        if (found := _fit_free(measured, (True, contended, told))) is not None
    ]
    return min(fits, key=lambda law: _misfit(law, measured))


_PARAMETERS = 3
_ROUNDS_MAX = 200


def _fit_free(
    measured: Sequence[tuple[float, float]], free: tuple[bool, bool, bool]
) -> Scalability | None:
    """Fit the parameters that are free; None if one of them comes out negative.

    The inverse throughput per worker is linear in its three coefficients. A linear fit of
    it, by relative errors, is where Gauss and Newton's method begins.
    """
    terms = [[*compress((1.0, n - 1, n * (n - 1)), free)] for n, _ in measured]
    # Relative error: 1 less measured throughput times the fitted inverse.
    rows = [[x / n * it for it in row] for row, (n, x) in zip(terms, measured, strict=True)]
    found = _least_squares(rows, [1.0] * len(rows))
    for _ in range(_ROUNDS_MAX):
        inverses = [_dot(found, row) for row in terms]
        if min(inverses) <= 0:
            return None
        modelled = [n / inverse for (n, _), inverse in zip(measured, inverses, strict=True)]
        rows = [
            [-(x**2) / n * it for it in row]
            for row, (n, _), x in zip(terms, measured, modelled, strict=True)
        ]
        errors = [x - y for (_, x), y in zip(measured, modelled, strict=True)]
        step = _least_squares(rows, errors)
        found = tuple(one + other for one, other in zip(found, step, strict=True))
        if all(abs(each) <= 1e-14 * max(map(abs, found)) for each in step):
            break
    values = iter(found)
    inverse_alone, contention, coherency = (next(values) if it else 0.0 for it in free)
    if inverse_alone <= 0 or contention < 0 or coherency < 0:
        return None
    return Scalability(1 / inverse_alone, contention / inverse_alone, coherency / inverse_alone)


def _least_squares(rows: Sequence[Sequence[float]], right: Sequence[float]) -> tuple[float, ...]:
    """Return the solution of the normal equations, with columns scaled to the same length."""
    columns = [*zip(*rows, strict=True)]
    lengths = [math.sqrt(_dot(column, column)) for column in columns]
    scaled = [
        [it / length for it in column] for column, length in zip(columns, lengths, strict=True)
    ]
    normal = [[_dot(one, other) for other in scaled] for one in scaled]
    found = solve(normal, [_dot(column, right) for column in scaled])
    return tuple(it / length for it, length in zip(found, lengths, strict=True))


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(one, other, strict=True))


def _misfit(law: Scalability, measured: Sequence[tuple[float, float]]) -> float:
    return math.fsum((law.throughput_per_s(n) - x) ** 2 for n, x in measured)
