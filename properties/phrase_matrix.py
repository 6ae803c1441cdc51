"""How soon planted bugs show: with uniform gaps, with gaps at the window's edge, with phrases.

Ten ways in which limiters in a shared store are wrong in earnest, each as a small limiter, and
three ways of drawing the arrivals of three users. Printed is how many examples it took until a
wrong verdict; "-" is a bug that lived through all of them.

    python -m properties.phrase_matrix [--requests 5] [--examples 500] [--seeds 3]
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Final, NamedTuple

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console

WINDOW_NS: Final = 1_000_000
SKEW_NS: Final = 300_000
TIERS: Final = {"ada": "free", "bob": "free", "cyd": "pro"}


class Arrival(NamedTuple):
    """One request; gateways take turns."""

    at_ns: int
    user: str
    gateway: int


Arrivals = Sequence[Arrival]


class Log:
    """The right one; each bug below overrides what it does otherwise."""

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.admitted: defaultdict[str, list[int]] = defaultdict(list)

    def clock_ns(self, arrival: Arrival) -> int:
        """Return what time it is for the limiter."""
        return arrival.at_ns

    def key(self, arrival: Arrival) -> str:
        """Return whose log it is."""
        return arrival.user

    def used(self, key: str, now_ns: int) -> int:
        """Count what the window holds."""
        return sum(at_ns > now_ns - WINDOW_NS for at_ns in self.admitted[key])

    def admit(self, arrival: Arrival) -> bool:
        """Decide."""
        key, now_ns = self.key(arrival), self.clock_ns(arrival)
        if self.used(key, now_ns) >= self.requests:
            return False
        self.admitted[key].append(now_ns)
        return True


class OneTooMany(Log):
    """Compares with ``<=`` for ``<``."""

    def admit(self, arrival: Arrival) -> bool:
        """Decide by a limit that is one higher."""
        self.requests += 1
        admitted = super().admit(arrival)
        self.requests -= 1
        return admitted


class EdgeCounts(Log):
    """Lets what is exactly a window old count."""

    def used(self, key: str, now_ns: int) -> int:
        """Count one instant more."""
        return sum(at_ns >= now_ns - WINDOW_NS for at_ns in self.admitted[key])


class FixedWindows(Log):
    """Counts in windows of the clock."""

    def used(self, key: str, now_ns: int) -> int:
        """Count what the clock's window holds."""
        return sum(at_ns // WINDOW_NS == now_ns // WINDOW_NS for at_ns in self.admitted[key])


class MemberIsTheTime(Log):
    """Keeps a set of times, in which two of one instant are one."""

    def used(self, key: str, now_ns: int) -> int:
        """Count instants."""
        return len({at_ns for at_ns in self.admitted[key] if at_ns > now_ns - WINDOW_NS})


class RefusedCount(Log):
    """Notes each request, also those that it refuses."""

    def admit(self, arrival: Arrival) -> bool:
        """Decide, and note it whatever came of it."""
        admitted = super().admit(arrival)
        if not admitted:
            self.admitted[arrival.user].append(arrival.at_ns)
        return admitted


class TwoRoundTrips(Log):
    """Counts, then notes: requests of one instant do not see each other."""

    def used(self, key: str, now_ns: int) -> int:
        """Count what had been noted when this one was under way."""
        return sum(now_ns - WINDOW_NS < at_ns < now_ns for at_ns in self.admitted[key])


class CrashBeforeExpire(Log):
    """Increments a counter and then sets its expiry, if it lives that long: not each third time."""

    def __init__(self, requests: int) -> None:
        super().__init__(requests)
        self.counters: dict[str, tuple[int, int]] = {}
        self.created = 0

    def admit(self, arrival: Arrival) -> bool:
        """Decide by the counter and its expiry."""
        number, ends_ns = self.counters.get(arrival.user, (0, 0))
        if arrival.at_ns >= ends_ns:
            self.created += 1
            crashed = self.created % 3 == 0
            number, ends_ns = 0, (2**62 if crashed else arrival.at_ns + WINDOW_NS)
        self.counters[arrival.user] = number + 1, ends_ns
        return number < self.requests


class GatewaysClock(Log):
    """Takes the time from gateways, whose clocks differ."""

    def clock_ns(self, arrival: Arrival) -> int:
        """Return the gateway's time."""
        return arrival.at_ns + (SKEW_NS if arrival.gateway else -SKEW_NS)


class TierIsTheKey(Log):
    """Counts all users of a tier together."""

    def key(self, arrival: Arrival) -> str:
        """Return the tier."""
        return TIERS[arrival.user]


class PurgeOnSuccess(Log):
    """Throws out what is old when it admits, and only then."""

    def admit(self, arrival: Arrival) -> bool:
        """Decide by the length of the log."""
        log = self.admitted[arrival.user]
        if len(log) >= self.requests:
            return False
        log[:] = [at_ns for at_ns in log if at_ns > arrival.at_ns - WINDOW_NS]
        log.append(arrival.at_ns)
        return True


LIMITERS: Final[dict[str, type[Log]]] = {
    "none (correct)": Log,
    "`<=` for `<`": OneTooMany,
    "the window's edge counts": EdgeCounts,
    "fixed windows": FixedWindows,
    "set member is the time": MemberIsTheTime,
    "refused requests count": RefusedCount,
    "count and note in two round trips": TwoRoundTrips,
    "crash between INCR and EXPIRE": CrashBeforeExpire,
    "the gateway's clock": GatewaysClock,
    "key is the tier": TierIsTheKey,
    "purge only on success": PurgeOnSuccess,
}


def is_wrong(limiter: Log, arrivals: Arrivals) -> bool:
    """Say whether some verdict is not that of counting true windows."""
    admitted: defaultdict[str, list[int]] = defaultdict(list)
    for arrival in arrivals:
        since_ns = arrival.at_ns - WINDOW_NS
        own = admitted[arrival.user]
        room = sum(at_ns > since_ns for at_ns in own) < limiter.requests
        if limiter.admit(arrival) is not room:
            return True
        if room:
            own.append(arrival.at_ns)
    return False


def _arrivals(gaps: list[tuple[int, str, int]]) -> Arrivals:
    now_ns, arrivals = 10 * WINDOW_NS, []
    for gap_ns, user, gateway in gaps:
        now_ns += gap_ns
        arrivals.append(Arrival(now_ns, user, gateway))
    return arrivals


_USERS: Final = st.sampled_from(["ada", "ada", "bob", "cyd"])
_GATEWAYS: Final = st.integers(0, 1)
_EDGES_NS: Final = st.sampled_from([0, 1, WINDOW_NS - 1, WINDOW_NS, WINDOW_NS + 1])


def one_by_one(gaps_ns: st.SearchStrategy[int]) -> st.SearchStrategy[Arrivals]:
    """Draw each request for itself."""
    return st.lists(st.tuples(gaps_ns, _USERS, _GATEWAYS), max_size=60).map(_arrivals)


def phrases(requests: int) -> st.SearchStrategy[Arrivals]:
    """Draw bursts, knocks and waits of one user at one gateway each."""
    burst = st.integers(1, requests + 1).map(lambda size: [0] * size)
    knock = st.integers(1, 2 * requests).map(lambda size: [1] * size)
    wait = (_EDGES_NS | st.integers(0, WINDOW_NS)).map(lambda gap_ns: [gap_ns])
    phrase = st.tuples(burst | knock | wait, _USERS, _GATEWAYS)
    said = phrase.map(lambda it: [(gap_ns, it[1], it[2]) for gap_ns in it[0]])
    return st.lists(said, max_size=12).map(lambda lists: _arrivals([*chain.from_iterable(lists)]))


def examples_until_killed(
    make: Callable[[], Log], arrivals: st.SearchStrategy[Arrivals], number: int, examples: int
) -> int | None:
    """Return how many examples it took; None: it lives."""
    tried = 0

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(settings.get_profile("default").suppress_health_check),
    )
    @given(arrivals)
    def judged(history: Arrivals) -> None:
        nonlocal tried
        tried += 1
        assert not is_wrong(make(), history)

    try:
        judged()
    except AssertionError:
        return tried
    return None


def main() -> None:
    """Print the matrix as a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=5, help="the limit")
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    ways = {
        "uniform gaps": one_by_one(st.integers(0, 2 * WINDOW_NS)),
        "gaps at the edge": one_by_one(_EDGES_NS),
        "phrases": phrases(options.requests),
    }
    console = Console(soft_wrap=True, markup=False, highlight=False)
    console.print("| planted bug |", " | ".join(ways), "|")
    console.print("|---|" + "---|" * len(ways))
    for name, limiter in LIMITERS.items():
        cells = []
        for arrivals in ways.values():
            tries = [
                examples_until_killed(
                    partial(limiter, options.requests),
                    arrivals,
                    number,
                    options.examples,
                )
                for number in range(options.seeds)
            ]
            cells.append("/".join("-" if each is None else str(each) for each in tries))
        console.print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
