"""Laws of GPU placement: held against an account that knows no clever sums, only who has what."""

from collections.abc import Iterator
from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from policies.device_room import (
    Ask,
    Device,
    Rooms,
    Slot,
    Strategy,
    larger_class,
    memory_bytes,
)
from policies.placement import DeviceLease, DeviceLeases, Reason, Refused
from properties.profiles import scaled
from properties.strategies.placement import LEASE_NS, TIMES_NS, asks, devices, strategies


def block_of(wanted: int, start: int) -> range:
    """Return the slices that a job has which asks for so many and begins there."""
    return range(start, start + min(length for length in (1, 2, 4, 8, 16) if length >= wanted))


def legal_starts(device: Device, wanted: int) -> Iterator[int]:
    """Give each slice at which a job that asks for ``wanted`` may begin on an empty device."""
    for start in range(device.slices):
        if start % len(block_of(wanted, 0)) == 0 and start + wanted <= device.slices:
            yield start


class Held:
    """Who has what, as plain lists."""

    def __init__(self, pool: tuple[Device, ...]) -> None:
        self.pool = pool
        self.leases: dict[int, DeviceLease] = {}
        self.present = [True] * len(pool)

    def on(self, device: int) -> list[tuple[Ask, Slot]]:
        """Return what is on a device."""
        return [
            (lease.ask, slot)
            for lease in self.leases.values()
            for slot in lease.slots
            if slot.device == device
        ]

    def free_bytes(self, device: int) -> int:
        """Return what is left of a device's memory."""
        return self.pool[device].memory_bytes - sum(ask.memory_bytes for ask, _ in self.on(device))

    def fits(self, ask: Ask, device: int) -> bool:
        """Whether a device has room for its part of ``ask``."""
        there = self.on(device)
        if not self.present[device] or self.free_bytes(device) < ask.memory_bytes:
            return False
        if ask.slices == 0:
            return all(other.slices == 0 for other, _ in there)
        if any(other.slices == 0 for other, _ in there):
            return False
        return self.first_start(ask.slices, device) is not None

    def first_start(self, wanted: int, device: int = 0) -> int | None:
        """Return the first slice at which so many are free on a device, if there is one."""
        there = self.on(device)
        taken = {each for other, slot in there for each in block_of(other.slices, slot.start)}
        starts = legal_starts(self.pool[device], wanted)
        return next((at for at in starts if taken.isdisjoint(block_of(wanted, at))), None)

    def room(self, ask: Ask) -> list[int]:
        """Return the devices that have room."""
        return [device for device in range(len(self.pool)) if self.fits(ask, device)]


def in_order(strategy: Strategy, held: Held, room: list[int]) -> list[int]:
    """Return the devices that have room in the strategy's order."""
    if strategy is Strategy.FIRST_FIT:
        return room
    sign = 1 if strategy is Strategy.BEST_FIT else -1
    return sorted(room, key=lambda device: sign * held.free_bytes(device))


@given(pool=devices(), strategy=strategies(), coming=st.lists(asks(), min_size=1, max_size=6))
def test_each_job_goes_where_the_strategy_says(
    pool: tuple[Device, ...], strategy: Strategy, coming: list[Ask]
) -> None:
    held, leases = Held(pool), DeviceLeases(pool, lease_ns=LEASE_NS, strategy=strategy)
    for number, ask in enumerate(coming):
        order = in_order(strategy, held, held.room(ask))
        placement = leases.take(str(number), ask, 0)
        if isinstance(placement, DeviceLease):
            assert [slot.device for slot in placement.slots] == order[: ask.devices]
            held.leases[placement.token] = placement


@given(silent_ns=st.sampled_from([0, 1, LEASE_NS - 1, LEASE_NS, LEASE_NS + 1, 9 * LEASE_NS]))
def test_a_lease_is_renewed_until_it_has_run_out_though_nobody_else_asked(silent_ns: int) -> None:
    leases = DeviceLeases((Device(1),), lease_ns=LEASE_NS)
    taken = leases.take("ada", Ask(1), 0)
    assert isinstance(taken, DeviceLease)
    renewed = leases.renew(taken.token, silent_ns)
    assert (renewed is not None) is (silent_ns < LEASE_NS)
    assert renewed is None or renewed.until_ns == silent_ns + LEASE_NS


