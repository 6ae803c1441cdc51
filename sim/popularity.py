"""What chance picks among: weighted names, and keys by their popularity."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate


class Weighted:
    """Names with weights.

    Args:
        weights: at least one, all above 0; their order decides which draw means which name.

    Attributes:
        bounds: the upper bounds of all shares but the last.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._names = tuple(weights)
        self.bounds = bounds_of(weights.values())
        # Where each name's share begins, and how wide it is.
        lows = [0.0, *self.bounds]
        highs = [*self.bounds, 1.0]
        self._shares = [(low, high - low) for low, high in zip(lows, highs, strict=True)]

    def pick(self, uniform: float) -> str:
        """Return the name that the draw ``uniform`` from (0, 1) stands for."""
        return self._names[place_of(uniform, self.bounds)]

    def pick_and_rest(self, uniform: float) -> tuple[str, float]:
        """Return the name, and where within its share the draw fell, again from [0, 1)."""
        at = bisect_right(self.bounds, uniform)
        low, width = self._shares[at]
        return self._names[at], min((uniform - low) / width, 1 - 2**-53)


class Zipf:
    """Keys 1 to ``keys``, the k-th asked for in proportion to ``k ** -exponent``.

    Attributes:
        bounds: the upper bounds of all shares but the last.
    """

    def __init__(self, keys: int, exponent: float) -> None:
        self.bounds = bounds_of(k**-exponent for k in range(1, keys + 1))

    def key(self, uniform: float) -> int:
        """Return the key that the draw ``uniform`` from (0, 1) stands for."""
        return bisect_right(self.bounds, uniform) + 1


def bounds_of(weights: Iterable[float]) -> "array[float]":
    """Return the upper bounds of all shares but the last, which takes what rounding leaves."""
    sums = array("d", accumulate(weights))
    total = sums.pop()
    return array("d", (each / total for each in sums))


def place_of(uniform: float, bounds: "array[float]") -> int:
    """Return which share, counted from 0, the draw ``uniform`` from (0, 1) falls into."""
    return bisect_right(bounds, uniform)
