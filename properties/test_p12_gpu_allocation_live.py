"""Property 12, GPU resource allocation, against real processes and a real store.

The statement, in words and in symbols, is in ``test_p12_gpu_allocation``. There is no GPU in this:
a device is its entry in the ledger, and does work by writing it into its log there. Workers are
processes of their own, which are killed, stopped and woken.

The log is in the order in which the devices did the work, so that who had a device when is known
exactly: from the first work it did for a token to the last. No clock is compared with another.

Time bounds: a dead worker's room is free one lease after its last word. That is asked of the
ledger, by the store's own clock, and the answer waited for with patience for a busy machine.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

from policies.device_room import Ask, Device, Strategy
from policies.placement import DeviceLease, Reason, Refused
from properties.checkers.intervals import Span, capacity_kept, exact, held_by_one
from reference_services.runtime.clock import NS_PER_MS, NS_PER_US
from reference_services.runtime.gpu_ledger import GpuLedger, PoolDiffers, ledger_keys
from reference_services.runtime.script_store import ScriptStore, StoreDown
from tests.servers import ROOT, running_valkey, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

LEASE_MS = 1_500
LEASE_NS = LEASE_MS * NS_PER_MS
TWO = (Device(memory_bytes=10), Device(memory_bytes=10))
CAPACITIES = {"0": 10, "1": 10}

Answer = TypeVar("Answer")


class Site:
    """A pool of two devices in a real store, and the processes that work there."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self.url = url
        self.folder = folder
        self.pool = secrets.token_hex(4)
        self._stack = stack
        self.ask(lambda ledger: ledger.set_up(TWO, Strategy.BEST_FIT))

    def ask(self, question: Callable[[GpuLedger], Awaitable[Answer]]) -> Answer:
        """Ask the ledger, over a connection of its own, until it answers."""

        async def answered() -> Answer:
            for _ in range(20):
                store = ScriptStore(self.url, None)
                try:
                    return await question(GpuLedger(store, self.pool, LEASE_NS))
                except StoreDown:
                    continue
                finally:
                    store.close()
            raise AssertionError("the store does not answer")

        return asyncio.run(answered())

    def worker(
        self, name: str, *, jobs: int, size: int, devices: int = 1, works: int = 4
    ) -> subprocess.Popen[bytes]:
        """Start a worker that does so many jobs of this size."""
        words = [self.url, self.pool, str(self.folder), name]
        words += [str(each) for each in (jobs, size, devices, LEASE_MS, works)]
        module = "tests.reference_services.runtime.gpu_worker_process"
        process = subprocess.Popen([sys.executable, "-m", module, *words], cwd=ROOT)  # noqa: S603  # our own module
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def told(self, name: str, what: str = "") -> list[dict[str, Any]]:
        """Return what a worker was told, of one kind or of all."""
        diary = self.folder / f"{name}.jsonl"
        if not diary.exists():
            return []
        lines = diary.read_text(encoding="utf-8").splitlines(keepends=True)
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
        return [entry for entry in entries if what in {"", entry["what"]}]

    def works(self) -> list[dict[str, str]]:
        """Return what the devices did, in its order."""
        with redis.Redis.from_url(self.url, decode_responses=True) as client:
            found: Any = client.xrange(ledger_keys(self.pool)[-1])
        return [entry for _, entry in found]

    def spans(self) -> Iterator[Span]:
        """Give who had how much of which device, counted in works of all devices."""
        at: dict[tuple[str, str], list[int]] = {}
        works = self.works()
        for number, work in enumerate(works):
            at.setdefault((work["device"], work["token"]), []).append(number)
        for (device, token), numbers in at.items():
            amount = int(works[numbers[0]]["memory"])
            yield exact(device, token, amount, numbers[0], numbers[-1] + 1)


@pytest.fixture(scope="module")
def store_url() -> Iterator[str]:
    """Give the URL of a Valkey for the tests of this file."""
    with running_valkey() as url:
        yield url


@pytest.fixture
def site(store_url: str, tmp_path: Path) -> Iterator[Site]:
    """Give an empty pool; whoever still works there afterwards is killed."""
    with ExitStack() as stack:
        yield Site(store_url, tmp_path, stack)


def test_workers_of_whom_some_are_killed_never_have_more_of_a_device_than_there_is(
    site: Site,
) -> None:
    sizes = {"a": 6, "b": 6, "c": 4, "d": 3}
    workers = {name: site.worker(name, jobs=4, size=size) for name, size in sizes.items()}
    gang = site.worker("gang", jobs=2, size=5, devices=2)
    for victim in ("a", "c"):
        wait_until(lambda name=victim: len(site.told(name, "worked")) >= 6, seconds=60)  # type: ignore[misc]  # bound now
        workers[victim].kill()
    for name in ("b", "d"):
        assert workers[name].wait(timeout=90) == 0
    assert gang.wait(timeout=90) == 0

    assert capacity_kept(site.spans(), CAPACITIES)
    # What was killed on its way is free again as well, and so all is.
    wait_until(lambda: site.ask(GpuLedger.free_bytes) == [10, 10])
    for name, jobs in (("b", 4), ("d", 4), ("gang", 2)):
        assert len(site.told(name, "released")) == jobs
    # Every device of a gang did its works, and nobody was on a device without being placed there.
    of_gang = {each["token"] for each in site.told("gang", "released")}
    for token in of_gang:
        devices = [work["device"] for work in site.works() if work["token"] == str(token)]
        assert devices.count("0") >= 4
        assert devices.count("1") >= 4


