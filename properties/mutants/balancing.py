"""Planted bugs around the choice of a backend: turns, costs, rings, ejection, draining."""

from typing import Final

from properties.mutants.mutant import Mutant

_BALANCING: Final = "policies/balancing.py"
_BALANCING_LAWS: Final = "properties/policies/test_balancing.py"
_LATENCY: Final = "policies/latency_balancing.py"
_LATENCY_LAWS: Final = "properties/policies/test_latency_balancing.py"
_WEIGHTED: Final = "policies/weighted_balancing.py"
_WEIGHTED_LAWS: Final = "properties/policies/test_weighted_balancing.py"
_RING: Final = "policies/consistent_hashing.py"
_RING_LAWS: Final = "properties/policies/test_consistent_hashing.py"
_EJECTION: Final = "policies/outlier_ejection.py"
_EJECTION_LAWS: Final = "properties/policies/test_outlier_ejection.py"
_DRAINING: Final = "policies/draining.py"
_DRAINING_LAWS: Final = "properties/policies/test_draining.py"
_GATEWAY: Final = "reference_services/gateway/upstreams.py"
_SIMULATED_CALLS: Final = "sim/models/calls.py"
_P5: Final = "properties/test_p05_fairness.py"
_P5_LIVE: Final = "properties/test_p05_fairness_live.py"

_PLAIN_MUTANTS: Final = (
    Mutant(
        name="the last backend is never reached",
        file=_BALANCING,
        before="        chosen = self._next if self._next < len(outstanding) else 0\n",
        after="        chosen = self._next if self._next < len(outstanding) - 1 else 0\n",
        because="The newest replica idles, and the others carry its load.",
        killers=(
            f"{_BALANCING_LAWS}::test_round_robin_comes_to_every_backend_before_it_comes_to_one_again",
        ),
    ),
    Mutant(
        name="of equally idle backends always the first",
        file=_BALANCING,
        before="        return idlest[int(uniform * len(idlest))]\n",
        after="        return idlest[0]\n",
        because="At night one replica gets everything, and its caches alone are warm.",
        killers=(f"{_BALANCING_LAWS}::test_equally_busy_backends_get_equally_many_requests",),
    ),
    Mutant(
        name="the busier of two choices",
        file=_BALANCING,
        before="        return first if outstanding[first] <= outstanding[second] else second\n",
        after="        return first if outstanding[first] >= outstanding[second] else second\n",
        because="Whoever is behind gets further behind.",
        killers=(
            f"{_BALANCING_LAWS}::test_power_of_two_gives_a_backend_all_requests_for_which_its_rival_is_busier",
        ),
    ),
)

