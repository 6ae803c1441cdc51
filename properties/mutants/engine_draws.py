"""Bugs planted into the compiled engine's draws and arrivals, and into rates that change."""

from typing import Final

from properties.mutants.mutant import Mutant

_DRAWS: Final = "sim/compiled/draws.py"
_ARRIVALS: Final = "sim/compiled/arrivals.py"
_RATES: Final = "sim/arrival_rates.py"
_SAME_DRAWS: Final = "properties/sim/test_compiled_draws.py"
_SAME_ARRIVALS: Final = "properties/sim/test_compiled_arrivals.py"
_RATE_LAWS: Final = "properties/sim/test_arrival_rates.py"

MUTANTS: Final = (
    Mutant(
        "the last bit of an exponential draw",
        _DRAWS,
        "first * math.log1p(-u)",
        "first * math.log(1 - u)",
        "The engines disagree by a nanosecond, and from there on about everything.",
        (_SAME_DRAWS,),
    ),
    Mutant(
        "a draw too long for 64 bits",
        _DRAWS,
        "signed(min(drawn_ns, LONGEST_DRAW_NS))",
        "signed(drawn_ns)",
        "The longest of heavy-tailed service times ends before it begins.",
        (_SAME_DRAWS,),
    ),
    Mutant(
        "all draws of a request are its first",
        _DRAWS,
        "unsigned(step))",
        "unsigned(0))",
        "Who is slow once is slow at each retry, and retries look useless.",
        (_SAME_DRAWS,),
    ),
    Mutant(
        "a second table begins where the other kind does",
        _DRAWS,
        "nodes_before if row.nodes else values_before",
        "values_before",
        "Two stations with gamma distributed times share those of one.",
        (_SAME_DRAWS,),
    ),
    Mutant(
        "a block begins with the last of the one before",
        _ARRIVALS,
        "state.wholes[_INDEX] = first + BLOCK",
        "state.wholes[_INDEX] = first + BLOCK - 1",
        "Every 4096th request is sent twice.",
        (f"{_SAME_ARRIVALS}::test_drawn_arrivals[ramp]",),
    ),
    Mutant(
        "arrivals go on after the end",
        _ARRIVALS,
        "self._ended = self._filled < BLOCK",
        "self._ended = False",
        "Asked again after the last block, the run begins anew.",
        (f"{_SAME_ARRIVALS}::test_drawn_arrivals[constant]",),
    ),
    Mutant(
        "keys are looked up between too few bounds",
        _ARRIVALS,
        "traffic.guides[cell], traffic.guides[cell + 1]",
        "traffic.guides[cell], traffic.guides[cell]",
        "Some keys are never asked for, and caches look better than they are.",
        (f"{_SAME_ARRIVALS}::test_drawn_arrivals[poisson]",),
    ),
    Mutant(
        "users by where the draw fell among all tiers",
        _ARRIVALS,
        "rest = min((u - low) / (high - low), 1 - 2**-53)",
        "rest = min(u, 1 - 2**-53)",
        "Most users of the second tier never come, and limits hit those who do.",
        (f"{_SAME_ARRIVALS}::test_drawn_arrivals[constant]",),
    ),
    Mutant(
        "the day comes only once",
        _ARRIVALS,
        "return signed(number % traffic.lengths_ns.size)",
        "return signed(min(number, traffic.lengths_ns.size - 1))",
        "From the second day on traffic stays as it was at its end.",
        (f"{_SAME_ARRIVALS}::test_drawn_arrivals[diurnal]",),
    ),
    Mutant(
        "stays drawn with the state",
        _ARRIVALS,
        "uniform(key, unsigned(_STAY), 0)",
        "uniform(key, unsigned(_STATE), 0)",
        "Which state comes says how long it stays, and busy times are all short.",
        (f"{_SAME_ARRIVALS}::test_drawn_arrivals[mmpp]",),
    ),
    Mutant(
        "a state follows on itself",
        _RATES,
        "return other + 1 if other >= state else other",
        "return other",
        "States last longer than they say, and the last one never comes.",
        (f"{_RATE_LAWS}::test_each_state_is_followed_by_another",),
    ),
    Mutant(
        "runs begin in the first state",
        _RATES,
        "state = place_of(uniform(request_key(seed, 0), which, 0), time_shares(states))",
        "state = 0",
        "Short runs, however many, tell of the first state only.",
        (f"{_RATE_LAWS}::test_a_run_begins_in_a_state_by_its_share_of_the_time",),
    ),
    Mutant(
        "the peak counts from the warm-up",
        _RATES,
        "phase = (at_ns - warm_up_ns - peak_at_ns) % period_ns / period_ns",
        "phase = (at_ns - peak_at_ns) % period_ns / period_ns",
        "With a longer warm-up the peak comes earlier in what is measured.",
        (f"{_RATE_LAWS}::test_a_diurnal_rate_is_the_cosine_that_it_is_said_to_be",),
    ),
    Mutant(
        "given rates count from the warm-up",
        _RATES,
        "Stretch(warm_up_ns + first.at_ns, first.rate_per_s, first.rate_per_s),",
        "Stretch(first.at_ns, first.rate_per_s, first.rate_per_s),",
        "With a warm-up all rates come earlier than they are said to.",
        (f"{_RATE_LAWS}::test_at_each_point_the_rate_is_the_one_given",),
    ),
    Mutant(
        "the time within a stretch as if it were level",
        "sim/rates.py",
        "    if slope == 0:\n",
        "    if slope <= 0:\n",
        "In the evening, when the rate falls, requests come in heaps.",
        (f"{_RATE_LAWS}::test_the_time_of_so_many_arrivals_is_when_so_many_have_come",),
    ),
)
