"""Laws of model choice: the cheapest that is fit, and of a refusal nothing more than binds."""

from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from policies.allowance import AMOUNT_MAX, Allowance, AllowanceLimit
from policies.model_choice import (
    PRICE_MAX_MICRODOLLARS,
    TOKENS_MAX,
    Chosen,
    Lack,
    LatencyRule,
    Model,
    ModelChooser,
    ModelRequest,
    NoModel,
    cost_microdollars,
    quantile_rank,
)

NAMES = ("a", "b", "c")
CAPABILITIES = st.sets(st.sampled_from(["text", "vision"])).map(frozenset)
SINGLE_LACKS = tuple(Lack)


def allowance(amount: int) -> Allowance:
    """Return an allowance that lasts for ever."""
    return Allowance(AllowanceLimit(amount=amount, period_ns=2**62, hold_ns=2**61))


@st.composite
def model_lists(draw: st.DrawFn) -> list[Model]:
    """One to three models, that are often equally cheap and equally fast."""
    return [
        Model(
            name,
            draw(CAPABILITIES),
            draw(st.sampled_from([0, 1_000_000, 2_000_000])),
            draw(st.sampled_from([0, 1_000_000, 2_000_000])),
            draw(st.sampled_from([10, 20])),
        )
        for name in NAMES[: draw(st.integers(1, 3))]
    ]


requests = st.builds(
    ModelRequest,
    required=CAPABILITIES,
    input_tokens=st.sampled_from([0, 1, 5]),
    output_tokens_max=st.sampled_from([0, 1, 5]),
    within_ns=st.sampled_from([9, 10, 19, 20]),
    budget_microdollars=st.sampled_from([0, 1, 9, 10, 11, 20]),
)
amounts = st.sampled_from([0, 1, 9, 10, 11, 20])
quota_maps = st.dictionaries(st.sampled_from(NAMES), amounts)
exclusions = st.sets(st.sampled_from(NAMES)).map(frozenset)


def chooser(models: list[Model], quotas: dict[str, int], budget: int) -> ModelChooser:
    """Return a chooser between these; quotas of models that there are not are left out."""
    there = {model.name for model in models}
    return ModelChooser(
        models,
        quotas={name: allowance(left) for name, left in quotas.items() if name in there},
        budget=allowance(budget),
        latency=LatencyRule(),
    )


