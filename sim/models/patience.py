"""How long callers wait: calls of one service that run out of time in the order they began."""

from collections import deque

from simpy.events import Event

from sim.models.timeline import Activity, Pause, Signal, Timeline, Waiting
from sim.models.visit import Reply


class Patience:
    """How long one call is waited for, its retries included.

    Attributes:
        deadline_ns: when it ends.
        over: whether the call has ended, or the time.
    """

    __slots__ = ("_answer", "_timeline", "deadline_ns", "over")

    def __init__(self, timeline: Timeline, deadline_ns: int) -> None:
        self._timeline = timeline
        self._answer: _Answer | None = None
        self.deadline_ns = deadline_ns
        self.over = False

    def hear(self, work: Waiting[Reply]) -> Waiting[Reply | None]:
        """Let ``work`` begin, and return its reply; None if time runs out before.

        The work then goes on to its end, as it does in life: a server does not know that
        nobody is waiting any more.
        """
        answer = _Answer(self._timeline)
        Activity(work, answer.arrive)
        # A refusal may come at once; nothing happens to be waited for then.
        if answer.reply is None:
            self._answer = answer
            yield answer
            self._answer = None
        return answer.reply

    def end(self) -> None:
        """Stop the caller's waiting."""
        self.over = True
        if self._answer is not None:
            self._answer.give()


class _Answer(Signal):
    """The end of a caller's waiting: with a reply, or without one when its patience ends.

    A reply that comes after that is given to nobody.
    """

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self.reply: Reply | None = None

    def arrive(self, reply: Reply) -> None:
        self.reply = reply
        self.give()


class Deadlines:
    """Ends the waiting of all callers that wait the same time.

    What begins first runs out first. So one line of calls and one timer for its head do
    for all, and a call that is answered in time, as nearly all are, costs no event.
    """

    def __init__(self, timeline: Timeline, timeout_ns: int) -> None:
        self._timeline = timeline
        self._timeout_ns = timeout_ns
        self._line: deque[Patience] = deque()

    def patience(self) -> Patience:
        """Return the patience of a call that begins now."""
        patience = Patience(self._timeline, self._timeline.now_ns + self._timeout_ns)
        self._line.append(patience)
        if len(self._line) == 1:
            self._set_timer()
        return patience

    def _set_timer(self) -> None:
        timer = Pause(self._timeline, self._line[0].deadline_ns - self._timeline.now_ns)
        timer.callbacks.append(self._end_due)

    def _end_due(self, _timer: Event) -> None:
        line = self._line
        now_ns = self._timeline.now_ns
        due = []
        while line and (line[0].over or line[0].deadline_ns <= now_ns):
            due.append(line.popleft())
        # First the timer, then the callers: what they do may begin calls.
        if line:
            self._set_timer()
        for patience in due:
            if not patience.over:
                patience.end()
