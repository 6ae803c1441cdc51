"""The simulator's chance as machine code: bit for bit that of ``sim.distributions``.

What is drawn from is a table, with one row for each distribution and stream; everything that
does not depend on the draw is computed when the table is made. A distribution needs another
branch in :func:`draw_ns`, and no other code to be compiled.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Pareto,
)
from scenarios.units import LONGEST_NS
from sim import gamma, normal, streams
from sim.compiled.machine_code import compiled, inner, scalar, signed, unsigned

for _function in (
    streams.request_key,
    streams.uniform,
    normal.normal_shoulder,
    normal.normal_tail,
    normal.normal_quantile,
    gamma.cube_of_normal,
    gamma.node_at,
    gamma.between_nodes,
):
    scalar(_function)

LONGEST_DRAW_NS: Final = 2 * LONGEST_NS
"""What longer draws are cut to: a century, so that the sum with any time fits into 64 bits."""

_CONSTANT: Final = 0
_EXPONENTIAL: Final = 1
_LOGNORMAL: Final = 2
_GAMMA: Final = 3
_GAMMA_NEARLY_NORMAL: Final = 4
_PARETO: Final = 5
_EMPIRICAL: Final = 6


class DrawTable(NamedTuple):
    """What can be drawn: row by row, a distribution and the stream of its draws."""

    kinds: NDArray[np.int64]
    """Shape (rows,): which distribution it is."""

    streams: NDArray[np.uint64]
    """Shape (rows,): the stream's key."""

    first: NDArray[np.float64]
    """Shape (rows,): what the distribution computes with; 0 if nothing."""

    second: NDArray[np.float64]
    """Shape (rows,): the other number that it computes with; 0 if there is none."""

    starts: NDArray[np.int64]
    """Shape (rows,): where its part of ``nodes`` or of ``values_ns`` begins, if it has one."""

    nodes: NDArray[np.float64]
    """Of gamma distributions: the logarithm and the slope of each node of the table, in turn."""

    values_ns: NDArray[np.int64]
    """The constant, or the quantiles of a measured distribution."""


class _Row(NamedTuple):
    kind: int
    parameters: tuple[float, float] = (0.0, 0.0)
    nodes: Sequence[float] = ()
    values_ns: Sequence[int] = ()


def draw_table(wanted: Iterable[tuple[Distribution, str]]) -> DrawTable:
    """Return the table whose rows are ``wanted``, in this order.

    Args:
        wanted: distributions, each with the name of the stream to draw from.
    """
    named = list(wanted)
    rows = [_row(distribution) for distribution, _ in named]
    nodes = [node for row in rows for node in row.nodes]
    values_ns = [value_ns for row in rows for value_ns in row.values_ns]
    starts: list[int] = []
    nodes_before = values_before = 0
    for row in rows:
        starts.append(nodes_before if row.nodes else values_before)
        nodes_before += len(row.nodes)
        values_before += len(row.values_ns)
    return DrawTable(
        np.array([row.kind for row in rows], np.int64),
        np.array([streams.stream_key(name) for _, name in named], np.uint64),
        np.array([row.parameters[0] for row in rows], np.float64),
        np.array([row.parameters[1] for row in rows], np.float64),
        np.array(starts, np.int64),
        np.array(nodes, np.float64),
        np.array(values_ns, np.int64),
    )


