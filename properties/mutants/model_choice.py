"""Planted bugs around models: allowances, which one is asked, which one stays loaded."""

from typing import Final

from properties.mutants.mutant import Mutant

_ALLOWANCE: Final = "policies/allowance.py"
_CHOICE: Final = "policies/model_choice.py"
_WARM: Final = "policies/warm_models.py"
_ALLOWANCE_LAWS: Final = "properties/policies/test_allowance.py"
_CHOICE_LAWS: Final = "properties/policies/test_model_choice.py"
_WARM_LAWS: Final = "properties/policies/test_warm_models.py"

_ALLOWANCE_MUTANTS: Final = (
    Mutant(
        name="what is under way is not counted",
        file=_ALLOWANCE,
        before="    return wanted <= limit - used - reserved\n",
        after="    return wanted <= limit - used\n",
        because="A crowd of requests sees the same money left, and each spends it.",
        killers=(f"{_ALLOWANCE_LAWS}::test_whatever_the_order_what_is_spent_is_within_the_limit",),
    ),
    Mutant(
        name="who settles twice is counted twice",
        file=_ALLOWANCE,
        before="        held = self._held.pop(number, None)\n",
        after="        held = self._held.get(number)\n",
        because="A retry of the settlement gives money back that was spent.",
        killers=(f"{_ALLOWANCE_LAWS}::TestAllowance",),
    ),
    Mutant(
        name="what nobody settles is given back",
        file=_ALLOWANCE,
        before="            self._settle(held, held.amount)\n",
        after="            self._settle(held, 0)\n",
        because="A gateway that dies has spent nothing, says the account; the bill says otherwise.",
        killers=(f"{_ALLOWANCE_LAWS}::TestAllowance",),
    ),
    Mutant(
        name="a settlement of the last period counts in this one",
        file=_ALLOWANCE,
        before="        if held.period == self._period:\n",
        after="        if held.period <= self._period:\n",
        because=(
            "What is reserved falls below nothing at midnight, and the limit is higher by that."
        ),
        killers=(
            f"{_ALLOWANCE_LAWS}::test_what_was_reserved_in_a_period_that_is_over_changes_nothing_in_this_one",
        ),
    ),
    Mutant(
        name="a period keeps what was used before",
        file=_ALLOWANCE,
        before="            self._used = self._reserved = 0\n",
        after="            self._reserved = 0\n",
        because="After the first period is used up, nobody is admitted ever again.",
        killers=(f"{_ALLOWANCE_LAWS}::TestAllowance",),
    ),
)

_CHOICE_MUTANTS: Final = (
    Mutant(
        name="costs are rounded down",
        file=_CHOICE,
        before="output_tokens * output_price + 999_999)",
        after="output_tokens * output_price)",
        because="Small requests are free, and a million of them are not.",
        killers=(
            f"{_CHOICE_LAWS}::test_a_cost_is_rounded_up_once_and_by_less_than_a_micro_dollar",
        ),
    ),
    Mutant(
        name="just in time is too late",
        file=_CHOICE,
        before="    if latency_ns > within_ns:\n",
        after="    if latency_ns >= within_ns:\n",
        because="A model that just makes it is never asked.",
        killers=(
            f"{_CHOICE_LAWS}::test_the_first_of_the_fit_ones_is_chosen_and_the_rest_stand_by_in_their_order",
        ),
    ),
    Mutant(
        name="a refusal names the farthest model",
        file=_CHOICE,
        before="            nearest = min(lacks,",
        after="            nearest = max(lacks,",
        because="An operator raises the quota, and nothing changes.",
        killers=(
            f"{_CHOICE_LAWS}::test_with_what_a_refusal_names_there_is_a_choice_and_with_fewer_things_there_is_none",
        ),
    ),
    Mutant(
        name="a quantile is the one below",
        file=_CHOICE,
        before="    return (observations * percent + 99) // 100 - 1\n",
        after="    return observations * percent // 100 - 1\n",
        because="The slowest of twenty is not seen at the 95th percentile, and of one nothing is.",
        killers=(
            f"{_CHOICE_LAWS}::test_a_quantile_is_the_least_that_so_many_percent_do_not_exceed",
        ),
    ),
    Mutant(
        name="of equals the last is taken",
        file=_CHOICE,
        before="self.latency_ns(name), index, name)",
        after="self.latency_ns(name), -index, name)",
        because="Which model answers depends on something that nobody wrote down.",
        killers=(
            f"{_CHOICE_LAWS}::test_the_first_of_the_fit_ones_is_chosen_and_the_rest_stand_by_in_their_order",
        ),
    ),
    Mutant(
        name="answers take no quota",
        file=_CHOICE,
        before="    return request.input_tokens + request.output_tokens_max\n",
        after="    return request.input_tokens\n",
        because="The provider refuses in the middle of an answer.",
        killers=(
            f"{_CHOICE_LAWS}::test_the_first_of_the_fit_ones_is_chosen_and_the_rest_stand_by_in_their_order",
        ),
    ),
    Mutant(
        name="who failed is asked again",
        file=_CHOICE,
        before="        if model.name in excluded:\n",
        after="        if model.name in excluded and lacks:\n",
        because="A fallback is the model that has just failed.",
        killers=(
            f"{_CHOICE_LAWS}::test_the_first_of_the_fit_ones_is_chosen_and_the_rest_stand_by_in_their_order",
        ),
    ),
    Mutant(
        name="the account is not asked",
        file=_CHOICE,
        before="    if cost > account_left:\n",
        after="    if cost > budget:\n",
        because="An account that has nothing left goes on spending.",
        killers=(
            f"{_CHOICE_LAWS}::test_the_first_of_the_fit_ones_is_chosen_and_the_rest_stand_by_in_their_order",
        ),
    ),
)

_WARM_MUTANTS: Final = (
    Mutant(
        name="a model in use is thrown out",
        file=_WARM,
        before="            if users == 0:\n",
        after="            if users >= 0:\n",
        because="A request loses its model in the middle of its answer.",
        killers=(f"{_WARM_LAWS}::TestWarmModels",),
    ),
    Mutant(
        name="a load waits a nanosecond too long",
        file=_WARM,
        before="            if now_ns < allowed_ns:\n",
        after="            if now_ns <= allowed_ns:\n",
        because="Who comes back when it was told is told to come back.",
        killers=(f"{_WARM_LAWS}::TestWarmModels",),
    ),
    Mutant(
        name="the first one loaded goes first",
        file=_WARM,
        before="            self._loaded[model] = self._loaded.pop(model) + 1\n",
        after="            self._loaded[model] += 1\n",
        because="The model that everybody asks for is thrown out for one that nobody does.",
        killers=(f"{_WARM_LAWS}::TestWarmModels",),
    ),
    Mutant(
        name="more goes than has to",
        file=_WARM,
        before="            if free_bytes >= needed_bytes:\n                break\n",
        after="",
        because="Every load empties the device.",
        killers=(f"{_WARM_LAWS}::TestWarmModels",),
    ),
)

MUTANTS: Final = (*_ALLOWANCE_MUTANTS, *_CHOICE_MUTANTS, *_WARM_MUTANTS)
