"""Draws by name: fixed for good, since records are compared across versions."""

from sim.streams import request_key, seed_key, stream_key, uniform


def test_a_draw_is_a_function_of_its_name_alone() -> None:
    key = request_key(seed_key(20260101), 7)
    drawn = [uniform(key, stream_key("arrival gap"), step) for step in (0, 1, 0)]
    assert drawn[0] == drawn[2] != drawn[1]


def test_the_draws_of_a_seed_stay_what_they_are() -> None:
    # A change here changes every simulated record: make it on purpose, and say so.
    key = request_key(seed_key(1), 0)
    assert uniform(key, stream_key("arrival gap"), 0) == 0.1496099486311716
    assert uniform(request_key(seed_key(1), 10**12), stream_key("x"), 3) == 0.9364799773787272


def test_the_outermost_draws_stay_within_the_open_interval() -> None:
    # The words whose hashes are all zeros and all ones.
    assert uniform(0, 0, 0) == 2.0**-53
    assert uniform(0xCF9A04AFFA6BADC0, 0, 0) == 1 - 2.0**-53