def _row(distribution: Distribution) -> _Row:  # noqa: PLR0911  # one for each distribution
    match distribution:
        case Constant(constant_ns=constant_ns):
            return _Row(_CONSTANT, values_ns=(constant_ns,))
        case Exponential(exponential=parameters):
            return _Row(_EXPONENTIAL, (-parameters.mean_ns, 0.0))
        case Lognormal(lognormal=parameters):
            variance = math.log1p(parameters.cv**2)
            mu = math.log(parameters.mean_ns) - variance / 2
            return _Row(_LOGNORMAL, (mu, math.sqrt(variance)))
        case Gamma(gamma=parameters):
            shape = parameters.cv**-2
            scale_ns = parameters.mean_ns / shape
            if shape > gamma.NEARLY_NORMAL_SHAPE:
                return _Row(_GAMMA_NEARLY_NORMAL, (scale_ns, shape))
            return _Row(_GAMMA, (scale_ns, 0.0), nodes=_nodes(shape))
        case Pareto(pareto=parameters):
            smallest_ns = parameters.mean_ns * (parameters.alpha - 1) / parameters.alpha
            return _Row(_PARETO, (smallest_ns, -1 / parameters.alpha))
        case Empirical(empirical=parameters):
            steps = len(parameters.quantiles_ns) - 1
            return _Row(_EMPIRICAL, (steps, 0.0), values_ns=parameters.quantiles_ns)


@lru_cache(maxsize=64)
def _nodes(shape: float) -> tuple[float, ...]:
    table = gamma.GammaTable(shape)
    return tuple(each for node in zip(table.logs, table.slopes, strict=True) for each in node)


@compiled
def request_key(seed: int, request: int) -> int:
    """Return what :func:`sim.streams.request_key` does.

    Args:
        seed: uint64, as :func:`sim.streams.seed_key` returns it.
        request: int64, at least 0.

    Returns:
        uint64.
    """
    return streams.request_key(unsigned(seed), unsigned(request))


@compiled
def uniform(key: int, stream: int, step: int) -> float:
    """Return what :func:`sim.streams.uniform` does.

    Args:
        key: uint64, as :func:`request_key` returns it.
        stream: uint64, as :func:`sim.streams.stream_key` returns it.
        step: int64, at least 0.
    """
    return streams.uniform(unsigned(key), unsigned(stream), unsigned(step))


@compiled
def draw_ns(table: DrawTable, which: int, key: int, step: int) -> int:
    """Return what the draws of :func:`sim.distributions.drawing_ns` return.

    Args:
        table: as :func:`draw_table` returns it.
        which: int64, the row; at least 0.
        key: uint64, of the request, as :func:`request_key` returns it.
        step: int64, which draw of the request from this row's stream; at least 0.

    Returns:
        int64, from 0 to ``LONGEST_DRAW_NS``.
    """
    row = unsigned(which)
    kind = table.kinds[row]
    if kind == _CONSTANT:
        return signed(table.values_ns[table.starts[row]])
    u = uniform(key, table.streams[row], step)
    if kind == _EMPIRICAL:
        return _between_quantiles_ns(table, row, u)
    first = table.first[row]
    second = table.second[row]
    if kind == _EXPONENTIAL:
        drawn_ns = first * math.log1p(-u)
    elif kind == _LOGNORMAL:
        drawn_ns = math.exp(first + second * normal.normal_quantile(u))
    elif kind == _GAMMA:
        drawn_ns = first * _between_nodes(table, row, u)
    elif kind == _GAMMA_NEARLY_NORMAL:
        drawn_ns = first * gamma.cube_of_normal(second, u)
    else:
        drawn_ns = first * (1 - u) ** second
    return signed(min(drawn_ns, LONGEST_DRAW_NS))


@inner
def _between_quantiles_ns(table: DrawTable, row: int, u: float) -> int:
    steps = signed(table.first[row])
    at = u * steps
    below = min(signed(at), steps - 1)
    start = table.starts[row] + below
    low_ns, high_ns = table.values_ns[start], table.values_ns[start + 1]
    return signed(low_ns + signed((at - below) * (high_ns - low_ns)))


@inner
def _between_nodes(table: DrawTable, row: int, u: float) -> float:
    at = gamma.node_at(u)
    i = signed(at)
    start = table.starts[row] + 2 * i
    low, slope = table.nodes[start], table.nodes[start + 1]
    high, end = table.nodes[start + 2], table.nodes[start + 3]
    return gamma.between_nodes(at - i, low, slope, high, end)