_LATENCY_MUTANTS: Final = (
    Mutant(
        name="a failure counts as a fast answer",
        file=_LATENCY,
        before="        self._note(max(took_ns, least_ns), now_ns, good=0)\n",
        after="        self._note(took_ns, now_ns, good=1)\n",
        because="A backend that fails at once is the fastest, and draws most of the traffic.",
        killers=(
            f"{_P5}::test_policy_a_backend_that_fails_fast_gets_no_more_than_its_share",
            _LATENCY_LAWS,
        ),
    ),
    Mutant(
        name="failures are not penalised",
        file=_LATENCY,
        before="    return min(penalty << 1, PENALTY_MAX)\n",
        after="    return penalty\n",
        because="Under overload, failing fast beats waiting in line, and errors multiply.",
        killers=(f"{_LATENCY_LAWS}::test_one_that_only_fails_is_tried_a_bounded_number_of_times",),
    ),
    Mutant(
        name="what a failing backend once took is forgotten",
        file=_LATENCY,
        before=(
            "        least_ns = self._limits.failure_ns if self._judged_ns == _NEVER"
            " else self._time_ns\n"
        ),
        after="        least_ns = 0\n",
        because="While it fails, its old times fade until failing looks fast after all.",
        killers=(
            f"{_LATENCY_LAWS}::test_of_two_that_answer_equally_fast_the_one_that_fails_is_never_cheaper",
        ),
    ),
    Mutant(
        name="peaks are averaged in",
        file=_LATENCY,
        before="    if value >= average:\n        return value, now_ns\n",
        after="    if value >= average:\n        return (value + average) // 2, now_ns\n",
        because="A backend that stalls is found out only after many requests have waited there.",
        killers=(
            f"{_LATENCY_LAWS}::test_the_average_is_never_below_what_it_was_just_told_nor_above_the_peak",
        ),
    ),
    Mutant(
        name="short steps lose the time that they stood for",
        file=_LATENCY,
        before="        return average, noted_ns\n    return value + left",
        after="        return average, now_ns\n    return value + left",
        because="Under heavy traffic nothing is ever forgotten: one slow answer shuns for good.",
        killers=(f"{_LATENCY_LAWS}::test_steps_too_short_to_move_the_average_add_up",),
    ),
    Mutant(
        name="penalties never fade",
        file=_LATENCY,
        before=(
            "        excess, _ = peak_ewma_step("
            "self._excess, self._judged_ns, now_ns, 0, decay_ns)\n"
            "        return request_cost(time_ns, _NO_PENALTY + excess, outstanding)\n"
        ),
        after="        return request_cost(time_ns, _NO_PENALTY + self._excess, outstanding)\n",
        because="A backend that was down for a minute is hardly asked again when it is back.",
        killers=(
            f"{_LATENCY_LAWS}::test_one_that_failed_is_tried_again_in_time",
            f"{_P5}::test_policy_a_backend_that_is_well_again_gets_its_share_again",
        ),
    ),
    Mutant(
        name="a newcomer is flooded",
        file=_LATENCY,
        before="            return _UNKNOWN + outstanding if outstanding else 0\n",
        after="            return 0\n",
        because="Every request of a whole round trip goes to the replica that has just started.",
        killers=(
            f"{_LATENCY_LAWS}::test_an_unknown_backend_gets_one_request_before_and_none_until_there_is_word",
        ),
    ),
    Mutant(
        name="the gateway weighs open requests where it should weigh costs",
        file=_GATEWAY,
        before='balancing == "latency_aware":\n',
        after='balancing == "latency-aware":\n',
        because="The setting is there, and does nothing: the failing replica draws the traffic.",
        killers=(
            "tests/reference_services/gateway/test_balancing.py",
            f"{_P5_LIVE}::test_a_replica_that_fails_fast_gets_no_more_than_its_share_until_it_is_well_again",
        ),
    ),
    Mutant(
        name="the simulator takes failures for answers",
        file=_SIMULATED_CALLS,
        before="note = seen.latency.failed if reply.is_failure else seen.latency.answered",
        after="note = seen.latency.answered",
        because="The simulator says that production falls into a trap that it avoids.",
        killers=(f"{_P5}::test_simulator_a_replica_that_fails_fast_gets_no_more_than_its_share",),
    ),
)

_REAL_MUTANTS: Final = (
    Mutant(
        name="an error is an answer like any other",
        file="reference_services/gateway/exchange.py",
        before="        if isinstance(result, Exchange) and result.head.status < _SERVER_ERROR:\n",
        after="        if isinstance(result, Exchange):\n",
        because="The replica that answers 500 at once is the fastest, and the breaker never opens.",
        killers=(
            f"{_P5_LIVE}::test_a_replica_that_fails_fast_gets_no_more_than_its_share_until_it_is_well_again",
        ),
    ),
    Mutant(
        name="requests are open for good",
        file="reference_services/gateway/exchange.py",
        before="        exchange.replica.outstanding -= 1\n",
        after="        exchange.replica.outstanding -= 0\n",
        because="A replica that was slow once, and is well, is never the less busy one again.",
        killers=(f"{_P5_LIVE}::test_without_the_guard_the_judge_finds_the_gateway_guilty",),
    ),
)

