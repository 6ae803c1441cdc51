"""What the properties of caching draw from: uses of keys, and times about where things end."""

from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st

from policies.freshness import FreshnessLimits
from policies.versioned_entry import VersionedLimits

INT64_MAX = 2**63 - 1

MOMENTS_NS = st.one_of(
    st.integers(0, INT64_MAX), st.integers(0, 50), st.integers(INT64_MAX - 50, INT64_MAX)
)
"""All that a clock of 64 bits can say, and often what it says first or last."""


class Act(Enum):
    """What is done with a key."""

    USE = auto()
    """Touch it; if it is not there, insert it."""

    INSERT = auto()
    """Insert it, be it there or not."""

    REMOVE = auto()


class Step(NamedTuple):
    """One thing that is done with one key."""

    act: Act
    key: int
    weight: int = 1


Uses: TypeAlias = tuple[Step, ...]


@st.composite
def uses(draw: st.DrawFn, *, weights: st.SearchStrategy[int] | None = None) -> Uses:
    """Phrases: hold on to one or to many, pass over many once, come back, grow, remove.

    Args:
        draw: given by Hypothesis.
        weights: of the keys; None: each weighs 1.
    """
    weight = st.just(1) if weights is None else weights
    keys = st.integers(0, 30)
    hold_on = st.builds(
        lambda key, times, heavy: [Step(Act.USE, key, heavy)] * times,
        keys,
        st.integers(2, 5),
        weight,
    )
    hold_on_to_many = st.builds(
        lambda first, how_many, times, heavy: [
            Step(Act.USE, key, heavy)
            for key in range(first, first + how_many)
            for _ in range(times)
        ],
        keys,
        st.integers(2, 8),
        st.integers(3, 4),
        weight,
    )
    pass_over = st.builds(
        lambda first, how_many, heavy: [
            Step(Act.USE, key, heavy) for key in range(first, first + how_many)
        ],
        keys,
        st.integers(1, 14),
        weight,
    )
    return_to = st.lists(keys, min_size=1, max_size=6).map(
        lambda chosen: [Step(Act.USE, key) for key in chosen]
    )
    grow = st.builds(
        lambda key, heavy, heavier: [Step(Act.USE, key, heavy), Step(Act.INSERT, key, heavier)],
        keys,
        weight,
        weight,
    )
    change = st.builds(
        lambda act, key, heavy: [Step(act, key, heavy)], st.sampled_from(Act), keys, weight
    )
    phrases = draw(
        st.lists(
            st.one_of(hold_on, hold_on_to_many, pass_over, return_to, grow, change), max_size=14
        )
    )
    return tuple(step for phrase in phrases for step in phrase)


def freshness_limits() -> st.SearchStrategy[FreshnessLimits]:
    """Limits of a few nanoseconds each, in any relation to each other."""
    return st.builds(
        FreshnessLimits,
        ttl_ns=st.integers(1, 12),
        jitter_permille=st.sampled_from([0, 1, 100, 500, 999]),
        while_revalidate_ns=st.integers(0, 12),
        if_error_ns=st.integers(0, 24),
        load_max_ns=st.integers(1, 8),
        error_pause_ns=st.integers(1, 8),
    )


@st.composite
def versioned_limits(draw: st.DrawFn) -> VersionedLimits:
    """Limits of a few nanoseconds each; tombstones often live no longer than they must."""
    fill_max_ns = draw(st.integers(1, 8))
    lag_max_ns = draw(st.integers(0, 4))
    return VersionedLimits(
        ttl_ns=draw(st.integers(1, 30)),
        fill_max_ns=fill_max_ns,
        lag_max_ns=lag_max_ns,
        tombstone_ns=fill_max_ns + lag_max_ns + draw(st.sampled_from([0, 0, 1, 10])),
    )
