"""Simulated time, and what runs in it."""

from collections.abc import Callable, Generator
from typing import Generic, TypeAlias, TypeVar

import simpy

Result = TypeVar("Result")

Waiting: TypeAlias = Generator[simpy.Event, None, Result]
"""A stretch of work: it yields what it waits for, and returns what came of it."""


class Timeline(simpy.Environment):
    """A SimPy environment whose time is whole nanoseconds from the run's start."""

    _now: int

    @property
    def now(self) -> int:
        """The time."""
        return self._now


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
        """Let it happen, once."""
        self._ok = True
        self._value = None
        waiting, self.callbacks = self.callbacks, []
        for go_on in waiting:
            go_on(self)
