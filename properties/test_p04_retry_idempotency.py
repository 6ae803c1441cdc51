"""P4, retry idempotency: whatever crashes, sleeps or is sent again, work is done once.

In words. A request that is sent again under its key is answered again and carried out at most
once; each acknowledged job ends as done or as a dead letter, exactly one of them, after a bounded
number of attempts; and at every moment it is in exactly one place.

In symbols. For every key K with job k, and the effects E(K) in the world outside:

  (a)  |E(K)| <= 1;  done(k)  =>  |E(K)| = 1
  (b)  acknowledged(k)  =>  eventually, once faults stop, done(k) xor dead(k), for good
  (c)  same K, same fingerprint  =>  the same answer, byte for byte;
       same K, other fingerprint  =>  a conflict, and no effect
  (d)  attempts(k) <= attempts_max;  delay_n >= min(base * 2**(n-1), cap)
  (e)  at every moment, k in exactly one of {queued, leased, scheduled, done, dead}
  (f)  a key is kept for longer than the retry horizon and the clocks' skew

Three ways: here on the policies, in every order of steps; ``test_p04_retry_idempotency_sim`` in
the simulator; ``test_p04_retry_idempotency_live`` on BullMQ workers that are killed and paused,
and on the running studio.

(a) needs a sink that knows the key. One that does not is among the mistakes below.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

import pytest

from policies.dead_letter import Deliveries, Failure
from policies.idempotency import (
    IdempotencyKeys,
    IdempotencyLimits,
    KeyRecord,
    Replay,
    Run,
    judge,
)
from policies.lease import Fence
from properties.broker import ATTEMPTS_MAX, BACKOFF_NS, LEASE_NS, Broker, Taken
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
from properties.checkers.verdict import Judgement, Verdict, broken, holds, worst
from properties.interleavings import Process, every_order
from scenarios.history import Outcome

HOLD_NS = 4
LIMITS = IdempotencyLimits(kept_ns=10_000, retry_horizon_ns=9_000, hold_ns=HOLD_NS)
ROUNDS_MAX = 2 * ATTEMPTS_MAX
"""After so many rounds of a healthy worker and time, everything has to have ended."""


class Sink:
    """The world outside, which keeps what was done under a key, and does it no second time."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.fence = Fence()
        self.latest = 0
        """The token that the status on display was written with."""

    def has(self, key: str) -> bool:
        """Say whether it was done."""
        return any(effect.key == key for effect in self.effects)

    def do(self, key: str, by: str) -> None:
        """Do it, unless it was done: one atomic step."""
        if not self.has(key):
            self.effects.append(Effect(key, by))

    def show(self, token: int) -> None:
        """Write the status, if nobody wrote it who came later."""
        if self.fence.admit(token):
            self.latest = token


@dataclass
class Scene:
    """One request under one key, in all the places where it can be."""

    broker: Broker = field(default_factory=Broker)
    keys: IdempotencyKeys = field(default_factory=lambda: IdempotencyKeys(LIMITS, 10))
    sink: Sink = field(default_factory=Sink)
    now_ns: int = 0
    markers: set[str] = field(default_factory=set)
    """What workers wrote down about their jobs, where they do such things."""

    record: KeyRecord | None = None
    """What is known of the key where nobody keeps records as ``IdempotencyKeys`` does."""

    submissions: list[Submission] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    moments: list[dict[str, list[str]]] = field(default_factory=list)
    went_back: bool = False
    """Whether the status on display was ever that of an earlier holder again."""

    requests: int = 0

    def work_id(self) -> str:
        """Return an id for work that may come to be."""
        self.requests += 1
        return f"work-{self.requests}"

    def look(self) -> None:
        """Note where everything is now."""
        self.moments.append(self.broker.places())

    def pass_time(self) -> None:
        """Let so much time go by that leases end, and then the wait for the next attempt."""
        for step_ns in (LEASE_NS, 2 * BACKOFF_NS):
            self.now_ns += step_ns
            self.broker.tick(self.now_ns)
            self.look()

    def submit(self, work_id: str) -> None:
        """Hand the work in."""
        accepted = self.broker.submit(work_id, self.now_ns)
        outcome = Outcome.OK if accepted else Outcome.REFUSED
        self.submissions.append(Submission(work_id, outcome))

    def tell(self, answer: str) -> None:
        """Answer the request."""
        self.replies.append(Reply("K", "print", answer))

    def judged(self) -> Judgement:
        """Hold what happened to all that is promised."""
        ends = [End(*it) for it in self.broker.ends]
        attempts = max(self.broker.attempts.values(), default=0)
        undone = [job for job in self.broker.done if not self.sink.has("K")]
        return worst(
            [
                at_most_once(self.sink.effects),
                every_job_ends(self.submissions, ends, settled=True),
                answers_agree(self.replies),
                conserved(self.moments, final=["done", "dead"]),
                holds() if attempts <= ATTEMPTS_MAX else broken(f"{attempts} attempts"),
                broken(f"{undone} are done without an effect") if undone else holds(),
                broken("an old holder's status came back") if self.went_back else holds(),
            ]
        )


