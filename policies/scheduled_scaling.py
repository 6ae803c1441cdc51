"""Scaling by the clock: windows that come again and again, each with a number of replicas.

A window is a stretch of a period, such as from 8 to 18 hours of a day; it may run over the
period's end. Where several are open the largest number counts; where none is, nobody is called
for. Times count from any epoch the caller likes, whose first instant begins a period of every
window; a week is a period like any other, and a time zone is an epoch like any other.

The number that a schedule calls for is a length for a ``keda.Trigger`` with a target of 1, which
is how KEDA's cron scaler enters its autoscaler: the schedule is then a floor under what the
other triggers call for, and between windows their say alone counts.

Source: KEDA documentation, "Cron" scaler. Its edges are not fixed there; here a window is open
from its start until just before its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.hpa_behaviour import require_at_least


@dataclass(frozen=True, slots=True)
class ScheduleWindow:
    """A stretch of each period, and how many replicas there should be in it.

    Raises:
        ValueError: a time is outside the period, or the window has no length.
    """

    period_ns: int
    """After which it comes again; at least 2."""

    start_ns: int
    end_ns: int
    """Counted from the period's beginning, below ``period_ns``. An end before the start is one
    in the next period."""

    replicas: int
    """At least 1."""

    def __post_init__(self) -> None:
        require_at_least(2, "period_ns", self.period_ns)
        require_at_least(1, "replicas", self.replicas)
        for name, at_ns in (("start_ns", self.start_ns), ("end_ns", self.end_ns)):
            if not 0 <= at_ns < self.period_ns:
                raise ValueError(f"{name} must be from 0 to {self.period_ns - 1}, got {at_ns}")
        if self.start_ns == self.end_ns:
            raise ValueError(f"end_ns must differ from start_ns, got {self.end_ns} twice")


def scheduled_replicas(windows: Sequence[ScheduleWindow], now_ns: int) -> int:
    """Return how many replicas the open windows call for; 0 if none is open.

    Args:
        windows: in any order; they may overlap.
        now_ns: since the epoch of the windows; may lie before it.
    """
    return max(
        (
            window.replicas
            for window in windows
            if is_open(now_ns, window.period_ns, window.start_ns, window.end_ns)
        ),
        default=0,
    )


def is_open(now_ns: int, period_ns: int, start_ns: int, end_ns: int) -> bool:
    """Return whether a window is open at ``now_ns``.

    Args:
        now_ns: since the epoch, or before it.
        period_ns: at least 1.
        start_ns: within the period.
        end_ns: within the period, not the start.
    """
    into_ns = now_ns % period_ns
    if start_ns < end_ns:
        return start_ns <= into_ns < end_ns
    return into_ns >= start_ns or into_ns < end_ns
