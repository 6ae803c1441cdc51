"""How far each replica is behind, so that nobody has to trust one.

The primary is asked every now and then how far its log reaches, each replica how far it has
replayed it. A replica that has replayed to where the log reached at a moment holds every commit
that was acknowledged before that moment. This needs no clock but one's own, and no traffic: a
replica of an idle primary is up to date for as long as both answer.
"""

from collections import deque


class ReplicaWatch:
    """What is known of the replicas of one primary."""

    def __init__(self, replicas: int) -> None:
        self._reached: deque[tuple[int, int]] = deque()
        self._complete_until_ns: list[int | None] = [None] * replicas

    def primary_reached(self, asked_at_ns: int, position: int) -> None:
        """Take note of the primary's answer to a question asked at ``asked_at_ns``."""
        self._reached.append((asked_at_ns, position))

    def replica_replayed(self, replica: int, position: int) -> None:
        """Take note of a replica's answer."""
        for asked_at_ns, reached in reversed(self._reached):
            if reached <= position:
                self._complete_until_ns[replica] = asked_at_ns
                return

    def forget_before(self, moment_ns: int) -> None:
        """Forget what the primary answered before ``moment_ns``."""
        while self._reached and self._reached[0][0] < moment_ns:
            self._reached.popleft()

    def lag_ns(self, replica: int, now_ns: int) -> int | None:
        """Return the age of the newest moment all of whose commits ``replica`` surely holds.

        None: nothing is known of it.
        """
        complete_until_ns = self._complete_until_ns[replica]
        return None if complete_until_ns is None else now_ns - complete_until_ns
