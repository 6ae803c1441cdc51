"""Laws of fair shares, for bursts of cheap and expensive jobs by tenants known and made up."""

from collections import Counter, deque
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from policies.fair_share import FairShare, FairShareLimits
from properties.strategies.work import TENANTS, Visit, visits

COST_MAX = 4
WAITING_MAX = 30
OTHERS = "others"


class Job(NamedTuple):
    """One job in our own account, in the line that it waits in."""

    line: str
    number: int
    cost: int


class Play:
    """A share, what waits in each line by our own account, and what was served."""

    def __init__(self, weights: dict[str, int], quantum: int) -> None:
        self.weights = {**weights, OTHERS: 1}
        self.quantum = quantum
        self.share: FairShare[Job] = FairShare(
            FairShareLimits(weights, COST_MAX, quantum, WAITING_MAX)
        )
        self.lines: dict[str, deque[Job]] = {line: deque() for line in self.weights}
        self.served = Counter[str]()
        """Cost served to each line."""
        self.since: dict[tuple[str, str], list[Counter[str]]] = {}
        """For each two lines, what had been served at each moment since both have work."""
        self.first_since = Counter[str]()
        """What was served to others since the first job of a line became that."""
        self._numbers = 0

    def push(self, tenant: str, cost: int) -> None:
        """Let one job come."""
        line = tenant if tenant in self.weights else OTHERS
        job = Job(line, self._numbers, cost)
        self._numbers += 1
        room = len(self.lines[line]) < WAITING_MAX
        assert self.share.push(tenant, job, cost) == room
        if room:
            if not self.lines[line]:
                self.first_since[line] = 0
            self.lines[line].append(job)
        self._look()

    def pop(self) -> Job | None:
        """Serve one, and hold it to our own account."""
        job = self.share.pop()
        assert (job is None) == (not any(self.lines.values())), "idle while a job waits"
        if job is None:
            return None
        assert self.lines[job.line].popleft() == job, "out of order, or out of nothing"
        self.served[job.line] += job.cost
        for line in self.lines:
            self.first_since[line] += job.cost
        self.first_since[job.line] = 0
        self._look()
        return job

    def _look(self) -> None:
        for one in self.lines:
            for other in self.lines:
                if one < other and self.lines[one] and self.lines[other]:
                    self.since.setdefault((one, other), []).append(self.served.copy())
                else:
                    self.since.pop((one, other), None)

    def is_fair(self) -> bool:
        """Hold each two lines that have had work to do all the time to the bound."""
        for (one, other), moments in self.since.items():
            w_one, w_other = self.weights[one], self.weights[other]
            bound = self.quantum * w_one * w_other + COST_MAX * (w_one + w_other)
            leads = [it[one] * w_other - it[other] * w_one for it in moments]
            if max(leads) - min(leads) > bound:
                return False
        return True

    def is_patient(self) -> bool:
        """Hold the wait of each line's first job to its bound."""
        for line, jobs in self.lines.items():
            others = [it for it in self.weights if it != line]
            bound = sum(self.quantum * self.weights[it] + COST_MAX for it in others)
            if jobs and self.first_since[line] > bound:
                return False
        return True


WEIGHTS = st.fixed_dictionaries({tenant: st.sampled_from([1, 1, 2, 3, 7]) for tenant in TENANTS})


@given(weights=WEIGHTS, quantum=st.integers(COST_MAX, 9), history=visits(COST_MAX))
def test_shares_follow_the_weights_within_the_bound_and_nobody_starves(
    weights: dict[str, int], quantum: int, history: list[Visit]
) -> None:
    play = Play(weights, quantum)
    for visit in history:
        for _ in range(visit.jobs):
            play.push(visit.tenant, visit.cost)
        for _ in range(visit.served):
            play.pop()
            assert play.is_fair()
            assert play.is_patient()
    while play.pop() is not None:
        assert play.is_fair()
        assert play.is_patient()


@given(
    names=st.lists(st.text("abcxyz", max_size=3), min_size=1, max_size=12, unique=True),
    weight=st.integers(1, 3),
)
def test_a_tenant_gets_no_more_by_coming_under_many_names(names: list[str], weight: int) -> None:
    play = Play({"ada": weight}, COST_MAX)
    made_up = [name for name in names if name not in {"ada", OTHERS}] or ["x"]
    for number in range(WAITING_MAX):
        play.push(made_up[number % len(made_up)], 1)
        play.push("ada", 1)
    while all(play.lines.values()):
        play.pop()
        assert play.is_fair()
    assert set(play.served) == {"ada", OTHERS}


@given(calm=st.integers(0, 25), weight=st.integers(1, 3), spent=st.integers(1, 6))
def test_who_was_away_comes_back_with_nothing(calm: int, weight: int, spent: int) -> None:
    def served(play: Play) -> list[str]:
        for _ in range(20):
            play.push("ada", 1)
            play.push("bob", 1)
        return [job.line for job in iter(play.pop, None)]

    back = Play({"ada": weight, "bob": 1}, COST_MAX)
    # Ada leaves in the middle of a visit; Bob goes on alone for a while.
    for _ in range(spent):
        back.push("ada", 1)
    for _ in range(calm):
        back.push("bob", COST_MAX)
    while back.pop() is not None:
        pass
    assert served(back) == served(Play({"ada": weight, "bob": 1}, COST_MAX))
