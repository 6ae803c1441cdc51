"""Stories of a device of ten bytes that may load twice in any hundred nanoseconds."""

import pytest

from policies.warm_models import AllInUse, Swap, SwapLimit, TooManySwaps, Warm, WarmModels

SIZES = {"ada": 6, "bob": 4, "cyd": 5, "dot": 10}


def device() -> WarmModels:
    """Return an empty device."""
    return WarmModels(10, SIZES, SwapLimit(swaps_max=2, window_ns=100))


def test_a_model_that_is_loaded_is_served_at_once() -> None:
    warm = device()
    assert warm.use("ada", 0) == Swap(())
    assert warm.use("ada", 0) == Warm()
    assert warm.use("bob", 0) == Swap(())
    assert warm.loaded == ("ada", "bob")


def test_the_one_that_was_not_asked_for_for_the_longest_time_goes() -> None:
    warm = WarmModels(10, {"a": 5, "b": 5, "c": 5}, SwapLimit(swaps_max=9, window_ns=100))
    for model in ("a", "b", "a"):
        warm.use(model, 0)
        warm.done(model)
    assert warm.use("c", 1) == Swap(("b",))
    assert warm.loaded == ("a", "c")


def test_a_model_that_nobody_declared_is_refused_with_those_that_are_known() -> None:
    warm = device()
    known = "^model must be one of ada, bob, cyd, dot; got eve$"
    with pytest.raises(ValueError, match=known):
        warm.use("eve", 0)
    with pytest.raises(ValueError, match=known):
        warm.done("eve")
    assert warm.loaded == ()


def test_what_is_in_use_does_not_go() -> None:
    warm = device()
    warm.use("ada", 0)
    assert warm.use("cyd", 1) == AllInUse()
    warm.done("ada")
    assert warm.use("cyd", 1) == Swap(("ada",))
    assert warm.use("dot", 1) == AllInUse()


def test_after_two_loads_the_third_waits_until_the_first_has_left_the_window() -> None:
    warm = device()
    for now_ns, model in ((0, "ada"), (30, "cyd")):
        assert isinstance(warm.use(model, now_ns), Swap)
        warm.done(model)
    assert warm.use("dot", 40) == TooManySwaps(retry_after_ns=60)
    assert warm.use("dot", 99) == TooManySwaps(retry_after_ns=1)
    assert warm.loaded == ("cyd",)
    assert warm.use("dot", 100) == Swap(("cyd",))


def test_nonsense_is_refused() -> None:
    limit = SwapLimit(swaps_max=1, window_ns=1)
    for size in (0, 11):
        with pytest.raises(ValueError, match=rf"^odd must take 1 to 10 bytes, got {size}"):
            WarmModels(10, {"odd": size}, limit)
    with pytest.raises(ValueError, match=r"^swaps_max must be at least 1, got 0"):
        SwapLimit(swaps_max=0, window_ns=1)
    with pytest.raises(ValueError, match=r"^window_ns must be at least 1, got 0"):
        SwapLimit(swaps_max=1, window_ns=0)
    with pytest.raises(AssertionError, match=r"^who is done had used it"):
        device().done("ada")
    warm = device()
    warm.use("ada", 5)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        warm.use("bob", 4)


def test_more_loads_than_can_be_remembered_are_refused() -> None:
    with pytest.raises(ValueError, match=rf"^swaps_max must be at most {2**63 - 1}, got {2**63}"):
        SwapLimit(2**63, 1)
