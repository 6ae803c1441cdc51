"""Property 12, GPU resource allocation, on the policies.

In words: no device ever holds more than its memory, by peaks; slices have one holder; what is held
and what is free is all there is; a holder has a valid lease, and nobody works on a device without
one; a gang gets all of its devices or none, so nobody waits for each other for ever; a job that
fits the free memory of one device is placed; none is starved.

In symbols, for every device g and time t:

    (a) sum of peak(k) over jobs k on g at t  <=  memory(g),   and on each slice at most one
    (b) sum of what is held + what is free  =  memory(g)
    (c) k works on g at t  =>  token(k) has a valid lease at t;  tokens rise;
        a silent holder's room is free at last-renewal + lease
    (d) held(k) in {none, all of ask(k)};  the wait-for graph has no cycle
    (e) start(head)  <=  reserved start, if nobody overruns
    (f) free(g) >= peak(k), k asks for one device  =>  k is placed

Here: every order of steps of small casts, and every state that a few gangs can get into. The long
histories are in ``properties/policies/test_placement.py`` and ``test_backfill.py``; the simulator
and real processes have their turn in ``test_p12_gpu_allocation_simulated.py`` and ``_live.py``.

Both directions: an allocator that refuses everybody, or never gives back, fails as well.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from policies.device_room import Ask, Device, Slot
from policies.placement import DeviceLease, DeviceLeases, Placement, Refused
from properties.checkers.intervals import Span, capacity_kept, exact
from properties.checkers.verdict import Judgement, Verdict, holds
from properties.interleavings import Process, every_order

LEASE_NS = 10
MEMORY_BYTES = 10


@dataclass
class Scene:
    """Two devices, and what was done on them, step by step."""

    leases: DeviceLeases = field(
        default_factory=lambda: DeviceLeases([Device(MEMORY_BYTES)] * 2, lease_ns=LEASE_NS)
    )
    now_ns: int = 0
    steps: int = 0
    works: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """The steps at which a job worked on a device."""

    sizes: dict[str, int] = field(default_factory=dict)
    placed: int = 0
    refused_works: int = 0

    def work(self, job: str, slot: Slot) -> None:
        """Take note that a device did some work for a job."""
        self.steps += 1
        self.works.setdefault((job, slot.device), []).append(self.steps)

    def spans(self) -> Iterator[Span]:
        """From the first work that a device did for a job to the last, it has the job's memory."""
        for (job, device), steps in self.works.items():
            yield exact(str(device), job, self.sizes[job], steps[0], steps[-1] + 1)

    def judge(self) -> Judgement:
        """Judge whether a device ever had more than it can hold; one that did nothing had not."""
        if not self.works:
            return holds("no device did any work")
        return capacity_kept(self.spans(), {"0": MEMORY_BYTES, "1": MEMORY_BYTES})


def take(scene: Scene, job: str, ask: Ask) -> Placement:
    """Ask for room, and take note of the answer."""
    scene.sizes[job] = ask.memory_bytes
    placement = scene.leases.take(job, ask, scene.now_ns)
    scene.placed += isinstance(placement, DeviceLease)
    return placement


def worker(scene: Scene, job: str, ask: Ask) -> Process:
    """Take room, work on each device as far as it lets one, and give back."""
    placement = take(scene, job, ask)
    if isinstance(placement, Refused):
        return
    for _ in range(2):
        yield
        for slot in placement.slots:
            if scene.leases.admits(placement.token, slot.device, scene.now_ns):
                scene.work(job, slot)
            else:
                scene.refused_works += 1
    yield
    scene.leases.release(placement.token, scene.now_ns)


def worker_without_fence(scene: Scene, job: str, ask: Ask) -> Process:
    """Work on devices that ask for no token."""
    placement = take(scene, job, ask)
    if isinstance(placement, Refused):
        return
    for _ in range(2):
        yield
        for slot in placement.slots:
            scene.work(job, slot)
    yield
    scene.leases.release(placement.token, scene.now_ns)


def the_lease_time_passes(scene: Scene) -> Process:
    """Let so much time pass that whoever is silent meanwhile has nothing any more."""
    scene.now_ns += LEASE_NS
    yield from ()


