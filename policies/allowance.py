"""An allowance that no crowd of requests overspends: reserve first, settle when it is known.

A request reserves the most that it may use, before it begins, and settles what it used. What was
used and what is reserved never exceed the limit of the period together, however many requests are
under way, as long as nobody uses more than it reserved. A settlement above its reservation is the
truth nevertheless, and is counted: the period may then be overspent by that, and admits nobody
until it is over.

    reserve   take as much as may be needed                            -> a number, or None
    settle    say what was used; the rest is free again                -> once
    (nothing) a reservation that nobody settles within hold_ns counts as used in full

Amounts are whole: micro-dollars, tokens, requests.

Source: D. Gray, A. Reuter, "Transaction Processing" (1993), section 7.12, for reserving a quantity
(escrow) in place of locking it.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

AMOUNT_MAX: Final = 2**62
"""The largest amount; the sum of two fits into 64 bits."""


@dataclass(frozen=True, slots=True)
class AllowanceLimit:
    """So much in each period; the periods begin at multiples of their length.

    Raises:
        ValueError: a number is out of its range.
    """

    amount: int
    """0 to ``AMOUNT_MAX``."""

    period_ns: int
    """At least 1."""

    hold_ns: int
    """How long after a reservation it may be settled; at least 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= AMOUNT_MAX:
            raise ValueError(f"amount must be 0 to 2**62, got {self.amount}")
        if self.period_ns < 1:
            raise ValueError(f"period_ns must be at least 1, got {self.period_ns}")
        if self.hold_ns < 1:
            raise ValueError(f"hold_ns must be at least 1, got {self.hold_ns}")


class _Held(NamedTuple):
    amount: int
    period: int
    until_ns: int


def has_left(used: int, reserved: int, limit: int, wanted: int) -> bool:
    """Whether ``wanted`` more may be reserved; all of them 0 to ``AMOUNT_MAX``."""
    # What is used may be above the limit; a difference of two such numbers fits into 64 bits.
    return wanted <= limit - used - reserved


class Allowance:
    """What is used and reserved of one limit.

    Time may stand still from call to call, but not run backwards.
    """

    __slots__ = ("_held", "_limit", "_now_ns", "_number", "_period", "_reserved", "_used")

    def __init__(self, limit: AllowanceLimit) -> None:
        self._limit = limit
        self._now_ns = 0
        self._period = 0
        self._used = 0
        self._reserved = 0
        self._number = 0
        # In the order in which they run out.
        self._held: dict[int, _Held] = {}

    def holds(self, number: int) -> bool:
        """Whether a reservation is neither settled nor over."""
        return number in self._held

    def left(self, now_ns: int) -> int:
        """Return how much may be reserved now; below 0 by what was overspent."""
        self._go_on(now_ns)
        return self._limit.amount - self._used - self._reserved

    def reserve(self, amount: int, now_ns: int) -> int | None:
        """Return the number of a reservation, at least 1; None if so much is not left.

        Raises:
            ValueError: ``amount`` is not 0 to ``AMOUNT_MAX``.
        """
        if not 0 <= amount <= AMOUNT_MAX:
            raise ValueError(f"amount must be 0 to 2**62, got {amount}")
        self._go_on(now_ns)
        if not has_left(self._used, self._reserved, self._limit.amount, amount):
            return None
        self._number += 1
        self._reserved += amount
        self._held[self._number] = _Held(amount, self._period, now_ns + self._limit.hold_ns)
        return self._number

    def settle(self, number: int, used: int, now_ns: int) -> bool:
        """Say what a reservation came to; False, and nothing is changed, if it is settled.

        What was reserved in a period that is over changes nothing in this one.

        Raises:
            ValueError: ``used`` is not 0 to ``AMOUNT_MAX``.
        """
        if not 0 <= used <= AMOUNT_MAX:
            raise ValueError(f"used must be 0 to 2**62, got {used}")
        self._go_on(now_ns)
        held = self._held.pop(number, None)
        if held is None:
            return False
        self._settle(held, used)
        return True

    def _settle(self, held: _Held, used: int) -> None:
        if held.period == self._period:
            self._reserved -= held.amount
            # Used more than there is in a period it cannot be; and sums must not grow past 64 bits.
            self._used = min(self._used + used, AMOUNT_MAX)

    def _go_on(self, now_ns: int) -> None:
        assert now_ns >= self._now_ns, "time ran backwards"
        self._now_ns = now_ns
        while self._held:
            number, held = next(iter(self._held.items()))
            if now_ns < held.until_ns:
                break
            del self._held[number]
            self._settle(held, held.amount)
        period = now_ns // self._limit.period_ns
        if period != self._period:
            self._period = period
            self._used = self._reserved = 0
