"""Stories of room on devices: units, slices as NVIDIA's driver lays them, and which device."""

import pytest

from policies.device_room import (
    MEMORY_MAX_BYTES,
    NO_ROOM,
    Ask,
    Device,
    Rooms,
    Slot,
    Strategy,
    fit_start,
    larger_class,
    memory_bytes,
)

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80GB", 80_000_000_000),
        ("80GiB", 85_899_345_920),
        ("1.5 GiB", 1_610_612_736),
        ("512MiB", 536_870_912),
        ("4kB", 4_000),
        ("7B", 7),
        ("0.001kB", 1),
    ],
)
def test_a_gigabyte_is_no_gibibyte(text: str, expected: int) -> None:
    assert memory_bytes(text) == expected


@pytest.mark.parametrize(
    "text", ["80", "80 giga", "GB", "-1GB", "0.3B", "1e3XB", "1/0GB", "1e9GB", ""]
)
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^memory must be"):
        memory_bytes(text)


def starts(wanted: int) -> list[int]:
    """Return all slices of seven at which a job may begin that has the device to itself."""
    found = []
    taken = 0
    while (start := fit_start(1, taken, 0, 7, 1, wanted)) != NO_ROOM:
        found.append(start)
        taken |= 1 << start
    return found


def test_slices_begin_where_the_driver_lets_them_begin() -> None:
    # nvidia-smi mig -lgipp, A100 and H100: 1g, 2g, 3g, 4g, 7g.
    assert starts(1) == [0, 1, 2, 3, 4, 5, 6]
    assert starts(2) == [0, 2, 4]
    assert starts(3) == [0, 4]
    assert starts(4) == [0]
    assert starts(7) == [0]
    assert starts(8) == []


def test_three_slices_block_the_fourth_of_their_quartet() -> None:
    rooms = Rooms([Device(memory_bytes=40 * GIB, slices=7)])
    for start in (0, 4):
        ask = Ask(memory_bytes=20 * GIB, slices=3)
        assert rooms.choose(ask) == (Slot(0, start),)
        rooms.occupy(ask, [Slot(0, start)])
    assert rooms.free_slices(0) == 0
    assert rooms.choose(Ask(memory_bytes=1, slices=1)) is None


def test_who_shares_and_who_has_slices_do_not_meet_on_one_device() -> None:
    rooms = Rooms([Device(memory_bytes=10, slices=2)])
    shared, cut = Ask(memory_bytes=1), Ask(memory_bytes=1, slices=1)
    rooms.occupy(shared, [Slot(0, 0)])
    assert rooms.choose(cut) is None
    rooms.vacate(shared, [Slot(0, 0)])
    rooms.occupy(cut, [Slot(0, 0)])
    assert rooms.choose(shared) is None
    assert rooms.choose(cut) == (Slot(0, 1),)


@pytest.mark.parametrize(
    ("strategy", "device"),
    [(Strategy.BEST_FIT, 2), (Strategy.WORST_FIT, 1), (Strategy.FIRST_FIT, 0)],
)
def test_each_strategy_takes_another_device(strategy: Strategy, device: int) -> None:
    rooms = Rooms([Device(memory_bytes=size) for size in (20, 40, 10, 10)], strategy)
    assert rooms.choose(Ask(memory_bytes=10)) == (Slot(device, 0),)


def test_a_gang_gets_as_many_devices_as_it_asks_for_or_none() -> None:
    rooms = Rooms([Device(memory_bytes=size) for size in (20, 5, 10)])
    assert rooms.choose(Ask(memory_bytes=10, devices=2)) == (Slot(2, 0), Slot(0, 0))
    assert rooms.choose(Ask(memory_bytes=10, devices=3)) is None
    rooms.set_present(0, present=False)
    assert not rooms.present(0)
    assert rooms.choose(Ask(memory_bytes=10, devices=2)) is None


def test_what_is_tried_on_a_copy_is_not_done() -> None:
    rooms = Rooms([Device(memory_bytes=10)])
    rooms.copy().occupy(Ask(memory_bytes=10), [Slot(0, 0)])
    assert rooms.free_bytes(0) == 10


def test_after_it_ran_out_of_memory_a_job_asks_for_the_next_class_until_there_is_none() -> None:
    classes = [40, 10, 20]
    assert larger_class(10, classes) == 20
    assert larger_class(11, classes) == 20
    assert larger_class(40, classes) is None
    assert larger_class(1, []) is None


def test_nothing_is_given_out_or_given_back_twice() -> None:
    cut, shared = Ask(memory_bytes=6, slices=1), Ask(memory_bytes=6)
    for ask in (cut, shared):
        rooms = Rooms([Device(memory_bytes=10, slices=2)])
        with pytest.raises(AssertionError):
            rooms.vacate(ask, [Slot(0, 0)])
        rooms = Rooms([Device(memory_bytes=10, slices=2)])
        rooms.occupy(ask, [Slot(0, 0)])
        with pytest.raises(AssertionError):
            rooms.occupy(ask, [Slot(0, 0)])
    rooms = Rooms([Device(memory_bytes=12, slices=2)])
    rooms.occupy(cut, [Slot(0, 0)])
    with pytest.raises(AssertionError, match=r"^a slice was given out twice"):
        rooms.occupy(cut, [Slot(0, 0)])
    with pytest.raises(AssertionError, match=r"^there is no device -1"):
        rooms.set_present(-1, present=False)


@pytest.mark.parametrize("size", [0, -1, MEMORY_MAX_BYTES + 1, 2**63])
def test_a_device_of_no_or_untellable_memory_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=rf"^memory_bytes must be 1 to .*, got {size}"):
        Device(memory_bytes=size)


@pytest.mark.parametrize("slices", [0, 17])
def test_a_device_of_no_or_too_many_slices_is_refused(slices: int) -> None:
    with pytest.raises(ValueError, match=rf"^slices must be 1 to 16, got {slices}"):
        Device(memory_bytes=1, slices=slices)


def test_an_ask_for_nothing_is_refused_and_so_is_an_empty_pool() -> None:
    with pytest.raises(ValueError, match=r"^memory_bytes must be at least 1, got 0"):
        Ask(memory_bytes=0)
    with pytest.raises(ValueError, match=r"^slices must be at least 0, got -1"):
        Ask(memory_bytes=1, slices=-1)
    with pytest.raises(ValueError, match=r"^devices must be at least 1, got 0"):
        Ask(memory_bytes=1, devices=0)
    with pytest.raises(ValueError, match=r"^devices must not be empty"):
        Rooms([])
