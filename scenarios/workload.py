"""The traffic: when requests arrive, of which class, from whom."""

from typing import Annotated, Self

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag, model_validator

from scenarios.model import Model, Name, single_key
from scenarios.units import DurationNs, PositiveDurationNs, RatePerS


class Tier(Model):
    """The users of one tier."""

    count: PositiveInt = 1
    """How many there are; each has a rate limit of its own."""

    weight: PositiveFloat = 1.0
    """Their part of the traffic, beside the weights of the other tiers."""


class Steady(Model):
    """The parameter of a process with one rate."""

    rate_per_s: RatePerS


class ConstantArrivals(Model):
    """Evenly spaced arrivals."""

    constant: Steady


class PoissonArrivals(Model):
    """Independent arrivals at a steady rate."""

    poisson: Steady


class RampShape(Model):
    """A rate that moves from one value to another over the whole run."""

    start_per_s: RatePerS
    end_per_s: RatePerS


class RampArrivals(Model):
    """Poisson arrivals whose rate moves linearly from the start to the end of the run."""

    ramp: RampShape


class SpikeShape(Model):
    """A base rate, and a peak for a while; times count from the start of the measured part."""

    base_per_s: RatePerS
    peak_per_s: RatePerS
    at_ns: DurationNs
    """When the rate begins to rise."""

    rise_ns: DurationNs = 0
    """How long it takes to reach the peak, and later to fall back."""

    hold_ns: PositiveDurationNs
    """How long it stays at the peak."""


class SpikeArrivals(Model):
    """Poisson arrivals with one spike."""

    spike: SpikeShape


class TraceSource(Model):
    """A recorded trace, as ``wavetank trace import`` writes it."""

    file: Annotated[str, Field(min_length=1)]
    """Path of the trace; a relative one counts from the scenario's folder."""

    speed: Annotated[float, Field(gt=0, le=1_000)] = 1.0
    """2 replays twice as fast."""


class TraceArrivals(Model):
    """Arrivals at the recorded times; classes as recorded, or from the mix where it has none."""

    trace: TraceSource


Arrivals = Annotated[
    Annotated[ConstantArrivals, Tag("constant")]
    | Annotated[PoissonArrivals, Tag("poisson")]
    | Annotated[RampArrivals, Tag("ramp")]
    | Annotated[SpikeArrivals, Tag("spike")]
    | Annotated[TraceArrivals, Tag("trace")],
    Discriminator(
        single_key("constant", "poisson", "ramp", "spike", "trace"),
        custom_error_type="unknown_alternative",
        custom_error_message="should name one of constant, poisson, ramp, spike, trace",
    ),
]


class Workload(Model):
    """When requests arrive, and how they divide over the classes."""

    arrivals: Arrivals
    mix: Annotated[dict[Name, PositiveFloat], Field(min_length=1)]
    """The weight of each request class."""

    @model_validator(mode="after")
    def _peak_is_a_peak(self) -> Self:
        match self.arrivals:
            case SpikeArrivals(spike=spike) if spike.peak_per_s < spike.base_per_s:
                raise ValueError("should have a spike whose peak is not below its base")
            case _:
                return self
