"""Backends, and histories that hurt those who choose among them.

Single outcomes at random times hardly ever fail a backend just often enough, come back to it
on the very nanosecond, or flap as fast as the checks. So histories are drawn as phrases: a row
of failures one short of the limit, a wait that ends at the edge, a burst.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "d", "e", "f")


def names(least: int = 1) -> st.SearchStrategy[list[str]]:
    """Names of one to six backends."""
    return st.integers(least, len(NAMES)).map(lambda count: list(NAMES[:count]))


def weights(least: int = 0, most: int = 6) -> st.SearchStrategy[dict[str, int]]:
    """Weights of one to six backends, small enough that whole turns can be played."""
    one = st.integers(least, most)
    return names().flatmap(lambda known: st.fixed_dictionaries(dict.fromkeys(known, one)))


What: TypeAlias = Literal["good", "bad"]


class Outcome(NamedTuple):
    """Word of one request."""

    backend: str
    what: What
    took_ns: int
    at_ns: int


def edges(limit_ns: int) -> st.SearchStrategy[int]:
    """Waits that end just before, at and just after a limit, or anywhere up to twice as far."""
    at = st.sampled_from([max(0, limit_ns - 1), limit_ns, limit_ns + 1])
    return at | st.integers(0, 2 * limit_ns)


@st.composite
def outcomes(
    draw: st.DrawFn, backends: list[str], *, decay_ns: int, took_most_ns: int
) -> list[Outcome]:
    """Phrases of the backends' requests: a row of answers, a row of failures, a wait."""
    now_ns = draw(st.integers(0, 10**9))
    found: list[Outcome] = []
    for backend in draw(st.lists(st.sampled_from(backends), max_size=10)):
        now_ns += draw(edges(decay_ns))
        what: What = draw(st.sampled_from(["good", "bad"]))
        took_ns = draw(st.sampled_from([0, took_most_ns]) | st.integers(0, took_most_ns))
        step_ns = draw(st.sampled_from([0, 1, decay_ns // 7]))
        for _ in range(draw(st.integers(1, 6))):
            now_ns += step_ns
            found.append(Outcome(backend, what, took_ns, now_ns))
    return found


def checks(rise: int, fall: int) -> st.SearchStrategy[list[bool]]:
    """Results in rows that are one short of a limit, on it, one beyond; and flapping."""
    rows = st.sampled_from([rise - 1, rise, rise + 1, fall - 1, fall, fall + 1])
    row = st.tuples(rows, st.booleans()).map(lambda it: [it[1]] * it[0])
    flap = st.integers(1, 4).map(lambda times: [True, False] * times)
    return st.lists(row | flap, max_size=10).map(
        lambda rows: [each for row in rows for each in row]
    )


def loads(backends: list[str]) -> st.SearchStrategy[Mapping[str, int]]:
    """Open requests at some of the backends, often few, at times all at one."""
    load = st.integers(0, 3) | st.integers(0, 1000)
    return st.dictionaries(st.sampled_from(backends), load)
