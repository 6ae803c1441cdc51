"""Planted bugs around overload: bulkheads, limits on calls in flight, CoDel and queues."""

from typing import Final

from properties.mutants.mutant import Mutant

_ADMISSION: Final = "policies/admission.py"
_ADMISSION_LAWS: Final = "properties/policies/test_admission.py"
_CODEL: Final = "policies/codel.py"
_CODEL_LAWS: Final = "properties/policies/test_codel.py"
_QUEUE: Final = "policies/queue_discipline.py"
_QUEUE_LAWS: Final = "properties/policies/test_queue_discipline.py"
_CONCURRENCY: Final = "policies/concurrency_limit.py"
_CONCURRENCY_LAWS: Final = "properties/policies/test_concurrency_limit.py"

_ADMISSION_MUTANTS: Final = (
    Mutant(
        name="a ticket frees a place each time it comes back",
        file=_ADMISSION,
        before="        if ticket not in self._in_flight:\n            return None\n"
        "        self._in_flight.remove(ticket)\n",
        after="        self._in_flight.discard(ticket)\n",
        because="A call that is done and cancelled at once lets in two.",
        killers=(_ADMISSION_LAWS,),
    ),
    Mutant(
        name="who gives up in line is called later",
        file=_ADMISSION,
        before="            del self._waiting[ticket]\n            return None\n",
        after="            return None\n",
        because="A place is held for ever by a caller who left long ago.",
        killers=(_ADMISSION_LAWS,),
    ),
    Mutant(
        name="the called one takes no place",
        file=_ADMISSION,
        before="        del self._waiting[called]\n        self._in_flight.add(called)\n",
        after="        del self._waiting[called]\n",
        because="More and more are worked on at a time, the more so the longer the line is.",
        killers=(_ADMISSION_LAWS,),
    ),
    Mutant(
        name="one more may wait",
        file=_ADMISSION,
        before="    return 1 if waiting < waiting_max else 0\n",
        after="    return 1 if waiting <= waiting_max else 0\n",
        because="A bulkhead without a line has one, and whoever must not wait does.",
        killers=(_ADMISSION_LAWS,),
    ),
)

_CODEL_MUTANTS: Final = (
    Mutant(
        name="the next shed is counted from now",
        file=_CODEL,
        before="control_law_ns(self._next_ns, self._count, self._interval_ns)",
        after="control_law_ns(now_ns, self._count, self._interval_ns)",
        because="A server that is asked rarely sheds too slowly ever to come down.",
        killers=(_CODEL_LAWS,),
    ),
    Mutant(
        name="the sheds never come faster",
        file=_CODEL,
        before="    square = interval_ns * interval_ns // count\n",
        after="    square = interval_ns * interval_ns\n",
        because="Ten sheds in a second do not bring down a queue that grows by a hundred.",
        killers=(
            (
                f"{_CODEL_LAWS}"
                "::test_under_lasting_overload_the_sheds_follow_the_interval_over_the_root"
            ),
            _CODEL_LAWS,
        ),
    ),
    Mutant(
        name="the delay is divided by the count itself",
        file=_CODEL,
        before="    square = interval_ns * interval_ns // count\n",
        after="    square = (interval_ns // count) ** 2\n",
        because="A short overload is answered by shedding nearly everything.",
        killers=(
            (
                f"{_CODEL_LAWS}"
                "::test_under_lasting_overload_the_sheds_follow_the_interval_over_the_root"
            ),
            _CODEL_LAWS,
        ),
    ),
    Mutant(
        name="the root is a float's",
        file=_CODEL,
        before="    if root * root > square:\n        root -= 1\n",
        after="",
        because="Two machines, or production and simulation, disagree by one, then by a request.",
        killers=(f"{_CODEL_LAWS}::test_the_root_of_integers_is_exact",),
    ),
    Mutant(
        name="one long wait is reason enough",
        file=_CODEL,
        before="        return now_ns + interval_ns, False\n",
        after="        return now_ns + interval_ns, True\n",
        because="Every burst loses a request, though the queue is empty a moment later.",
        killers=(_CODEL_LAWS,),
    ),
    Mutant(
        name="a short wait does not end it",
        file=_CODEL,
        before="        if not may_shed:\n            self._leave()\n",
        after="        if not may_shed:\n            self._is_scheduled = True\n",
        because="The shedding goes on at its rate long after the queue has come down.",
        killers=(f"{_CODEL_LAWS}::test_it_sheds_and_serves_the_same_as_the_pseudo_code",),
    ),
    Mutant(
        name="what was learnt is kept for ever",
        file=_CODEL,
        before="    return shed if shed > 1 and is_recent else 1\n",
        after="    return shed if shed > 1 else 1\n",
        because="A small overload today is met at the rate that yesterday's large one needed.",
        killers=(f"{_CODEL_LAWS}::test_it_sheds_and_serves_the_same_as_the_pseudo_code",),
    ),
)

