"""Which model answers an AI request: the cheapest of those that can, may, and will in time.

A model is fit for a request if

- it has all capabilities that the request requires;
- its quota of tokens has as many left as the request may take;
- its latency, a quantile of what was observed, is within the request's deadline;
- what the request costs there at most is within the request's own budget, and left in the
  account's.

Of the fit ones the cheapest is chosen; of equally cheap ones the fastest, of equally fast ones the
one that was declared first. The others are its fallbacks, in that order. What the request may take
and cost at most is reserved at once and settled when it is known, so that requests that are under
way together do not overspend.

If none is fit, the refusal names the model that lacks least, and all that it lacks: with these
lifted there would be a choice, and with fewer there would not.

Prices are whole micro-dollars for a million tokens, amounts are whole micro-dollars, rounded up.

Source: L. Chen, M. Zaharia, J. Zou, "FrugalGPT" (2023), for asking the cheapest that will do;
R. Hyndman, Y. Fan, "Sample quantiles in statistical packages" (1996), definition 1, for quantiles.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Final, NamedTuple, TypeAlias

from policies.allowance import AMOUNT_MAX, Allowance

TOKENS_MAX: Final = 10**9
PRICE_MAX_MICRODOLLARS: Final = 10**9

_OBSERVATIONS_MAX: Final = 10**6


class Lack(IntFlag):
    """What a model lacks to be fit for a request."""

    CAPABILITY = 1
    EXCLUDED = 2
    """The request has been there, and it failed."""

    QUOTA = 4
    LATENCY = 8
    PRICE = 16
    """The request's own budget is too small."""

    ACCOUNT = 32
    """The account's budget has not so much left."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model, as it is offered.

    Raises:
        ValueError: a number is out of its range.
    """

    name: str
    capabilities: frozenset[str]
    input_price_microdollars: int
    """For a million tokens; 0 to ``PRICE_MAX_MICRODOLLARS``."""

    output_price_microdollars: int
    """For a million tokens; 0 to ``PRICE_MAX_MICRODOLLARS``."""

    expected_latency_ns: int
    """What is believed until enough was observed; at least 0."""

    def __post_init__(self) -> None:
        for field in ("input_price_microdollars", "output_price_microdollars"):
            price = getattr(self, field)
            if not 0 <= price <= PRICE_MAX_MICRODOLLARS:
                raise ValueError(f"{field} must be 0 to {PRICE_MAX_MICRODOLLARS}, got {price}")
        if self.expected_latency_ns < 0:
            raise ValueError(
                f"expected_latency_ns must be at least 0, got {self.expected_latency_ns}"
            )


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What is asked of a model.

    Raises:
        ValueError: a number is out of its range.
    """

    required: frozenset[str]
    input_tokens: int
    """0 to ``TOKENS_MAX``."""

    output_tokens_max: int
    """0 to ``TOKENS_MAX``."""

    within_ns: int
    """How long the answer may take from now; at least 0."""

    budget_microdollars: int
    """What it may cost; at least 0."""

    def __post_init__(self) -> None:
        for field in ("input_tokens", "output_tokens_max"):
            tokens = getattr(self, field)
            if not 0 <= tokens <= TOKENS_MAX:
                raise ValueError(f"{field} must be 0 to {TOKENS_MAX}, got {tokens}")
        if self.within_ns < 0:
            raise ValueError(f"within_ns must be at least 0, got {self.within_ns}")
        if self.budget_microdollars < 0:
            raise ValueError(
                f"budget_microdollars must be at least 0, got {self.budget_microdollars}"
            )


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """Which latency is taken to be a model's.

    Raises:
        ValueError: a number is out of its range.
    """

    percent: int = 95
    """The quantile; 1 to 100."""

    observations_min: int = 10
    """Fewer than so many say nothing yet; at least 1."""

    observations_max: int = 100
    """So many of the latest are kept; from ``observations_min`` to a million."""

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 100:  # noqa: PLR2004  # of a hundred
            raise ValueError(f"percent must be 1 to 100, got {self.percent}")
        if self.observations_min < 1:
            raise ValueError(f"observations_min must be at least 1, got {self.observations_min}")
        if self.observations_max < self.observations_min:
            raise ValueError(
                f"observations_max must be at least observations_min, got {self.observations_max}"
            )
        if self.observations_max > _OBSERVATIONS_MAX:
            raise ValueError(
                f"observations_max must be at most {_OBSERVATIONS_MAX}, got {self.observations_max}"
            )


class Chosen(NamedTuple):
    """The model to ask."""

    model: str
    cost_max_microdollars: int
    fallbacks: tuple[str, ...]
    """Who else is fit, in the order in which they would be chosen."""

    ticket: int
    """To be settled with; at least 1."""


class NoModel(NamedTuple):
    """No model is fit."""

    lacks: Lack
    """All that the nearest one lacks."""

    nearest: str
    """The one that lacks the fewest things; of several the one that was declared first."""


Choice: TypeAlias = Chosen | NoModel


def cost_microdollars(
    input_tokens: int, input_price: int, output_tokens: int, output_price: int
) -> int:
    """Return what a request costs, rounded up to a whole micro-dollar.

    64 bits suffice: each product is 10**18 at most.

    Args:
        input_tokens: 0 to ``TOKENS_MAX``.
        input_price: micro-dollars for a million; 0 to ``PRICE_MAX_MICRODOLLARS``.
        output_tokens: 0 to ``TOKENS_MAX``.
        output_price: micro-dollars for a million; 0 to ``PRICE_MAX_MICRODOLLARS``.
    """
    return (input_tokens * input_price + output_tokens * output_price + 999_999) // 1_000_000


def lacks_in_numbers(
    tokens: int,
    quota_left: int,
    latency_ns: int,
    within_ns: int,
    cost: int,
    budget: int,
    account_left: int,
) -> int:
    """Return which numbers of a model are not within those of a request; bits as in ``Lack``."""
    lacks = 0
    if tokens > quota_left:
        lacks |= 4
    if latency_ns > within_ns:
        lacks |= 8
    if cost > budget:
        lacks |= 16
    if cost > account_left:
        lacks |= 32
    return lacks


def quantile_rank(observations: int, percent: int) -> int:
    """Return which of so many ascending observations is the quantile, counted from 0."""
    return (observations * percent + 99) // 100 - 1


class ModelChooser:
    """Chooses a model for each request, and keeps account of what that takes.

    Args:
        models: the models; of several that are as cheap and as fast, the first is taken.
        quotas: tokens for each model; a model without one may take any number.
        budget: micro-dollars, for all models together.
        latency: which latency is taken to be a model's.

    Raises:
        ValueError: there are no models, two have one name, or a quota belongs to none.
    """

    __slots__ = (
        "_budget",
        "_latency",
        "_latency_ns",
        "_models",
        "_observed_ns",
        "_quotas",
        "_reserved",
    )

    def __init__(
        self,
        models: Sequence[Model],
        *,
        quotas: Mapping[str, Allowance],
        budget: Allowance,
        latency: LatencyRule,
    ) -> None:
        if not models:
            raise ValueError("models must not be empty")
        self._models = {model.name: model for model in models}
        if len(self._models) != len(models):
            raise ValueError("models must have different names")
        if strangers := sorted(quotas.keys() - self._models.keys()):
            raise ValueError(f"quotas must be of models, got {', '.join(strangers)}")
        self._quotas = dict(quotas)
        self._budget = budget
        self._latency = latency
        self._observed_ns: dict[str, deque[int]] = {
            name: deque(maxlen=latency.observations_max) for name in self._models
        }
        # Of those that were observed no more since it was last asked for.
        self._latency_ns: dict[str, int] = {}
        # By ticket, which is the number of what was reserved of the budget: the model, and the
        # number of what was reserved of its quota.
        self._reserved: dict[int, tuple[str, int | None]] = {}

    def observe(self, model: str, latency_ns: int) -> None:
        """Take note of how long ``model`` took; for a request that timed out, how long that was.

        Raises:
            ValueError: there is no such model, or the latency is negative.
        """
        self._require_known(model)
        if latency_ns < 0:
            raise ValueError(f"latency_ns must be at least 0, got {latency_ns}")
        self._observed_ns[model].append(latency_ns)
        self._latency_ns.pop(model, None)

    def latency_ns(self, model: str) -> int:
        """Return the quantile of what was observed, or what is expected before that.

        Raises:
            ValueError: there is no such model.
        """
        self._require_known(model)
        known_ns = self._latency_ns.get(model)
        if known_ns is None:
            observed = sorted(self._observed_ns[model])
            if len(observed) < self._latency.observations_min:
                known_ns = self._models[model].expected_latency_ns
            else:
                known_ns = observed[quantile_rank(len(observed), self._latency.percent)]
            self._latency_ns[model] = known_ns
        return known_ns

    def choose(
        self, request: ModelRequest, now_ns: int, excluded: frozenset[str] = frozenset()
    ) -> Choice:
        """Choose a model, and reserve what it may take; ``excluded`` are not to be asked again."""
        lacks = {
            name: self._lacks(model, request, now_ns, excluded)
            for name, model in self._models.items()
        }
        fit = sorted(
            (_cost_max(self._models[name], request), self.latency_ns(name), index, name)
            for index, (name, lack) in enumerate(lacks.items())
            if not lack
        )
        if not fit:
            # The first of equals: min keeps the order of declaration.
            nearest = min(lacks, key=lambda name: lacks[name].bit_count())
            return NoModel(lacks[nearest], nearest)
        cost, _, _, model = fit[0]
        ticket = self._reserve(model, request, cost, now_ns)
        return Chosen(model, cost, tuple(name for *_, name in fit[1:]), ticket)

    def settle(
        self, ticket: int, *, input_tokens: int, output_tokens: int, now_ns: int
    ) -> int | None:
        """Say what a request took in the end: nothing, if it was not carried out.

        Returns:
            What it cost in micro-dollars; None, and nothing is changed, if it is settled already,
            or so late that it counts in full.

        Raises:
            ValueError: a number of tokens is not 0 to ``TOKENS_MAX``; nothing is settled then.
        """
        for field, tokens in (("input_tokens", input_tokens), ("output_tokens", output_tokens)):
            if not 0 <= tokens <= TOKENS_MAX:
                raise ValueError(f"{field} must be 0 to {TOKENS_MAX}, got {tokens}")
        self._forget_what_is_over(now_ns)
        reserved = self._reserved.pop(ticket, None)
        if reserved is None:
            return None
        name, quota_number = reserved
        model = self._models[name]
        if quota_number is not None:
            self._quotas[name].settle(quota_number, input_tokens + output_tokens, now_ns)
        cost = cost_microdollars(
            input_tokens,
            model.input_price_microdollars,
            output_tokens,
            model.output_price_microdollars,
        )
        self._budget.settle(ticket, cost, now_ns)
        return cost

    def _require_known(self, model: str) -> None:
        if model not in self._models:
            raise ValueError(f"model must be one of {', '.join(self._models)}; got {model}")

    def _lacks(
        self, model: Model, request: ModelRequest, now_ns: int, excluded: frozenset[str]
    ) -> Lack:
        quota = self._quotas.get(model.name)
        lacks = Lack(
            lacks_in_numbers(
                _tokens_max(request),
                AMOUNT_MAX if quota is None else quota.left(now_ns),
                self.latency_ns(model.name),
                request.within_ns,
                _cost_max(model, request),
                request.budget_microdollars,
                self._budget.left(now_ns),
            )
        )
        if not request.required <= model.capabilities:
            lacks |= Lack.CAPABILITY
        if model.name in excluded:
            lacks |= Lack.EXCLUDED
        return lacks

    def _reserve(self, name: str, request: ModelRequest, cost: int, now_ns: int) -> int:
        self._forget_what_is_over(now_ns)
        quota = self._quotas.get(name)
        quota_number = None if quota is None else quota.reserve(_tokens_max(request), now_ns)
        ticket = self._budget.reserve(cost, now_ns)
        assert ticket is not None, "so much was left a moment ago"
        self._reserved[ticket] = name, quota_number
        return ticket

    def _forget_what_is_over(self, now_ns: int) -> None:
        # They end in the order in which they were reserved.
        self._budget.left(now_ns)
        while self._reserved:
            ticket = next(iter(self._reserved))
            if self._budget.holds(ticket):
                return
            del self._reserved[ticket]


def _tokens_max(request: ModelRequest) -> int:
    return request.input_tokens + request.output_tokens_max


def _cost_max(model: Model, request: ModelRequest) -> int:
    return cost_microdollars(
        request.input_tokens,
        model.input_price_microdollars,
        request.output_tokens_max,
        model.output_price_microdollars,
    )
