"""An alarm that wakes one greenlet on time, to a tenth of a millisecond.

An arrival that is sent late is a latency that the platform did not have. Gevent's own timers are
a millisecond apart. Linux has timers that are file descriptors, exact and without a thread; where
there are none, a thread sleeps instead, which is late by the time that two threads need to meet.

Source: timerfd_create(2). Python has it from 3.13 on (``os.timerfd_create``); until then it is
called in the C library.
"""

import ctypes
import os
import sys
from typing import Final, Protocol

import gevent
from gevent.monkey import get_original

from reference_services.runtime.clock import NS_PER_S, monotonic_ns

_CLOCK_MONOTONIC: Final = 1
_TIMER_ABSTIME: Final = 1
_READABLE: Final = 1

# Of the thread that calls it, not of a greenlet.
_sleep = get_original("time", "sleep")


class Alarm(Protocol):
    """Lets the other greenlets run until a moment."""

    def wait_until(self, at_ns: int) -> None:
        """Return when ``monotonic_ns`` has reached ``at_ns``; a moment that is past is no wait."""

    def close(self) -> None:
        """Give back what the alarm holds."""


def alarm() -> Alarm:
    """Return the most exact alarm that this machine has."""
    return _TimerAlarm() if sys.platform == "linux" else _ThreadAlarm()


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _TimerAlarm:
    """A timer of the kernel's, waited for as greenlets wait for a socket."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = int(self._library.timerfd_create(_CLOCK_MONOTONIC, flags))
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "cannot make a timer")
        self._ready = gevent.get_hub().loop.io(self._descriptor, _READABLE)

    def wait_until(self, at_ns: int) -> None:
        if at_ns <= monotonic_ns():
            gevent.sleep(0)
            return
        setting = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(at_ns, NS_PER_S)))
        set_time = self._library.timerfd_settime
        if set_time(self._descriptor, _TIMER_ABSTIME, ctypes.byref(setting), None) != 0:
            raise OSError(ctypes.get_errno(), "cannot set a timer")
        gevent.get_hub().wait(self._ready)
        os.read(self._descriptor, 8)

    def close(self) -> None:
        self._ready.close()
        os.close(self._descriptor)


class _ThreadAlarm:
    """A thread that sleeps, while the greenlets run."""

    def wait_until(self, at_ns: int) -> None:
        wait_ns = at_ns - monotonic_ns()
        if wait_ns > 0:
            gevent.get_hub().threadpool.apply(_sleep, (wait_ns / NS_PER_S,))
        else:
            gevent.sleep(0)

    def close(self) -> None:
        pass
