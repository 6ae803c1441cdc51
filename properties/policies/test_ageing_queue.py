"""Laws of the ageing queue, for bursts, floods of the urgent, and waits of so many levels."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from policies.ageing_queue import AgeingLimits, AgeingQueue, effective_submission_ns
from properties.strategies.work import Submission, submissions

LIMITS = AgeingLimits(waiting_max=6, priority_max=3, ageing_ns=10)

HISTORIES = submissions(priority_max=LIMITS.priority_max, ageing_ns=LIMITS.ageing_ns)


class Waiting(NamedTuple):
    """A job in our own account of the queue."""

    number: int
    priority: int
    submitted_ns: int


class Play:
    """A queue, what waits in it by our own account, and the order in which jobs left."""

    def __init__(self) -> None:
        self.queue: AgeingQueue[Waiting] = AgeingQueue(LIMITS)
        self.waiting: list[Waiting] = []
        self.now_ns = 0
        self.pushed = 0
        self.overtakings: list[tuple[Waiting, Waiting]] = []
        """Who left, and who still waited that had come before."""

    def submit(self, submission: Submission) -> None:
        """Take as many as the submission says, then push its job."""
        for _ in range(submission.taken_before):
            self.take()
        self.now_ns += submission.gap_ns
        job = Waiting(self.pushed, submission.priority, self.now_ns)
        room = len(self.waiting) < LIMITS.waiting_max
        assert self.queue.push(job, job.priority, job.submitted_ns) == room
        self.pushed += 1
        if room:
            self.waiting.append(job)

    def take(self) -> None:
        """Take one, and hold it to our own account."""
        job = self.queue.pop()
        assert (job is None) == (not self.waiting), "idle while a job waits, or out of nothing"
        if job is not None:
            self.waiting.remove(job)
            earlier = [it for it in self.waiting if it.number < job.number]
            self.overtakings.extend((job, it) for it in earlier)


def played(history: list[Submission]) -> Play:
    play = Play()
    for submission in history:
        play.submit(submission)
        assert len(play.queue) == len(play.waiting)
    while play.waiting:
        play.take()
    assert play.queue.pop() is None
    return play


@given(history=HISTORIES)
def test_every_job_that_was_accepted_leaves_exactly_once(history: list[Submission]) -> None:
    played(history)


@given(history=HISTORIES)
def test_nobody_is_overtaken_by_a_job_submitted_too_long_after_it(
    history: list[Submission],
) -> None:
    for winner, loser in played(history).overtakings:
        patience_ns = (LIMITS.priority_max - loser.priority) * LIMITS.ageing_ns
        assert winner.submitted_ns - loser.submitted_ns < max(patience_ns, 1)
        assert patience_ns <= LIMITS.starvation_ns


@given(history=HISTORIES)
def test_equals_leave_in_the_order_of_their_arrival(history: list[Submission]) -> None:
    for winner, loser in played(history).overtakings:
        assert winner.priority > loser.priority


@given(history=HISTORIES)
def test_who_leaves_has_the_highest_effective_priority_and_of_those_came_first(
    history: list[Submission],
) -> None:
    play = Play()
    for submission in history:
        play.submit(submission)
        if not play.waiting:
            continue
        best = max(
            play.waiting,
            key=lambda it: (
                it.priority * LIMITS.ageing_ns + play.now_ns - it.submitted_ns,
                -it.number,
            ),
        )
        play.take()
        assert best not in play.waiting


@given(
    first=st.tuples(st.integers(0, 9), st.integers(0, 200)),
    second=st.tuples(st.integers(0, 9), st.integers(0, 200)),
    now_ns=st.integers(200, 10**6),
)
def test_the_order_of_two_is_that_of_their_effective_priorities_at_any_time(
    first: tuple[int, int], second: tuple[int, int], now_ns: int
) -> None:
    ageing_ns = 10
    effective_ns = [effective_submission_ns(*it, ageing_ns) for it in (first, second)]
    levels = [priority + (now_ns - at_ns) / ageing_ns for priority, at_ns in (first, second)]
    assert (effective_ns[0] < effective_ns[1]) == (levels[0] > levels[1])
    for effective, level in zip(effective_ns, levels, strict=True):
        assert (now_ns - effective) / ageing_ns == level