_WEIGHTED_MUTANTS: Final = (
    Mutant(
        name="turns start over with every reload",
        file=_WEIGHTED,
        before="        if before != after or self._weights.keys() != weights.keys():\n",
        after="        if (self._credits.clear() or before != after) or True:\n",
        because="A list that is read again with every request sends each one to the heaviest.",
        killers=(
            f"{_WEIGHTED_LAWS}::test_saying_the_same_proportions_again_at_any_time_changes_nothing",
        ),
    ),
    Mutant(
        name="credits are kept as they were when the weights change",
        file=_WEIGHTED,
        before="    scaled = abs(credit) * after // before\n",
        after="    scaled = abs(credit)\n",
        because="After weights go from thousands to ones, nobody moves for thousands of requests.",
        killers=(
            f"{_WEIGHTED_LAWS}::test_saying_the_same_proportions_again_at_any_time_changes_nothing",
        ),
    ),
    Mutant(
        name="who is absent is charged to those who are there",
        file=_WEIGHTED,
        before=(
            "            if weight == 0 or (eligible is not None and name not in eligible):\n"
            "                continue\n"
            "            total += weight\n"
        ),
        after=(
            "            total += weight\n"
            "            if weight == 0 or (eligible is not None and name not in eligible):\n"
            "                continue\n"
        ),
        because="While one backend is out, the others' shares drift away from their weights.",
        killers=(
            f"{_P5}::test_policy_what_turns_by_weight_hand_out_is_the_max_min_fair_share",
            _WEIGHTED_LAWS,
        ),
    ),
    Mutant(
        name="weights are ignored",
        file=_WEIGHTED,
        before="    earned = credit + weight\n",
        after="    earned = credit + 1\n",
        because="The machine of half the size gets the whole load, and falls over.",
        killers=(
            f"{_P5}::test_policy_backlogged_flows_stay_close_at_every_moment_and_none_starves",
            _WEIGHTED_LAWS,
        ),
    ),
)

_RING_MUTANTS: Final = (
    Mutant(
        name="one point for each backend",
        file=_RING,
        before="            for number in range(limits.virtual_nodes)\n",
        after="            for number in range(1)\n",
        because="The luckiest backend owns several times its share of the keys.",
        killers=(f"{_RING_LAWS}::test_many_points_for_each_backend_make_the_shares_about_equal",),
    ),
    Mutant(
        name="keys are dealt out by their number",
        file=_RING,
        before="        start = bisect_left(self._points, ring_point(key))\n",
        after="        start = ring_point(key)\n",
        because="When one backend leaves, nearly every key moves, and all caches are cold.",
        killers=(f"{_RING_LAWS}::test_a_backend_that_leaves_moves_only_its_own_keys",),
    ),
    Mutant(
        name="full is one more than the capacity",
        file=_RING,
        before="    return load * backends * 100 < capacity_percent * (total + 1)\n",
        after="    return load * backends * 100 <= capacity_percent * (total + 1)\n",
        because="With even loads, the popular key's backend gets more than anybody promised.",
        killers=(f"{_RING_LAWS}::test_room_is_where_one_more_is_at_most_the_capacity_rounded_up",),
    ),
    Mutant(
        name="the mean is of all backends, though some cannot be chosen",
        file=_RING,
        before="len(eligible), self._limits",
        after="len(self._backends), self._limits",
        because="While backends are out, nobody has room, and requests fail that could be served.",
        killers=(
            f"{_RING_LAWS}::test_somebody_is_chosen_exactly_if_somebody_on_the_ring_is_eligible",
        ),
    ),
    Mutant(
        name="points by Python's own hash",
        file=_RING,
        before=(
            "    return int.from_bytes(blake2b(text.encode(), digest_size=_POINT_BYTES).digest(),"
            ' "big")\n'
        ),
        after="    return hash((text, blake2b, _POINT_BYTES)) % 2**64\n",
        because="Each process has a ring of its own, and none finds what another has cached.",
        killers=("tests/policies/test_consistent_hashing.py",),
    ),
)