class LeasesMachine(RuleBasedStateMachine):
    """Holders come, are silent, wake up, ask twice and give back twice; devices fail."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.holders = 0
        self.newest = 0
        self.over: list[int] = []
        self.ran_out: list[int] = []

    @initialize(pool=devices(), strategy=strategies())
    def begin(self, pool: tuple[Device, ...], strategy: Strategy) -> None:
        """Set up the devices."""
        self.held = Held(pool)
        self.strategy = strategy
        self.leases = DeviceLeases(pool, lease_ns=LEASE_NS, strategy=strategy)

    @rule(step_ns=TIMES_NS, first=st.sampled_from(["nobody", "renews", "releases", "works"]))
    def time_passes(self, step_ns: int, first: str) -> None:
        """Whoever was silent for as long as a lease has nothing any more, and may be the first."""
        self.now_ns += step_ns
        ended = [
            token for token, lease in self.held.leases.items() if lease.until_ns <= self.now_ns
        ]
        for token in ended:
            self.end(token)
            self.ran_out.append(token)
        if ended:
            self.turned_away(ended[0], first)

    @rule(ask=asks())
    def somebody_new_asks(self, ask: Ask) -> None:
        """It is placed if and only if it fits, and where the strategy says."""
        self.holders += 1
        room = self.held.room(ask)
        placement = self.leases.take(f"job-{self.holders}", ask, self.now_ns)
        if isinstance(placement, Refused):
            assert len(room) < ask.devices, "there was room"
            empty = Held(self.held.pool)
            possible = len(empty.room(ask)) >= ask.devices
            assert placement.reason is (Reason.NO_ROOM if possible else Reason.TOO_LARGE)
            return
        assert placement.token > self.newest, "tokens rise"
        assert placement.until_ns == self.now_ns + LEASE_NS
        assert len({slot.device for slot in placement.slots}) == ask.devices
        order = in_order(self.strategy, self.held, room)
        assert [slot.device for slot in placement.slots] == order[: ask.devices]
        self.newest = placement.token
        self.held.leases[placement.token] = placement

    @precondition(lambda self: self.held.leases)
    @rule(data=st.data(), other=asks())
    def a_holder_asks_again(self, data: st.DataObject, other: Ask) -> None:
        """It has what it has, and gets nothing else beside it."""
        held = self.held.leases[data.draw(st.sampled_from(sorted(self.held.leases)))]
        assert self.leases.holds(held.holder)
        assert self.leases.take(held.holder, held.ask, self.now_ns) == held
        if other != held.ask:
            refused = self.leases.take(held.holder, other, self.now_ns)
            assert refused == Refused(Reason.HOLDER_BUSY)

    @precondition(lambda self: self.held.leases)
    @rule(data=st.data())
    def a_holder_renews(self, data: st.DataObject) -> None:
        """It has the same room for a lease's time from now."""
        token = data.draw(st.sampled_from(sorted(self.held.leases)))
        renewed = self.held.leases[token]._replace(until_ns=self.now_ns + LEASE_NS)
        assert self.leases.renew(token, self.now_ns) == renewed
        self.held.leases[token] = renewed

    @precondition(lambda self: self.held.leases)
    @rule(data=st.data())
    def a_holder_is_done(self, data: st.DataObject) -> None:
        """It gives back, and is told so once."""
        token = data.draw(st.sampled_from(sorted(self.held.leases)))
        assert self.leases.release(token, self.now_ns)
        self.end(token)

    @precondition(lambda self: self.over)
    @rule(data=st.data(), first=st.sampled_from(["renews", "releases", "works"]))
    def somebody_wakes_up_whose_lease_is_over(self, data: st.DataObject, first: str) -> None:
        """Whatever it does first has no effect, on no device."""
        self.turned_away(data.draw(st.sampled_from(self.over)), first)

    def turned_away(self, token: int, first: str) -> None:
        """Try what whoever had this token may try."""
        match first:
            case "renews":
                assert self.leases.renew(token, self.now_ns) is None
            case "releases":
                assert not self.leases.release(token, self.now_ns)
            case "works":
                for device in range(len(self.held.pool)):
                    assert not self.leases.admits(token, device, self.now_ns)
            case _:
                pass

    @rule(data=st.data())
    def a_device_fails(self, data: st.DataObject) -> None:
        """Who was on it has nothing any more, on the other devices neither."""
        device = data.draw(st.integers(0, len(self.held.pool) - 1))
        on_it = {
            token
            for token, lease in self.held.leases.items()
            if any(slot.device == device for slot in lease.slots)
        }
        assert {lease.token for lease in self.leases.lose(device, self.now_ns)} == on_it
        self.held.present[device] = False
        for token in on_it:
            self.end(token)

    @precondition(lambda self: not all(self.held.present))
    @rule(data=st.data())
    def a_device_is_back(self, data: st.DataObject) -> None:
        """Jobs may be placed on it again."""
        gone = [index for index, present in enumerate(self.held.present) if not present]
        device = data.draw(st.sampled_from(gone))
        self.leases.restore(device)
        self.held.present[device] = True

    @rule()
    def somebody_asks_who_ran_out(self) -> None:
        """Each is told once, in the order in which they did."""
        told = [lease.token for lease in self.leases.reap(self.now_ns)]
        assert sorted(told) == sorted(self.ran_out)
        self.ran_out.clear()

    def end(self, token: int) -> None:
        """Take note that a lease is over."""
        del self.held.leases[token]
        self.over.append(token)

    @invariant()
    def what_is_held_and_what_is_free_is_all_there_is(self) -> None:
        """Asked of a copy: the leases themselves are not to notice the time by it."""
        if not hasattr(self, "held"):
            return
        leases = deepcopy(self.leases)
        leases.reap(self.now_ns)
        assert {lease.token: lease for lease in leases.leases} == self.held.leases
        rooms = leases.rooms()
        for device, whole in enumerate(self.held.pool):
            there = self.held.on(device)
            assert rooms.present(device) is self.held.present[device]
            assert 0 <= rooms.free_bytes(device) == self.held.free_bytes(device)
            blocks = [block_of(ask.slices, slot.start) for ask, slot in there if ask.slices]
            taken = [each for block in blocks for each in block if each < whole.slices]
            assert len(taken) == len(set(taken)), "a slice is held twice"
            assert rooms.free_slices(device) == whole.slices - len(taken)
            assert len(blocks) in {0, len(there)}, "a device is shared and cut at once"

    @invariant()
    def each_device_works_for_its_holders_and_for_nobody_else(self) -> None:
        """Ask the device about every token there ever was."""
        if not hasattr(self, "held"):
            return
        leases = deepcopy(self.leases)
        for token in range(self.newest + 2):
            lease = self.held.leases.get(token)
            on = {slot.device for slot in lease.slots} if lease else set()
            for device in range(len(self.held.pool)):
                assert leases.admits(token, device, self.now_ns) is (device in on)

    def teardown(self) -> None:
        """Once everybody is silent, everything is free, and a job that ever fits fits."""
        if not hasattr(self, "held"):
            return
        for device in range(len(self.held.pool)):
            self.leases.restore(device)
        self.now_ns += LEASE_NS
        for whole in self.held.pool:
            ask = Ask(memory_bytes=whole.memory_bytes, slices=whole.slices)
            lease = self.leases.take("the last one", ask, self.now_ns)
            assert isinstance(lease, DeviceLease)
            assert self.leases.release(lease.token, self.now_ns)


