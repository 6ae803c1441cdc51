"""Weighted balancing: backends in turn, each as often as its weight says, and evenly spread.

With every request each backend earns its weight in credit; who has the most credit is chosen,
and pays what all have earned. With weights 5, 1 and 1 that gives a a b a c a a, not a a a a a b c.

With W the sum of n weights w, and the same backends eligible throughout:

* of any W choices from the start on, backend i gets exactly w_i;
* of the first t choices it gets less than t * w_i / W + 1, and more than
  t * w_i / W - (n - 1).

Source: nginx, ngx_http_upstream_round_robin.c, "smooth weighted round-robin" (2012). That its
credits add up to nothing, and none is below -W, gives the bounds.
"""

from collections.abc import Collection, Mapping
from typing import Final

WEIGHT_MAX: Final = 1_000_000
"""The highest weight; a million such backends still add up in 64 bits."""


def smooth_step(credit: int, weight: int, most: int) -> tuple[int, bool]:
    """Let one backend earn its weight, and say whether it now leads.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        credit: of the backend; between -2**62 and 2**62.
        weight: of the backend; from 0 to a million.
        most: the highest credit of those before it; between -2**63 and 2**62.

    Returns:
        Its credit, and whether that is more than ``most``.
    """
    earned = credit + weight
    return earned, earned > most


class SmoothWeighted:
    """Takes the backends in turn by weight; of equals in credit, the one that was named first.

    Args:
        weights: of each backend, from 0 to a million. With 0 it gets nothing.

    Raises:
        ValueError: a weight is out of range.
    """

    __slots__ = ("_credits", "_weights")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights: dict[str, int] = {}
        self._credits: dict[str, int] = {}
        self.reweigh(weights)

    def reweigh(self, weights: Mapping[str, int]) -> None:
        """Take other weights from the next choice on; backends may come and go with them.

        Who stays keeps its place in the turn: its credit is the same share of a turn as before,
        up to rounding. Were all to start over, a list that is read again with every request
        would give each of them to the heaviest.

        Raises:
            ValueError: a weight is out of range; nothing has changed then.
        """
        for name, weight in weights.items():
            if not 0 <= weight <= WEIGHT_MAX:
                raise ValueError(f"weight of {name} must be from 0 to {WEIGHT_MAX}, got {weight}")
        before, after = sum(self._weights.values()), sum(weights.values())
        if before != after or self._weights.keys() != weights.keys():
            self._credits = {
                name: _scaled(self._credits.get(name, 0), before, after) for name in weights
            }
        self._weights = dict(weights)

    def choose(self, eligible: Collection[str] | None = None) -> str | None:
        """Return the backend that gets the next request; None: nobody.

        Args:
            eligible: those that may be chosen now; None: all. What the others have in credit
                waits for them. Names without a weight are passed over.
        """
        leader: str | None = None
        most = total = 0
        for name, weight in self._weights.items():
            if weight == 0 or (eligible is not None and name not in eligible):
                continue
            total += weight
            credit, leads = smooth_step(self._credits[name], weight, most)
            self._credits[name] = credit
            # The first leads whatever its credit, which may be below nothing.
            if leads or leader is None:
                leader, most = name, credit
        if leader is not None:
            self._credits[leader] -= total
        return leader


def _scaled(credit: int, before: int, after: int) -> int:
    """Return the credit that is the same share of a turn of ``after`` as of one of ``before``."""
    if before == 0:
        return 0
    scaled = abs(credit) * after // before
    return scaled if credit >= 0 else -scaled
