"""Bugs planted in the compiled engine; the readable one, which has none of them, tells.

Each is a way in which two engines that do the same thing come to differ: another order of what
happens at once, another draw, a decision one off, a row that is not given back.
"""

from typing import Final

from properties.mutants.mutant import Mutant

_AGREEMENT: Final = "properties/sim/test_engines_agree.py"
_TIES: Final = f"{_AGREEMENT}::test_the_engines_break_every_tie_alike"

_EVENTS: Final = "sim/compiled/events.py"
_LOOP: Final = "sim/compiled/loop.py"
_STANDING: Final = "sim/compiled/standing.py"
_CALLING: Final = "sim/compiled/calling.py"
_CHOOSING: Final = "sim/compiled/choosing.py"
_BREAKER: Final = "sim/compiled/breaker.py"
_STATIONS: Final = "sim/compiled/stations.py"
_LIMITER: Final = "sim/compiled/limiter.py"
_SERVING: Final = "sim/compiled/serving.py"
_MEASURES: Final = "sim/compiled/measures.py"

MUTANTS: Final = (
    Mutant(
        "the older of two events of one time comes second",
        _EVENTS,
        "right_ns == below_ns and s.heap_order[below + 1] < s.heap_order[below]",
        "right_ns == below_ns and s.heap_order[below + 1] > s.heap_order[below]",
        "Two requests of the same nanosecond change places in line, and their users' "
        "latencies with them.",
        (_TIES,),
    ),
    Mutant(
        "what is due now goes before what was due already",
        _LOOP,
        "if run.soon_head == NOBODY or (run.heap > 0 and s.heap_ns[0] == run.now_ns):",
        "if run.soon_head == NOBODY:",
        "Whoever was woken this moment overtakes those whose time it is.",
        (_TIES,),
    ),
    Mutant(
        "a request goes before those woken at its time",
        _LOOP,
        "return run.arrival_ns > run.now_ns or run.arrival_order > s.frames[run.soon_head].order",
        "return run.arrival_ns > run.now_ns",
        "A request that arrives in the nanosecond in which a place becomes free waits "
        "for those behind it.",
        (_TIES,),
    ),
    Mutant(
        "the last in line is served first",
        _STANDING,
        "        s.frames[here.tail].next = frame\n    here.tail = frame",
        "        s.frames[frame].next = here.head\n"
        "        here.head = frame\n"
        "    here.tail = frame",
        "Means stay the same and tails do not: the p99 is that of another discipline.",
        (_AGREEMENT,),
    ),
    Mutant(
        "an attempt that was given up is still listened to",
        _CALLING,
        "    s.frames[frame.child].parent = NOBODY\n",
        "",
        "A late answer ends a call that its caller has given up: one call ends twice.",
        (_AGREEMENT,),
    ),
    Mutant(
        "a retry draws the luck of the first attempt",
        _CALLING,
        "attempts_max + frame.number - 1) * _STEPS_PER_PATH",
        "attempts_max) * _STEPS_PER_PATH",
        "A slow request is as slow when it is tried again, so that retries never help.",
        (_AGREEMENT,),
    ),
    Mutant(
        "the replica that failed is asked again",
        _CHOOSING,
        "        if not _is_among(s, s.scratch[at], failures):\n            others += 1",
        "        if _is_among(s, s.scratch[at], failures):\n            others += 1",
        "A retry goes to the very replica that failed, while another is idle.",
        (_AGREEMENT,),
    ),
    Mutant(
        "a breaker opens one failure late",
        _BREAKER,
        "seen.failures == service.failures_max",
        "seen.failures > service.failures_max",
        "The dry run of an outage lets more calls into it than production does.",
        (_AGREEMENT,),
    ),
    Mutant(
        "word of an old stretch counts",
        _BREAKER,
        "    elif ticket == seen.ticket:\n        seen.failures = 0",
        "    else:\n        seen.failures = 0",
        "An answer from before the breaker opened keeps it closed after.",
        (_AGREEMENT,),
    ),
    Mutant(
        "a revoked lease still fills",
        _STATIONS,
        "lease == entry.lease and now_ns < entry.until_ns",
        "now_ns < entry.until_ns",
        "A reader that was too slow puts an old value over a newer one.",
        (_AGREEMENT,),
    ),
    Mutant(
        "a drained replica's worker takes another job",
        _STATIONS,
        "    if s.replicas[worker.replica].stopped_ns != NOBODY:",
        "    if s.replicas[worker.replica].stopped_ns == 0:",
        "A scaled-in worker goes on for ever: the model has more capacity than is paid for.",
        (_AGREEMENT,),
    ),
    Mutant(
        "a full log forgets the wrong admission",
        _LIMITER,
        "    if log.next == limit.requests:",
        "    if log.next >= limit.requests - 1:",
        "One admission more than the limit fits into a window.",
        (_AGREEMENT,),
    ),
    Mutant(
        "commits overtake one another on their way to a replica",
        _STATIONS,
        "        standby.replayed_ns = max(standby.replayed_ns, s.run[0].now_ns + lag_ns)",
        "        standby.replayed_ns = s.run[0].now_ns + lag_ns",
        "A replica shows a commit before the one before it: fewer stale reads than in life.",
        (_AGREEMENT,),
    ),
    Mutant(
        "spans of a lost attempt are kept",
        _SERVING,
        "    elif frame.row != NOBODY:\n"
        "        # Nobody waits any more: its spans are not taken over.\n"
        "        free_row(s, frame.row)\n",
        "",
        "Rows run out, and after that every request's time is put down to somebody else.",
        (_AGREEMENT,),
    ),
    Mutant(
        "a second ends with the next one's first answer",
        _MEASURES,
        "        if second != run.second:\n"
        "            end_second(s)\n"
        "            run.second = second\n"
        "        _add_to_second(s, run.now_ns - at_ns)",
        "        _add_to_second(s, run.now_ns - at_ns)\n"
        "        if second != run.second:\n"
        "            end_second(s)\n"
        "            run.second = second",
        "The p99 of a second has an answer of the next in it.",
        (_AGREEMENT,),
    ),
)
