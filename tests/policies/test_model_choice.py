"""Stories of a request that may be answered by a small, a large or a seeing model."""

import dataclasses

import pytest

from policies.allowance import Allowance, AllowanceLimit
from policies.model_choice import (
    TOKENS_MAX,
    Chosen,
    Lack,
    LatencyRule,
    Model,
    ModelChooser,
    ModelRequest,
    NoModel,
    cost_microdollars,
)

TEXT, VISION = frozenset({"text"}), frozenset({"text", "vision"})

SMALL = Model("small", TEXT, 250_000, 1_250_000, expected_latency_ns=100)
LARGE = Model("large", TEXT, 3_000_000, 15_000_000, expected_latency_ns=300)
SEEING = Model("seeing", VISION, 5_000_000, 25_000_000, expected_latency_ns=500)

QUESTION = ModelRequest(
    TEXT, input_tokens=1_000, output_tokens_max=200, within_ns=1_000, budget_microdollars=10_000
)


def allowance(amount: int) -> Allowance:
    """Return an allowance that lasts."""
    return Allowance(AllowanceLimit(amount=amount, period_ns=10**9, hold_ns=1_000))


def chooser(budget: int = 10**6, **quotas: int) -> ModelChooser:
    """Return a chooser between the three, with quotas in tokens."""
    return ModelChooser(
        [SMALL, LARGE, SEEING],
        quotas={name: allowance(tokens) for name, tokens in quotas.items()},
        budget=allowance(budget),
        latency=LatencyRule(percent=90, observations_min=3, observations_max=10),
    )


def test_the_cheapest_that_will_do_is_chosen_and_the_others_are_its_fallbacks() -> None:
    # 1000 tokens at 0.25 and 200 at 1.25 micro-dollars.
    assert chooser().choose(QUESTION, 0) == Chosen("small", 500, ("large", "seeing"), 1)
    seen = dataclasses.replace(QUESTION, required=VISION)
    assert chooser().choose(seen, 0) == Chosen("seeing", 10_000, (), 1)


def test_after_a_failure_the_next_is_asked() -> None:
    choices = chooser()
    assert choices.choose(QUESTION, 0, frozenset({"small"})) == Chosen(
        "large", 6_000, ("seeing",), 1
    )


def test_a_model_that_nobody_declared_is_refused_with_those_that_are_known() -> None:
    known = "^model must be one of small, large, seeing; got tiny$"
    with pytest.raises(ValueError, match=known):
        chooser().observe("tiny", 10)
    with pytest.raises(ValueError, match=known):
        chooser().latency_ns("tiny")
    # Whoever is not there need not be left out.
    assert chooser().choose(QUESTION, 0, frozenset({"tiny"})) == chooser().choose(QUESTION, 0)


def test_no_answer_comes_before_its_question() -> None:
    with pytest.raises(ValueError, match=r"^latency_ns must be at least 0, got -1$"):
        chooser().observe("small", -1)


def test_a_model_that_has_become_slow_is_passed_over() -> None:
    choices = chooser()
    for latency_ns in (2_000, 10):
        choices.observe("small", latency_ns)
    assert choices.latency_ns("small") == 100
    choices.observe("small", 20)
    assert choices.latency_ns("small") == 2_000
    choice = choices.choose(QUESTION, 0)
    assert isinstance(choice, Chosen)
    assert choice.model == "large"
    for _ in range(10):
        choices.observe("small", 30)
    assert choices.latency_ns("small") == 30


def test_requests_that_are_under_way_together_do_not_overspend() -> None:
    choices = chooser(budget=1_300)
    tickets = [choices.choose(QUESTION, 0) for _ in range(3)]
    assert [type(each) for each in tickets] == [Chosen, Chosen, NoModel]
    assert tickets[2] == NoModel(Lack.ACCOUNT, "small")
    assert choices.settle(1, input_tokens=1_000, output_tokens=40, now_ns=1) == 300
    assert isinstance(choices.choose(QUESTION, 1), Chosen)


def test_a_quota_that_is_used_up_leads_to_another_model() -> None:
    choices = chooser(small=1_300)
    names = []
    for _ in range(2):
        choice = choices.choose(QUESTION, 0)
        assert isinstance(choice, Chosen)
        names.append(choice.model)
    assert names == ["small", "large"]
    # It took 100 of its 1200 tokens: 1200 are left again.
    assert choices.settle(1, input_tokens=100, output_tokens=0, now_ns=0) == 25
    again = choices.choose(QUESTION, 0)
    assert isinstance(again, Chosen)
    assert again.model == "small"


def test_a_refusal_says_what_binds() -> None:
    hasty = dataclasses.replace(QUESTION, within_ns=99)
    assert chooser().choose(hasty, 0) == NoModel(Lack.LATENCY, "small")
    poor = dataclasses.replace(QUESTION, budget_microdollars=499)
    assert chooser().choose(poor, 0) == NoModel(Lack.PRICE, "small")
    assert chooser(small=0, large=0, seeing=0).choose(QUESTION, 0) == NoModel(Lack.QUOTA, "small")
    hearing = dataclasses.replace(QUESTION, required=frozenset({"audio"}))
    assert chooser().choose(hearing, 0) == NoModel(Lack.CAPABILITY, "small")
    tried = frozenset({"small", "large", "seeing"})
    assert chooser().choose(QUESTION, 0, tried) == NoModel(Lack.EXCLUDED, "small")
    poor_and_hasty = dataclasses.replace(poor, within_ns=99)
    assert chooser().choose(poor_and_hasty, 0) == NoModel(Lack.LATENCY | Lack.PRICE, "small")


