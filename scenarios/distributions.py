"""How long a step takes: the distributions a scenario may name.

Each is written as one word and its parameters: ``{constant: 2ms}``,
``{lognormal: {mean: 50ms, cv: 0.8}}``. How to draw from them is the engines' matter.
"""

from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from scenarios.model import Model, single_key
from scenarios.units import DurationNs, PositiveDurationNs


class Constant(Model):
    """Always the same."""

    constant_ns: DurationNs

    def expected_ns(self) -> float:
        """Return the mean."""
        return float(self.constant_ns)


class Mean(Model):
    """The parameters of a distribution that its mean determines."""

    mean_ns: PositiveDurationNs


class Exponential(Model):
    """Memoryless; its standard deviation equals its mean."""

    exponential: Mean

    def expected_ns(self) -> float:
        """Return the mean."""
        return float(self.exponential.mean_ns)


class MeanAndSpread(Model):
    """The parameters of a distribution by its mean and coefficient of variation."""

    mean_ns: PositiveDurationNs
    cv: Annotated[float, Field(gt=0, le=100)]
    """Standard deviation over mean."""


class Lognormal(Model):
    """Skewed, as most measured service times are."""

    lognormal: MeanAndSpread

    def expected_ns(self) -> float:
        """Return the mean."""
        return float(self.lognormal.mean_ns)


class Gamma(Model):
    """Between constant (cv near 0) and burstier than exponential (cv above 1)."""

    gamma: MeanAndSpread

    def expected_ns(self) -> float:
        """Return the mean."""
        return float(self.gamma.mean_ns)


class MeanAndTail(Model):
    """The parameters of a Pareto distribution."""

    mean_ns: PositiveDurationNs
    alpha: Annotated[float, Field(gt=1, le=100)]
    """Tail exponent; at or below 1 there is no mean, below 2 no variance."""


class Pareto(Model):
    """Heavy-tailed: rare values dwarf the mean."""

    pareto: MeanAndTail

    def expected_ns(self) -> float:
        """Return the mean."""
        return float(self.pareto.mean_ns)


class Quantiles(Model):
    """Measured quantiles at evenly spaced probabilities from 0 to 1."""

    quantiles_ns: Annotated[tuple[DurationNs, ...], Field(min_length=2, max_length=10_001)]
    """Ascending; the first is the minimum, the last the maximum."""

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        if list(self.quantiles_ns) != sorted(self.quantiles_ns):
            raise ValueError("should have quantiles that ascend")
        return self


class Empirical(Model):
    """As measured; linear between the quantiles."""

    empirical: Quantiles

    def expected_ns(self) -> float:
        """Return the mean."""
        values = self.empirical.quantiles_ns
        return (sum(values) - (values[0] + values[-1]) / 2) / (len(values) - 1)


Distribution = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[Exponential, Tag("exponential")]
    | Annotated[Lognormal, Tag("lognormal")]
    | Annotated[Gamma, Tag("gamma")]
    | Annotated[Pareto, Tag("pareto")]
    | Annotated[Empirical, Tag("empirical")],
    Discriminator(
        single_key("constant", "exponential", "lognormal", "gamma", "pareto", "empirical"),
        custom_error_type="unknown_alternative",
        custom_error_message=(
            "should name one of constant, exponential, lognormal, gamma, pareto, empirical"
        ),
    ),
]
