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

from collections.abc import Callable

import pytest

from policies.dead_letter import Deliveries
from policies.idempotency import KeyRecord, Run, judge
from properties.broker import Broker, Taken
from properties.checkers.effects import Effect, answers_agree
from properties.checkers.verdict import Verdict
from properties.interleavings import Process, every_order
from properties.retry_play import (
    Role,
    Scene,
    Sink,
    client,
    dies_after,
    endings,
    stranger,
    time,
    worker,
    worker_that_fails,
    worker_that_shows,
)

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
    "requests for the same and for something else": (worker, client, stranger, time),
    "every attempt fails": (*3 * (worker_that_fails,), time, time),
    "workers that show how far they are": (worker_that_shows, worker_that_shows, time, time),
}

CLIENTS: dict[str, tuple[Role, ...]] = {
    "two requests and a worker": (client, client, worker),
    "two requests, late": (client, client, time, time),
    "a request that dies before it is handed in": (dies_after(1, client), client, worker, time),
    "a request that dies before it is answered": (dies_after(2, client), client, worker, time),
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
