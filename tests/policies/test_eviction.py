"""Stories of small caches: who goes, and why."""

from collections.abc import Callable

import pytest

from policies.eviction import AgedLfu, Eviction, Lru
from policies.eviction_s3fifo import S3Fifo

EVERY: list[Callable[[int], Eviction[str]]] = [Lru, AgedLfu, S3Fifo]


def use(policy: Eviction[str], keys: str) -> str:
    """Ask for one key after the other, loading what is missing; return all that went."""
    gone = ""
    for key in keys:
        if not policy.touch(key):
            gone += "".join(policy.insert(key))
    return gone


def test_lru_lets_go_of_whoever_was_not_used_for_longest() -> None:
    lru: Lru[str] = Lru(3)
    assert use(lru, "abc") == ""
    assert use(lru, "ad") == "b"
    assert use(lru, "e") == "c"
    assert "a" in lru


def test_aged_lfu_lets_go_of_whoever_was_used_least() -> None:
    lfu: AgedLfu[str] = AgedLfu(3)
    assert use(lfu, "aabbbc") == ""
    assert use(lfu, "d") == "c"
    # D has come in with the age of c, 1, and one use: as good as a with two; a was used before.
    assert use(lfu, "e") == "a"


def test_what_was_popular_once_goes_in_the_end() -> None:
    lfu: AgedLfu[str] = AgedLfu(2)
    use(lfu, "aaaaa")
    assert use(lfu, "bcdef") == "bcde", "a counts 5, and each newcomer one more than the last"
    assert "a" in lfu
    assert use(lfu, "g") == "a"
    assert "a" not in lfu


def test_s3fifo_lets_go_of_newcomers_who_are_not_wanted_again() -> None:
    s3: S3Fifo[str] = S3Fifo(10)
    assert use(s3, "aaabbbcdefghij") == ""
    # Small holds ten. A and b were used twice since they came: they move over, c goes.
    assert use(s3, "k") == "c"
    assert s3.ghosts == ("c",)


def test_s3fifo_takes_whom_it_remembers_into_main() -> None:
    s3: S3Fifo[str] = S3Fifo(10)
    use(s3, "abcdefghij")
    assert use(s3, "k") == "a"
    assert use(s3, "a") == "b"
    assert s3.ghosts == ("b",)
    # Of the others all nine go before a does: it is in main.
    assert use(s3, "lmnopqrst") == "cdefghijk"
    assert "a" in s3


def test_s3fifo_gives_those_in_main_another_turn_for_each_use() -> None:
    s3: S3Fifo[str] = S3Fifo(2)
    use(s3, "aaa")
    assert use(s3, "bcda") == "bc"
    assert "a" in s3
    assert use(s3, "eee") == "d"
    # E has moved to main, where there is room for one: a, who was used since, is spared
    # once and e is not used there yet.
    assert use(s3, "f") == "e"


def test_s3fifo_of_one_place_keeps_the_last() -> None:
    s3: S3Fifo[str] = S3Fifo(1)
    assert use(s3, "aab") == "a"
    assert use(s3, "bbbc") == "b"
    assert s3.ghosts == ()
    assert len(s3) == s3.weight == 1


def test_s3fifo_makes_room_for_a_heavy_newcomer_though_small_has_not_its_share() -> None:
    s3: S3Fifo[str] = S3Fifo(100)
    s3.insert("light", 5)
    assert s3.insert("heavy", 98) == ("light",)


def test_s3fifo_makes_room_in_main_when_small_has_not_its_share() -> None:
    s3: S3Fifo[str] = S3Fifo(100)
    s3.insert("early", 20)
    s3.insert("used", 70)
    s3.touch("used")
    s3.touch("used")
    assert s3.insert("other", 15) == ("early",)
    # Used moves over to main, other goes, and early, who is remembered, comes to main too.
    assert s3.insert("early", 20) == ("other",)
    s3.insert("small", 5)
    assert s3.insert("late", 10) == ("used",)


@pytest.mark.parametrize("policy", EVERY)
def test_a_key_heavier_than_all_there_is_does_not_get_in(
    policy: Callable[[int], Eviction[str]],
) -> None:
    cache = policy(10)
    cache.insert("a", 4)
    assert cache.insert("b", 11) == ("b",)
    assert cache.insert("a", 11) == ("a",), "nor does it stay"
    assert (len(cache), cache.weight) == (0, 0)


@pytest.mark.parametrize("policy", EVERY)
def test_a_member_that_grows_makes_others_go(policy: Callable[[int], Eviction[str]]) -> None:
    cache = policy(10)
    cache.insert("a", 4)
    cache.insert("b", 4)
    cache.touch("b")
    cache.touch("b")
    cache.touch("b")
    assert cache.insert("b", 8) == ("a",)
    assert cache.insert("b", 1) == ()
    assert (cache.weight, len(cache)) == (1, 1)


@pytest.mark.parametrize("policy", EVERY)
def test_who_is_removed_makes_room(policy: Callable[[int], Eviction[str]]) -> None:
    cache = policy(2)
    assert use(cache, "ab") == ""
    assert cache.remove("a")
    assert not cache.remove("a")
    assert not cache.touch("a")
    assert use(cache, "c") == ""


def test_s3fifo_removes_from_main_and_lets_members_of_main_grow() -> None:
    s3: S3Fifo[str] = S3Fifo(10)
    use(s3, "aaabcdefghijk")
    assert s3.insert("a", 3) == ("c", "d")
    assert s3.remove("a")
    assert s3.weight == 7


@pytest.mark.parametrize("policy", EVERY)
@pytest.mark.parametrize("capacity", [0, -1])
def test_a_capacity_below_1_is_refused(
    policy: Callable[[int], Eviction[str]], capacity: int
) -> None:
    with pytest.raises(ValueError, match=rf"^capacity must be at least 1, got {capacity}"):
        policy(capacity)


@pytest.mark.parametrize("policy", EVERY)
def test_weighing_nothing_is_a_caller_s_mistake(policy: Callable[[int], Eviction[str]]) -> None:
    with pytest.raises(AssertionError, match=r"^a value weighs something"):
        policy(1).insert("a", 0)


def test_aged_lfu_forgets_those_removed_though_nobody_is_evicted() -> None:
    lfu: AgedLfu[int] = AgedLfu(1000)
    for key in range(500):
        lfu.insert(key)
        lfu.remove(key)
    lfu.insert(1)
    assert len(lfu._heap) <= 20, "what is removed is not kept for ever"  # noqa: SLF001  # memory has no other witness


def test_aged_lfu_passes_over_those_removed_when_somebody_has_to_go() -> None:
    lfu: AgedLfu[str] = AgedLfu(2)
    use(lfu, "ab")
    lfu.remove("a")
    assert use(lfu, "cd") == "b"


def test_s3fifo_may_find_that_all_of_small_belong_into_main() -> None:
    s3: S3Fifo[str] = S3Fifo(4)
    assert use(s3, "aaabbbcccddd") == ""
    # All four move over; the first to have moved goes to make room for the last.
    assert use(s3, "e") == "a"


def test_aged_lfu_does_not_mistake_one_who_came_back_for_its_former_self() -> None:
    lfu: AgedLfu[str] = AgedLfu(2)
    use(lfu, "ab")
    lfu.remove("a")
    use(lfu, "aa")
    assert use(lfu, "c") == "b"
