"""Laws of suspicion: it tightens for the range that earns it, for nobody else, and lets go."""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from policies.rate_limit import RateLimit
from policies.suspicion import (
    Evidence,
    Suspicion,
    SuspicionSettings,
    drained,
    next_level,
    tightened,
)
from properties.strategies.rate_limit import ADDRESSES, suspicion_settings

FREE = RateLimit(requests=100, window_ns=60)


class Note(NamedTuple):
    """One thing that happens: a request of a user, or evidence."""

    gap_ns: int
    address: str
    what: str | Evidence


def notes() -> st.SearchStrategy[list[Note]]:
    """Volleys from one address, silences, and single notes from anywhere."""
    address = st.sampled_from(ADDRESSES)
    what = st.sampled_from([*Evidence, "ada", "bob", "cyd", "dan", "eve"])
    volley = st.builds(lambda *note: [Note(*note)] * 8, st.integers(0, 1), address, what)
    single = st.builds(lambda *note: [Note(*note)], st.integers(0, 60), address, what)
    phrases = st.lists(volley | single, max_size=10)
    return phrases.map(lambda lists: [note for phrase in lists for note in phrase])


def tell(suspicion: Suspicion, note: Note, now_ns: int) -> None:
    """Let it take note."""
    if isinstance(note.what, Evidence):
        suspicion.note(note.address, note.what, now_ns)
    else:
        suspicion.seen(note.address, note.what, now_ns)


def told(settings: SuspicionSettings, history: list[Note]) -> tuple[Suspicion, int]:
    """Return what a history leaves, and when it ends."""
    suspicion, now_ns = Suspicion(settings), 0
    for note in history:
        now_ns += note.gap_ns
        tell(suspicion, note, now_ns)
    return suspicion, now_ns


@given(settings=suspicion_settings(), history=notes())
def test_without_further_evidence_every_range_relaxes_within_the_stated_time(
    settings: SuspicionSettings, history: list[Note]
) -> None:
    suspicion, now_ns = told(settings, history)
    for address in ADDRESSES:
        assert suspicion.limit(address, FREE, now_ns + settings.relaxed_after_ns) is FREE


@given(settings=suspicion_settings(), history=notes())
def test_a_range_relaxes_step_by_step_and_never_tightens_by_itself(
    settings: SuspicionSettings, history: list[Note]
) -> None:
    suspicion, now_ns = told(settings, history)
    for address in ADDRESSES:
        later = range(now_ns, now_ns + settings.relaxed_after_ns + 1)
        levels = [suspicion.level(address, at_ns) for at_ns in later]
        assert levels == sorted(levels, reverse=True)
        assert all(above - below <= 1 for above, below in pairwise(levels))


@given(
    settings=suspicion_settings(),
    history=notes(),
    address=st.sampled_from(ADDRESSES),
    interval_ns=st.integers(0, 3),
)
def test_a_range_whose_only_fault_is_to_be_refused_relaxes_even_while_it_keeps_trying(
    settings: SuspicionSettings, history: list[Note], address: str, interval_ns: int
) -> None:
    suspicion, now_ns = told(settings, history)
    level = suspicion.level(address, now_ns)
    until_ns = now_ns + settings.relaxed_after_ns
    while level > 0:
        assert now_ns <= until_ns
        now_ns += max(1, interval_ns)
        before, level = level, suspicion.level(address, now_ns)
        assert level <= before
        suspicion.note(address, Evidence.REFUSED, now_ns)


@given(settings=suspicion_settings(), history=notes())
def test_whoever_is_not_in_the_range_is_unaffected(
    settings: SuspicionSettings, history: list[Note]
) -> None:
    roomy = replace(settings, ranges_max=100)
    among_all, now_ns = told(roomy, history)
    for address in ADDRESSES:
        in_range = among_all.range_of(address)
        alone, at_ns = Suspicion(roomy), 0
        for note in history:
            at_ns += note.gap_ns
            if among_all.range_of(note.address) == in_range:
                tell(alone, note, at_ns)
        assert alone.level(address, now_ns) == among_all.level(address, now_ns)


