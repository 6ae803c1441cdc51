"""Laws of freshness: jitter within its bounds, and exactly one who mends each staleness."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from policies.freshness import (
    EXPIRED,
    FRESH,
    ON_ERROR,
    STALE,
    FreshnessLimits,
    Hold,
    Load,
    Serve,
    StaleableEntry,
    freshness_step,
    jittered_ttl_ns,
)
from properties.strategies import UNIFORM_MAX, uniforms
from properties.strategies.caching import INT64_MAX, MOMENTS_NS, freshness_limits

TTLS_NS = MOMENTS_NS.map(lambda ttl_ns: max(1, ttl_ns))


@given(ttl_ns=TTLS_NS, permille=st.integers(0, 999), uniform=uniforms())
def test_a_jittered_time_to_live_stays_within_its_bounds(
    ttl_ns: int, permille: int, uniform: float
) -> None:
    jittered_ns = jittered_ttl_ns(ttl_ns, permille, uniform)
    assert 1 <= jittered_ns <= ttl_ns
    assert jittered_ns >= ttl_ns - ttl_ns * permille // 1000


@given(ttl_ns=TTLS_NS, permille=st.integers(0, 999), draws=st.tuples(uniforms(), uniforms()))
def test_a_higher_draw_never_lives_longer(
    ttl_ns: int, permille: int, draws: tuple[float, float]
) -> None:
    low, high = sorted(draws)
    assert jittered_ttl_ns(ttl_ns, permille, low) >= jittered_ttl_ns(ttl_ns, permille, high)


@given(ttl_ns=st.integers(10**6, 10**15), permille=st.integers(1, 999), parts=st.integers(2, 50))
def test_even_draws_spread_the_ends_evenly_over_the_whole_jitter(
    ttl_ns: int, permille: int, parts: int
) -> None:
    spread_ns = Fraction(ttl_ns * permille, 1000)
    for part in range(parts):
        lost_ns = ttl_ns - jittered_ttl_ns(ttl_ns, permille, part / parts)
        assert abs(lost_ns - spread_ns * part / parts) <= 2
    assert ttl_ns - jittered_ttl_ns(ttl_ns, permille, UNIFORM_MAX) >= spread_ns - 2


@given(
    now_ns=MOMENTS_NS,
    fresh_until_ns=MOMENTS_NS,
    while_revalidate_ns=MOMENTS_NS,
    if_error_ns=MOMENTS_NS,
)
def test_a_value_only_grows_staler_and_is_never_served_past_both_windows(
    now_ns: int, fresh_until_ns: int, while_revalidate_ns: int, if_error_ns: int
) -> None:
    verdict = freshness_step(now_ns, fresh_until_ns, while_revalidate_ns, if_error_ns)
    later = freshness_step(
        min(now_ns + 1, INT64_MAX), fresh_until_ns, while_revalidate_ns, if_error_ns
    )
    assert later >= verdict
    assert (verdict == FRESH) is (now_ns < fresh_until_ns)
    assert (verdict in {FRESH, STALE}) is (now_ns < fresh_until_ns + while_revalidate_ns)
    longest_ns = max(while_revalidate_ns, if_error_ns)
    assert (verdict == EXPIRED) is (now_ns >= fresh_until_ns + longest_ns)
    assert verdict != ON_ERROR or while_revalidate_ns < if_error_ns


class FreshnessMachine(RuleBasedStateMachine):
    """Readers load in time, late, twice, and in vain, and time passes about where things end."""

    @initialize(limits=freshness_limits())
    def begin(self, limits: FreshnessLimits) -> None:
        """Draw the limits."""
        self.limits = limits
        self.entry = StaleableEntry(limits)
        self.now_ns = 0
        self.tickets: list[int] = []
        self.out: tuple[int, int] | None = None
        """The ticket by which alone the value may be stored, and when it is void."""

        self.paused_until_ns = 0
        self.failed_last = False
        self.stored: tuple[int, int] | None = None
        """The ticket of the value, and until when it may be fresh at the longest."""

    @rule(readers=st.integers(2, 4), uniform=uniforms())
    def a_crowd_reads_and_whoever_is_to_load_stores(self, readers: int, uniform: float) -> None:
        """All come at once; the value is there anew only when all have been answered."""
        for _ in range(readers):
            self.somebody_reads()
        if self.out is not None and self.now_ns < self.out[1]:
            self.somebody_stores(latest=True, uniform=uniform)

    def nobody_may_load(self) -> bool:
        """Say whether somebody is loading, or failed a moment ago."""
        loading = self.out is not None and self.now_ns < self.out[1]
        return loading or self.now_ns < self.paused_until_ns

    @rule(
        name=st.sampled_from(["load_max_ns", "error_pause_ns", "if_error_ns"]),
        off_ns=st.sampled_from([-1, 0, 1]),
    )
    def time_passes(self, name: str, off_ns: int) -> None:
        """Go on by about as long as something lasts."""
        self.now_ns += max(0, getattr(self.limits, name) + off_ns)

    @precondition(lambda self: self.stored is not None)
    @rule(
        name=st.sampled_from([None, "while_revalidate_ns", "if_error_ns"]),
        off_ns=st.sampled_from([-1, 0, 1]),
    )
    def the_value_comes_to_the_end_of_a_stretch(self, name: str | None, off_ns: int) -> None:
        """Go on to about when it is not fresh, not good enough, not good for anything any more."""
        assert self.stored is not None
        stretch_ns = 0 if name is None else getattr(self.limits, name)
        self.now_ns = max(self.now_ns, self.stored[1] + stretch_ns + off_ns)

    @rule(step_ns=st.integers(0, 2))
    def hardly_any_time_passes(self, step_ns: int) -> None:
        """Go on a bit."""
        self.now_ns += step_ns

    @rule()
    def somebody_reads(self) -> None:
        """At most one is to load, and nobody gets a value that is older than it may be."""
        taken = self.nobody_may_load()
        answer = self.entry.read(self.now_ns)
        match answer:
            case Serve(stored, ticket):
                assert self.stored is not None
                assert stored == self.stored[0]
                age_ns = self.now_ns - self.stored[1]
                window_ns = self.limits.while_revalidate_ns
                if self.failed_last and self.now_ns < self.paused_until_ns:
                    window_ns = max(window_ns, self.limits.if_error_ns)
                assert age_ns < window_ns or age_ns < 0
                if ticket:
                    self.handed_out(ticket, taken)
                elif age_ns >= 0:
                    assert taken, "a stale value is revalidated by the first who comes"
            case Load(ticket, until_ns):
                assert until_ns == self.now_ns + self.limits.load_max_ns
                self.handed_out(ticket, taken)
            case Hold(until_ns):
                assert taken, "nobody holds unless somebody loads, or failed"
                assert until_ns > self.now_ns

    def handed_out(self, ticket: int, taken: bool) -> None:  # noqa: FBT001  # what was seen before
        """Take note of the one who loads."""
        assert not taken, "exactly one loads in each epoch"
        assert ticket not in self.tickets
        self.tickets.append(ticket)
        self.out = ticket, self.now_ns + self.limits.load_max_ns
        self.failed_last = False

    @precondition(lambda self: self.tickets)
    @rule(latest=st.booleans(), uniform=uniforms())
    def somebody_stores(self, *, latest: bool, uniform: float) -> None:
        """Only who was handed out the last ticket, in time, and once."""
        ticket = self.tickets[-1 if latest else 0]
        good = self.out is not None and self.out[0] == ticket and self.now_ns < self.out[1]
        assert self.entry.store(ticket, self.now_ns, uniform) is good
        if good:
            ttl_ns = jittered_ttl_ns(self.limits.ttl_ns, self.limits.jitter_permille, uniform)
            self.stored = ticket, self.now_ns + ttl_ns
            self.out = None
            assert self.entry.read(self.now_ns) == Serve(ticket, ticket=0)

    @precondition(lambda self: self.tickets)
    @rule(latest=st.booleans())
    def somebody_fails(self, *, latest: bool) -> None:
        """Who could not load may answer the old value while it is good enough for that."""
        ticket = self.tickets[-1 if latest else 0]
        may_serve = self.entry.failed(ticket, self.now_ns)
        longest_ns = max(self.limits.while_revalidate_ns, self.limits.if_error_ns)
        good_enough = self.stored is not None and (self.now_ns < self.stored[1] + longest_ns)
        assert may_serve is good_enough
        if self.out is not None and self.out[0] == ticket and self.now_ns < self.out[1]:
            self.out = None
            self.failed_last = True
            self.paused_until_ns = self.now_ns + self.limits.error_pause_ns

    @rule()
    def somebody_invalidates(self) -> None:
        """Whatever was there or on its way is not there any more."""
        self.entry.invalidate(self.now_ns)
        self.out = self.stored = None
        self.paused_until_ns = self.now_ns


TestFreshness = FreshnessMachine.TestCase
TestFreshness.settings = settings(stateful_step_count=40, deadline=None)
