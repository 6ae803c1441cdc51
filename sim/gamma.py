"""The inverse of the gamma distribution: exact, and fast enough to draw from.

One uniform draw gives one value, and a larger draw a larger value, so that two variants of
a scenario stay comparable draw by draw. Rejection methods, which are faster, take another
number of draws in each variant.
"""

import math

from sim.normal import normal_quantile

_TINY = 1e-300

NEARLY_NORMAL_SHAPE = 1_000.0
"""Gamma distributions of a larger shape are taken to be the cube of a normal variable."""


def gamma_quantile(shape: float, p: float) -> float:
    """Return the value that a gamma variable of scale 1 does not exceed with probability ``p``.

    Newton's method on the logarithms of value and probability, from the cube of a normal
    variable, kept within a bracket. Above ``NEARLY_NORMAL_SHAPE``, a coefficient of
    variation below 3.2 %, the start is the answer: it is within 2e-5 of it.

    Args:
        shape: above 0.
        p: strictly between 0 and 1.

    Source: E. Wilson, M. Hilferty, "The Distribution of Chi-Square", PNAS 17 (1931), for
    the start.
    """
    near = cube_of_normal(shape, p)
    if shape > NEARLY_NORMAL_SHAPE:
        return near
    # For small x, P(x) is x**shape / gamma(shape + 1): a lower bound of x wherever it lies.
    log_low = (math.log(p) + math.lgamma(shape + 1)) / shape
    if log_low < math.log(_TINY):
        return 0.0
    log_high = math.inf
    log_x = max(log_low, math.log(near) if near > _TINY else log_low)
    for _ in range(100):
        below, density = gamma_probability(shape, math.exp(log_x))
        error = math.log(below / p)
        if error < 0:
            log_low = log_x
        else:
            log_high = log_x
        step = error * below / density
        following = log_x - step
        if not log_low <= following <= log_high:
            following = (log_low + log_high) / 2 if log_high < math.inf else log_low + 1
        if abs(following - log_x) <= 1e-13 * max(1.0, abs(log_x)):
            return math.exp(following)
        log_x = following
    return math.exp(log_x)


def cube_of_normal(shape: float, p: float) -> float:
    """Return the value at ``p`` if the cube root of a gamma variable were a normal variable.

    Args:
        shape: above 0.
        p: strictly between 0 and 1.
    """
    root = max(1 - 1 / (9 * shape) + normal_quantile(p) / (3 * math.sqrt(shape)), 0.0)
    # Multiplied out: compilers and pow() do not agree on the last bit of a third power.
    return shape * (root * root * root)


def gamma_probability(shape: float, x: float) -> tuple[float, float]:
    """Return how likely a gamma variable of scale 1 is at most ``x``, and ``x`` times its density.

    By the power series below the mean, by the continued fraction above it.

    Args:
        shape: above 0.
        x: above 0.

    Source: NIST Digital Library of Mathematical Functions, 8.7.1 and 8.9.2.
    """
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        return front * _series(shape, x), front
    return 1 - front * _continued_fraction(shape, x), front


def _series(shape: float, x: float) -> float:
    term = total = 1 / shape
    n = shape
    while term > total * 1e-17:
        n += 1
        term *= x / n
        total += term
    return total


def _continued_fraction(shape: float, x: float) -> float:
    """Evaluate by the modified Lentz algorithm."""
    b = x + 1 - shape
    c = 1 / _TINY
    d = 1 / b
    value = d
    for i in range(1, 10_000):
        a = -i * (i - shape)
        b += 2
        d = 1 / (a * d + b)
        c = b + a / c
        change = c * d
        value *= change
        if abs(change - 1) < 1e-16:  # noqa: PLR2004  # the last bit
            break
    return value


_NODES_PER_UNIT = 32
_Z_MAX = 8.25
"""Beyond all normal quantiles of draws, which lie between 2**-53 and 1 - 2**-53."""


class GammaTable:
    """Quantiles of one gamma distribution, interpolated between exact ones.

    Each is taken at the normal quantile of the draw, where the logarithm of a gamma
    variable is a smooth curve: cubic pieces with the right slopes at 1/32 apart are within
    1e-7 of it for a coefficient of variation up to 10. In the last draw of 10**12, where
    probabilities near 1 have few digits left, within 0.3 %.
    """

    def __init__(self, shape: float) -> None:
        nodes = [i / _NODES_PER_UNIT - _Z_MAX for i in range(int(2 * _Z_MAX * _NODES_PER_UNIT) + 1)]
        self.logs, self.slopes = zip(*(_log_and_slope(shape, z) for z in nodes), strict=True)

    def quantile(self, p: float) -> float:
        """Return the value that the variable does not exceed with probability ``p``.

        Args:
            p: from 2**-53 to 1 - 2**-53.
        """
        at = node_at(p)
        i = int(at)
        logs, slopes = self.logs, self.slopes
        return between_nodes(at - i, logs[i], slopes[i], logs[i + 1], slopes[i + 1])


def node_at(p: float) -> float:
    """Return between which nodes of a table the probability ``p`` lies, and where between them."""
    return (normal_quantile(p) + _Z_MAX) * _NODES_PER_UNIT


def between_nodes(t: float, low: float, start: float, high: float, end: float) -> float:
    """Return the quantile that lies ``t``, from 0 to 1, of the way between two nodes.

    Args:
        t: 0 is the one node, 1 the other.
        low: the logarithm of the quantile at the one.
        start: its slope there, from node to node.
        high: the logarithm at the other.
        end: the slope there.
    """
    bend = 3 * (high - low) - 2 * start - end
    return math.exp(low + t * (start + t * (bend + t * (start + end - 2 * (high - low)))))


def _log_and_slope(shape: float, z: float) -> tuple[float, float]:
    """Return the logarithm at the normal quantile ``z``, and its slope from node to node."""
    p = math.erfc(-z / math.sqrt(2)) / 2
    value = gamma_quantile(shape, min(p, 1 - 2**-53))
    if value == 0:
        return math.log(_TINY), 0.0
    front = math.exp(shape * math.log(value) - value - math.lgamma(shape))
    normal_density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return math.log(value), normal_density / front / _NODES_PER_UNIT