def test_who_settles_twice_or_late_changes_nothing() -> None:
    choices = chooser(budget=1_000, small=10_000)
    choices.choose(QUESTION, 0)
    choices.choose(QUESTION, 500)
    assert choices.settle(1, input_tokens=0, output_tokens=0, now_ns=999) == 0
    assert choices.settle(1, input_tokens=0, output_tokens=0, now_ns=999) is None
    # The second one was given a thousand nanoseconds; it counts in full.
    assert choices.settle(2, input_tokens=0, output_tokens=0, now_ns=1_500) is None
    assert isinstance(choices.choose(QUESTION, 1_500), Chosen)
    assert choices.choose(QUESTION, 1_500) == NoModel(Lack.ACCOUNT, "small")


def test_equals_are_told_apart_by_latency_and_then_by_their_order() -> None:
    twins = [dataclasses.replace(SMALL, name=name) for name in ("b", "a")]
    quick = dataclasses.replace(SMALL, name="quick", expected_latency_ns=99)
    choices = ModelChooser(
        [*twins, quick], quotas={}, budget=allowance(10**6), latency=LatencyRule()
    )
    choice = choices.choose(QUESTION, 0)
    assert isinstance(choice, Chosen)
    assert (choice.model, *choice.fallbacks) == ("quick", "b", "a")


def test_costs_are_rounded_up_to_a_whole_micro_dollar() -> None:
    assert cost_microdollars(1, 1, 0, 0) == 1
    assert cost_microdollars(1_000_000, 1, 0, 0) == 1
    assert cost_microdollars(1_000_000, 1, 1, 1) == 2
    assert cost_microdollars(0, 10**9, 0, 10**9) == 0
    assert cost_microdollars(10**9, 10**9, 10**9, 10**9) == 2 * 10**12


def test_models_that_make_no_sense_are_refused() -> None:
    for price in (-1, 10**9 + 1):
        with pytest.raises(ValueError, match=rf"^input_price_microdollars must be .*, got {price}"):
            dataclasses.replace(SMALL, input_price_microdollars=price)
    with pytest.raises(ValueError, match=r"^output_price_microdollars must be"):
        dataclasses.replace(SMALL, output_price_microdollars=-1)
    with pytest.raises(ValueError, match=r"^expected_latency_ns must be at least 0, got -1"):
        dataclasses.replace(SMALL, expected_latency_ns=-1)
    rule, budget = LatencyRule(), allowance(1)
    with pytest.raises(ValueError, match=r"^models must not be empty"):
        ModelChooser([], quotas={}, budget=budget, latency=rule)
    with pytest.raises(ValueError, match=r"^models must have different names"):
        ModelChooser([SMALL, SMALL], quotas={}, budget=budget, latency=rule)
    with pytest.raises(ValueError, match=r"^quotas must be of models, got a, b"):
        ModelChooser([SMALL], quotas={"b": budget, "a": budget}, budget=budget, latency=rule)


def test_requests_that_make_no_sense_are_refused() -> None:
    for tokens in (-1, 10**9 + 1):
        with pytest.raises(ValueError, match=rf"^input_tokens must be .*, got {tokens}"):
            dataclasses.replace(QUESTION, input_tokens=tokens)
        with pytest.raises(ValueError, match=r"^output_tokens_max must be"):
            dataclasses.replace(QUESTION, output_tokens_max=tokens)
    with pytest.raises(ValueError, match=r"^within_ns must be at least 0, got -1"):
        dataclasses.replace(QUESTION, within_ns=-1)
    with pytest.raises(ValueError, match=r"^budget_microdollars must be at least 0, got -1"):
        dataclasses.replace(QUESTION, budget_microdollars=-1)


def test_a_latency_rule_that_makes_no_sense_is_refused() -> None:
    for percent in (0, 101):
        with pytest.raises(ValueError, match=rf"^percent must be 1 to 100, got {percent}"):
            LatencyRule(percent=percent)
    with pytest.raises(ValueError, match=r"^observations_min must be at least 1, got 0"):
        LatencyRule(observations_min=0)
    with pytest.raises(ValueError, match=r"^observations_max must be at least observations_min"):
        LatencyRule(observations_min=5, observations_max=4)


@pytest.mark.parametrize("tokens", [-1, TOKENS_MAX + 1])
def test_a_settlement_in_tokens_that_cannot_be_leaves_the_reservation_as_it_was(
    tokens: int,
) -> None:
    choices = chooser(small=2_000)
    choice = choices.choose(QUESTION, 0)
    assert isinstance(choice, Chosen)
    with pytest.raises(
        ValueError, match=rf"^output_tokens must be 0 to {TOKENS_MAX}, got {tokens}"
    ):
        choices.settle(choice.ticket, input_tokens=1_000, output_tokens=tokens, now_ns=1)
    assert choices.settle(choice.ticket, input_tokens=1_000, output_tokens=0, now_ns=2) == 250


def test_more_observations_than_anybody_keeps_are_refused() -> None:
    with pytest.raises(
        ValueError, match=rf"^observations_max must be at most 1000000, got {2**63}"
    ):
        LatencyRule(observations_max=2**63)
