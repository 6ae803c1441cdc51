"""Room on GPU devices: what is free of each, and where a job would go.

A job asks for its peak memory, in bytes, on one device or on each of a gang of devices; of a gang
all get room, or none. A device is, at any time, one of two things:

- shared: jobs that ask for no slices run side by side, as long as their peaks fit together;
- cut: each job has slices to itself, and memory. A job that asks for all slices is alone.

Slices lie as the buddies of a buddy allocator do: a job that asks for 2 has two that begin at an
even one, a job that asks for 3 or 4 has a quartet, the last of which may be cut short. On a device
with 7 slices these are the starts that NVIDIA's driver offers for the profiles 1g, 2g, 3g, 4g and
7g, and what they block.

Source: K. Knowlton, "A fast storage allocator", CACM 8 (1965), for buddies; NVIDIA, "Multi-Instance
GPU User Guide", "GPU instance placements", for the table; E. Coffman, M. Garey, D. Johnson,
"Approximation algorithms for bin packing" (1984), for best fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from re import fullmatch
from typing import Final, NamedTuple

MEMORY_MAX_BYTES: Final = 2**53 - 1
"""The most memory that a device may have: a double holds it exactly, and so does Lua."""

SLICES_MAX: Final = 16
"""The most slices that a device may have: their bits fit where 32 of them are there."""

NO_ROOM: Final = -1

_UNITS_BYTES: Final = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", start=1)},
}


def memory_bytes(text: str) -> int:
    """Return how many bytes ``text`` means, like ``80GB`` (80 * 1000**3) or ``1.5GiB``.

    Raises:
        ValueError: there is no such number or unit, or it is no whole number of bytes.
    """
    # No exponents, which stand for numbers that take minutes to write out.
    parts = fullmatch(r"\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([kKMGTiB]+)", text)
    if parts is None or parts[2] not in _UNITS_BYTES:
        raise ValueError(f"memory must be like 80GB or 1.5GiB, got {text!r}")
    found = Fraction(parts[1]) * _UNITS_BYTES[parts[2]]
    if found.denominator != 1:
        raise ValueError(f"memory must be a whole number of bytes, got {text!r}")
    return int(found)


class Strategy(IntEnum):
    """Which of the devices that have room is taken; of equal ones, the first."""

    BEST_FIT = 0
    """The one that is left with the least free memory: large rooms stay for large jobs."""

    WORST_FIT = 1
    """The one that is left with the most: jobs spread, and what a device takes along is little."""

    FIRST_FIT = 2
    """The first one."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device, empty.

    Raises:
        ValueError: a number is out of its range.
    """

    memory_bytes: int
    """What jobs may use of its memory; 1 to ``MEMORY_MAX_BYTES``."""

    slices: int = 1
    """Into how many parts it can be cut; 1: it can only be had whole."""

    def __post_init__(self) -> None:
        if not 1 <= self.memory_bytes <= MEMORY_MAX_BYTES:
            raise ValueError(f"memory_bytes must be 1 to 2**53 - 1, got {self.memory_bytes}")
        if not 1 <= self.slices <= SLICES_MAX:
            raise ValueError(f"slices must be 1 to {SLICES_MAX}, got {self.slices}")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a job needs, on each of its devices.

    Raises:
        ValueError: a number is out of its range.
    """

    memory_bytes: int
    """The most memory that it ever has at one time, not its average; at least 1."""

    slices: int = 0
    """Slices that it has to itself; 0: it shares the device."""

    devices: int = 1
    """On how many different devices it runs at the same time; at least 1."""

    def __post_init__(self) -> None:
        if self.memory_bytes < 1:
            raise ValueError(f"memory_bytes must be at least 1, got {self.memory_bytes}")
        if self.slices < 0:
            raise ValueError(f"slices must be at least 0, got {self.slices}")
        if self.devices < 1:
            raise ValueError(f"devices must be at least 1, got {self.devices}")


class Slot(NamedTuple):
    """Where a job is on one device."""

    device: int
    """Index of the device."""

    start: int
    """The first of its slices; 0 if it has none to itself."""


def block_length(wanted: int) -> int:
    """Return how many slices go to a job that asks for ``wanted``: the next power of two."""
    length = 1
    while length < wanted:
        length *= 2
    return length


def fit_start(
    free_bytes: int, taken: int, sharers: int, slices: int, memory_bytes: int, wanted: int
) -> int:
    """Return at which slice of a device a job would begin, or ``NO_ROOM``.

    Args:
        free_bytes: memory of the device that nobody has.
        taken: a bit for each slice that somebody has, from the lowest.
        sharers: how many jobs share the device.
        slices: how many slices the device has; 1 to ``SLICES_MAX``.
        memory_bytes: the memory that is asked for.
        wanted: the slices that are asked for; 0: none, and the job begins at 0.
    """
    if memory_bytes > free_bytes:
        return NO_ROOM
    if wanted == 0:
        return 0 if taken == 0 else NO_ROOM
    # More than there is could be more than a length that is doubled in 64 bits ever reaches.
    if sharers > 0 or wanted > slices:
        return NO_ROOM
    # As in block_length, but a compiled step calls nothing.
    length = 1
    while length < wanted:
        length *= 2
    start = 0
    # The block's end may lie past the last slice, what is asked for may not.
    while start + wanted <= slices:
        if (taken >> start) & ((1 << length) - 1) == 0:
            return start
        start += length
    return NO_ROOM


