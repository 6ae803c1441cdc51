"""Regional failover: one region is active, and one that was replaced cannot act any more.

Who is active stands in one register, together with an epoch that grows by one with every
change. Several watchers may propose changes; the register takes the first that succeeds what
stands in it (``succeeds``, a compare-and-set on the epoch), so that no epoch is given twice.

The register alone does not stop a region that has not heard of its replacement: it may be
paused, or cut off, and go on later as if nothing had been. Every effect therefore carries the
epoch under which it is done, and whatever is acted upon keeps a ``RegionFence``, which refuses all
epochs but the highest that it has seen. A new active region shows its epoch to every fence
before it does anything else.

Source: M. Kleppmann, "How to do distributed locking" (2016), on fencing tokens; C. Gray,
D. Cheriton, "Leases" (SOSP 1989). Nothing fails back by itself: a preferred region that
flaps would take everybody along.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from policies.health import Health, HealthLimits


class Reign(NamedTuple):
    """Who is active, under which epoch."""

    region: str | None
    """None: nobody was yet."""

    epoch: int
    """0 for nobody, then 1, 2 and so on."""

    since_ns: int
    """When it was proposed."""


NOBODY = Reign(region=None, epoch=0, since_ns=0)
"""What stands in a new register."""


@dataclass(frozen=True, slots=True)
class FailoverLimits:
    """When to leave an active region.

    Raises:
        ValueError: ``dwell_min_ns`` is negative.
    """

    health: HealthLimits
    """When a region is healthy."""

    dwell_min_ns: int
    """No region is left sooner than so long after it became active; at least 0."""

    def __post_init__(self) -> None:
        if self.dwell_min_ns < 0:
            raise ValueError(f"dwell_min_ns must be at least 0, got {self.dwell_min_ns}")


def succeeds(current: Reign, proposed: Reign) -> bool:
    """Say whether a register that holds ``current`` is to take ``proposed``.

    To be asked and acted upon in one step, as the store's compare-and-set does.
    """
    return proposed.epoch == current.epoch + 1


class RegionalFailover:
    """One watcher: it sees the regions' health, and proposes who should be active.

    Args:
        regions: in order of preference.
        limits: when to leave the active one.

    Raises:
        ValueError: a region is named twice.
    """

    __slots__ = ("_health", "_limits")

    def __init__(self, regions: Sequence[str], limits: FailoverLimits) -> None:
        self._health = {region: Health(limits.health) for region in regions}
        if len(self._health) != len(regions):
            raise ValueError(f"regions must differ, got {list(regions)}")
        self._limits = limits

    def observe(self, region: str, *, passed: bool) -> None:
        """Take note of a check's result; of a region that is not watched, it says nothing."""
        health = self._health.get(region)
        if health is not None:
            health.observe(passed=passed)

    def propose(self, current: Reign, now_ns: int) -> Reign | None:
        """Return what should stand in the register; None: what stands there may stay.

        It stays, too, where nobody is healthy: to change would not help anybody.

        Args:
            current: what stands in the register.
            now_ns: the time. Where it is before that of ``current``, another watcher's clock
                is ahead, and the region has not been active for long.
        """
        active = None if current.region is None else self._health.get(current.region)
        if active is not None and active.healthy:
            return None
        if current.region is not None and now_ns - current.since_ns < self._limits.dwell_min_ns:
            return None
        for region, health in self._health.items():
            if health.healthy:
                return Reign(region, current.epoch + 1, now_ns)
        return None


def reign_step(highest: int, epoch: int, *, is_holder: bool) -> tuple[int, bool]:
    """Decide on one effect.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        highest: the highest epoch seen; from 0.
        epoch: the epoch under which the effect is done; from 1.
        is_holder: whether the region that does it is the one that showed ``highest`` first.

    Returns:
        The highest epoch seen now, and whether the effect may happen.
    """
    if epoch > highest:
        return epoch, True
    return highest, epoch == highest and is_holder


class RegionFence:
    """Guards one thing that regions act upon."""

    __slots__ = ("_highest", "_holder")

    def __init__(self) -> None:
        self._highest = 0
        self._holder = ""

    def admit(self, region: str, epoch: int) -> bool:
        """Say whether ``region`` may act now; once a higher epoch was here, it never may.

        Two regions with one epoch cannot be, unless the register is broken; even then only
        the one that came first may act.

        Raises:
            ValueError: ``epoch`` is below 1.
        """
        if epoch < 1:
            raise ValueError(f"epoch must be at least 1, got {epoch}")
        self._highest, admitted = reign_step(self._highest, epoch, is_holder=region == self._holder)
        if admitted:
            self._holder = region
        return admitted