@given(settings=suspicion_settings(), history=notes())
def test_neighbours_share_their_level(settings: SuspicionSettings, history: list[Note]) -> None:
    suspicion, now_ns = told(settings, history)
    levels: dict[str, set[int]] = {}
    for address in ADDRESSES:
        levels.setdefault(suspicion.range_of(address), set()).add(suspicion.level(address, now_ns))
    assert len(levels) == 4
    assert all(len(of_one) == 1 for of_one in levels.values())


@given(settings=suspicion_settings(), address=st.sampled_from(ADDRESSES))
def test_enough_evidence_at_once_tightens_to_the_highest_level_and_halves_it_so_often(
    settings: SuspicionSettings, address: str
) -> None:
    suspicion = Suspicion(settings)
    for _ in range(settings.points_max):
        suspicion.note(address, Evidence.FAILED_AUTHENTICATION, 0)
    expected = settings.levels if settings.failed_authentication_points else 0
    assert suspicion.level(address, 0) == expected
    assert suspicion.limit(address, FREE, 0).requests == 100 >> expected


@given(settings=suspicion_settings(), rounds=st.integers(1, 60))
def test_evidence_no_faster_than_it_drains_never_tightens(
    settings: SuspicionSettings, rounds: int
) -> None:
    suspicion = Suspicion(settings)
    points = settings.failed_authentication_points
    for number in range(rounds):
        now_ns = number * points * settings.drain_ns
        suspicion.note(ADDRESSES[0], Evidence.FAILED_AUTHENTICATION, now_ns)
        assert suspicion.level(ADDRESSES[0], now_ns) <= points // settings.level_points


@given(settings=suspicion_settings(), users=st.integers(1, 12), rounds=st.integers(1, 3))
def test_as_many_users_as_are_free_are_no_evidence_however_often_they_come(
    settings: SuspicionSettings, users: int, rounds: int
) -> None:
    suspicion = Suspicion(settings)
    for _ in range(rounds):
        for user in range(users):
            suspicion.seen(ADDRESSES[0], f"user-{user}", 0)
    beyond = max(0, users - settings.users_free)
    if beyond * settings.many_users_points == 0:
        assert suspicion.level(ADDRESSES[0], 0) == 0
    else:
        points = min(beyond * settings.many_users_points, settings.points_max)
        assert suspicion.level(ADDRESSES[0], 0) == points // settings.level_points


@given(
    settings=suspicion_settings(),
    asks=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=80),
)
def test_a_user_counts_once_within_a_window_however_many_there_are_and_however_often_it_comes(
    settings: SuspicionSettings, asks: list[tuple[int, int]]
) -> None:
    settings = replace(settings, users_window_ns=2**40)
    often, once = Suspicion(settings), Suspicion(settings)
    now_ns, known = 0, set()
    for gap_ns, user in asks:
        now_ns += gap_ns
        often.seen(ADDRESSES[0], f"user-{user}", now_ns)
        if user not in known:
            once.seen(ADDRESSES[0], f"user-{user}", now_ns)
        known.add(user)
        assert often.level(ADDRESSES[0], now_ns) == once.level(ADDRESSES[0], now_ns)


@given(settings=suspicion_settings(), users=st.integers(0, 100))
def test_within_a_window_users_count_up_to_the_top_and_no_further(
    settings: SuspicionSettings, users: int
) -> None:
    # Each but the free ones, when all that the one before it brought has drained.
    points = settings.many_users_points
    step_ns = points * settings.drain_ns
    suspicion = Suspicion(replace(settings, users_window_ns=2**40))
    raised = 0
    for user in range(users):
        suspicion.seen(ADDRESSES[0], f"user-{user}", user * step_ns)
        raised += suspicion.level(ADDRESSES[0], user * step_ns) > 0
    counted = min(max(0, users - settings.users_free), settings.points_max)
    assert raised == (counted if points >= settings.level_points else 0)


