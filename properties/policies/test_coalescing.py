"""Laws of coalescing: one leader, nobody waits for longer than its bound, no word is lost.

A driver stands behind the policy as a service would: it tells those that the policy says are to be
told, and wakes those who wait when the policy said they were to look. Now and then it loses a word.
"""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policies.coalescing import (
    LEAD,
    LEAVE,
    WAIT,
    Coalescer,
    CoalescingLimits,
    Follow,
    Lead,
    Leave,
    Part,
    Shared,
    follower_step,
)
from properties.strategies.caching import MOMENTS_NS

KEYS = ("ada", "bob")


@given(now_ns=MOMENTS_NS, leave_at_ns=MOMENTS_NS, leader_until_ns=MOMENTS_NS)
def test_a_follower_waits_only_while_it_may_and_has_somebody_to_wait_for(
    now_ns: int, leave_at_ns: int, leader_until_ns: int
) -> None:
    verdict, until_ns = follower_step(now_ns, leave_at_ns, leader_until_ns)
    assert (verdict == WAIT) is (now_ns < leave_at_ns and now_ns < leader_until_ns)
    assert (verdict == LEAVE) is (now_ns >= leave_at_ns)
    assert (verdict == LEAD) is (leader_until_ns <= now_ns < leave_at_ns)
    if verdict == WAIT:
        assert now_ns < until_ns <= min(leave_at_ns, leader_until_ns)


@given(
    came_ns=st.lists(st.integers(0, 20), min_size=1, max_size=5).map(sorted),
    wait_max_ns=st.integers(1, 20),
    later_ns=st.integers(0, 20),
)
def test_the_oldest_who_may_still_wait_is_promoted_though_others_have_not_looked_yet(
    came_ns: list[int], wait_max_ns: int, later_ns: int
) -> None:
    flights: Coalescer[str] = Coalescer(CoalescingLimits(100, wait_max_ns, leaders_max=2))
    leader = flights.join("ada", 0)
    followers = {flights.join("ada", at_ns).caller: at_ns for at_ns in came_ns}
    failed_ns = came_ns[-1] + later_ns
    answer = flights.failed("ada", leader.caller, failed_ns)
    willing = [it for it, at_ns in followers.items() if failed_ns < at_ns + wait_max_ns]
    if willing:
        assert answer == Lead(min(willing), failed_ns + 100)
    else:
        assert answer == Shared(tuple(followers))


@dataclass
class Waiting:
    """A caller who waits: since when, and when it is going to look."""

    key: str
    since_ns: int
    look_at_ns: int