def placement_cost(strategy: int, left_bytes: int) -> int:
    """Return what is to be least: of a device that would be left with so much free memory."""
    if strategy == 0:
        return left_bytes
    if strategy == 1:
        return -left_bytes
    return 0


class Rooms:
    """What is free of each device. Counts only: who has the rest is for others to know.

    Raises:
        ValueError: there are no devices.
    """

    __slots__ = ("_devices", "_free_bytes", "_present", "_sharers", "_strategy", "_taken")

    def __init__(self, devices: Sequence[Device], strategy: Strategy = Strategy.BEST_FIT) -> None:
        if not devices:
            raise ValueError("devices must not be empty")
        self._devices = tuple(devices)
        self._strategy = strategy
        self._free_bytes = [device.memory_bytes for device in devices]
        self._taken = [0] * len(devices)
        self._sharers = [0] * len(devices)
        self._present = [True] * len(devices)

    def free_bytes(self, device: int) -> int:
        """Return how much memory of a device nobody has."""
        return self._free_bytes[device]

    def free_slices(self, device: int) -> int:
        """Return how many slices of a device nobody has."""
        slices = self._devices[device].slices
        taken = self._taken[device] & ((1 << slices) - 1)
        return slices - taken.bit_count()

    def present(self, device: int) -> bool:
        """Whether jobs may be placed on a device."""
        return self._present[device]

    def set_present(self, device: int, *, present: bool) -> None:
        """Take a device out, or back in; what is on it stays counted until it is vacated."""
        assert 0 <= device < len(self._devices), f"there is no device {device}"
        self._present[device] = present

    def choose(self, ask: Ask) -> tuple[Slot, ...] | None:
        """Return where a job would go, by the strategy; None if there is no room for all of it.

        On each of its devices it would fit; so there is room whenever as many devices as it
        asks for have room each, for one device or for a gang.
        """
        found: list[tuple[int, int, int]] = []
        for index, device in enumerate(self._devices):
            if not self._present[index]:
                continue
            free_bytes = self._free_bytes[index]
            start = fit_start(
                free_bytes,
                self._taken[index],
                self._sharers[index],
                device.slices,
                ask.memory_bytes,
                ask.slices,
            )
            if start != NO_ROOM:
                cost = placement_cost(self._strategy, free_bytes - ask.memory_bytes)
                found.append((cost, index, start))
        if len(found) < ask.devices:
            return None
        found.sort()
        return tuple(Slot(index, start) for _, index, start in found[: ask.devices])

    def occupy(self, ask: Ask, slots: Sequence[Slot]) -> None:
        """Take room that ``choose`` found and nobody has taken since."""
        for device, start in slots:
            self._free_bytes[device] -= ask.memory_bytes
            assert self._free_bytes[device] >= 0, "memory was given out twice"
            if ask.slices == 0:
                self._sharers[device] += 1
                continue
            block = _block(ask, start)
            assert self._taken[device] & block == 0, "a slice was given out twice"
            self._taken[device] |= block

    def vacate(self, ask: Ask, slots: Sequence[Slot]) -> None:
        """Give back what was taken with the same words."""
        for device, start in slots:
            self._free_bytes[device] += ask.memory_bytes
            assert self._free_bytes[device] <= self._devices[device].memory_bytes, (
                "given back twice"
            )
            if ask.slices == 0:
                self._sharers[device] -= 1
                assert self._sharers[device] >= 0, "given back twice"
                continue
            block = _block(ask, start)
            assert self._taken[device] & block == block, "a slice was given back twice"
            self._taken[device] ^= block

    def copy(self) -> "Rooms":
        """Return rooms that are as these are now, to be tried things on."""
        twin = Rooms(self._devices, self._strategy)
        twin._free_bytes = self._free_bytes.copy()
        twin._taken = self._taken.copy()
        twin._sharers = self._sharers.copy()
        twin._present = self._present.copy()
        return twin


def _block(ask: Ask, start: int) -> int:
    return ((1 << block_length(ask.slices)) - 1) << start


def larger_class(memory_bytes: int, classes_bytes: Sequence[int]) -> int | None:
    """Return the smallest class of memory above ``memory_bytes``; None if there is none.

    For a job that ran out of memory: its next attempt asks for more, and there is a last one.

    Args:
        memory_bytes: what it had asked for.
        classes_bytes: the classes, in any order.
    """
    return min((each for each in classes_bytes if each > memory_bytes), default=None)
