"""Laws of a simulated replica: it may be behind, and never out of order."""

from hypothesis import given
from hypothesis import strategies as st

from sim.models.database import Standby
from sim.models.timeline import Timeline


@given(st.lists(st.tuples(st.sampled_from([0, 1, 5]), st.integers(0, 12)), max_size=8))
def test_a_replica_shows_commits_in_their_order_and_each_no_sooner_than_its_lag(
    commits: list[tuple[int, int]],
) -> None:
    timeline = Timeline()
    standby = Standby(timeline, pool=1)
    due_ns: dict[int, int] = {}
    for key, (gap_ns, lag_ns) in enumerate(commits, start=1):
        timeline.advance_to(timeline.now_ns + gap_ns)
        standby.replicate(key, lag_ns)
        due_ns[key] = timeline.now_ns + lag_ns
    for _ in range(13):
        shown = [key for key in due_ns if not standby.is_stale(key)]
        # A commit is shown with all those before it, and as soon as they let it.
        assert shown == list(range(1, len(shown) + 1))
        in_order_ns = [max(due_ns[it] for it in range(1, key + 1)) for key in due_ns]
        assert len(shown) == sum(at_ns <= timeline.now_ns for at_ns in in_order_ns)
        timeline.advance_to(timeline.now_ns + 1)