_EJECTION_MUTANTS: Final = (
    Mutant(
        name="one failure too many is waited for",
        file=_EJECTION,
        before="        if each.failures_in_row < self._limits.failures_max:\n",
        after="        if each.failures_in_row <= self._limits.failures_max:\n",
        because="Every outage costs one more request at every caller than was agreed.",
        killers=(_EJECTION_LAWS,),
    ),
    Mutant(
        name="good answers do not end the row",
        file=_EJECTION,
        before="        each.answered += 1\n        each.failures_in_row = 0\n",
        after="        each.answered += 1\n",
        because="A backend with one error in a thousand is ejected sooner or later.",
        killers=(_EJECTION_LAWS,),
    ),
    Mutant(
        name="all may be ejected",
        file=_EJECTION,
        before="    return ejected < min(places, backends - 1)\n",
        after="    return ejected < backends\n",
        because="One bad release of a dependency ejects everybody, and nobody serves.",
        killers=(f"{_EJECTION_LAWS}::test_a_share_may_be_out_and_one_at_least_but_never_the_last",),
    ),
    Mutant(
        name="every ejection is as short as the first",
        file=_EJECTION,
        before="        each.times += 1\n",
        after="        each.times = 1\n",
        because="A backend that never recovers is tried again twice a minute for good.",
        killers=(
            f"{_EJECTION_LAWS}::test_ejections_in_a_row_grow_and_quiet_times_make_good_for_them",
        ),
    ),
    Mutant(
        name="old ejections are never forgiven",
        file=_EJECTION,
        before="                each.times -= 1\n",
        after="                each.times -= 0\n",
        because="A backend that was ill last week is out for minutes at its next hiccup.",
        killers=(
            f"{_EJECTION_LAWS}::test_ejections_in_a_row_grow_and_quiet_times_make_good_for_them",
        ),
    ),
    Mutant(
        name="the row of failures outlives the ejection",
        file=_EJECTION,
        before="        self.failures_in_row = self.answered = self.failed = 0\n",
        after="        self.answered = self.failed = 0\n",
        because="The first failure after its return ejects a backend again, for longer.",
        killers=(_EJECTION_LAWS,),
    ),
    Mutant(
        name="the better of two outliers goes first",
        file=_EJECTION,
        before="for name in self._outliers(rates) if",
        after="for name in reversed(self._outliers(rates)) if",
        because="With room for one, the backend that fails nine in ten stays.",
        killers=("tests/policies/test_outlier_ejection.py",),
    ),
    Mutant(
        name="deviations above the mean count too",
        file=_EJECTION,
        before="    if below <= 0:\n        return False\n",
        after="",
        because="The one backend that is well is ejected while the others fail.",
        killers=(
            f"{_EJECTION_LAWS}::test_an_outlier_is_further_below_the_mean_than_so_many_deviations",
        ),
    ),
)

_DRAINING_MUTANTS: Final = (
    Mutant(
        name="a draining backend is still chosen",
        file=_DRAINING,
        before=(
            "        if self.deadline_ns is not None:\n            return BackendState.DRAINING\n"
        ),
        after=(
            "        if self.deadline_ns is not None and now_ns >= self.deadline_ns:\n"
            "            return BackendState.DRAINING\n"
        ),
        because="Requests go to a replica that is about to exit, and are cut off.",
        killers=(_DRAINING_LAWS,),
    ),
    Mutant(
        name="what is not done by the deadline is not cut",
        file=_DRAINING,
        before="        for name, _ in due:\n            del self._backends[name]\n",
        after="        due = [(name, each) for name, each in due if not each.open]\n",
        because="One hanging request keeps a replica of the old version alive for good.",
        killers=(_DRAINING_LAWS,),
    ),
    Mutant(
        name="a drain can be put off",
        file=_DRAINING,
        before="        if each.deadline_ns is None or deadline_ns < each.deadline_ns:\n"
        "            each.deadline_ns = deadline_ns\n",
        after="        each.deadline_ns = deadline_ns\n",
        because="A controller that says it again with every look never lets the replica go.",
        killers=(_DRAINING_LAWS,),
    ),
    Mutant(
        name="a request that ends twice counts twice",
        file=_DRAINING,
        before="        each.open.remove(assignment.number)\n",
        after="        each.open.pop()\n",
        because="Late word of one request ends another in the books, and the drain ends too soon.",
        killers=(_DRAINING_LAWS,),
    ),
    Mutant(
        name="an ejected backend does not come back",
        file=_DRAINING,
        before="if now_ns < self.ejected_until_ns else BackendState.ACTIVE",
        after="if self.ejected_until_ns else BackendState.ACTIVE",
        because="Every ejection takes capacity away until somebody restarts the caller.",
        killers=(_DRAINING_LAWS,),
    ),
)

MUTANTS: Final = (
    *_PLAIN_MUTANTS,
    *_LATENCY_MUTANTS,
    *_REAL_MUTANTS,
    *_WEIGHTED_MUTANTS,
    *_RING_MUTANTS,
    *_EJECTION_MUTANTS,
    *_DRAINING_MUTANTS,
)
