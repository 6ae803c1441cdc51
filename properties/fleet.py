"""A fleet of replicas simple enough to reckon with: it starts cold, saturates and is seen late.

Each replica does so many requests a second with its processor, or none when what it calls is
blocked. What cannot be done waits. The autoscaler sees utilisation a while after it was, and is
asked at every look; its answer starts replicas, which are ready after a while, or takes some
away at once, those that start first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from policies.autoscale import Hpa, PodMetric
from policies.shrink_guard import ShrinkGuard
from properties.checkers.scaling import Level

SECOND_NS = 1_000_000_000

IDLE_PERCENT = 2
"""What a replica uses that waits for something else."""


@dataclass(frozen=True)
class Plant:
    """What does not change while the fleet runs."""

    per_second: int
    """Requests a second that keep a replica busy all the time."""

    cold_start_ns: int
    lag_ns: int
    """How old the utilisation is that the autoscaler sees; a multiple of ``look_ns``."""

    look_ns: int = 15 * SECOND_NS

    def percent(self, load: int, ready: int) -> int:
        """Return the utilisation of each replica under a load that is spread evenly."""
        return min(100, 100 * load // (self.per_second * ready)) if ready else 100


@dataclass
class Run:
    """What became of the fleet."""

    ordered: list[Level] = field(default_factory=list)
    """Replicas that were asked for."""

    ready: list[Level] = field(default_factory=list)
    backlog: list[int] = field(default_factory=list)
    """Requests that wait, at each look."""


def run(
    plant: Plant,
    hpa: Hpa | Callable[[int, int, list[PodMetric], int], int],
    start: int,
    load: list[int],
    blocked: frozenset[int] = frozenset(),
) -> Run:
    """Let a fleet run for as many looks as ``load`` has.

    Args:
        plant: the fleet.
        hpa: who says how many replicas there should be, or a function of time, current number,
            pods and backlog that does.
        start: replicas that are ready at the beginning.
        load: requests a second, from look to look.
        blocked: looks at which no request can be done.
    """
    ask = (lambda now_ns, n, pods, _: hpa.desired(now_ns, n, pods)) if isinstance(hpa, Hpa) else hpa
    seen_late = plant.lag_ns // plant.look_ns
    ready, starting, backlog = start, list[int](), 0
    percents: list[int] = []
    result = Run([Level(0, start)], [Level(0, start)])
    for look, arriving in enumerate(load):
        now_ns = look * plant.look_ns
        due = [at_ns for at_ns in starting if at_ns <= now_ns]
        starting = [at_ns for at_ns in starting if at_ns > now_ns]
        ready += len(due)
        offered = arriving + backlog * SECOND_NS // plant.look_ns
        can_do = 0 if look in blocked else plant.per_second * ready
        percents.append(IDLE_PERCENT if look in blocked else plant.percent(offered, ready))
        done = min(offered, can_do)
        backlog = max(0, backlog + (arriving - done) * plant.look_ns // SECOND_NS)
        seen = percents[max(0, look - seen_late)]
        pods = [PodMetric(seen, ready=True)] * ready
        pods += [PodMetric(None, ready=False)] * len(starting)
        current = ready + len(starting)
        wanted = ask(now_ns, current, pods, backlog)
        starting += [now_ns + plant.cold_start_ns] * max(0, wanted - current)
        gone = max(0, current - wanted)
        ready -= max(0, gone - len(starting))
        starting = starting[: max(0, len(starting) - gone)]
        result.ordered.append(Level(now_ns, wanted))
        result.ready.append(Level(now_ns, ready))
        result.backlog.append(backlog)
    return result


def guarded(
    guard: ShrinkGuard,
    propose: Callable[[int, list[PodMetric]], int | None],
    follow: Callable[[int, int, int | None], int],
) -> Callable[[int, int, list[PodMetric], int], int]:
    """Return an autoscaler whose second signal is the backlog."""

    def ask(now_ns: int, current: int, pods: list[PodMetric], backlog: int) -> int:
        proposal = guard.guarded(now_ns, current, propose(current, pods), backlog)
        return follow(now_ns, current, proposal)

    return ask