TestLeases = LeasesMachine.TestCase
TestLeases.settings = settings(max_examples=scaled(60), stateful_step_count=30)


@given(
    slices=st.sampled_from([1, 2, 3, 7, 7, 8, 16]),
    steps=st.lists(st.integers(0, 5) | st.tuples(st.integers(0, 9)), max_size=20),
)
def test_slices_are_given_out_at_the_first_place_where_they_may_begin(
    slices: int, steps: list[int | tuple[int]]
) -> None:
    """A number asks for so many slices, 0 to share; a number in brackets is who gives back."""
    held = Held((Device(memory_bytes=100, slices=slices),))
    rooms = Rooms(held.pool)
    for number, step in enumerate(steps):
        if isinstance(step, tuple):
            if held.leases:
                there = sorted(held.leases)
                gone = held.leases.pop(there[step[0] % len(there)])
                rooms.vacate(gone.ask, gone.slots)
            continue
        ask = Ask(memory_bytes=1, slices=step)
        slots = rooms.choose(ask)
        assert (slots is not None) is held.fits(ask, 0)
        if slots is not None:
            if ask.slices:
                assert slots[0].start == held.first_start(ask.slices)
            rooms.occupy(ask, slots)
            held.leases[number] = DeviceLease(number, str(number), ask, slots, LEASE_NS)


@given(pool=devices(), first=asks(), second=asks(), third=asks())
def test_what_fits_still_fits_when_somebody_has_gone(
    pool: tuple[Device, ...], first: Ask, second: Ask, third: Ask
) -> None:
    rooms = Rooms(pool)
    there: list[tuple[Ask, tuple[Slot, ...]]] = []
    for ask in (first, second):
        slots = rooms.choose(ask)
        if slots is not None:
            rooms.occupy(ask, slots)
            there.append((ask, slots))
    fitted = rooms.choose(third) is not None
    for ask, slots in there:
        rooms.vacate(ask, slots)
        assert rooms.choose(third) is not None or not fitted
        fitted = rooms.choose(third) is not None


@given(
    number=st.integers(0, 10**6),
    unit=st.sampled_from(["B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"]),
)
def test_memory_means_powers_of_ten_or_of_two_as_its_unit_says(number: int, unit: str) -> None:
    base = 1024 if "i" in unit else 1000
    assert memory_bytes(f"{number}{unit}") == number * base ** "BKMGT".index(unit[0].upper())


@given(asked=st.integers(1, 30), classes=st.lists(st.integers(1, 30)))
def test_who_ran_out_of_memory_gets_more_each_time_until_there_is_no_more(
    asked: int, classes: list[int]
) -> None:
    tried = [asked]
    while (larger := larger_class(tried[-1], classes)) is not None:
        tried.append(larger)
    assert tried[1:] == sorted({each for each in classes if each > asked})
