"""Laws of leases and fences, for holders who sleep, wake up late and try everything."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.lease import (
    Fence,
    Held,
    Lease,
    LeaseTable,
    Lost,
    fence_step,
    lease_is_live,
)
from properties.strategies.work import gaps_ns

LEASE_NS = 10


class LeaseMachine(RuleBasedStateMachine):
    """Holders of every age show their tokens; at most one of them holds anything."""

    def __init__(self) -> None:
        super().__init__()
        self.table = LeaseTable(LEASE_NS)
        self.fence = Fence()
        self.now_ns = 0
        self.leases: list[Lease] = []
        self.ends_ns = 0
        """When the latest lease is over, by our own account."""
        self.wrote = 0
        """The token of the latest write that was let in."""

    @rule(gap_ns=gaps_ns(LEASE_NS))
    def time_passes(self, gap_ns: int) -> None:
        """Go on by about a lease."""
        self.now_ns += gap_ns

    @rule()
    def somebody_asks(self) -> None:
        """Ask for the lease: it is given as soon as it is free, and no sooner."""
        claim = self.table.acquire(self.now_ns)
        if isinstance(claim, Held):
            assert self.now_ns + claim.retry_after_ns == self.ends_ns
            assert claim.retry_after_ns >= 1
            return
        assert self.now_ns >= self.ends_ns, "two hold the lease"
        assert claim.token > max((lease.token for lease in self.leases), default=0)
        assert claim.expires_at_ns == self.now_ns + LEASE_NS
        self.leases.append(claim)
        self.ends_ns = claim.expires_at_ns

    def _is_live(self, lease: Lease) -> bool:
        return lease is self.leases[-1] and self.now_ns < self.ends_ns

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def somebody_renews(self, data: st.DataObject) -> None:
        """Renew any lease that ever was: only the live one can be."""
        lease = data.draw(st.sampled_from(self.leases))
        renewal = self.table.renew(lease.token, self.now_ns)
        assert isinstance(renewal, Lease) == self._is_live(lease)
        if isinstance(renewal, Lost):
            return
        assert renewal == Lease(lease.token, self.now_ns + LEASE_NS)
        self.ends_ns = renewal.expires_at_ns

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def somebody_gives_back(self, data: st.DataObject) -> None:
        """Give back any lease that ever was: only the live one ends by that."""
        lease = data.draw(st.sampled_from(self.leases))
        assert self.table.release(lease.token, self.now_ns) == self._is_live(lease)
        if self._is_live(lease):
            self.ends_ns = self.now_ns

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def somebody_writes(self, data: st.DataObject) -> None:
        """Write with any token there ever was: never after a later holder wrote."""
        lease = data.draw(st.sampled_from(self.leases))
        admitted = self.fence.admit(lease.token)
        assert admitted == (lease.token >= self.wrote)
        self.wrote = max(self.wrote, lease.token)

    @rule()
    def the_table_moves(self) -> None:
        """Let another table take over where this one stopped."""
        self.table = LeaseTable(LEASE_NS, self.table.state)

    @invariant()
    def at_most_one_holds_the_lease(self) -> None:
        """Count who would be told that its lease is live."""
        live = [it for it in self.leases if self.table.is_live(it.token, self.now_ns)]
        assert live == [it for it in self.leases if self._is_live(it)]


TestLeases = LeaseMachine.TestCase


@given(tokens=st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_fence_lets_in_exactly_those_who_come_after_nobody_greater(tokens: list[int]) -> None:
    greatest = 0
    seen = 0
    for token in tokens:
        greatest, admitted = fence_step(greatest, token)
        assert admitted == (token >= max(seen, 1))
        seen = max(seen, token)
        assert greatest == seen


@given(
    token=st.integers(1, 2**63 - 1),
    other=st.integers(1, 2**63 - 1),
    ends_ns=st.integers(0, 2**63 - 1),
)
def test_only_the_latest_token_is_live_and_only_before_the_end(
    token: int, other: int, ends_ns: int
) -> None:
    assert not lease_is_live(token, ends_ns, token, ends_ns)
    assert lease_is_live(token, ends_ns, other, ends_ns - 1) == (token == other)