def test_a_dead_worker_s_room_is_given_away_a_lease_after_its_last_word_and_not_before(
    site: Site,
) -> None:
    hold = site.folder / "hold"
    hold.touch()
    victim = site.worker("victim", jobs=1, size=10, devices=2)
    wait_until(lambda: len(site.told("victim", "worked")) >= 2, seconds=60)
    victim.kill()
    victim.wait()
    # Who asks in its name is told what it has.
    name = f"victim/{len(site.told('victim', 'acquired'))}"
    had = site.ask(lambda ledger: ledger.acquire(name, Ask(10, devices=2)))
    assert isinstance(had, DeviceLease)

    placements: list[DeviceLease] = []

    def is_placed() -> bool:
        placement = site.ask(lambda ledger: ledger.acquire("heir", Ask(10, devices=2)))
        if isinstance(placement, DeviceLease):
            placements.append(placement)
            return True
        assert placement == Refused(Reason.NO_ROOM)
        return False

    wait_until(is_placed, seconds=60)
    [heir] = placements
    assert heir.token > had.token
    assert heir.until_ns - LEASE_NS >= had.until_ns
    assert site.ask(GpuLedger.reap)[-1] == (had.token, name)
    assert not site.ask(lambda ledger: ledger.release(had.token))


def test_a_worker_that_was_stopped_for_too_long_is_turned_away_by_its_token(site: Site) -> None:
    hold = site.folder / "hold"
    hold.touch()
    zombie = site.worker("zombie", jobs=1, size=10, works=1)
    other = site.worker("other", jobs=1, size=10, works=1)
    for name in ("zombie", "other"):
        wait_until(lambda name=name: len(site.told(name, "worked")) >= 2, seconds=60)  # type: ignore[misc]  # bound now
    os.kill(zombie.pid, signal.SIGSTOP)
    # Both devices are taken; only the one that sleeps makes room.
    heir = site.worker("heir", jobs=1, size=10, works=1)
    wait_until(lambda: len(site.told("heir", "worked")) >= 2, seconds=60)
    os.kill(zombie.pid, signal.SIGCONT)
    wait_until(lambda: bool(site.told("zombie", "work refused")), seconds=60)
    hold.unlink()
    for process in (other, heir, zombie):
        assert process.wait(timeout=60) == 0

    [refused, *_] = site.told("zombie", "work refused")
    [heirs, *_] = site.told("heir", "acquired")
    assert refused["token"] < heirs["token"]
    assert held_by_one(site.spans())
    # It made another attempt, with another token, and that one was done.
    assert len(site.told("zombie", "released")) == 1


def test_a_lost_answer_takes_no_room_twice_and_a_lost_device_ends_a_whole_gang(site: Site) -> None:
    ask = Ask(memory_bytes=6, devices=2)
    # The same words from another connection: as after an answer that got lost.
    first, again = (site.ask(lambda ledger: ledger.acquire("job/1", ask)) for _ in range(2))
    assert isinstance(first, DeviceLease)
    assert first == again
    assert site.ask(GpuLedger.free_bytes) == [4, 4]
    assert site.ask(lambda ledger: ledger.lose(1)) == [first.token]
    assert site.ask(GpuLedger.free_bytes) == [10, 10]
    assert not site.ask(lambda ledger: ledger.work(first.token, 0, "too late"))
    assert not site.ask(lambda ledger: ledger.renew(first.token))
    assert site.ask(lambda ledger: ledger.acquire("job/2", ask)) == Refused(Reason.NO_ROOM)
    site.ask(lambda ledger: ledger.restore(1))
    assert isinstance(site.ask(lambda ledger: ledger.acquire("job/2", ask)), DeviceLease)
    large = Ask(memory_bytes=11)
    assert site.ask(lambda ledger: ledger.acquire("job/3", large)) == Refused(Reason.TOO_LARGE)


def test_a_pool_is_made_once_and_not_as_another(site: Site) -> None:
    site.ask(lambda ledger: ledger.set_up(TWO, Strategy.BEST_FIT))
    with pytest.raises(PoolDiffers, match="other devices or another strategy"):
        site.ask(lambda ledger: ledger.set_up(TWO, Strategy.FIRST_FIT))
    with pytest.raises(ValueError, match="lease_ns must be at least 1000, got 999"):
        GpuLedger(ScriptStore(site.url, None), site.pool, NS_PER_US - 1)