Role = Callable[[Scene], Process]


def of(act: Callable[[Scene, str, Ask], Process], job: str, size: int, devices: int = 1) -> Role:
    """Return the role of one job that acts so."""
    ask = Ask(memory_bytes=size, devices=devices)
    return lambda scene: act(scene, job, ask)


def endings(*roles: Role) -> Iterator[Scene]:
    """Play these roles in every order of their steps."""

    def begin() -> tuple[Scene, list[Process]]:
        scene = Scene()
        return scene, [role(scene) for role in roles]

    return every_order(begin)


CASTS: dict[str, tuple[Role, ...]] = {
    "three that fit two and one": tuple(of(worker, job, 6) for job in "abc"),
    "a gang and two beside it": (
        of(worker, "gang", 6, devices=2),
        of(worker, "a", 6),
        of(worker, "b", 4),
    ),
    "two gangs and time": (
        of(worker, "a", 6, devices=2),
        of(worker, "b", 6, devices=2),
        the_lease_time_passes,
    ),
    "two that fill a device each, a third, and time": (
        of(worker, "a", 10),
        of(worker, "b", 10, devices=2),
        the_lease_time_passes,
    ),
}


@pytest.mark.parametrize("roles", CASTS.values(), ids=CASTS)
def test_whatever_the_order_no_device_holds_more_than_its_memory(roles: tuple[Role, ...]) -> None:
    placed = set()
    for scene in endings(*roles):
        assert scene.judge()
        # Everybody has released or was silent for too long: it is all free again.
        scene.leases.reap(scene.now_ns + LEASE_NS)
        rooms = scene.leases.rooms()
        assert [rooms.free_bytes(device) for device in (0, 1)] == [MEMORY_BYTES, MEMORY_BYTES]
        placed.add(scene.placed)
    # Refusing everybody would hold as well.
    assert min(placed) >= 1
    assert max(placed) == len(roles) - (the_lease_time_passes in roles)


def test_whoever_was_silent_too_long_is_turned_away_by_the_device_in_some_order() -> None:
    scenes = [*endings(of(worker, "a", 10), the_lease_time_passes)]
    assert any(scene.refused_works for scene in scenes)
    assert any(not scene.refused_works for scene in scenes)


def test_without_a_fence_one_who_wakes_up_works_beside_the_next_in_some_order() -> None:
    roles = [of(worker_without_fence, job, 6, devices=2) for job in "ab"]
    verdicts = [scene.judge().verdict for scene in endings(*roles, the_lease_time_passes)]
    assert Verdict.BROKEN in verdicts
    # The fence, not the lease, makes the difference: without the time, all is well.
    assert all(scene.judge() for scene in endings(*roles))


@dataclass
class Counts:
    """Free memory as a bare number, without anything that looks after it."""

    free: int = MEMORY_BYTES
    lowest: int = MEMORY_BYTES


def checks_then_acts(counts: Counts) -> Process:
    """Look whether it fits, and take it in another step."""
    if counts.free < 6:
        return
    yield
    counts.free -= 6
    counts.lowest = min(counts.lowest, counts.free)
    yield
    counts.free += 6


def releases_twice(counts: Counts) -> Process:
    """Give back, get no answer, and give back again."""
    if counts.free < 6:
        return
    counts.free -= 6
    yield
    counts.free += 6
    yield
    counts.free += 6


def bare_endings(roles: Iterable[Callable[[Counts], Process]]) -> Iterator[Counts]:
    """Play with bare numbers."""

    def begin() -> tuple[Counts, list[Process]]:
        counts = Counts()
        return counts, [role(counts) for role in roles]

    return every_order(begin)


def test_who_looks_first_and_takes_then_holds_more_than_there_is_in_most_orders() -> None:
    scenes = [*bare_endings([checks_then_acts] * 3)]
    too_much = sum(counts.lowest < 0 for counts in scenes)
    assert too_much > len(scenes) / 2


