"""The quantiles that intervals need: Student's t, and the beta distribution's.

Written out, since importing SciPy takes as long as a whole simulated minute. Both rest on the
regularised incomplete beta function, by its continued fraction.

Sources: NIST Digital Library of Mathematical Functions, 8.17.22 (dlmf.nist.gov), for the
fraction; W. Lentz, "Generating Bessel functions in Mie scattering calculations" (1976), as
modified by I. Thompson and A. Barnett (1986), for its evaluation.
"""

import math
from functools import lru_cache
from typing import Final

_TINY: Final = 1e-300
_PRECISION: Final = 1e-15
_TERMS_MAX: Final = 10_000
_HALVINGS: Final = 200


def regularised_beta(x: float, a: float, b: float) -> float:
    """Return the probability that a beta variable with parameters a and b is at most x.

    Args:
        x: from 0 to 1.
        a: above 0.
        b: above 0.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    # The fraction converges fast below the mean, and above it for the mirrored variable.
    if x > (a + 1) / (a + b + 2):
        return 1 - regularised_beta(1 - x, b, a)
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return math.exp(log_front) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    value, c, d = 1.0, 1.0, 0.0
    for term in range(1, _TERMS_MAX):
        m = term // 2
        if term % 2:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + numerator * d or _TINY)
        c = 1 + numerator / c or _TINY
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return 1 / value


@lru_cache(maxsize=1024)
def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the value that a beta variable does not exceed with ``probability``."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if regularised_beta(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=1024)
def t_quantile(confidence: float, degrees: int) -> float:
    """Return how far a Student's t strays from 0 on either side with ``confidence``.

    Args:
        confidence: that it does not stray further, such as 0.95; below 1.
        degrees: of freedom; at least 1.
    """
    # t^2 / (degrees + t^2) is a beta variable.
    share = beta_quantile(confidence, 0.5, degrees / 2)
    return math.sqrt(degrees * share / (1 - share))
