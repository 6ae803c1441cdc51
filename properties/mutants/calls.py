"""Planted bugs around calls: breakers, retries, deadlines and hedges."""

from typing import Final

from properties.mutants.mutant import Mutant

_BREAKER: Final = "policies/circuit_breaker.py"
_RETRY: Final = "policies/retry.py"
_BREAKER_LAWS: Final = "properties/policies/test_circuit_breaker_rate.py"
_RETRY_LAWS: Final = "properties/policies/test_retry.py"
_TIMEOUTS: Final = "policies/timeouts.py"
_TIMEOUTS_LAWS: Final = "properties/policies/test_timeouts.py"
_HEDGING: Final = "policies/hedging.py"
_HEDGING_LAWS: Final = "properties/policies/test_hedging.py"
_SIM_LAWS: Final = "properties/sim/test_retry_budget.py"

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
        before="        self._probes.remove(ticket)\n",
        after="",
        because="One probe whose end is told twice closes a breaker that asked for two.",
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
        before="failures - oldest + failed",
        after="failures + failed",
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

_TIMEOUTS_MUTANTS: Final = (
    Mutant(
        name="nothing is kept for the way back",
        file=_TIMEOUTS,
        before="    allowed_ns = min(left_ns - reserve_ns, hop_max_ns)\n",
        after="    allowed_ns = min(left_ns, hop_max_ns)\n",
        because="The callee answers in time, and its caller has given up a moment before.",
        killers=(_TIMEOUTS_LAWS,),
    ),
    Mutant(
        name="each attempt may take all of the time",
        file=_TIMEOUTS,
        before="max(allowed_ns // attempts_left, useful_min_ns)",
        after="max(allowed_ns, useful_min_ns)",
        because="A first attempt that hangs leaves no time for the second, which would not have.",
        killers=(
            (
                f"{_TIMEOUTS_LAWS}"
                "::test_attempts_one_after_the_other_share_the_time_and_leave_the_reserve"
            ),
            _TIMEOUTS_LAWS,
        ),
    ),
    Mutant(
        name="a useless call is made all the same",
        file=_TIMEOUTS,
        before="    if allowed_ns < useful_min_ns:\n",
        after="    if allowed_ns < 1:\n",
        because="An overloaded service is kept busy with calls that cannot end in time.",
        killers=(_TIMEOUTS_LAWS,),
    ),
    Mutant(
        name="the deadline is handed on whole",
        file=_TIMEOUTS,
        before="        return Proceed(timeout_ns, now_ns + timeout_ns)\n",
        after="        return Proceed(timeout_ns, deadline_ns)\n",
        because="A caller waits for its callee until its own caller has left.",
        killers=(_TIMEOUTS_LAWS,),
    ),
)

_HEDGING_MUTANTS: Final = (
    Mutant(
        name="what may not happen twice is hedged",
        file=_HEDGING,
        before="        if not self._idempotent or not self._hedging.may_send():\n",
        after="        if not self._hedging.may_send():\n",
        because="A slow payment is made twice.",
        killers=(f"{_HEDGING_LAWS}::TestHedging",),
    ),
    Mutant(
        name="hedges cost nothing",
        file=_HEDGING,
        before="        return self._budget.may_retry()\n",
        after="        return True\n",
        because="A service that has become slow gets twice the load for it.",
        killers=(f"{_HEDGING_LAWS}::TestHedging",),
    ),
    Mutant(
        name="the second answer wins as well",
        file=_HEDGING,
        before="        self._out.clear()\n",
        after="        self._out.remove(leg)\n",
        because="A caller gets two answers to one request.",
        killers=(f"{_HEDGING_LAWS}::TestHedging",),
    ),
    Mutant(
        name="only answers teach the delay",
        file=_HEDGING,
        before="        self._learn(slower=True)\n",
        after="",
        because="Slow requests whose hedge won count as fast: the delay falls, and all are hedged.",
        killers=(
            (f"{_HEDGING_LAWS}::test_as_many_are_late_as_the_quantile_says_whatever_the_latencies"),
            _HEDGING_LAWS,
        ),
    ),
    Mutant(
        name="the quantile is turned over",
        file=_HEDGING,
        before="        return min(delay_ns + step_ns * (100 - slow_percent), bounds_ns[1])\n",
        after="        return min(delay_ns + step_ns * slow_percent, bounds_ns[1])\n",
        because="The delay follows the median instead of the slowest, and the budget is gone.",
        killers=(
            (f"{_HEDGING_LAWS}::test_as_many_are_late_as_the_quantile_says_whatever_the_latencies"),
            _HEDGING_LAWS,
        ),
    ),
    Mutant(
        name="a failed attempt fails the request",
        file=_HEDGING,
        before="        return Loss.WAIT if self._out else Loss.OVER\n",
        after="        return Loss.OVER\n",
        because="The caller gets an error while the attempt that will succeed is under way.",
        killers=(f"{_HEDGING_LAWS}::TestHedging",),
    ),
)

_SIM_MUTANTS: Final = (
    Mutant(
        name="retries earn retries",
        file="sim/models/calls.py",
        before="""        if retries is not None:
            retries.budget.earned()
        failed: list[Seen] = []
        while True:
""",
        after="""        failed: list[Seen] = []
        while True:
            if retries is not None:
                retries.budget.earned()
""",
        because="The budget pays for its own overdraft, and the storm for itself.",
        killers=(
            f"{_SIM_LAWS}::test_attempts_stay_within_the_budget_of_a_service_under_any_load",
            _SIM_LAWS,
        ),
    ),
    Mutant(
        name="the budget is not asked",
        file="sim/models/calls.py",
        before="        if isinstance(decision, GiveUp) or not self.budget.may_retry():\n",
        after="        if isinstance(decision, GiveUp):\n",
        because="Back-off and jitter alone multiply an overload by the number of attempts.",
        killers=(
            (
                f"{_SIM_LAWS}"
                "::test_without_a_budget_the_overload_is_multiplied_and_with_one_it_is_not"
            ),
            _SIM_LAWS,
        ),
    ),
    Mutant(
        name="nothing is ever retried",
        file="sim/models/calls.py",
        before="        if isinstance(decision, GiveUp) or not self.budget.may_retry():\n",
        after="        if isinstance(decision, GiveUp) or self.budget.may_retry():\n",
        because="A single refusal in a calm reaches the user.",
        killers=(
            f"{_SIM_LAWS}::test_a_rare_failure_is_retried_in_spite_of_the_budget",
            _SIM_LAWS,
        ),
    ),
)

MUTANTS: Final = (
    *_BREAKER_MUTANTS,
    *_RETRY_MUTANTS,
    *_TIMEOUTS_MUTANTS,
    *_HEDGING_MUTANTS,
    *_SIM_MUTANTS,
)
