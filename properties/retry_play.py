"""One request under one key, in all the places where it can be, and all who act on it.

The parts are the policies; a role takes one atomic step up to each ``yield``. ``endings`` plays
roles in every order of their steps, and lets each play end well if it can.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from policies.dead_letter import Failure
from policies.idempotency import (
    IdempotencyKeys,
    IdempotencyLimits,
    KeyRecord,
    KeyReused,
    Replay,
    Run,
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
from properties.checkers.verdict import Judgement, broken, holds, worst
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
                # Some orders of steps come to no effect or no answer: nothing to judge.
                at_most_once(self.sink.effects) if self.sink.effects else holds(),
                every_job_ends(self.submissions, ends, settled=True),
                answers_agree(self.replies) if self.replies else holds(),
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
    refused = isinstance(verdict, KeyReused)
    scene.replies.append(Reply("K", "other", None if refused else "something"))
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
        if scene.broker.settled:
            return
        for _ in _watched(scene, by(scene)):
            pass
        scene.pass_time()
