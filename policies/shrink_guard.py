"""A second opinion before replicas are taken away.

Low utilisation has two meanings: little to do, or nothing that can be done. Replicas that wait
for an upstream that hangs use no processor; an autoscaler that sees only their processors takes
most of them away while requests pile up, and the rest cannot cope when the upstream is back.

The guard asks a second signal that grows when the fleet falls behind, whichever it is: the
length of a queue, the requests in flight, a quantile of the latency. Fewer replicas are called
for only if that signal has been calm for a whole window; while it is not, and while it is not
known, the number may only grow. The guard stands between what the metrics call for and the
stabilisation: what it holds back is not noted as done.

Bound: the fleet does not shrink at any time before which, within the window, the signal was
above its calm or unknown. What was before the first question is not known: a guard that is
started anew holds the fleet for one window, so that a restart in the middle of an outage lets
nobody go whom the guard before it would have kept. After that window, where the signal stays calm
the guard changes nothing. Kubernetes' autoscaler does likewise: after a restart the number that
it finds stands in for the recommendations it has forgotten.

Source: Slack engineering, "Slack's Outage on January 4th 2021": waiting threads idled the
processors, and the autoscaler shrank the web tier in the middle of the outage.
"""

from dataclasses import dataclass

from policies.hpa_behaviour import require_at_least


@dataclass(frozen=True, slots=True)
class Calm:
    """When a fleet keeps up.

    Raises:
        ValueError: the window is negative.
    """

    signal_max: int
    """The most that the signal may be, in its own unit."""

    window_ns: int
    """How long it must have been no more, at least 0."""

    def __post_init__(self) -> None:
        require_at_least(0, "window_ns", self.window_ns)


class ShrinkGuard:
    """Holds back a fall in replicas while the fleet falls behind.

    It is asked each time the autoscaler is. Time must not run backwards.
    """

    __slots__ = ("_asked_ns", "_begun_ns", "_calm", "_uneasy_ns")

    def __init__(self, calm: Calm) -> None:
        self._calm = calm
        self._uneasy_ns: int | None = None
        self._asked_ns: int | None = None
        self._begun_ns: int | None = None

    def guarded(
        self, now_ns: int, current: int, proposal: int | None, signal: int | None
    ) -> int | None:
        """Return what may be called for, of what the metrics call for.

        Args:
            now_ns: the time; not before that of an earlier call.
            current: how many replicas were last asked for.
            proposal: what the metrics call for; None if they say nothing.
            signal: the second signal; None if it is not known.
        """
        assert self._asked_ns is None or now_ns >= self._asked_ns, "time ran backwards"
        self._asked_ns = now_ns
        if self._begun_ns is None:
            self._begun_ns = now_ns
        if signal is None or signal > self._calm.signal_max:
            self._uneasy_ns = now_ns
        if proposal is None or proposal >= current:
            return proposal
        watched = now_ns - self._begun_ns >= self._calm.window_ns
        calm = self._uneasy_ns is None or is_calm(now_ns, self._uneasy_ns, self._calm.window_ns)
        return proposal if watched and calm else current


def is_calm(now_ns: int, uneasy_ns: int, window_ns: int) -> bool:
    """Return whether the last uneasy look is longer ago than the window."""
    return now_ns - uneasy_ns > window_ns