Role: TypeAlias = Callable[[Scene], Process]


def client(scene: Scene) -> Process:
    """Claim the key, hand the job in, keep the answer; or be told it."""
    verdict = scene.keys.begin("ada", "k", "print", work_id=scene.work_id(), now_ns=scene.now_ns)
    if isinstance(verdict, Replay):
        scene.tell(verdict.answer)
    if not isinstance(verdict, Run):
        return
    yield
    scene.submit(verdict.work_id)
    yield
    kept = scene.keys.finish("ada", "k", verdict.run, verdict.work_id, scene.now_ns)
    if kept is not None:
        scene.tell(kept)


def stranger(scene: Scene) -> Process:
    """Ask for something else under the same key."""
    verdict = scene.keys.begin("ada", "k", "other", work_id=scene.work_id(), now_ns=scene.now_ns)
    if isinstance(verdict, Run):
        # It came first, so the key is its own, until it is forgotten that nothing came of it.
        scene.keys = IdempotencyKeys(LIMITS, 10)
    yield from ()


def worker(scene: Scene) -> Process:
    """Take a job, have its effect, call it done."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    scene.sink.do("K", by=f"attempt {taken.attempt}")
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)


def worker_that_fails(scene: Scene) -> Process:
    """Take a job, and say that it could not be done."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    scene.broker.fail(taken, Failure.TRANSIENT, scene.now_ns)


