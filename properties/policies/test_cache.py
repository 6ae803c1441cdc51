"""Laws of a leased entry: leases and values end to the nanosecond, whatever is asked of it.

That no order of steps leaves an old value behind is P3: ``properties/test_p03_cache_consistency``.
"""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from policies.cache import FOREVER_NS, Fill, Hit, LeasedEntry, Wait

LEASE_NS = 10


class LeaseMachine(RuleBasedStateMachine):
    """Readers load slowly, and time passes: leases and values must end to the nanosecond."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = LeasedEntry(LEASE_NS)
        self.now_ns = 0
        self.loading: list[int] = []
        self.filled_once: set[int] = set()
        self.leases_given = 0
        self.held: Fill | None = None
        self.fresh: Hit | None = None

    @rule(step_ns=st.sampled_from([1, 9, 10, 11]))
    def time_passes(self, step_ns: int) -> None:
        """Go on by about a lease, or by hardly anything."""
        self.now_ns += step_ns

    @rule()
    def somebody_reads(self) -> None:
        """The answer follows from what was answered and filled before."""
        answer = self.entry.read(self.now_ns)
        if self.fresh is not None and self.now_ns < self.fresh.until_ns:
            assert answer == self.fresh
        elif self.held is not None and self.now_ns < self.held.until_ns:
            assert answer == Wait(until_ns=self.held.until_ns)
        else:
            self.leases_given += 1
            self.held = Fill(lease=self.leases_given, until_ns=self.now_ns + LEASE_NS)
            self.fresh = None
            self.loading.append(self.leases_given)
            assert answer == self.held

    @precondition(lambda self: self.loading)
    @rule(latest=st.booleans(), ttl_ns=st.sampled_from([1, 15, FOREVER_NS]))
    def somebody_fills(self, *, latest: bool, ttl_ns: int) -> None:
        """A reader that is loading, in time or not; each of them fills twice."""
        lease = self.loading[-1 if latest else 0]
        if lease in self.filled_once:
            self.loading.remove(lease)
        self.filled_once.add(lease)
        held = self.held
        stored = self.entry.fill(lease, self.now_ns, ttl_ns)
        assert stored is (held is not None and held.lease == lease and self.now_ns < held.until_ns)
        if stored:
            self.held = None
            self.fresh = Hit(version=lease, until_ns=min(self.now_ns + ttl_ns, FOREVER_NS))

    @rule()
    def somebody_invalidates(self) -> None:
        """Whatever was there or on its way is not there any more."""
        self.entry.invalidate(self.now_ns)
        self.held = self.fresh = None


TestLease = LeaseMachine.TestCase
