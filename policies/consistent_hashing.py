"""Consistent hashing: each key has its backend, and keeps it while backends come and go.

Every backend stands at many points of a ring; a key belongs to the backend at the first point
at or after its own. A backend that leaves takes only its points along, so that only its keys
move, each to whoever stands next. Many points per backend (virtual nodes) even out the shares:
with v of them a share is off by about 1 / sqrt(v) of itself; with one, the luckiest of n
backends has about log n times its due.

Popular keys are uneven all the same. Loads are therefore bounded: with c the capacity, no
backend takes a request that would be more than ceil(c * mean), the mean being that of all open
requests, this one included, over all eligible backends. A key whose backend is full goes on
along the ring. As long as nobody is full, keys stay where they belong.

The points are cut from BLAKE2b, which says the same in every process on every machine;
Python's ``hash`` of a text differs from one process to the next.

Source: Karger et al., "Consistent Hashing and Random Trees" (STOC 1997); V. Mirrokni,
M. Thorup, M. Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

_PERCENT: Final = 100

_POINT_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class RingLimits:
    """How finely the ring is divided, and how uneven the loads may be.

    Raises:
        ValueError: a number is out of range.
    """

    virtual_nodes: int = 128
    """Points of each backend; from 1 to 10 000."""

    capacity_percent: int = 125
    """The most that one backend may have, in percent of the mean; from 100 to 10 000."""

    def __post_init__(self) -> None:
        if not 1 <= self.virtual_nodes <= 10_000:  # noqa: PLR2004  # said above
            raise ValueError(f"virtual_nodes must be from 1 to 10000, got {self.virtual_nodes}")
        if not _PERCENT <= self.capacity_percent <= 10_000:  # noqa: PLR2004  # said above
            raise ValueError(
                f"capacity_percent must be from 100 to 10000, got {self.capacity_percent}"
            )


def ring_point(text: str) -> int:
    """Return the point of the ring, from 0 to 2**64 - 1, where ``text`` lies."""
    return int.from_bytes(blake2b(text.encode(), digest_size=_POINT_BYTES).digest(), "big")


def has_room(load: int, total: int, backends: int, capacity_percent: int) -> bool:
    """Say whether a backend may take one more: its load then is at most ceil(c * mean).

    Compares products, so that no division rounds a request in or out. Written in scalars, so
    that a compiler can take it as it is.

    Args:
        load: requests open at the backend; from 0 to ``total``.
        total: requests open at all backends; up to 2**40.
        backends: how many there are; from 1 to 2**16.
        capacity_percent: c; from 100 to 10 000.
    """
    # load + 1 <= ceil(x) is load < x.
    return load * backends * 100 < capacity_percent * (total + 1)


class HashRing:
    """Gives each key its backend.

    Args:
        backends: those that stand on the ring; their order makes no difference.
        limits: how finely divided, how uneven.

    Raises:
        ValueError: a backend is named twice.
    """

    __slots__ = ("_backends", "_limits", "_owners", "_points")

    def __init__(self, backends: Iterable[str], limits: RingLimits) -> None:
        names = list(backends)
        self._backends = frozenset(names)
        if len(self._backends) != len(names):
            raise ValueError(f"backends must differ, got {sorted(names)}")
        self._limits = limits
        # Names break ties, so that a shared point has the same owner on every machine.
        ring = sorted(
            (ring_point(f"{name}#{number}"), name)
            for name in names
            for number in range(limits.virtual_nodes)
        )
        self._points = [point for point, _ in ring]
        self._owners = [name for _, name in ring]

    def owner(self, key: str) -> str | None:
        """Return the backend that ``key`` belongs to, however busy it is; None: nobody."""
        return next(self._from(key), None)

    def choose(self, key: str, loads: Mapping[str, int]) -> str | None:
        """Return the backend that gets a request for ``key``; None: nobody.

        Args:
            key: what is asked for.
            loads: requests open at each backend that may be chosen now; those that are not
                in it are passed over, those that are not on the ring are left aside.
        """
        eligible = {name: load for name, load in loads.items() if name in self._backends}
        if not eligible:
            return None
        total = sum(eligible.values())
        # Were all full, their loads would add up to more than there is: somebody has room.
        return next(
            name
            for name in self._from(key)
            if name in eligible
            and has_room(eligible[name], total, len(eligible), self._limits.capacity_percent)
        )

    def _from(self, key: str) -> Iterator[str]:
        """Go round the ring from the key on; backends come up again and again."""
        start = bisect_left(self._points, ring_point(key))
        for index in range(start, start + len(self._owners)):
            yield self._owners[index % len(self._owners)]