@given(
    level=st.integers(0, 5),
    points=st.integers(0, 60),
    level_points=st.integers(1, 10),
    slack_points=st.integers(0, 9),
)
def test_between_its_beginning_and_its_end_a_level_is_kept_from_both_sides(
    level: int, points: int, level_points: int, slack_points: int
) -> None:
    slack_points = min(slack_points, level_points - 1)
    levels = 5
    after = next_level(level, points, level_points, slack_points, levels)
    assert points < (after + 1) * level_points or after == levels
    assert points >= after * level_points - slack_points
    # Asked again, it says the same: no level flickers while the points stay.
    assert next_level(after, points, level_points, slack_points, levels) == after
    if level * level_points - slack_points <= points < (level + 1) * level_points:
        assert after == level


@given(
    points=st.integers(0, 50),
    steps_ns=st.lists(st.integers(-5, 30), max_size=20),
    drain_ns=st.integers(1, 10),
)
def test_looking_often_drains_no_more_and_no_less_than_looking_once(
    points: int, steps_ns: list[int], drain_ns: int
) -> None:
    left, settled_ns, now_ns, latest_ns = points, 0, 0, 0
    for step_ns in steps_ns:
        now_ns += step_ns
        latest_ns = max(latest_ns, now_ns)
        left, settled_ns = drained(left, settled_ns, now_ns, drain_ns)
        assert settled_ns <= latest_ns
    assert left == max(0, points - latest_ns // drain_ns)


@given(requests=st.integers(1, 2**63 - 1), level=st.integers(0, 32))
def test_a_tightened_limit_is_at_least_one_request_in_the_same_window(
    requests: int, level: int
) -> None:
    limit = RateLimit(requests=requests, window_ns=9)
    tight = tightened(limit, level)
    assert tight.window_ns == 9
    assert 1 <= tight.requests <= requests
    assert tightened(limit, level + 1).requests <= tight.requests


class SuspicionMachine(RuleBasedStateMachine):
    """Evidence from few ranges, ordinary traffic from many, and a clock that may be set back."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 1_000
        self.settings = SuspicionSettings()
        self.suspicion = Suspicion(self.settings)

    @initialize(settings=suspicion_settings())
    def begin(self, settings: SuspicionSettings) -> None:
        """Some settings."""
        self.settings = settings
        self.suspicion = Suspicion(settings)

    @rule(step_ns=st.integers(-5, 60))
    def time_passes(self, step_ns: int) -> None:
        """Or is set back a little."""
        self.now_ns += step_ns

    @rule(address=st.sampled_from(ADDRESSES), what=st.sampled_from(Evidence))
    def evidence_comes(self, address: str, what: Evidence) -> None:
        """Against one of few ranges."""
        self.suspicion.note(address, what, self.now_ns)

    @rule(address=st.sampled_from(ADDRESSES), user=st.sampled_from(["ada", "bob", "cyd", "dan"]))
    def a_user_asks(self, address: str, user: str) -> None:
        """From one of these ranges."""
        self.suspicion.seen(address, user, self.now_ns)

    @rule(count=st.integers(1, 20))
    def crowds_ask_from_elsewhere(self, count: int) -> None:
        """Each from a range of its own, without evidence against it."""
        before = [self.suspicion.level(address, self.now_ns) for address in ADDRESSES]
        for number in range(count):
            self.suspicion.seen(f"203.0.{number}.1", "ada", self.now_ns)
        after = [self.suspicion.level(address, self.now_ns) for address in ADDRESSES]
        assert after == before, "ordinary traffic made a suspicious range forgotten"

    @invariant()
    def memory_is_bounded(self) -> None:
        """Whatever comes from wherever."""
        assert self.suspicion.ranges_remembered <= 2 * self.settings.ranges_max

    @invariant()
    def asking_changes_nothing(self) -> None:
        """Levels are within their bounds, and a second look sees the first one's."""
        for address in ADDRESSES:
            level = self.suspicion.level(address, self.now_ns)
            assert 0 <= level <= self.settings.levels
            assert self.suspicion.level(address, self.now_ns) == level


TestSuspicion = SuspicionMachine.TestCase
TestSuspicion.settings = hypothesis_settings(stateful_step_count=25)
