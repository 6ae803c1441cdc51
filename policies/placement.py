"""GPU placement: which devices a job gets, and for how long it has them.

    take      find room for all that is asked and take it, in one step     -> a lease, or Refused
    renew     the holder is alive                                          -> for lease_ns more
    release   the holder is done, and says so with its token               -> the room is free
    admits    a device asks whether work that reaches it may be done       -> by token
    lose      a device fails                                               -> its leases are over

A lease that is not renewed runs out after ``lease_ns``, and its room is given to others. The holder
may be alive nevertheless, only slow: so each lease has a token, and tokens only rise. A device, or
whatever stands before it, does nothing for a token whose lease is over (``admits``).

Of a gang all devices are taken in the one step, or none: nobody holds one while waiting for
another, and so no two can wait for each other.

A holder is one attempt at a job. If it asks again for the same, because the answer got lost, it
gets the lease that it has; so no answer that gets lost holds room twice.

Source: C. Gray, D. Cheriton, "Leases", SOSP (1989); M. Kleppmann, "How to do distributed locking"
(2016), for fencing tokens; E. Coffman, M. Elphick, A. Shoshani, "System deadlocks" (1971), for
taking all at once.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from policies.device_room import Ask, Device, Rooms, Slot, Strategy

RAN_OUT_MAX: Final = 4096
"""So many leases that ran out are remembered until somebody asks for them."""


class DeviceLease(NamedTuple):
    """Room that a holder has."""

    token: int
    """At least 1; higher than that of every lease before."""

    holder: str
    ask: Ask
    slots: tuple[Slot, ...]
    until_ns: int
    """From then on it is over, unless it is renewed before."""


class Reason(Enum):
    """Why a job is not placed."""

    TOO_LARGE = "too_large"
    """It would not fit if all devices were there and empty."""

    NO_ROOM = "no_room"
    """It does not fit now."""

    HOLDER_BUSY = "holder_busy"
    """The holder has a lease for something else, or waits already."""


class Refused(NamedTuple):
    """Nothing was taken."""

    reason: Reason


Placement: TypeAlias = DeviceLease | Refused


class DeviceLeases:
    """Says who has which room of a pool of devices.

    Time may stand still from call to call, but not run backwards.

    Args:
        devices: the devices, empty.
        lease_ns: how long a holder may be silent; at least 1.
        strategy: which devices a job gets.

    Raises:
        ValueError: there are no devices, or ``lease_ns`` is below 1.
    """

    __slots__ = (
        "_empty",
        "_lease_ns",
        "_leases",
        "_now_ns",
        "_ran_out",
        "_rooms",
        "_token",
        "_token_of",
    )

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        lease_ns: int,
        strategy: Strategy = Strategy.BEST_FIT,
    ) -> None:
        if lease_ns < 1:
            raise ValueError(f"lease_ns must be at least 1, got {lease_ns}")
        self._lease_ns = lease_ns
        self._empty = Rooms(devices, strategy)
        self._rooms = Rooms(devices, strategy)
        # By token, in the order in which they run out: all last equally long, and one that is
        # renewed goes to the end.
        self._leases: dict[int, DeviceLease] = {}
        self._token_of: dict[str, int] = {}
        self._token = 0
        self._now_ns = 0
        self._ran_out: deque[DeviceLease] = deque(maxlen=RAN_OUT_MAX)

    @property
    def leases(self) -> tuple[DeviceLease, ...]:
        """The leases that nobody has ended, the next to run out first."""
        return tuple(self._leases.values())

    def holds(self, holder: str) -> bool:
        """Whether ``holder`` has a lease that nobody has ended."""
        return holder in self._token_of

    def rooms(self) -> Rooms:
        """Return a copy of what is free, to be tried things on."""
        return self._rooms.copy()

    def choose(self, ask: Ask) -> tuple[Slot, ...] | None:
        """Return where ``ask`` would go now, without taking it; None: nowhere."""
        return self._rooms.choose(ask)

    def could_ever_place(self, ask: Ask) -> bool:
        """Whether ``ask`` fits when all devices are there and empty."""
        return self._empty.choose(ask) is not None

    def take(self, holder: str, ask: Ask, now_ns: int) -> Placement:
        """Give ``holder`` room for all of ``ask``, or none."""
        self._end_overdue(now_ns)
        token = self._token_of.get(holder)
        if token is not None:
            held = self._leases[token]
            return held if held.ask == ask else Refused(Reason.HOLDER_BUSY)
        slots = self._rooms.choose(ask)
        if slots is None:
            possible = self.could_ever_place(ask)
            return Refused(Reason.NO_ROOM if possible else Reason.TOO_LARGE)
        self._rooms.occupy(ask, slots)
        self._token += 1
        lease = DeviceLease(self._token, holder, ask, slots, now_ns + self._lease_ns)
        self._leases[lease.token] = lease
        self._token_of[holder] = lease.token
        return lease

    def renew(self, token: int, now_ns: int) -> DeviceLease | None:
        """Prolong a lease; None if it is over, and then for good."""
        self._end_overdue(now_ns)
        lease = self._leases.pop(token, None)
        if lease is None:
            return None
        lease = lease._replace(until_ns=now_ns + self._lease_ns)
        self._leases[token] = lease
        return lease

    def release(self, token: int, now_ns: int) -> bool:
        """Give back what a holder has; False, and nothing is changed, if its lease is over.

        What the holder did is valid if this is True. To take a job's room away from it, release
        it as well: one of the two comes first, and the other is told False.
        """
        self._end_overdue(now_ns)
        if token not in self._leases:
            return False
        self._end(token)
        return True

    def admits(self, token: int, device: int, now_ns: int) -> bool:
        """Whether a device may do work for the holder of ``token``."""
        self._end_overdue(now_ns)
        lease = self._leases.get(token)
        return lease is not None and any(slot.device == device for slot in lease.slots)

    def reap(self, now_ns: int) -> list[DeviceLease]:
        """Return the leases that ran out since this was last asked, at most ``RAN_OUT_MAX``."""
        self._end_overdue(now_ns)
        ran_out = list(self._ran_out)
        self._ran_out.clear()
        return ran_out

    def lose(self, device: int, now_ns: int) -> list[DeviceLease]:
        """Take a device out; return the leases that end by it, each with all its devices."""
        self._end_overdue(now_ns)
        self._rooms.set_present(device, present=False)
        over = [
            lease
            for lease in self._leases.values()
            if any(slot.device == device for slot in lease.slots)
        ]
        for lease in over:
            self._end(lease.token)
        return over

    def restore(self, device: int) -> None:
        """Take a device back in, empty."""
        self._rooms.set_present(device, present=True)

    def _end_overdue(self, now_ns: int) -> None:
        assert now_ns >= self._now_ns, "time ran backwards"
        self._now_ns = now_ns
        while self._leases:
            token, lease = next(iter(self._leases.items()))
            if now_ns < lease.until_ns:
                return
            self._end(token)
            self._ran_out.append(lease)

    def _end(self, token: int) -> None:
        lease = self._leases.pop(token)
        del self._token_of[lease.holder]
        self._rooms.vacate(lease.ask, lease.slots)
