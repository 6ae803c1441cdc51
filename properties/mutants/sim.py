"""Bugs planted into the simulator: chance, arrivals, places, and what stations tell of it."""

from typing import Final

from properties.mutants.mutant import Mutant

_STREAMS: Final = "sim/streams.py"
_STREAMS_LAWS: Final = "properties/sim/test_streams.py"
_PLACES: Final = "sim/models/places.py"
_POOLS: Final = "properties/test_p07_connection_pool.py"
_LINES: Final = "sim/models/lines.py"
_CLOSED: Final = "tests/sim/test_closed.py"
_THEORY: Final = "properties/sim/test_theory.py"
_SYSTEMS: Final = "properties/sim/test_theory_systems.py"
_CONSERVATION: Final = "properties/sim/test_conservation.py"

MUTANTS: Final = (
    Mutant(
        "draws hardly mixed",
        _STREAMS,
        "    word = (key + stream + step * _STRIDE) & _MASK\n"
        "    word = (word ^ (word >> 30)) * _FIRST & _MASK\n",
        "    word = (key + stream + step) & _MASK\n",
        "Draws of one request resemble each other, and so do its service times.",
        (_STREAMS_LAWS,),
    ),
    Mutant(
        "all streams draw the same",
        _STREAMS,
        'return _digest(f"stream {name}")',
        'return _digest("stream")',
        "Slow arrivals come with slow services, and queues are wrong by any factor.",
        (_STREAMS_LAWS, "tests/sim/test_streams.py"),
    ),
    Mutant(
        "neighbouring seeds share a sequence",
        _STREAMS,
        '    return _digest(f"seed {seed}")',
        "    return seed * _GOLDEN & _MASK",
        "Ten replications of a run are one run, shifted, and their spread means nothing.",
        (_STREAMS_LAWS,),
    ),
    Mutant(
        "arrivals evenly instead of by chance",
        "sim/arrivals.py",
        "expected -= math.log(uniform(key, stream, 0))",
        "expected += 1.0",
        "Queues look short, since nobody ever comes at the same time as others.",
        (_SYSTEMS,),
    ),
    Mutant(
        "who came last waits longest",
        _LINES,
        "self.appendleft(item)",
        "self.append(item)",
        "Whoever asks what another order of service would do is told that it does nothing.",
        ("tests/sim/test_service.py::test_the_discipline_says_who_of_those_who_wait_is_next",),
    ),
    Mutant(
        "the highest priority is next",
        _LINES,
        "(priority, next(self._numbers), item)",
        "(-priority, next(self._numbers), item)",
        "What is urgent waits for everything else.",
        ("tests/sim/test_service.py::test_the_discipline_says_who_of_those_who_wait_is_next",),
    ),
    Mutant(
        "of equal priorities the youngest is next",
        _LINES,
        "(priority, next(self._numbers), item)",
        "(priority, -next(self._numbers), item)",
        "The oldest of a class starves while younger ones are served.",
        ("tests/sim/test_service.py::test_the_discipline_says_who_of_those_who_wait_is_next",),
    ),
    Mutant(
        "users do not wait for their answers",
        "sim/models/client.py",
        "            reply = yield from work\n            self._ended(visit, reply)\n",
        "            Activity(work, partial(self._ended, visit))\n",
        "A platform that is too slow is asked as much as one that is not, and seems to collapse.",
        (f"{_CLOSED}::test_a_user_sends_waits_thinks_and_sends_again_until_the_traffic_ends",),
    ),
    Mutant(
        "users think of the same",
        "sim/closed.py",
        "self._think_ns(request_key(self._seed, user), sent)",
        "self._think_ns(request_key(self._seed, 0), sent)",
        "Users send all at once, as nobody does, and wait for one another.",
        (_SYSTEMS,),
    ),
    Mutant(
        "a place too many",
        _PLACES,
        "if self._occupied < self.capacity:",
        "if self._occupied <= self.capacity:",
        "The simulated service does more at once than the real one.",
        (
            f"{_CONSERVATION}::test_no_place_is_taken_twice_and_none_stays_idle_while_somebody_waits",
        ),
    ),
    Mutant(
        "who leaves wakes nobody",
        _PLACES,
        "            self._line.next().succeed()\n            return\n",
        "            self._line.next()\n            return\n",
        "Requests wait for ever beside a free place, and the run says so of the platform.",
        (f"{_POOLS}::test_simulated_pools_are_kept_served_in_order_and_empty_in_the_end",),
    ),
    Mutant(
        "busy time counts from the second one on",
        _PLACES,
        "            self._occupied += 1\n            self._busy_ns -= self._timeline.now_ns\n",
        "            self._busy_ns -= self._timeline.now_ns * (self._occupied > 0)\n"
        "            self._occupied += 1\n",
        "The report shows a busy service as idle, and nobody buys another.",
        (f"{_THEORY}::test_little_s_law_holds_to_the_nanosecond",),
    ),
    Mutant(
        "a replica replays out of order",
        "sim/models/database.py",
        "self._replayed_ns = max(self._replayed_ns, self._timeline.now_ns + lag_ns)",
        "self._replayed_ns = self._timeline.now_ns + lag_ns",
        "A replica shows a commit before the one that it builds on.",
        ("properties/sim/test_standby.py",),
    ),
)