def worker_that_shows(scene: Scene) -> Process:
    """Take a job, write its status twice on the way, and call it done."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    _show(scene, taken)
    yield
    _show(scene, taken)
    scene.sink.do("K", by=f"attempt {taken.attempt}")
    scene.broker.complete(taken, "answer", scene.now_ns)


def _show(scene: Scene, taken: Taken) -> None:
    before = scene.sink.latest
    scene.sink.show(taken.token)
    scene.went_back |= scene.sink.latest < before


def time(scene: Scene) -> Process:
    """Let leases end and retries come due."""
    scene.pass_time()
    yield from ()


def dies_after(steps: int, role: Role) -> Role:
    """Return a role that takes so many steps, and is killed."""

    def until_killed(scene: Scene) -> Process:
        yield from islice(role(scene), steps)

    return until_killed


def endings(
    *roles: Role, make: Callable[[], Scene] = Scene, submitted: bool = True, by: Role = worker
) -> Iterator[Scene]:
    """Play these roles in every order of their steps, and let each end well if it can.

    Args:
        roles: who acts.
        make: makes the scene.
        submitted: whether the job is in the queue when they begin.
        by: what a worker does once all faults are over.
    """

    def begin() -> tuple[Scene, list[Process]]:
        scene = make()
        if submitted:
            for _ in client(scene):
                pass
        return scene, [_watched(scene, role(scene)) for role in roles]

    for scene in every_order(begin):
        _settle(scene, by)
        yield scene


def _watched(scene: Scene, process: Process) -> Process:
    for _ in process:
        scene.look()
        yield
    scene.look()


def _settle(scene: Scene, by: Role) -> None:
    """Let the client ask once more, then only time and one healthy worker go on."""
    scene.pass_time()
    for _ in client(scene):
        pass
    for _ in range(ROUNDS_MAX):
        for _ in _watched(scene, by(scene)):
            pass
        scene.pass_time()


KILLED = {"before its effect": dies_after(1, worker), "after its effect": dies_after(2, worker)}

CASTS: dict[str, tuple[Role, ...]] = {
    "a worker and its heir": (worker, worker, time),
    "a zombie twice over": (worker, worker, time, time, time),
    "three workers": (worker, worker, worker, time),
    "a worker that is killed before its effect": (KILLED["before its effect"], worker, time),
    "a worker that is killed after its effect": (KILLED["after its effect"], worker, time),
    "one fails, one is killed, one sleeps": (
        worker_that_fails,
        dies_after(1, worker),
        worker,
        time,
        time,
    ),
    "every attempt fails": (*3 * (worker_that_fails,), time, time),
    "workers that show how far they are": (worker_that_shows, worker_that_shows, time, time),
}

CLIENTS: dict[str, tuple[Role, ...]] = {
    "two requests and a worker": (client, client, worker),
    "two requests, late": (client, client, time, time),
    "a request that dies before it is handed in": (dies_after(1, client), client, worker, time),
    "a request that dies before it is answered": (dies_after(2, client), client, worker, time),
    "a request for something else": (client, client, stranger, time),
}


@pytest.mark.requirement("learning-7.2")
@pytest.mark.parametrize("roles", CASTS.values(), ids=CASTS)
def test_whatever_the_order_of_steps_a_job_is_done_once_or_dead(roles: tuple[Role, ...]) -> None:
    for scene in endings(*roles):
        assert scene.judged(), str(scene.judged())


@pytest.mark.parametrize("roles", CLIENTS.values(), ids=CLIENTS)
def test_whatever_the_order_of_steps_requests_under_one_key_are_one_job(
    roles: tuple[Role, ...],
) -> None:
    for scene in endings(*roles, submitted=False):
        assert scene.judged(), str(scene.judged())
        assert len(scene.broker.done) == 1, "a protocol that refuses everything is no protocol"


@pytest.mark.parametrize("killed", KILLED.values(), ids=KILLED)
def test_a_job_that_kills_every_worker_is_dead_in_the_end(killed: Role) -> None:
    for scene in endings(killed, killed, time, time, by=killed):
        assert scene.judged(), str(scene.judged())
        assert [*scene.broker.dead.values()] == ["attempts"]


def early_ack(scene: Scene) -> Process:
    """Call the job done, then do it."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)
    yield
    scene.sink.do("K", by=f"attempt {taken.attempt}")


def ack_before_commit(scene: Scene) -> Process:
    """Do the work, call it done, and only then make it visible."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    draft = f"attempt {taken.attempt}"
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)
    yield
    scene.sink.do("K", by=draft)


def check_then_act(scene: Scene) -> Process:
    """Look whether it was done; if not, do it, in another step."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    if not scene.sink.has("K"):
        yield
        scene.sink.effects.append(Effect("K", f"attempt {taken.attempt}"))
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)


def started_is_done(scene: Scene) -> Process:
    """Note that it was begun; who finds such a note takes it as done."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    if taken.job in scene.markers:
        scene.broker.complete(taken, "answer", scene.now_ns)
        return
    scene.markers.add(taken.job)
    yield
    scene.sink.do("K", by=f"attempt {taken.attempt}")
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)


def marker_before_effect(scene: Scene) -> Process:
    """Note that it was done, then do it."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    if taken.job not in scene.markers:
        scene.markers.add(taken.job)
        yield
        scene.sink.do("K", by=f"attempt {taken.attempt}")
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)


def new_key_per_attempt(scene: Scene) -> Process:
    """Tell the sink a key that the attempt's number is part of."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    if f"K/{taken.attempt}" not in scene.markers:
        scene.markers.add(f"K/{taken.attempt}")
        scene.sink.effects.append(Effect("K", f"attempt {taken.attempt}"))
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)


def sink_that_cannot_tell(scene: Scene) -> Process:
    """Have the effect, whether or not it was had before."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    scene.sink.effects.append(Effect("K", f"attempt {taken.attempt}"))
    yield
    scene.broker.complete(taken, "answer", scene.now_ns)