_QUEUE_MUTANTS: Final = (
    Mutant(
        name="the newest is always served first",
        file=_QUEUE,
        before="        newest_first = self.is_overloaded(now_ns)\n",
        after="        newest_first = True\n",
        because="Without any overload, a request waits while others pass it.",
        killers=(f"{_QUEUE_LAWS}::TestAdaptiveQueue",),
    ),
    Mutant(
        name="the order never turns",
        file=_QUEUE,
        before="self._items.pop() if newest_first else self._items.popleft()",
        after="self._items.popleft()",
        because="Under overload everybody is served, and everybody too late.",
        killers=(
            (
                f"{_QUEUE_LAWS}"
                "::test_under_lasting_overload_the_newest_first_serves_in_time"
                "_and_in_order_nobody_is"
            ),
            f"{_QUEUE_LAWS}::TestAdaptiveQueue",
        ),
    ),
    Mutant(
        name="overload counts from the last arrival",
        file=_QUEUE,
        before="        if not self._items:\n            self._empty_at_ns = now_ns\n",
        after="        self._empty_at_ns = now_ns\n",
        because="Under steady arrivals the queue never believes that it is overloaded.",
        killers=(f"{_QUEUE_LAWS}::TestAdaptiveQueue",),
    ),
    Mutant(
        name="who waited too long vanishes",
        file=_QUEUE,
        before="            shed.append(self._items.popleft()[1])\n",
        after="            self._items.popleft()\n",
        because="A caller is never told, and waits for an answer that nobody will send.",
        killers=(f"{_QUEUE_LAWS}::TestAdaptiveQueue",),
    ),
    Mutant(
        name="the highest priority makes place",
        file=_QUEUE,
        before="for index, line in enumerate(self._lines) if line)",
        after="for index, line in reversed(list(enumerate(self._lines))) if line)",
        because="Payments are refused so that crawlers can wait.",
        killers=(f"{_QUEUE_LAWS}::TestStrictPriorityQueue",),
    ),
    Mutant(
        name="an equal pushes out an equal",
        file=_QUEUE,
        before="        if lowest >= priority:\n",
        after="        if lowest > priority:\n",
        because="Under overload nobody of the lowest priority waits long enough to be served.",
        killers=(f"{_QUEUE_LAWS}::TestStrictPriorityQueue",),
    ),
    Mutant(
        name="the lowest is served first",
        file=_QUEUE,
        before="        for line in reversed(self._lines):\n",
        after="        for line in self._lines:\n",
        because="The more crawlers come, the longer a payment waits.",
        killers=(f"{_QUEUE_LAWS}::TestStrictPriorityQueue",),
    ),
)

_CONCURRENCY_MUTANTS: Final = (
    Mutant(
        name="each call of one overload cuts the limit",
        file=_CONCURRENCY,
        before="        if ending is Ending.OVERLOAD and ticket > self._cut_at:\n",
        after="        if ending is Ending.OVERLOAD:\n",
        because="One hiccup, by which all calls time out, leaves a limit of one.",
        killers=(_CONCURRENCY_LAWS,),
    ),
    Mutant(
        name="a limit that nobody uses is lifted",
        file=_CONCURRENCY,
        before="        if ending is Ending.SUCCESS and is_used:\n",
        after="        if ending is Ending.SUCCESS:\n",
        because="After a calm night the limit is at its maximum, and protects from nothing.",
        killers=(
            f"{_CONCURRENCY_LAWS}::test_a_limit_that_is_not_used_is_not_lifted",
            _CONCURRENCY_LAWS,
        ),
    ),
    Mutant(
        name="one more than the limit is in flight",
        file=_CONCURRENCY,
        before="        if self.in_flight >= self.limit:\n",
        after="        if self.in_flight > self.limit:\n",
        because="A service that can take one call at a time gets two.",
        killers=(_CONCURRENCY_LAWS,),
    ),
    Mutant(
        name="a cancelled call keeps its place",
        file=_CONCURRENCY,
        before="        self._in_flight.remove(ticket)\n",
        after="        if ending is not Ending.NEITHER:\n"
        "            self._in_flight.remove(ticket)\n",
        because="With every client that leaves, one place fewer is left, until there is none.",
        killers=(f"{_CONCURRENCY_LAWS}::TestConcurrency",),
    ),
)

MUTANTS: Final = (
    *_ADMISSION_MUTANTS,
    *_CONCURRENCY_MUTANTS,
    *_CODEL_MUTANTS,
    *_QUEUE_MUTANTS,
)
