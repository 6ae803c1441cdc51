"""Laws of a queue made of the policies, for crowds of jobs, workers, sleepers and the killed.

After every step each job is in exactly one of queued, leased, scheduled, done and dead.
"""

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from policies.dead_letter import Failure, RedeliveryLimits
from policies.idempotency import IdempotencyKeys, IdempotencyLimits, Replay, Run
from properties.broker import BACKOFF_NS, LEASE_NS, Broker, Taken
from properties.checkers.effects import (
    Effect,
    End,
    Reply,
    Submission,
    answers_agree,
    at_most_once,
    conserved,
    every_job_ends,
)
from properties.strategies.work import gaps_ns
from scenarios.history import Outcome

KEYS = IdempotencyLimits(kept_ns=10**6, retry_horizon_ns=10**5, hold_ns=3)


class WorkMachine(RuleBasedStateMachine):
    """Clients repeat themselves, workers die between any two steps, zombies do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker()
        self.keys = IdempotencyKeys(KEYS, keys_max=100)
        self.now_ns = 0
        self.works = 0
        self.taken: list[Taken] = []
        """Every job in the hands of every worker there ever was."""
        self.effects: list[Effect] = []
        self.submissions: list[Submission] = []
        self.replies: list[Reply] = []
        self.moments: list[dict[str, list[str]]] = []
        self.requeued: dict[str, int] = {}

    @initialize(
        attempts_max=st.integers(1, 3),
        silent_max=st.none() | st.just(1),
        jitter_percent=st.sampled_from([0, 100]),
    )
    def limits_are_set(
        self, attempts_max: int, silent_max: int | None, jitter_percent: int
    ) -> None:
        """Begin with a queue of any patience."""
        self.broker = Broker(
            RedeliveryLimits(attempts_max, BACKOFF_NS, 3 * BACKOFF_NS, jitter_percent, silent_max)
        )

    @rule(gap_ns=gaps_ns(LEASE_NS) | gaps_ns(BACKOFF_NS))
    def time_passes(self, gap_ns: int) -> None:
        """Go on by about a lease, or about a back-off, and let the queue take note."""
        self.now_ns += gap_ns
        self.broker.tick(self.now_ns)

    @rule(key=st.sampled_from("kl"), lost=st.booleans(), priority=st.integers(0, 3))
    def a_request_comes(self, *, key: str, lost: bool, priority: int) -> None:
        """Claim, hand in and keep the answer; or die before that, or lose it."""
        self.works += 1
        verdict = self.keys.begin(
            "ada", key, "print", work_id=f"{key}-{self.works}", now_ns=self.now_ns
        )
        if isinstance(verdict, Replay):
            self.replies.append(Reply(key, "print", verdict.answer))
        if not isinstance(verdict, Run):
            return
        self.broker.submit(verdict.work_id, self.now_ns, priority)
        self.submissions.append(
            Submission(verdict.work_id, Outcome.UNKNOWN if lost else Outcome.OK)
        )
        if not lost:
            kept = self.keys.finish("ada", key, verdict.run, verdict.work_id, self.now_ns)
            assert kept == verdict.work_id
            self.replies.append(Reply(key, "print", kept))

    @rule(workers=st.integers(1, 3))
    def workers_take_jobs(self, workers: int) -> None:
        """Let some workers take what is most urgent."""
        for _ in range(workers):
            taken = self.broker.take(self.now_ns)
            if taken is not None:
                assert taken.attempt <= self.broker.redelivery.attempts_max
                self.taken.append(taken)

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), how=st.sampled_from(["effect", "done", "renewed", *Failure]))
    def a_worker_goes_on(self, data: st.DataObject, how: str | Failure) -> None:
        """Let any worker there ever was take its next step; those who lost their job may not."""
        taken = data.draw(st.sampled_from(self.taken))
        held = self.broker.is_held(taken, self.now_ns)
        key = taken.job.partition("-")[0]
        if how == "effect":
            # The sink knows the key, so it does not matter whose lease has gone.
            if all(effect.key != key for effect in self.effects):
                self.effects.append(Effect(key, f"{taken.job}, attempt {taken.attempt}"))
        elif how == "done":
            assert self.broker.complete(taken, taken.job, self.now_ns) == held
        elif isinstance(how, Failure):
            assert self.broker.fail(taken, how, self.now_ns) == held
        else:
            assert self.broker.renew(taken, self.now_ns) == held

    @precondition(lambda self: self.broker.dead)
    @rule(data=st.data())
    def a_person_requeues(self, data: st.DataObject) -> None:
        """Take a job back from the dead letters, knowingly; only so often."""
        job = data.draw(st.sampled_from(sorted(self.broker.dead)))
        again = self.broker.requeue(job)
        assert again == (self.requeued.get(job, 0) < self.broker.redelivery.requeues_max)
        if again:
            self.requeued[job] = self.requeued.get(job, 0) + 1
            self.broker.ends.remove((job, "dead"))

    @invariant()
    def each_job_is_in_exactly_one_place(self) -> None:
        """Hold where the jobs are, now and before, to conservation."""
        self.moments.append(self.broker.places())
        assert not self.submissions or conserved(self.moments[-2:], final=["done"])

    @invariant()
    def attempts_are_bounded_and_effects_and_ends_are_single(self) -> None:
        """Hold what happened so far to what is promised at any time."""
        for job, attempts in self.broker.attempts.items():
            lives = 1 + self.requeued.get(job, 0)
            assert attempts <= lives * self.broker.redelivery.attempts_max
        ends = [End(*it) for it in self.broker.ends]
        assert not self.effects or at_most_once(self.effects)
        assert not self.replies or answers_agree(self.replies)
        judged = every_job_ends(self.submissions, ends, settled=False)
        assert judged or judged.verdict.value == "unknown"

    def teardown(self) -> None:
        """Let faults stop; then everything has to end."""
        for _ in range(200):
            if self.broker.settled:
                break
            self.now_ns += LEASE_NS + 6 * BACKOFF_NS
            self.broker.tick(self.now_ns)
            taken = self.broker.take(self.now_ns)
            if taken is not None:
                assert self.broker.complete(taken, taken.job, self.now_ns)
        ends = [End(*it) for it in self.broker.ends]
        assert not self.submissions or every_job_ends(self.submissions, ends, settled=True)


TestWork = WorkMachine.TestCase
