"""GPU devices that many workers share: who has which room is decided in one store, in one step.

A worker acquires room for a job, renews its lease while it works, and releases. What a device does
for it goes through ``work``, which checks the token and does it in the same step: so a worker that
was stopped, and wakes up after its lease went to another, changes nothing any more.

``gpu_ledger.lua`` decides, by the server's clock, as ``policies.placement`` does.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final, cast

from policies.device_room import Ask, Device, Slot, Strategy
from policies.placement import DeviceLease, Placement, Reason, Refused
from reference_services.runtime.clock import NS_PER_US
from reference_services.runtime.script_store import Script, ScriptStore, Word

LUA_BODY: Final = files(__package__).joinpath("gpu_ledger.lua").read_text(encoding="utf-8")
"""The script without its last lines: what decides, and nobody who calls it."""

LUA_BY_SERVER_CLOCK: Final = (
    LUA_BODY
    + """
local time = redis.call('TIME')
return commands[ARGV[1]](time[1] * 1000000 + time[2], unpack(ARGV, 2))
"""
)

LEDGER_KEYS: Final = ("pool", "leases", "holders", "ends", "ran_out", "work")


class PoolDiffers(ValueError):
    """There is a pool of this name already, of other devices or with another strategy."""


def ledger_keys(pool: str) -> tuple[str, ...]:
    """Return the names of a pool's keys, which lie together in a cluster."""
    return tuple(f"gpu:{{{pool}}}:{key}" for key in LEDGER_KEYS)


class GpuLedger:
    """Asks the ledger of one pool of devices.

    Every method raises ``StoreDown`` if the store does not answer; what was asked may have been
    done nevertheless. To acquire again with the same holder is then safe, and gives the lease that
    was taken; so are renewing and releasing again, though a release that was done is told False.

    Args:
        store: where the ledger is.
        pool: its name.
        lease_ns: how long a holder may be silent; whole microseconds, at least one.

    Raises:
        ValueError: ``lease_ns`` is below a microsecond.
    """

    def __init__(self, store: ScriptStore, pool: str, lease_ns: int) -> None:
        if lease_ns < NS_PER_US:
            raise ValueError(f"lease_ns must be at least {NS_PER_US}, got {lease_ns}")
        self._store = store
        self._keys = ledger_keys(pool)
        self._lease_us = lease_ns // NS_PER_US
        self._script = Script(LUA_BY_SERVER_CLOCK)

    async def set_up(self, devices: Sequence[Device], strategy: Strategy) -> None:
        """Make the pool, unless it is there.

        Raises:
            PoolDiffers: it is there, and is another.
        """
        told = [number for each in devices for number in (each.memory_bytes, each.slices)]
        if not await self._ask("set_up", int(strategy), *told):
            raise PoolDiffers("the pool has other devices or another strategy")

    async def acquire(self, holder: str, ask: Ask) -> Placement:
        """Take room for all of ``ask``, or none; the lease's times are the server's."""
        numbers = ask.memory_bytes, ask.slices, ask.devices
        answer = await self._ask("acquire", self._lease_us, *numbers, holder)
        return read_placement(answer, holder, ask)

    async def renew(self, token: int) -> bool:
        """Prolong a lease; False if it is over, and then for good."""
        return await self._ask("renew", self._lease_us, token) != 0

    async def release(self, token: int) -> bool:
        """Give back what a holder has; False if its lease is over."""
        return await self._ask("release", token) == 1

    async def work(self, token: int, device: int, note: str) -> bool:
        """Let a device do some work, which is noted; False, and it does nothing: no lease."""
        return await self._ask("work", token, device, note) == 1

    async def reap(self) -> list[tuple[int, str]]:
        """Return tokens and holders whose leases ran out since this was last asked."""
        return read_ran_out(await self._ask("reap"))

    async def lose(self, device: int) -> list[int]:
        """Take a device out; return the tokens whose leases are over by it."""
        return cast("list[int]", await self._ask("lose", device))

    async def restore(self, device: int) -> None:
        """Take a device back in."""
        await self._ask("restore", device)

    async def free_bytes(self) -> list[int]:
        """Return the free memory of each device."""
        return cast("list[int]", await self._ask("free"))

    async def _ask(self, command: str, *words: Word) -> object:
        return await self._store.run(self._script, self._keys, command, *words)


def read_placement(answer: object, holder: str, ask: Ask) -> Placement:
    """Return what the script's ``acquire`` answered."""
    if isinstance(answer, bytes):
        return Refused(Reason(answer.decode()))
    token, told, until_us = cast("tuple[int, bytes, int]", answer)
    pairs = (slot.split(":") for slot in told.decode().split(","))
    slots = tuple(Slot(int(device), int(start)) for device, start in pairs)
    return DeviceLease(token, holder, ask, slots, until_us * NS_PER_US)


def read_ran_out(answer: object) -> list[tuple[int, str]]:
    """Return what the script's ``reap`` answered."""
    found = []
    for told in cast("list[bytes]", answer):
        token, _, holder = told.decode().partition(" ")
        found.append((int(token), holder))
    return found
