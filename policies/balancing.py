"""Load balancing: which of several equal backends gets the next request.

A balancer is told the state of the world with every call, the number of backends included;
backends may come and go from one call to the next. Backends that are known to be broken are
for the caller to leave out: one that fails fast looks idle, and would attract everything. Where
that may be, let the caller weigh the costs of ``policies.latency_balancing`` in place of the
open requests.
"""

from collections.abc import Sequence
from typing import Protocol


class Balancer(Protocol):
    """Chooses a backend for each request."""

    def choose(self, outstanding: Sequence[int], uniform: float) -> int:
        """Return the index of the backend that gets the next request.

        Args:
            outstanding: for each backend, requests sent to it and not yet answered, or
                whatever else tells how much it has to do.
            uniform: drawn from [0, 1); whoever needs no chance ignores it.

        Raises:
            ValueError: there is no backend.
        """
        ...


class RoundRobin:
    """Takes the backends in turn, the first one first, however busy they are."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0

    def choose(self, outstanding: Sequence[int], uniform: float) -> int:  # noqa: ARG002  # as all
        """Return the backend after the last one chosen, the first after the last."""
        _require_backends(outstanding)
        chosen = self._next if self._next < len(outstanding) else 0
        self._next = chosen + 1
        return chosen


class LeastOutstanding:
    """Takes the least busy backend; among equally idle ones, ``uniform`` picks.

    The first of them would do as well for the load, but at night it would get all of it.
    """

    __slots__ = ()

    def choose(self, outstanding: Sequence[int], uniform: float) -> int:
        """Return one of the backends with the fewest outstanding requests."""
        _require_backends(outstanding)
        fewest = min(outstanding)
        idlest = [index for index, load in enumerate(outstanding) if load == fewest]
        return idlest[int(uniform * len(idlest))]


class PowerOfTwoChoices:
    """Takes the less busy of two different backends picked by chance; if equal, the first.

    Unlike the least busy of all, it does not send every request of every gateway to the same
    backend when what they know of it is old.

    Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
    IEEE Transactions on Parallel and Distributed Systems 12 (2001).
    """

    __slots__ = ()

    def choose(self, outstanding: Sequence[int], uniform: float) -> int:
        """Return the less busy of the two backends that ``uniform`` stands for."""
        _require_backends(outstanding)
        if len(outstanding) == 1:
            return 0
        first, second = two_choices(len(outstanding), uniform)
        return first if outstanding[first] <= outstanding[second] else second


def two_choices(backends: int, uniform: float) -> tuple[int, int]:
    """Turn one draw into two different indices; all ordered pairs are equally likely.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        backends: how many to choose from; at least 2.
        uniform: drawn from [0, 1).
    """
    pair = int(uniform * (backends * (backends - 1)))
    first = pair // (backends - 1)
    steps_on = 1 + pair % (backends - 1)
    return first, (first + steps_on) % backends


def balancer(name: str) -> Balancer:
    """Return a new balancer of this name.

    The one called ``latency_aware`` takes the less costly of two: it is to be told the costs of
    ``policies.latency_balancing.BackendLatency`` in place of the open requests.

    Raises:
        ValueError: no balancer has this name; the message lists those there are.
    """
    match name:
        case "round_robin":
            return RoundRobin()
        case "least_outstanding":
            return LeastOutstanding()
        case "power_of_two" | "latency_aware":
            return PowerOfTwoChoices()
        case _:
            raise ValueError(
                "balancer must be round_robin, least_outstanding, power_of_two or latency_aware,"
                f" got {name!r}"
            )


def _require_backends(outstanding: Sequence[int]) -> None:
    if not outstanding:
        raise ValueError("there is no backend to choose")
