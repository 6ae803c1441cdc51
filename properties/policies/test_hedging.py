"""Laws of hedging: bounded, never for what may not happen twice, and one winner at most."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policies.hedging import HedgedRequest, HedgeLimits, Hedging, Leg, Loss, Word
from properties.strategies.calls import hedge_limits


class Known:
    """A request, and what the machine knows of it."""

    def __init__(self, request: HedgedRequest, *, idempotent: bool) -> None:
        self.request = request
        self.idempotent = idempotent
        self.was_late = False
        self.out = {Leg.FIRST}
        self.winners = 0


class HedgingMachine(RuleBasedStateMachine):
    """Requests begin, are slow, answered, failed and reported twice, in any order."""

    limits: HedgeLimits
    hedging: Hedging

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.requests: list[Known] = []
        self.idempotent = self.hedges = 0

    @initialize(limits=hedge_limits())
    def hedging_begins(self, limits: HedgeLimits) -> None:
        """Begin with the longest delay."""
        self.limits = limits
        self.hedging = Hedging(limits)

    @rule(requests=st.integers(1, 5), idempotent=st.sampled_from([True, True, False]))
    def requests_begin(self, requests: int, *, idempotent: bool) -> None:
        """Send out some, of one kind."""
        for _ in range(requests):
            request = self.hedging.begin(self.now_ns, idempotent=idempotent)
            assert request.hedge_at_ns == self.now_ns + self.hedging.delay_ns
            self.requests.append(Known(request, idempotent=idempotent))
            self.idempotent += idempotent

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(-5, -1), off_ns=st.sampled_from([-1, 0, 1]))
    def it_is_asked_whether_to_hedge(self, which: int, off_ns: int) -> None:
        """Ask at about the time for it, as often as anybody likes."""
        known = self.requests[max(which, -len(self.requests))]
        self.now_ns = max(self.now_ns, known.request.hedge_at_ns + off_ns)
        hedged = known.request.hedge(self.now_ns)
        if hedged:
            assert known.idempotent, "what may not happen twice was sent twice"
            assert known.out == {Leg.FIRST}, "a request that is over, or hedged, was hedged"
            assert not known.was_late, "a request that was denied a hedge got one"
            assert self.now_ns >= known.request.hedge_at_ns, "a hedge went out too early"
            known.out.add(Leg.SECOND)
            self.hedges += 1
        known.was_late |= self.now_ns >= known.request.hedge_at_ns

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(-5, -1), leg=st.sampled_from(Leg), failed=st.booleans())
    def an_attempt_ends(self, which: int, leg: Leg, *, failed: bool) -> None:
        """Report an attempt, whether or not it is waited for, or was ever sent."""
        known = self.requests[max(which, -len(self.requests))]
        awaited = leg in known.out
        known.out.discard(leg)
        if failed:
            loss = known.request.failed(leg)
            assert loss is (Loss.LATE if not awaited else Loss.WAIT if known.out else Loss.OVER)
            return
        word = known.request.answered(leg, self.now_ns)
        assert word is (Word.LATE if not awaited else Word.WINS_OVER if known.out else Word.WINS)
        if awaited:
            known.winners += 1
            known.out = set()

    @invariant()
    def hedges_are_within_their_share_and_the_reserve(self) -> None:
        """Count them against all requests that may be hedged."""
        reserve = max(self.limits.reserve, 0) * 100
        assert self.hedges * 100 <= reserve + self.idempotent * self.limits.share_percent

    @invariant()
    def each_request_has_at_most_one_winner_and_then_nothing_out(self) -> None:
        """The attempts that are out are those that the machine knows of."""
        for known in self.requests[-5:]:
            assert known.winners <= 1
            assert known.request.out == known.out

    @invariant()
    def the_delay_is_within_its_bounds(self) -> None:
        """It begins at the longest."""
        if hasattr(self, "hedging"):
            delay_ns = self.hedging.delay_ns
            assert self.limits.delay_min_ns <= delay_ns <= self.limits.delay_max_ns


TestHedging = HedgingMachine.TestCase


@given(
    limits=hedge_limits(),
    latencies_ns=st.lists(st.integers(0, 200_000) | st.sampled_from([0, 10**6]), max_size=60),
)
def test_as_many_are_late_as_the_quantile_says_whatever_the_latencies(
    limits: HedgeLimits, latencies_ns: list[int]
) -> None:
    hedging = Hedging(limits)
    slower = requests = 0
    began_at_ns = hedging.delay_ns
    for latency_ns in latencies_ns:
        before_ns = hedging.delay_ns
        is_slower = answer_after(hedging, latency_ns)
        slower += is_slower
        requests += 1
        if hedging.delay_ns in (limits.delay_min_ns, limits.delay_max_ns):
            # Held back by a bound; count anew from there.
            slower, requests, began_at_ns = 0, 0, hedging.delay_ns
            continue
        assert (hedging.delay_ns > before_ns) is is_slower
        balance = 100 * slower - limits.slow_percent * requests
        assert hedging.delay_ns - began_at_ns == limits.step_ns * balance


def answer_after(hedging: Hedging, latency_ns: int) -> bool:
    """Have one request answered after so long; say whether it took longer than its delay."""
    delay_ns = hedging.delay_ns
    request = hedging.begin(0, idempotent=True)
    if latency_ns > delay_ns and request.hedge(delay_ns):
        # The second attempt wins at once; that the first was slow is known all the same.
        request.answered(Leg.SECOND, delay_ns)
    else:
        request.answered(Leg.FIRST, latency_ns)
    return latency_ns > delay_ns


@given(limits=hedge_limits(), failures=st.integers(1, 20))
def test_what_failed_or_may_not_happen_twice_teaches_nothing(
    limits: HedgeLimits, failures: int
) -> None:
    hedging = Hedging(limits)
    before_ns = hedging.delay_ns
    for _ in range(failures):
        hedging.begin(0, idempotent=True).failed(Leg.FIRST)
        hedging.begin(0, idempotent=False).answered(Leg.FIRST, 0)
    assert hedging.delay_ns == before_ns
