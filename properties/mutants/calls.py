"""Planted bugs around calls: breakers, retries, hedges, deadlines, admission and queues."""

from typing import Final

from properties.mutants.mutant import Mutant

_BREAKER: Final = "policies/circuit_breaker.py"
_RETRY: Final = "policies/retry.py"
_BREAKER_LAWS: Final = "properties/policies/test_circuit_breaker_rate.py"
_RETRY_LAWS: Final = "properties/policies/test_retry.py"

_BREAKER_MUTANTS: Final = (
    Mutant(
        name="late answers are heeded",
        file=_BREAKER,
        before="            return ticket == self._ticket\n",
        after="            return ticket <= self._ticket\n",
        because="Failures from before the outage was over open the breaker again.",
        killers=(
            f"{_BREAKER_LAWS}::test_late_answers_of_an_earlier_stretch_change_nothing",
            _BREAKER_LAWS,
        ),
    ),
    Mutant(
        name="a probe reported twice is two successes",
        file=_BREAKER,
        before="        return ticket in self._probes\n",
        after="        return ticket <= self._ticket and self._state is State.HALF_OPEN\n",
        because="One probe closes a breaker that asked for two, or it crashes on the second word.",
        killers=(f"{_BREAKER_LAWS}::TestProbes",),
    ),
    Mutant(
        name="the share is judged from the first call on",
        file=_BREAKER,
        before="if rate is None or self._calls < rate.calls_min:",
        after="if rate is None:",
        because="The first failure after a start is 100 % of all calls, and opens the breaker.",
        killers=(
            f"{_BREAKER_LAWS}::test_fewer_calls_than_the_minimum_open_it_by_no_share",
            _BREAKER_LAWS,
        ),
    ),
    Mutant(
        name="the oldest outcome never leaves the window",
        file=_BREAKER,
        before="failures - oldest + newest",
        after="failures + newest",
        because="Failures add up over days, until the breaker of a healthy service stays open.",
        killers=(_BREAKER_LAWS,),
    ),
    Mutant(
        name="the window outlives the outage",
        file=_BREAKER,
        before="""        self._failures = 0
        self._calls = 0
        self._outcomes = 0
        self._outcomes_failed = 0
        self._places = 0
        self._successes = 0
        self._probes.clear()
""",
        after="""        self._failures = 0
        self._places = 0
        self._successes = 0
        self._probes.clear()
""",
        because="The first failure after recovery is judged together with those of the outage.",
        killers=(
            f"{_BREAKER_LAWS}::test_what_was_counted_before_a_stretch_does_not_count_in_it",
            _BREAKER_LAWS,
        ),
    ),
    Mutant(
        name="one probe more than allowed",
        file=_BREAKER,
        before="    return 2, probes_max - 1, now_ns + cool_down_ns\n",
        after="    return 2, probes_max, now_ns + cool_down_ns\n",
        because="A service that just came back gets more load than it was promised.",
        killers=(f"{_BREAKER_LAWS}::TestProbes",),
    ),
    Mutant(
        name="a lost probe is waited for for ever",
        file=_BREAKER,
        before="    if now_ns < wait_until_ns:\n",
        after="    if places == 0 and now_ns > wait_until_ns or now_ns < wait_until_ns:\n",
        because="A caller that is cancelled while it probes shuts the service off for good.",
        killers=(f"{_BREAKER_LAWS}::TestProbes",),
    ),
)

_RETRY_MUTANTS: Final = (
    Mutant(
        name="a refused retry is charged to the budget",
        file=_RETRY,
        before="    if tokens < price:\n        return tokens, False\n",
        after="    if tokens < price:\n        return max(0, tokens - price), False\n",
        because="The more retries are asked for in a storm, the longer there is none at all.",
        killers=(_RETRY_LAWS,),
    ),
    Mutant(
        name="a calm is saved up without bound",
        file=_RETRY,
        before="    tokens = min(tokens + earned, tokens_max)\n",
        after="    tokens = tokens + earned\n",
        because="A quiet night pays for a retry storm in the morning.",
        killers=(_RETRY_LAWS,),
    ),
    Mutant(
        name="a retry may start at the deadline",
        file=_RETRY,
        before="        if now_ns + delay_ns >= deadline_ns:\n",
        after="        if now_ns + delay_ns > deadline_ns:\n",
        because="Work is begun whose answer nobody will read.",
        killers=(_RETRY_LAWS,),
    ),
    Mutant(
        name="the service's wish only replaces the back-off",
        file=_RETRY,
        before="delay_ns = retry_after_ns + self._backoff_ns(attempt, previous_ns, uniform)",
        after="delay_ns = retry_after_ns or self._backoff_ns(attempt, previous_ns, uniform)",
        because="All who were told to come back in a second come back in the same millisecond.",
        killers=(_RETRY_LAWS,),
    ),
    Mutant(
        name="the service's wish is overlooked",
        file=_RETRY,
        before="delay_ns = retry_after_ns + self._backoff_ns(attempt, previous_ns, uniform)",
        after="delay_ns = self._backoff_ns(attempt, previous_ns, uniform)",
        because="A service that asked for a pause is asked again at once.",
        killers=(_RETRY_LAWS,),
    ),
    Mutant(
        name="decorrelated delays grow beyond the cap",
        file=_RETRY,
        before="    ceiling_ns = cap_ns if before_ns > cap_ns // 3 else 3 * before_ns\n",
        after="    ceiling_ns = 3 * before_ns\n",
        because="After a long outage the delays are minutes, and recovery is not noticed.",
        killers=(_RETRY_LAWS,),
    ),
    Mutant(
        name="an unanswered call is repeated whatever it does",
        file=_RETRY,
        before="    never_began = failure in (CallFailure.NEVER_SENT, CallFailure.REFUSED)\n",
        after="    never_began = failure is not CallFailure.BROKE_OFF\n",
        because="A payment whose answer was lost is made twice.",
        killers=(
            f"{_RETRY_LAWS}::test_what_may_have_happened_is_never_repeated_unless_it_is_idempotent",
        ),
    ),
)
MUTANTS: Final = _BREAKER_MUTANTS + _RETRY_MUTANTS