def test_who_gives_back_twice_gives_back_more_than_there_is_unless_tokens_tell_it_apart() -> None:
    assert all(counts.free > MEMORY_BYTES for counts in bare_endings([releases_twice]))

    def with_a_token(scene: Scene) -> Process:
        placement = take(scene, "a", Ask(memory_bytes=6))
        assert isinstance(placement, DeviceLease)
        yield
        assert scene.leases.release(placement.token, scene.now_ns)
        yield
        assert not scene.leases.release(placement.token, scene.now_ns)

    for scene in endings(with_a_token, of(worker, "b", 6), of(worker, "c", 4)):
        assert scene.leases.leases == ()
        assert scene.leases.rooms().free_bytes(0) == MEMORY_BYTES


class Gangs:
    """Gangs that need devices, each until it has had them; what it holds, it keeps until then."""

    def __init__(self, orders: tuple[tuple[int, ...], ...], *, all_at_once: bool) -> None:
        self.orders = orders
        self.all_at_once = all_at_once

    def explore(self) -> tuple[int, int]:
        """Go through all states that can be reached; return how many, and how many are stuck."""
        begin = tuple(0 for _ in self.orders)
        seen = {begin}
        frontier = [begin]
        stuck = 0
        while frontier:
            state = frontier.pop()
            following = [*self.following(state)]
            stuck += not following and state != self.all_done
            fresh = set(following) - seen
            seen |= fresh
            frontier += fresh
        return len(seen), stuck

    @property
    def all_done(self) -> tuple[int, ...]:
        """Each has had all its devices and given them back."""
        return tuple(len(order) + 1 for order in self.orders)

    def following(self, state: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Give each state to which one gang's step leads."""
        for gang, order in enumerate(self.orders):
            held = state[gang]
            if held > len(order):
                continue
            if held == len(order):
                step = held + 1
            elif self.all_at_once:
                step = len(order) if self.places(state, gang) else held
            else:
                taken = {device for other in self.holding(state) for device in other}
                step = held if order[held] in taken else held + 1
            if step != held:
                yield (*state[:gang], step, *state[gang + 1 :])

    def holding(self, state: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return what each gang has."""
        return [
            order[:held] if held <= len(order) else ()
            for order, held in zip(self.orders, state, strict=True)
        ]

    def places(self, state: tuple[int, ...], gang: int) -> bool:
        """Whether the policy places a gang now; the others have taken theirs the same way."""
        leases = DeviceLeases([Device(1)] * len(self.orders), lease_ns=LEASE_NS)
        for other, has in enumerate(self.holding(state)):
            if has:
                leases.take(str(other), Ask(memory_bytes=1, devices=len(has)), 0)
        ask = Ask(memory_bytes=1, devices=len(self.orders[gang]))
        return isinstance(leases.take("gang", ask, 0), DeviceLease)


TWO = ((0, 1), (1, 0))
THREE = ((0, 1), (1, 2), (2, 0))


@pytest.mark.parametrize(("orders", "states"), [(TWO, 13), (THREE, 45)])
def test_gangs_that_take_one_device_after_the_other_get_stuck(
    orders: tuple[tuple[int, ...], ...], states: int
) -> None:
    reached, stuck = Gangs(orders, all_at_once=False).explore()
    assert stuck == 1
    assert reached == states


@pytest.mark.parametrize("orders", [TWO, THREE])
def test_gangs_that_take_all_at_once_do_not(orders: tuple[tuple[int, ...], ...]) -> None:
    reached, stuck = Gangs(orders, all_at_once=True).explore()
    assert stuck == 0
    assert reached > len(orders)


def test_a_job_that_fits_the_free_memory_of_one_device_is_placed_there() -> None:
    for first in range(1, MEMORY_BYTES + 1):
        for second in range(1, MEMORY_BYTES + 1):
            leases = DeviceLeases([Device(MEMORY_BYTES)] * 2, lease_ns=LEASE_NS)
            leases.take("a", Ask(memory_bytes=first), 0)
            leases.take("b", Ask(memory_bytes=second), 0)
            rooms = leases.rooms()
            most = max(rooms.free_bytes(0), rooms.free_bytes(1))
            for size in range(1, MEMORY_BYTES + 1):
                placed = rooms.choose(Ask(memory_bytes=size)) is not None
                assert placed is (size <= most)
