"""Bugs planted into the recursion: ways in which it comes to say other than the event loop does."""

from typing import Final

from properties.mutants.mutant import Mutant

_FOLDER: Final = "sim/compiled/recursion"
_LAWS: Final = "properties/sim/test_recursion_agrees.py"
_AGREE: Final = f"{_LAWS}::test_the_recursion_says_what_the_event_loop_says"
_TIES: Final = f"{_LAWS}::test_of_those_who_come_at_once_the_right_one_is_first"
_LARGER: Final = f"{_LAWS}::test_on_a_larger_platform_both_agree_for_thousands_of_requests"

MUTANTS: Final = (
    Mutant(
        "who was scheduled last comes first",
        f"{_FOLDER}/order.py",
        "        return _lower(one.scheduled_ns, other.scheduled_ns)\n",
        "        return _lower(other.scheduled_ns, one.scheduled_ns)\n",
        "Of two requests at once the wrong one is served first, and the engines part company.",
        (_TIES,),
    ),
    Mutant(
        "ties that nobody can decide pass",
        f"{_FOLDER}/order.py",
        "compared(s, station, visitor) != FIRST:",
        "compared(s, station, visitor) == SECOND:",
        "A guess about a tie passes for what the models say.",
        (_TIES,),
    ),
    Mutant(
        "who came first was given a place first",
        f"{_FOLDER}/order.py",
        "    at_once = one.manner <= LATE and other.manner <= LATE\n",
        "    at_once = True\n",
        "Somebody who waited for a place goes before somebody who found one, at the next station.",
        (_TIES,),
    ),
    Mutant(
        "on the way they overtake",
        f"{_FOLDER}/heap.py",
        "            if right_ns < below_ns or (",
        "            if right_ns > below_ns or (",
        "Requests come to the second station in the order of the first, and wait for the slow.",
        (_LARGER, _AGREE),
    ),
    Mutant(
        "measured as they come",
        f"{_FOLDER}/tally.py",
        "    if run.from_ns <= began_ns < run.until_ns:",
        "    if run.from_ns <= came_ns < run.until_ns:",
        "In overload waits are counted that nobody has waited yet when the run is over.",
        (_LARGER, _AGREE),
    ),
    Mutant(
        "all callers share their turns",
        f"{_FOLDER}/stops.py",
        '            "caller": _BITS * (level - 1) if callers > 1 else NOBODY,',
        '            "caller": NOBODY,',
        "Replicas that know nothing of one another take turns as if they did: lines look shorter.",
        (_LARGER, _AGREE),
    ),
    Mutant(
        "many places are searched from the wrong end",
        f"{_FOLDER}/places.py",
        "        if end_ns <= below_ns:",
        "        if end_ns >= below_ns:",
        "In a large pool whoever comes gets a connection that is not free yet.",
        (_LARGER, _AGREE),
    ),
    Mutant(
        "the tail of a second is its last strip",
        f"{_FOLDER}/tally.py",
        "_value_at(s, strip, tail - seen)",
        "_value_at(s, strip, 1)",
        "The p99 of each second is too low by up to 6 %.",
        (_LARGER, _AGREE),
    ),
    Mutant(
        "a second that the end cuts short is not summed up",
        f"{_FOLDER}/loop.py",
        "    if end_ns % SECOND_NS == 0 or end_ns == run.end_ns:",
        "    if end_ns % SECOND_NS == 0:",
        "The latencies of the last part of a second are missing in the series.",
        (_LARGER, _AGREE),
    ),
    Mutant(
        "busy to the end of the service",
        f"{_FOLDER}/tally.py",
        "        until_ns = min(ended_ns, s.ends_ns[cell])\n",
        "        until_ns = ended_ns\n",
        "A second in which a long service begins is more than fully used, and the next one idle.",
        (_LARGER, _AGREE),
    ),
    Mutant(
        "time-outs do not disqualify",
        f"{_FOLDER}/qualifying.py",
        '    {"replicas", "concurrency",',
        '    {"timeout_ns", "replicas", "concurrency",',
        "A platform whose callers give up is simulated as if they waited for ever.",
        (f"{_LAWS}::test_a_service_that_looks_back_disqualifies_its_scenario",),
    ),
)
