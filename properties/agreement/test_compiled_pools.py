"""The pool's steps say the same as machine code, up to the ends of their ranges."""

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.connection_pool import TIME_MAX_NS, openings_step, retire_step, usable_step
from properties.compiled import compiled
from properties.strategies import uniforms

the_first_example_pays_for_the_compiler = settings(deadline=None)


def times_ns() -> st.SearchStrategy[int]:
    """Times near each other, and at the ends of the range."""
    return st.integers(0, 9) | st.integers(0, 2**62) | st.just(2**62)


def counts() -> st.SearchStrategy[int]:
    """Few, or as many as there can be."""
    return st.integers(0, 5) | st.integers(0, 2**62)


@given(
    opened_ns=times_ns(),
    lifetime_max_ns=st.integers(1, 1000) | st.integers(1, TIME_MAX_NS) | st.just(TIME_MAX_NS),
    jitter_percent=st.integers(0, 100),
    uniform=uniforms(),
)
@the_first_example_pays_for_the_compiler
def test_the_end_of_a_connection_s_life(
    opened_ns: int, lifetime_max_ns: int, jitter_percent: int, uniform: float
) -> None:
    expected_ns = retire_step(opened_ns, lifetime_max_ns, jitter_percent, uniform)
    retire_ns = compiled(retire_step)(opened_ns, lifetime_max_ns, jitter_percent, uniform)
    assert retire_ns == expected_ns
    assert 0 <= expected_ns - opened_ns <= lifetime_max_ns


@given(now_ns=times_ns(), retire_ns=times_ns(), generations=st.tuples(counts(), counts()))
@the_first_example_pays_for_the_compiler
def test_whether_a_connection_may_be_lent(
    now_ns: int, retire_ns: int, generations: tuple[int, int]
) -> None:
    expected = usable_step(now_ns, retire_ns, *generations)
    assert compiled(usable_step)(now_ns, retire_ns, *generations) == expected


@given(waiting=counts(), opening=counts(), existing=counts(), connections_max=counts())
@the_first_example_pays_for_the_compiler
def test_how_many_connections_to_open(
    waiting: int, opening: int, existing: int, connections_max: int
) -> None:
    expected = openings_step(waiting, opening, existing, connections_max)
    assert compiled(openings_step)(waiting, opening, existing, connections_max) == expected
