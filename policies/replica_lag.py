"""Reading from replicas that lag: only from those that are surely fresh enough.

What is known of a replica's lag was true when it was measured. Since then the replica may
have replayed nothing at all, so that its lag now is at most the lag then plus the age of the
measurement. A replica is read from where that is within the bound; where none is, the primary.

So a value read at ``now`` was current at some time from ``now - bound`` on, provided that the
measurement did not flatter, and its time and ``now`` are of the same clock.

Source: D. Terry et al., "Consistency-Based Service Level Agreements for Cloud Storage" (SOSP
2013), on bounded staleness; PostgreSQL documentation, pg_last_xact_replay_timestamp.
"""

from collections.abc import Sequence
from typing import NamedTuple


class ReplicaLag(NamedTuple):
    """What was measured of one replica."""

    lag_ns: int
    """How far it was behind the primary; at least 0."""

    measured_ns: int
    """When that was."""


def within_lag(lag_ns: int, measured_ns: int, now_ns: int, bound_ns: int) -> bool:
    """Say whether a replica is surely no more than ``bound_ns`` behind now.

    Written in scalars, so that a compiler can take it as it is; all are from 0 to 2**63 - 1.
    A measurement from the future is of another clock, or of one that was set back: it proves
    nothing.
    """
    age_ns = now_ns - measured_ns
    # Subtract rather than add: lag and age together may not fit 64 bits.
    return 0 <= age_ns <= bound_ns and lag_ns <= bound_ns - age_ns


class LagBoundedReplicas:
    """Chooses where to read.

    Args:
        bound_ns: how old what is read may be; at least 0.

    Raises:
        ValueError: ``bound_ns`` is negative.
    """

    __slots__ = ("_bound_ns",)

    def __init__(self, bound_ns: int) -> None:
        if bound_ns < 0:
            raise ValueError(f"bound_ns must be at least 0, got {bound_ns}")
        self._bound_ns = bound_ns

    def eligible(self, replicas: Sequence[ReplicaLag | None], now_ns: int) -> list[int]:
        """Return the indices of the replicas that are surely fresh enough.

        Args:
            replicas: what was last measured of each; None: nothing, or it lost its primary.
            now_ns: the time.

        Raises:
            ValueError: a lag is negative.
        """
        for replica in replicas:
            if replica is not None and replica.lag_ns < 0:
                raise ValueError(f"lag_ns must be at least 0, got {replica.lag_ns}")
        return [
            index
            for index, replica in enumerate(replicas)
            if replica is not None
            and within_lag(replica.lag_ns, replica.measured_ns, now_ns, self._bound_ns)
        ]

    def choose(
        self, replicas: Sequence[ReplicaLag | None], now_ns: int, uniform: float
    ) -> int | None:
        """Return the index of the replica to read from; None: the primary.

        Args:
            replicas: as for ``eligible``.
            now_ns: the time.
            uniform: drawn from [0, 1).

        Raises:
            ValueError: a lag is negative.
        """
        eligible = self.eligible(replicas, now_ns)
        return eligible[int(uniform * len(eligible))] if eligible else None
