"""Histories of work that hurt: leases that end in between, jobs that come in bursts, sleepers.

Gaps are drawn as phrases around the one time that matters, W: nothing, a nanosecond, W - 1, W,
W + 1. Gaps drawn evenly would hardly ever meet it.
"""

from typing import NamedTuple

from hypothesis import strategies as st

TENANTS = ["ada", "bob", "cyd"]


def gaps_ns(edge_ns: int) -> st.SearchStrategy[int]:
    """Waits of nothing, of hardly anything, and around ``edge_ns``."""
    near = [edge_ns - 1, edge_ns, edge_ns + 1]
    return st.sampled_from([0, 0, 0, 1, 2, *[gap_ns for gap_ns in near if gap_ns > 0]])


class Submission(NamedTuple):
    """A job as it comes to a queue by priority, or a taker if it is none."""

    gap_ns: int
    priority: int
    taken_before: int
    """How many jobs are taken just before it comes."""


@st.composite
def submissions(draw: st.DrawFn, *, priority_max: int, ageing_ns: int) -> list[Submission]:
    """Bursts of one priority, floods of urgent ones, and gaps of so many ageing times."""
    phrases: list[Submission] = []
    for _ in range(draw(st.integers(1, 8))):
        levels = draw(st.integers(0, priority_max))
        gap_ns = draw(gaps_ns(levels * ageing_ns) | gaps_ns(ageing_ns))
        priority = draw(st.sampled_from([0, 0, priority_max, levels]))
        for number in range(draw(st.integers(1, 4))):
            taken = draw(st.sampled_from([0, 0, 1, 2]))
            phrases.append(Submission(gap_ns if number == 0 else 0, priority, taken))
    return phrases


class Visit(NamedTuple):
    """What happens at a fair share: so many jobs of one cost come, then so many are served."""

    tenant: str
    jobs: int
    cost: int
    served: int


def visits(cost_max: int) -> st.SearchStrategy[list[Visit]]:
    """Bursts of cheap or expensive jobs, and stretches in which hardly anything is served."""
    return st.lists(
        st.builds(
            Visit,
            tenant=st.sampled_from([*TENANTS, "made up", "made up too"]),
            jobs=st.sampled_from([1, 1, 5, 20]),
            cost=st.sampled_from([1, 1, 2, cost_max - 1, cost_max]),
            served=st.sampled_from([0, 0, 1, 3, 15]),
        ),
        min_size=1,
        max_size=15,
    )