def cost_of(model: Model, request: ModelRequest) -> int:
    """Return what a request costs at most, in rational numbers rounded up once."""
    parts = (
        request.input_tokens * model.input_price_microdollars
        + request.output_tokens_max * model.output_price_microdollars
    )
    return -(-parts // 1_000_000)


def lacks_of(
    model: Model,
    request: ModelRequest,
    quotas: dict[str, int],
    budget: int,
    excluded: frozenset[str],
) -> set[Lack]:
    """Return what a model lacks, one thing after the other."""
    cost = cost_of(model, request)
    tokens = request.input_tokens + request.output_tokens_max
    lacking = {
        Lack.CAPABILITY: bool(request.required - model.capabilities),
        Lack.EXCLUDED: model.name in excluded,
        Lack.QUOTA: model.name in quotas and tokens > quotas[model.name],
        Lack.LATENCY: model.expected_latency_ns > request.within_ns,
        Lack.PRICE: cost > request.budget_microdollars,
        Lack.ACCOUNT: cost > budget,
    }
    return {lack for lack, is_lacking in lacking.items() if is_lacking}


@given(
    models=model_lists(), request=requests, quotas=quota_maps, budget=amounts, excluded=exclusions
)
def test_the_first_of_the_fit_ones_is_chosen_and_the_rest_stand_by_in_their_order(
    models: list[Model],
    request: ModelRequest,
    quotas: dict[str, int],
    budget: int,
    excluded: frozenset[str],
) -> None:
    fit = [model for model in models if not lacks_of(model, request, quotas, budget, excluded)]
    # Sorting is stable: equals stay in the order in which they were declared.
    fit.sort(key=lambda model: (cost_of(model, request), model.expected_latency_ns))
    choice = chooser(models, quotas, budget).choose(request, 0, excluded)
    if not fit:
        assert isinstance(choice, NoModel)
        return
    assert isinstance(choice, Chosen)
    assert (choice.model, *choice.fallbacks) == tuple(model.name for model in fit)
    assert choice.cost_max_microdollars == cost_of(fit[0], request)


@given(
    models=model_lists(), request=requests, quotas=quota_maps, budget=amounts, excluded=exclusions
)
def test_with_what_a_refusal_names_there_is_a_choice_and_with_fewer_things_there_is_none(
    models: list[Model],
    request: ModelRequest,
    quotas: dict[str, int],
    budget: int,
    excluded: frozenset[str],
) -> None:
    def chosen_with(lifted: Lack) -> bool:
        asked = replace(
            request,
            required=frozenset() if Lack.CAPABILITY in lifted else request.required,
            within_ns=10**9 if Lack.LATENCY in lifted else request.within_ns,
            budget_microdollars=10**9 if Lack.PRICE in lifted else request.budget_microdollars,
        )
        choices = chooser(
            models,
            {} if Lack.QUOTA in lifted else quotas,
            10**9 if Lack.ACCOUNT in lifted else budget,
        )
        tried: frozenset[str] = frozenset() if Lack.EXCLUDED in lifted else excluded
        return isinstance(choices.choose(asked, 0, tried), Chosen)

    choice = chooser(models, quotas, budget).choose(request, 0, excluded)
    if isinstance(choice, Chosen):
        return
    assert choice.lacks
    assert chosen_with(choice.lacks)
    nearest = next(model for model in models if model.name == choice.nearest)
    lacks = lacks_of(nearest, request, quotas, budget, excluded)
    assert lacks == {lack for lack in SINGLE_LACKS if lack in choice.lacks}
    for fewer in combinations(SINGLE_LACKS, choice.lacks.bit_count() - 1):
        assert not chosen_with(Lack(sum(fewer)))


@given(
    models=model_lists(),
    budget=st.integers(0, 40),
    steps=st.lists(st.tuples(requests, st.integers(0, 3)), max_size=12),
)
def test_requests_that_are_under_way_together_never_cost_more_than_the_budget(
    models: list[Model], budget: int, steps: list[tuple[ModelRequest, int]]
) -> None:
    spends_the_rest = Model("rest", frozenset({"rest"}), 1_000_000, 0, 0)
    choices = chooser([*models, spends_the_rest], {}, budget)
    open_tickets: list[tuple[int, ModelRequest]] = []
    settled = 0
    for request, settles in steps:
        choice = choices.choose(request, 0)
        if isinstance(choice, Chosen):
            open_tickets.append((choice.ticket, request))
        for ticket, asked in open_tickets[:settles]:
            tokens = {
                "input_tokens": asked.input_tokens,
                "output_tokens": asked.output_tokens_max // 2,
            }
            cost = choices.settle(ticket, **tokens, now_ns=0)
            assert cost is not None
            assert choices.settle(ticket, **tokens, now_ns=0) is None
            settled += cost
        del open_tickets[:settles]
        assert settled <= budget
    # Both directions: nobody is refused for the sake of money that is not spent.
    for ticket, _ in open_tickets:
        assert choices.settle(ticket, input_tokens=0, output_tokens=0, now_ns=0) == 0
    rest = ModelRequest(frozenset({"rest"}), budget - settled, 0, 10**9, AMOUNT_MAX)
    one_more = replace(rest, input_tokens=budget - settled + 1)
    assert isinstance(choices.choose(one_more, 0), NoModel)
    assert isinstance(choices.choose(rest, 0), Chosen)


@given(observed=st.lists(st.integers(0, 100), min_size=1, max_size=30), percent=st.integers(1, 100))
def test_a_quantile_is_the_least_that_so_many_percent_do_not_exceed(
    observed: list[int], percent: int
) -> None:
    quantile = sorted(observed)[quantile_rank(len(observed), percent)]
    within = [each for each in observed if each <= quantile]
    below = [each for each in observed if each < quantile]
    assert 100 * len(within) >= percent * len(observed)
    assert 100 * len(below) < percent * len(observed)


@given(
    tokens=st.lists(st.integers(0, TOKENS_MAX), min_size=2, max_size=2),
    prices=st.lists(st.integers(0, PRICE_MAX_MICRODOLLARS), min_size=2, max_size=2),
)
def test_a_cost_is_rounded_up_once_and_by_less_than_a_micro_dollar(
    tokens: list[int], prices: list[int]
) -> None:
    exact = tokens[0] * prices[0] + tokens[1] * prices[1]
    cost = cost_microdollars(tokens[0], prices[0], tokens[1], prices[1])
    assert exact <= cost * 1_000_000 < exact + 1_000_000
