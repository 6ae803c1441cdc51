"""Laws of failover: one region acts at a time, whoever else still believes that it should."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.failover import NOBODY, FailoverLimits, RegionalFailover, RegionFence, Reign, succeeds
from policies.health import HealthLimits
from properties.interleavings import Process, every_order
from properties.profiles import scaled
from properties.strategies.balancing import edges

REGIONS = ("west", "east", "north")
DWELL_NS = 100
LIMITS = FailoverLimits(health=HealthLimits(rise=2, fall=2), dwell_min_ns=DWELL_NS)


class Failover(RuleBasedStateMachine):
    """Two watchers with views of their own, a register, regions that may sleep, one fence."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.watchers = [RegionalFailover(REGIONS, LIMITS) for _ in range(2)]
        self.views: list[dict[str, list[bool]]] = [{name: [] for name in REGIONS} for _ in range(2)]
        self.reigns: list[Reign] = [NOBODY]
        self.fence = RegionFence()
        self.heard: list[Reign] = []
        self.acted: list[tuple[str, int]] = []

    @rule(watcher=st.integers(0, 1), region=st.sampled_from(REGIONS), passed=st.booleans())
    def checks_twice(self, *, watcher: int, region: str, passed: bool) -> None:
        """Tell a watcher the same twice, which turns its verdict."""
        for _ in range(2):
            self.checks(watcher, region, passed=passed)

    @rule(watcher=st.integers(0, 1), region=st.sampled_from(REGIONS), passed=st.booleans())
    def checks(self, watcher: int, region: str, *, passed: bool) -> None:
        """Tell a watcher of one check."""
        self.watchers[watcher].observe(region, passed=passed)
        self.views[watcher][region].append(passed)

    @rule(wait_ns=edges(DWELL_NS))
    def time_passes(self, wait_ns: int) -> None:
        """Go on by about the time for which a region is not left."""
        self.now_ns += wait_ns

    @rule(watcher=st.integers(0, 1), age=st.integers(0, 2))
    def proposes(self, watcher: int, age: int) -> None:
        """What it proposes may rest on what stood in the register a while ago."""
        read = self.reigns[max(0, len(self.reigns) - 1 - age)]
        proposed = self.watchers[watcher].propose(read, self.now_ns)
        if proposed is None:
            return
        assert proposed.region is not None
        assert self.views[watcher][proposed.region][-2:].count(True) >= 1
        if read.region is not None:
            assert self.now_ns - read.since_ns >= DWELL_NS, "left before its time"
            assert False in self.views[watcher][read.region] or not self.views[watcher][read.region]
        if succeeds(self.reigns[-1], proposed):
            self.reigns.append(proposed)

    @rule(region=st.sampled_from(REGIONS))
    def hears_of_its_reign(self, region: str) -> None:
        """Tell the region that reigns so."""
        if self.reigns[-1].region == region:
            self.heard.append(self.reigns[-1])

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def some_process_acts_as_it_believes(self, data: st.DataObject) -> None:
        """Let a process act that heard of a reign at some time, and of nothing since."""
        region, epoch, _ = data.draw(st.sampled_from(self.heard))
        assert region is not None
        newest = max((acted for _, acted in self.acted), default=0)
        admitted = self.fence.admit(region, epoch)
        assert admitted == (epoch >= newest), "a replaced region acted, or the active one could not"
        if admitted:
            self.acted.append((region, epoch))

    @invariant()
    def no_epoch_is_given_twice(self) -> None:
        """Count the epochs."""
        epochs = [reign.epoch for reign in self.reigns]
        assert epochs == list(range(len(epochs)))

    @invariant()
    def each_epoch_acts_for_one_region_only_and_epochs_never_go_back(self) -> None:
        """Look at all that was done."""
        assert len(set(self.acted)) == len({epoch for _, epoch in self.acted})
        assert all(earlier[1] <= later[1] for earlier, later in pairwise(self.acted))

    @invariant()
    def no_region_is_left_before_its_time(self) -> None:
        """Look at all reigns but the first, which is nobody's."""
        for earlier, later in pairwise(self.reigns[1:]):
            assert later.since_ns - earlier.since_ns >= DWELL_NS


TestFailover = Failover.TestCase
TestFailover.settings = settings(max_examples=scaled(70))


class Scene:
    """A register that holds west, which is down, and what two regions did to one thing."""

    def __init__(self) -> None:
        self.register = Reign("west", 1, 0)
        self.fence = RegionFence()
        self.acted: list[tuple[str, int]] = []
        self.reigns = [self.register]


def watch(scene: Scene, heir: str) -> Iterator[None]:
    """Read the register, have the heir proposed, and swap it in, if nobody was faster."""
    watcher = RegionalFailover([heir], LIMITS)
    for _ in range(2):
        watcher.observe(heir, passed=True)
    read = scene.register
    yield
    proposed = watcher.propose(read, DWELL_NS)
    # Who reads late finds an heir, whose time has only begun.
    if proposed is None or not succeeds(scene.register, proposed):
        return
    scene.register = proposed
    scene.reigns.append(proposed)
    for _ in range(2):
        yield
        act(scene, proposed)


def wake(scene: Scene) -> Iterator[None]:
    """Go on as the region that was active, and has not heard of anything."""
    for _ in range(3):
        act(scene, Reign("west", 1, 0))
        yield


def act(scene: Scene, reign: Reign) -> None:
    assert reign.region is not None
    if scene.fence.admit(reign.region, reign.epoch):
        scene.acted.append((reign.region, reign.epoch))


def test_in_every_order_of_two_watchers_and_a_sleeper_one_heir_reigns_and_acts() -> None:
    def begin() -> tuple[Scene, list[Process]]:
        scene = Scene()
        return scene, [watch(scene, "east"), watch(scene, "north"), wake(scene)]

    orders = 0
    for scene in every_order(begin):
        orders += 1
        assert [reign.epoch for reign in scene.reigns] == [1, 2]
        epochs = [epoch for _, epoch in scene.acted]
        assert epochs == sorted(epochs)
        assert len(set(scene.acted)) == len(set(epochs))
        # Not so by refusing everybody: the heir did act.
        assert epochs[-1] == 2
    assert orders > 100
