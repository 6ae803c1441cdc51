"""Simulated time, and what runs in it."""

from collections.abc import Callable, Generator
from heapq import heappop, heappush
from typing import Generic, TypeAlias, TypeVar

import simpy
from simpy.events import NORMAL

Result = TypeVar("Result")

Waiting: TypeAlias = Generator[simpy.Event, None, Result]
"""A stretch of work: it yields what it waits for, and returns what came of it."""


class Timeline(simpy.Environment):
    """A SimPy environment whose time is whole nanoseconds from the run's start.

    Attributes:
        now_ns: the time; what ``now`` says, without the call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0

    def advance_to(self, end_ns: int) -> None:
        """Let everything happen that is due before ``end_ns``, and make that the time.

        This is ``run(until=end_ns)`` in one loop, without SimPy's call and ``try`` for each
        event: a sixth of a run's time.
        """
        due = self._queue
        while due and due[0][0] < end_ns:
            now_ns, _, _, event = heappop(due)
            self._now = self.now_ns = now_ns  # type: ignore[assignment]  # delays are whole
            callbacks = event.callbacks
            event.callbacks = None  # type: ignore[assignment]  # as SimPy marks what has happened
            for callback in callbacks:
                callback(event)
            # What ``event.ok`` says, without the call.
            if not event._ok and not event.defused:  # noqa: SLF001  # of a class we build on
                assert isinstance(event.value, BaseException), "what fails has a reason"
                raise event.value
        self._now = self.now_ns = end_ns


class Pause(simpy.Event):
    """SimPy's ``Timeout`` without a value, and in one call instead of three.

    It is scheduled as SimPy schedules a timeout: at the time that is now, later by the
    delay, after all that was scheduled for that time before.
    """

    # Nobody has to let it happen, and it cannot fail.
    _ok = True
    _value = None

    def __init__(self, timeline: Timeline, delay_ns: int) -> None:
        assert delay_ns >= 0, "what is past does not happen any more"
        self.env = timeline
        self.callbacks = []
        at_ns = timeline.now_ns + delay_ns
        heappush(timeline._queue, (at_ns, NORMAL, next(timeline._eid), self))  # noqa: SLF001  # as above


class Activity(Generic[Result]):
    """Runs ``work`` as a SimPy process does, from the moment it is made.

    Where ``simpy.Process`` starts and ends by events of its own, an activity starts at once
    and ends with a call of ``on_end``; it can be neither interrupted nor waited for. A run
    has one or two for each request, so this halves the number of events.

    ``work`` may yield events that have not happened yet, and whose value it does not need.
    """

    __slots__ = ("_advance", "_on_end")

    def __init__(self, work: Waiting[Result], on_end: Callable[[Result], None]) -> None:
        self._advance = work.__next__
        self._on_end = on_end
        self._go_on(None)

    def _go_on(self, _event: simpy.Event | None) -> None:
        try:
            awaited = self._advance()
        except StopIteration as end:
            self._on_end(end.value)
            return
        awaited.callbacks.append(self._go_on)


class Signal(simpy.Event):
    """An event that happens by a call, and to whoever waits for it at once.

    Other events of the same nanosecond do not come in between, so an answer reaches its
    caller as if caller and called were one process.
    """

    def give(self) -> None:
        """Let it happen; nobody is told twice."""
        self._ok = True
        self._value = None
        waiting, self.callbacks = self.callbacks, []
        for go_on in waiting:
            go_on(self)
