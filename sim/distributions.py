"""Draws from a scenario's distributions: one uniform number in, whole nanoseconds out.

All by inversion, so that a draw grows with its uniform number. A distribution is made into
a function once per run; drawing then looks nothing up.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

from scenarios.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    MeanAndSpread,
    MeanAndTail,
    Pareto,
)
from sim.gamma import NEARLY_NORMAL_SHAPE, GammaTable, gamma_quantile
from sim.normal import normal_quantile
from sim.streams import uniform

QuantileNs: TypeAlias = Callable[[float], int]
"""From a probability strictly between 0 and 1 to nanoseconds, at least 0."""

DrawNs: TypeAlias = Callable[[int, int], int]
"""From a request's key and a step to nanoseconds, at least 0."""


def draw_ns(distribution: Distribution, u: float) -> int:
    """Return the value of ``distribution`` at ``u``, strictly between 0 and 1."""
    return quantile_ns(distribution)(u)


def drawing_ns(distribution: Distribution, stream: int) -> DrawNs | None:
    """Return the draws of ``distribution`` from a stream; None if they are always 0.

    Args:
        distribution: what to draw from.
        stream: as :func:`sim.streams.stream_key` returns it.
    """
    match distribution:
        case Constant(constant_ns=0):
            return None
        case Constant(constant_ns=constant_ns):
            return lambda _key, _step: constant_ns
        case _:
            quantile = quantile_ns(distribution)
            return lambda key, step: quantile(uniform(key, stream, step))


def quantile_ns(distribution: Distribution) -> QuantileNs:
    """Return the inverse distribution function of ``distribution``."""
    match distribution:
        case Constant(constant_ns=constant_ns):
            return lambda _u: constant_ns
        case Exponential(exponential=parameters):
            return _exponential(parameters.mean_ns)
        case Lognormal(lognormal=parameters):
            return _lognormal(parameters)
        case Gamma(gamma=parameters):
            return _gamma(parameters)
        case Pareto(pareto=parameters):
            return _pareto(parameters)
        case Empirical(empirical=parameters):
            return _empirical(parameters.quantiles_ns)


def _exponential(mean_ns: int) -> QuantileNs:
    log1p = math.log1p
    return lambda u: int(-mean_ns * log1p(-u))


def _lognormal(parameters: MeanAndSpread) -> QuantileNs:
    variance = math.log1p(parameters.cv**2)
    mu = math.log(parameters.mean_ns) - variance / 2
    sigma = math.sqrt(variance)
    exp = math.exp
    return lambda u: int(exp(mu + sigma * normal_quantile(u)))


def _gamma(parameters: MeanAndSpread) -> QuantileNs:
    shape = parameters.cv**-2
    scale_ns = parameters.mean_ns / shape
    if shape > NEARLY_NORMAL_SHAPE:
        return lambda u: int(scale_ns * gamma_quantile(shape, u))
    quantile = GammaTable(shape).quantile
    return lambda u: int(scale_ns * quantile(u))


def _pareto(parameters: MeanAndTail) -> QuantileNs:
    smallest_ns = parameters.mean_ns * (parameters.alpha - 1) / parameters.alpha
    power = -1 / parameters.alpha
    return lambda u: int(smallest_ns * (1 - u) ** power)


def _empirical(quantiles_ns: tuple[int, ...]) -> QuantileNs:
    steps = len(quantiles_ns) - 1

    def quantile(u: float) -> int:
        at = u * steps
        # Rounding may carry the largest draws to the very end.
        below = min(int(at), steps - 1)
        low_ns, high_ns = quantiles_ns[below], quantiles_ns[below + 1]
        return low_ns + int((at - below) * (high_ns - low_ns))

    return quantile