def failure_in_two_steps(scene: Scene) -> Process:
    """Take the job out of the queue's hands, and only then among the dead letters."""
    taken = scene.broker.take(scene.now_ns)
    if taken is None:
        return
    yield
    if scene.broker.is_held(taken, scene.now_ns):
        del scene.broker._leased[taken.job]  # noqa: SLF001  # the mistake is made inside
        yield
        scene.broker.dead[taken.job] = "attempts"
        scene.broker.ends.append((taken.job, "dead"))


def looks_then_claims(scene: Scene) -> Process:
    """Look at the key; if it is free, take it, in another step."""
    verdict = judge(scene.record, "print", scene.work_id(), scene.now_ns)
    if not isinstance(verdict, Run):
        return
    yield
    scene.record = KeyRecord("print", verdict.work_id, held_until_ns=2**62)
    scene.submit(verdict.work_id)
    yield
    scene.tell(verdict.work_id)


class Unfenced(Broker):
    """Takes anybody's word for a job, whether or not their lease has gone."""

    def is_held(self, taken: Taken, now_ns: int) -> bool:  # noqa: ARG002  # that is the mistake
        """Believe it."""
        return True

    def _give_back(self, taken: Taken, now_ns: int) -> None:  # noqa: ARG002  # likewise
        self._leased.pop(taken.job, None)


class Forgetful(Broker):
    """Counts the attempts of each delivery anew."""

    def _enqueue(self, job: str) -> None:
        self._jobs[job].deliveries = Deliveries()
        super()._enqueue(job)


class UnfencedSink(Sink):
    """Shows whatever was written last."""

    def show(self, token: int) -> None:
        """Write the status."""
        self.latest = token


MISTAKES: dict[str, tuple[Role, tuple[Role, ...], Callable[[], Scene]]] = {
    "early ack": (early_ack, (dies_after(2, early_ack), time), Scene),
    "ack before commit": (
        ack_before_commit,
        (dies_after(2, ack_before_commit), worker, time),
        Scene,
    ),
    "check then act": (check_then_act, (check_then_act, check_then_act, time), Scene),
    "started is done": (started_is_done, (dies_after(1, started_is_done), time), Scene),
    "marker before effect": (
        marker_before_effect,
        (dies_after(2, marker_before_effect), time),
        Scene,
    ),
    "new key per attempt": (
        new_key_per_attempt,
        (dies_after(2, new_key_per_attempt), time),
        Scene,
    ),
    "a sink that cannot tell": (
        sink_that_cannot_tell,
        (dies_after(2, sink_that_cannot_tell), time),
        Scene,
    ),
    "dead letter in two steps": (worker, (dies_after(2, failure_in_two_steps), time), Scene),
    "a lease without a fence at the queue": (
        worker,
        (worker, worker_that_fails, time),
        lambda: Scene(broker=Unfenced()),
    ),
    "a lease without a fence at the sink": (
        worker_that_shows,
        (worker_that_shows, worker_that_shows, time),
        lambda: Scene(sink=UnfencedSink()),
    ),
    "attempts counted per delivery": (
        worker_that_fails,
        (worker_that_fails, time),
        lambda: Scene(broker=Forgetful()),
    ),
}


@pytest.mark.parametrize(("by", "roles", "make"), MISTAKES.values(), ids=MISTAKES)
def test_each_known_mistake_is_caught_in_some_order(
    by: Role, roles: tuple[Role, ...], make: Callable[[], Scene]
) -> None:
    verdicts = {scene.judged().verdict for scene in endings(*roles, make=make, by=by)}
    assert Verdict.BROKEN in verdicts


def test_a_key_that_is_looked_at_and_claimed_in_two_steps_is_caught_in_some_order() -> None:
    played = every_order(lambda: _two(looks_then_claims))
    assert any(not answers_agree(scene.replies) for scene in played)
    assert all(answers_agree(scene.replies) for scene in every_order(lambda: _two(client)))


def _two(role: Role) -> tuple[Scene, list[Process]]:
    scene = Scene()
    return scene, [role(scene), role(scene)]
