"""Laws of the ring: keys stay where they are, and no backend is overrun."""

from collections import Counter
from fractions import Fraction
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.consistent_hashing import HashRing, RingLimits, has_room
from properties.profiles import scaled
from properties.strategies.balancing import NAMES, loads, names

FEW = RingLimits(virtual_nodes=8, capacity_percent=125)

keys = st.text(max_size=8)
capacities = st.sampled_from([100, 101, 125, 150, 200, 1000])


@given(backends=names(), key=keys, order=st.permutations(NAMES))
def test_the_order_in_which_backends_are_named_makes_no_difference(
    backends: list[str], key: str, order: list[str]
) -> None:
    shuffled = [name for name in order if name in backends]
    assert HashRing(shuffled, FEW).owner(key) == HashRing(backends, FEW).owner(key)


@given(backends=names(least=2), gone=st.sampled_from(NAMES), some=st.lists(keys, max_size=30))
def test_a_backend_that_leaves_moves_only_its_own_keys(
    backends: list[str], gone: str, some: list[str]
) -> None:
    before = HashRing(backends, FEW)
    after = HashRing([name for name in backends if name != gone], FEW)
    for key in some:
        owner = before.owner(key)
        assert after.owner(key) == owner or owner == gone


@given(backends=names(), some=st.lists(keys, max_size=30))
def test_a_backend_that_joins_takes_keys_for_itself_and_moves_no_other(
    backends: list[str], some: list[str]
) -> None:
    before, after = HashRing(backends, FEW), HashRing([*backends, "new"], FEW)
    for key in some:
        assert after.owner(key) in {before.owner(key), "new"}


@given(backends=names(), key=keys, data=st.data())
def test_a_key_stays_with_its_owner_while_that_has_room_and_comes_back_to_it(
    backends: list[str], key: str, data: st.DataObject
) -> None:
    ring = HashRing(backends, FEW)
    even = data.draw(st.integers(0, 100))
    assert ring.choose(key, dict.fromkeys(backends, even)) == ring.owner(key)


@given(backends=names(), percent=capacities, data=st.data())
def test_no_backend_ever_takes_more_than_the_capacity_though_all_ask_for_the_same(
    backends: list[str], percent: int, data: st.DataObject
) -> None:
    ring = HashRing(backends, RingLimits(virtual_nodes=8, capacity_percent=percent))
    open_at = dict.fromkeys(backends, 0)
    popular = data.draw(keys)
    for key in data.draw(st.lists(st.just(popular) | keys, max_size=40)):
        chosen = ring.choose(key, open_at)
        assert chosen is not None
        open_at[chosen] += 1
        mean = Fraction(sum(open_at.values()), len(backends))
        assert open_at[chosen] <= ceil(mean * percent / 100)
        if data.draw(st.booleans()):
            busy = max(open_at, key=lambda name: open_at[name])
            open_at[busy] -= 1


@given(backends=names(), key=keys, percent=capacities, data=st.data())
def test_somebody_is_chosen_exactly_if_somebody_on_the_ring_is_eligible(
    backends: list[str], key: str, percent: int, data: st.DataObject
) -> None:
    ring = HashRing(backends, RingLimits(virtual_nodes=3, capacity_percent=percent))
    eligible = data.draw(loads(list(NAMES)))
    chosen = ring.choose(key, eligible)
    able = eligible.keys() & set(backends)
    assert chosen in able if able else chosen is None


@given(
    load=st.integers(0, 9) | st.integers(0, 10**6),
    off=st.integers(-2, 2) | st.integers(0, 10**6),
    backends=st.integers(1, 5) | st.integers(1, 1000),
    percent=capacities | st.integers(100, 10_000),
)
def test_room_is_where_one_more_is_at_most_the_capacity_rounded_up(
    load: int, off: int, backends: int, percent: int
) -> None:
    # About as many in all as make the capacity just this load.
    total = max(load, load * backends * 100 // percent - 1 + off)
    capacity = ceil(Fraction(percent, 100) * Fraction(total + 1, backends))
    assert has_room(load, total, backends, percent) == (load + 1 <= capacity)


@settings(max_examples=scaled(10))
@given(backends=st.integers(2, 8), salt=st.integers(0, 10**9))
def test_many_points_for_each_backend_make_the_shares_about_equal(backends: int, salt: int) -> None:
    ring = HashRing([f"{salt}-{number}" for number in range(backends)], RingLimits())
    drawn = 300 * backends
    got = Counter(ring.owner(f"key-{number}") for number in range(drawn))
    # One in 11 of itself is what a share is off by; five times that is no bad luck any more.
    assert all(150 <= got[f"{salt}-{number}"] <= 450 for number in range(backends))
