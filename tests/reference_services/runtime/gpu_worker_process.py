"""A GPU worker in a process of its own, to be killed, stopped and woken by the tests.

    python -m tests.reference_services.runtime.gpu_worker_process \
        URL POOL FOLDER NAME JOBS MEMORY_BYTES DEVICES LEASE_MS WORKS

It does so many jobs, one after the other: acquires room, lets each of its devices do so many works,
and releases. What it is told, it writes into FOLDER/NAME.jsonl, a line for each answer. While there
is a file FOLDER/hold, it works on and on. A job whose lease is over is begun again, as another
attempt, until it is done.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import TextIO

from policies.device_room import Ask
from policies.placement import DeviceLease
from reference_services.runtime.clock import NS_PER_MS, monotonic_ns, sleep_ns
from reference_services.runtime.gpu_ledger import GpuLedger
from reference_services.runtime.script_store import ScriptStore, StoreDown

PAUSE_NS = 5 * NS_PER_MS


class Worker:
    """Does jobs on the devices of one pool, and keeps a diary."""

    def __init__(self, ledger: GpuLedger, folder: Path, name: str, diary: TextIO) -> None:
        self._ledger = ledger
        self._hold = folder / "hold"
        self._name = name
        self._diary = diary
        self._attempts = 0

    async def do(self, ask: Ask, works: int) -> bool:
        """Make one attempt at a job; whether it is done."""
        self._attempts += 1
        lease = await self._acquire(f"{self._name}/{self._attempts}", ask)
        self._tell("acquired", lease.token)
        done = 0
        while done < works or self._hold.exists():
            await sleep_ns(PAUSE_NS)
            for slot in lease.slots:
                if not await self._work(lease.token, slot.device, f"work {done}"):
                    return False
            done += 1
        released = await self._release(lease.token)
        self._tell("released" if released else "release refused", lease.token)
        return released

    async def _acquire(self, holder: str, ask: Ask) -> DeviceLease:
        while True:
            try:
                placement = await self._ledger.acquire(holder, ask)
            except StoreDown:
                # It may have been taken: who asks again is given what it has.
                continue
            if isinstance(placement, DeviceLease):
                return placement
            await sleep_ns(PAUSE_NS)

    async def _work(self, token: int, device: int, note: str) -> bool:
        renewed, admitted = await self._answered(token, device, note)
        self._tell("worked" if admitted else "work refused", token)
        if not renewed:
            self._tell("renewal refused", token)
        return admitted and renewed

    async def _answered(self, token: int, device: int, note: str) -> tuple[bool, bool]:
        while True:
            try:
                # In this order: whoever is stopped anywhere, and wakes when its lease is over,
                # still comes to the device, and is turned away there.
                renewed = await self._ledger.renew(token)
                return renewed, await self._ledger.work(token, device, note)
            except StoreDown:
                # It may not have been done: it is done again, so that whoever counts finds it.
                await sleep_ns(PAUSE_NS)

    async def _release(self, token: int) -> bool:
        try:
            return await self._ledger.release(token)
        except StoreDown:
            return False

    def _tell(self, what: str, token: int) -> None:
        line = {"what": what, "token": token, "at_ns": monotonic_ns()}
        self._diary.write(json.dumps(line) + "\n")
        self._diary.flush()


async def _main(arguments: list[str]) -> None:
    url, pool, folder_name, name = arguments[:4]
    jobs, memory_bytes, devices, lease_ms, works = map(int, arguments[4:])
    folder = Path(folder_name)
    ledger = GpuLedger(ScriptStore(url, None), pool, lease_ms * NS_PER_MS)
    with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as diary:
        worker = Worker(ledger, folder, name, diary)
        for _ in range(jobs):
            while not await worker.do(Ask(memory_bytes, devices=devices), works):
                pass


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