class CoalescingMachine(RuleBasedStateMachine):
    """Callers of two keys; leaders who succeed, fail, come late, or die."""

    @initialize(
        lead_max_ns=st.integers(1, 12), wait_max_ns=st.integers(1, 30), leaders=st.integers(1, 3)
    )
    def begin(self, lead_max_ns: int, wait_max_ns: int, leaders: int) -> None:
        """Draw the limits."""
        self.limits = CoalescingLimits(lead_max_ns, wait_max_ns, leaders)
        self.flights: Coalescer[str] = Coalescer(self.limits)
        self.now_ns = 0
        self.waiting: dict[int, Waiting] = {}
        self.leading: dict[int, tuple[str, int]] = {}
        """Whoever was told to lead and has not said what came of it: key, and until when."""

        self.failures = dict.fromkeys(KEYS, 0)
        self.wanted_ns: dict[str, int] = {}
        """When each key, these and the fleeting ones, was last wanted or had a new leader."""

    def leaders_of(self, key: str) -> list[int]:
        """Return those who lead now."""
        return [
            caller
            for caller, (of, until_ns) in self.leading.items()
            if of == key and self.now_ns < until_ns
        ]

    def leads(self, key: str, part: Lead) -> None:
        """Take note of a new leader."""
        assert not self.leaders_of(key), "two lead at once"
        assert part.until_ns == self.now_ns + self.limits.lead_max_ns
        self.wanted_ns[key] = self.now_ns
        self.leading[part.caller] = key, part.until_ns

    def told(self, caller: int, key: str, part: Part) -> None:
        """Take note of what a caller who waits is told."""
        waiting = self.waiting[caller]
        assert part.caller == caller
        match part:
            case Lead():
                assert self.now_ns < waiting.since_ns + self.limits.wait_max_ns
                del self.waiting[caller]
                self.leads(key, part)
            case Follow(_, until_ns):
                assert self.leaders_of(key), "waits for nobody"
                assert self.now_ns < until_ns <= waiting.since_ns + self.limits.wait_max_ns
                waiting.look_at_ns = until_ns
            case Leave():
                assert self.now_ns >= waiting.since_ns + self.limits.wait_max_ns
                del self.waiting[caller]

    @rule(key=st.sampled_from(KEYS))
    def somebody_comes(self, key: str) -> None:
        """The first leads, the others follow."""
        led = self.leaders_of(key)
        self.wanted_ns[key] = self.now_ns
        part = self.flights.join(key, self.now_ns)
        if isinstance(part, Lead):
            self.leads(key, part)
        else:
            assert led, "follows nobody"
            self.waiting[part.caller] = Waiting(key, self.now_ns, part.until_ns)
            self.told(part.caller, key, part)

    @rule(number=st.integers(0, 99))
    def somebody_wants_what_nobody_else_does_and_dies(self, number: int) -> None:
        """Its key may be wanted never again."""
        key = f"fleeting-{number}"
        self.flights.join(key, self.now_ns)
        self.wanted_ns[key] = self.now_ns
        since_ns = self.now_ns - max(self.limits.lead_max_ns, self.limits.wait_max_ns)
        lately = sum(at_ns > since_ns for at_ns in self.wanted_ns.values())
        assert len(self.flights) <= lately, "keys are kept of which no word can come"

    @rule(of=st.sampled_from(["lead_max_ns", "wait_max_ns"]), off_ns=st.sampled_from([-1, 0, 1]))
    def about_as_much_time_passes_as_something_lasts(self, of: str, off_ns: int) -> None:
        """Go on until leaders fall silent, or followers give up."""
        self.time_passes(max(0, getattr(self.limits, of) + off_ns))

    @rule(step_ns=st.integers(0, 2))
    def time_passes(self, step_ns: int) -> None:
        """Go on; those whose time it is look, in the order in which it is."""
        end_ns = self.now_ns + step_ns
        while due := [it for it in self.waiting.items() if it[1].look_at_ns <= end_ns]:
            caller, waiting = min(due, key=lambda it: (it[1].look_at_ns, it[0]))
            self.now_ns = max(self.now_ns, waiting.look_at_ns)
            self.told(caller, waiting.key, self.flights.look(waiting.key, caller, self.now_ns))
        self.now_ns = end_ns

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 9))
    def somebody_looks_before_its_time(self, which: int) -> None:
        """Looking costs nothing."""
        caller = sorted(self.waiting)[which % len(self.waiting)]
        key = self.waiting[caller].key
        self.told(caller, key, self.flights.look(key, caller, self.now_ns))

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 9))
    def somebody_goes_away(self, which: int) -> None:
        """Nothing is said to it any more."""
        caller = sorted(self.waiting)[which % len(self.waiting)]
        self.flights.left(self.waiting.pop(caller).key, caller, self.now_ns)

    @precondition(lambda self: any(self.now_ns >= it[1] for it in self.leading.values()))
    @rule()
    def a_leader_succeeds_too_late(self) -> None:
        """Somebody else may lead by then, and others may follow."""
        self.a_leader_succeeds(which=0)

    @precondition(lambda self: self.leading)
    @rule(which=st.integers(0, 9))
    def a_leader_succeeds(self, which: int) -> None:
        """All who wait for it share, or none, if it leads no longer."""
        caller = sorted(self.leading)[which % len(self.leading)]
        key, until_ns = self.leading.pop(caller)
        shared = self.flights.succeeded(key, caller, self.now_ns)
        self.share(key, shared, in_time=self.now_ns < until_ns)

    @precondition(lambda self: self.leading)
    @rule(which=st.integers(0, 9), word_is_lost=st.booleans())
    def a_leader_fails(self, *, which: int, word_is_lost: bool) -> None:
        """The next one tries, or all share the failure."""
        caller = sorted(self.leading)[which % len(self.leading)]
        key, until_ns = self.leading.pop(caller)
        answer = self.flights.failed(key, caller, self.now_ns)
        if self.now_ns < until_ns:
            self.failures[key] += 1
        if isinstance(answer, Lead):
            assert self.now_ns < until_ns
            assert self.failures[key] < self.limits.leaders_max
            willing = [
                other
                for other, it in self.waiting.items()
                if it.key == key and self.now_ns < it.since_ns + self.limits.wait_max_ns
            ]
            assert willing, "nobody waits any more"
            assert answer.caller == min(willing), "the oldest leads"
            if word_is_lost:
                part = self.flights.look(key, answer.caller, self.now_ns)
                assert part == answer, "it can ask"
            self.told(answer.caller, key, answer)
        else:
            self.share(key, answer, in_time=self.now_ns < until_ns)

    @precondition(lambda self: self.leading)
    @rule(which=st.integers(0, 9))
    def a_leader_dies(self, which: int) -> None:
        """Nothing is said; it ends with its time, which its followers know."""
        caller = sorted(self.leading)[which % len(self.leading)]
        _, until_ns = self.leading[caller]
        if self.now_ns >= until_ns:
            del self.leading[caller]

    def share(self, key: str, shared: Shared, *, in_time: bool) -> None:
        """Take note of who was told what the leader brought."""
        expected = sorted(caller for caller, it in self.waiting.items() if it.key == key)
        assert sorted(shared.callers) == (expected if in_time else [])
        for caller in shared.callers:
            del self.waiting[caller]
        if in_time:
            self.failures[key] = 0

    @invariant()
    def nobody_waits_beyond_its_bound(self) -> None:
        """Whoever still waits has a time to look that lies ahead, within its bound."""
        for waiting in self.waiting.values():
            assert self.now_ns < waiting.look_at_ns <= waiting.since_ns + self.limits.wait_max_ns

    def teardown(self) -> None:
        """Let everybody fall silent: those who wait still find an end, and so does memory."""
        if not hasattr(self, "flights"):
            return
        for _ in range(len(self.waiting) + 1):
            self.time_passes(self.limits.wait_max_ns + self.limits.lead_max_ns)
        assert not self.waiting
        self.flights.join("the next one", self.now_ns)
        assert len(self.flights) == 1


TestCoalescing = CoalescingMachine.TestCase
TestCoalescing.settings = settings(stateful_step_count=40, deadline=None)
