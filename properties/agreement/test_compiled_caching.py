"""Compiled steps of caching decide as Python does, to the ends of their range."""

from hypothesis import example, given
from hypothesis import strategies as st

from policies.coalescing import follower_step
from policies.freshness import freshness_step, jittered_ttl_ns
from policies.versioned_entry import LATE, OUTDATED, STORED, fill_step
from properties.compiled import compiled
from properties.strategies import UNIFORM_MAX, uniforms
from properties.strategies.caching import INT64_MAX, MOMENTS_NS


@given(
    ttl_ns=MOMENTS_NS.map(lambda ttl_ns: max(1, ttl_ns)),
    permille=st.integers(0, 999),
    uniform=uniforms(),
)
@example(ttl_ns=INT64_MAX, permille=999, uniform=UNIFORM_MAX)
def test_times_to_live_agree_to_the_nanosecond(ttl_ns: int, permille: int, uniform: float) -> None:
    expected = jittered_ttl_ns(ttl_ns, permille, uniform)
    assert compiled(jittered_ttl_ns)(ttl_ns, permille, uniform) == expected


@given(
    fresh_until_ns=MOMENTS_NS,
    off_ns=st.integers(-3, 40),
    now_ns=MOMENTS_NS,
    while_revalidate_ns=MOMENTS_NS,
    if_error_ns=MOMENTS_NS,
)
@example(fresh_until_ns=0, off_ns=0, now_ns=INT64_MAX, while_revalidate_ns=INT64_MAX, if_error_ns=0)
def test_freshness_agrees_at_the_ends_of_its_stretches_and_anywhere(
    fresh_until_ns: int, off_ns: int, now_ns: int, while_revalidate_ns: int, if_error_ns: int
) -> None:
    near_ns = min(max(fresh_until_ns + off_ns, 0), INT64_MAX)
    for at_ns in (now_ns, near_ns):
        limits = fresh_until_ns, while_revalidate_ns, if_error_ns
        assert compiled(freshness_step)(at_ns, *limits) == freshness_step(at_ns, *limits)


@given(
    fills=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 12), st.booleans()), min_size=1, max_size=30
    )
)
def test_fills_agree_over_whole_histories(fills: list[tuple[int, int, bool]]) -> None:
    known, value = 0, -1
    for version, left_ns, invalidated in fills:
        step = version, known, value, 5, left_ns
        verdict = fill_step(*step)
        assert compiled(fill_step)(*step) == verdict
        assert verdict in {STORED, OUTDATED, LATE}
        if invalidated:
            known, value = max(known, version), (value if value >= version else -1)
        elif verdict == STORED:
            known = value = version


@given(
    version=MOMENTS_NS, known=MOMENTS_NS, held=MOMENTS_NS, now_ns=MOMENTS_NS, fill_by_ns=MOMENTS_NS
)
def test_single_fills_agree_to_the_ends_of_their_range(
    version: int, known: int, held: int, now_ns: int, fill_by_ns: int
) -> None:
    for value in (-1, held):
        step = version, known, value, now_ns, fill_by_ns
        assert compiled(fill_step)(*step) == fill_step(*step)


@given(now_ns=MOMENTS_NS, leave_at_ns=MOMENTS_NS, leader_until_ns=MOMENTS_NS)
def test_what_followers_do_agrees(now_ns: int, leave_at_ns: int, leader_until_ns: int) -> None:
    for at_ns in (now_ns, leave_at_ns, leader_until_ns):
        step = at_ns, leave_at_ns, leader_until_ns
        assert compiled(follower_step)(*step) == follower_step(*step)
