"""Stories of keys and their backends."""

import pytest

from policies.consistent_hashing import HashRing, RingLimits, has_room, ring_point


def test_a_point_is_the_same_in_every_process_and_on_every_machine() -> None:
    # What ``printf ada | b2sum -l 64`` says.
    assert ring_point("ada") == 0x15B0DA4321160527
    assert ring_point("") == 0xE4A6A0577479B2B4


def test_a_key_has_one_backend_while_nobody_is_full() -> None:
    ring = HashRing(["a", "b", "c"], RingLimits())
    owner = ring.owner("title/7")
    assert owner in {"a", "b", "c"}
    assert {ring.choose("title/7", {"a": 0, "b": 0, "c": 0}) for _ in range(3)} == {owner}


def test_a_popular_key_goes_on_along_the_ring_when_its_backend_is_full() -> None:
    ring = HashRing(["a", "b", "c"], RingLimits(capacity_percent=125))
    loads = {"a": 0, "b": 0, "c": 0}
    for _ in range(12):
        chosen = ring.choose("the film of the day", loads)
        assert chosen is not None
        loads[chosen] += 1
    # Twelve requests: at most ceil(1.25 * 4) = 5 at one backend.
    assert max(loads.values()) == 5


def test_capacity_is_rounded_up() -> None:
    # Mean of 4 requests over 3 backends at 125 %: 1.67, so two each.
    assert has_room(1, total=3, backends=3, capacity_percent=125)
    assert not has_room(2, total=3, backends=3, capacity_percent=125)
    # At 100 % and a mean that is whole, no more than the mean.
    assert has_room(1, total=3, backends=2, capacity_percent=100)
    assert not has_room(2, total=3, backends=2, capacity_percent=100)


def test_only_those_who_may_be_chosen_are() -> None:
    ring = HashRing(["a", "b"], RingLimits())
    assert ring.choose("k", {"b": 10}) == "b"
    assert ring.choose("k", {"stranger": 0}) is None
    assert ring.choose("k", {}) is None


def test_a_ring_without_backends_has_nobody() -> None:
    ring = HashRing([], RingLimits())
    assert ring.owner("k") is None
    assert ring.choose("k", {"a": 0}) is None


def test_nonsense_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^virtual_nodes must be from 1 to 10000, got 0"):
        RingLimits(virtual_nodes=0)
    with pytest.raises(ValueError, match=r"^capacity_percent must be from 100 to 10000, got 99"):
        RingLimits(capacity_percent=99)
    with pytest.raises(ValueError, match=r"^backends must differ"):
        HashRing(["a", "a"], RingLimits())
