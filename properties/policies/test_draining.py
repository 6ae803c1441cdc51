"""Laws of leaving: nothing new after the start, and every request ends exactly once."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from policies.balancing import balancer
from policies.draining import Assignment, BackendSet, BackendState
from properties.profiles import scaled
from properties.strategies import uniforms
from properties.strategies.balancing import NAMES, edges

BALANCERS = ["round_robin", "least_outstanding", "power_of_two"]

a_name = st.sampled_from(NAMES[:4])


class Draining(RuleBasedStateMachine):
    """Backends come, are ejected, drain and go, and every request is followed to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.backends = BackendSet()
        self.now_ns = 0
        self.open: set[Assignment] = set()
        self.over: set[Assignment] = set()
        self.deadlines_ns: dict[str, int] = {}
        self.ejected_until_ns: dict[str, int] = {}
        self.here: set[str] = set()

    @rule(name=a_name)
    def comes(self, name: str) -> None:
        """Add a backend, whether or not it is here."""
        assert self.backends.add(name) == (name not in self.here)
        self.here.add(name)

    @rule(name=a_name, for_ns=edges(100))
    def is_ejected(self, name: str, for_ns: int) -> None:
        """Eject a backend for about the time in which others drain."""
        done = self.backends.eject(name, self.now_ns + for_ns)
        assert done == (name in self.here and name not in self.deadlines_ns)
        if done:
            self.ejected_until_ns[name] = self.now_ns + for_ns

    @rule(name=a_name, grace_ns=edges(100))
    def is_drained(self, name: str, grace_ns: int) -> None:
        """Drain a backend, at times once more, with more time or less."""
        assert self.backends.drain(name, self.now_ns + grace_ns) == (name in self.here)
        if name in self.here:
            deadline_ns = self.now_ns + grace_ns
            self.deadlines_ns[name] = min(deadline_ns, self.deadlines_ns.get(name, deadline_ns))
            self.goes_if_idle(name)

    @rule(wait_ns=edges(100))
    def time_passes(self, wait_ns: int) -> None:
        """Go on to about a deadline."""
        self.now_ns += wait_ns

    @rule(kind=st.sampled_from(BALANCERS), uniform=uniforms(), times=st.integers(1, 5))
    def requests_come(self, kind: str, uniform: float, times: int) -> None:
        """Have some balancer choose among those who may be chosen."""
        for _ in range(times):
            able = self.able()
            given = self.backends.choose(balancer(kind), self.now_ns, uniform)
            assert (given is not None) == bool(able), "nobody is chosen only if nobody can be"
            if given is not None:
                assert given.backend in able, "a backend that leaves was given a request"
                assert given not in self.open | self.over
                self.open.add(given)

    @rule(data=st.data())
    def one_ends(self, data: st.DataObject) -> None:
        """End any request that is open."""
        if self.open:
            ended = data.draw(st.sampled_from(sorted(self.open)))
            assert self.backends.finish(ended)
            self.end(ended)
            self.goes_if_idle(ended.backend)

    @rule(data=st.data())
    def word_comes_late_or_twice(self, data: st.DataObject) -> None:
        """Say once more of a request that it has ended: nobody minds."""
        if self.over:
            assert not self.backends.finish(data.draw(st.sampled_from(sorted(self.over))))

    @rule()
    def the_overdue_are_cut(self) -> None:
        """Cut what its backend has no more time for, and nothing else."""
        due = {name for name, at_ns in self.deadlines_ns.items() if at_ns <= self.now_ns}
        cut = self.backends.cut(self.now_ns)
        assert len(cut) == len(set(cut))
        assert set(cut) == {each for each in self.open if each.backend in due}
        for each in cut:
            self.end(each)
        for name in due:
            self.goes_if_idle(name)

    @rule(
        name=a_name,
        kind=st.sampled_from(BALANCERS),
        again_ns=st.sampled_from([5, 10, 20]),
        off_ns=st.integers(-1, 1),
    )
    def is_busy_until_about_its_deadline(
        self, name: str, kind: str, again_ns: int, off_ns: int
    ) -> None:
        """Drain a busy backend, once more with another deadline, and look about at the first."""
        self.comes(name)
        self.requests_come(kind, 0.0, 4)
        self.is_drained(name, 10)
        self.is_drained(name, again_ns)
        self.time_passes(10 + off_ns)
        self.the_overdue_are_cut()

    @invariant()
    def exactly_the_active_ones_can_be_chosen_with_what_they_have(self) -> None:
        """Hold the loads against our own list."""
        able = self.able()
        assert self.backends.loads(self.now_ns) == {
            name: sum(each.backend == name for each in self.open) for name in able
        }

    @invariant()
    def each_is_in_the_state_that_its_past_gives_it(self) -> None:
        """Hold the states against what was done."""
        for name in NAMES[:4]:
            state = self.backends.state(name, self.now_ns)
            if name not in self.here:
                assert state is None
            elif name in self.deadlines_ns:
                assert state is BackendState.DRAINING
            elif name in self.able():
                assert state is BackendState.ACTIVE
            else:
                assert state is BackendState.EJECTED

    def able(self) -> set[str]:
        """Return who may be chosen, by our own account."""
        return {
            name
            for name in self.here - self.deadlines_ns.keys()
            if self.now_ns >= self.ejected_until_ns.get(name, 0)
        }

    def end(self, each: Assignment) -> None:
        """Follow a request to its end."""
        self.open.remove(each)
        self.over.add(each)

    def goes_if_idle(self, name: str) -> None:
        """Take a draining backend with nothing to do out of our own account."""
        if name in self.deadlines_ns and all(each.backend != name for each in self.open):
            del self.deadlines_ns[name]
            self.ejected_until_ns.pop(name, None)
            self.here.remove(name)


TestDraining = Draining.TestCase
TestDraining.settings = settings(max_examples=scaled(40))
