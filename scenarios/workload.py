"""The traffic: when requests arrive, of which class, from whom."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)

from scenarios.distributions import Distribution
from scenarios.model import Model, Name, single_key
from scenarios.units import (
    MICROSECOND_NS,
    MILLISECOND_NS,
    SECOND_NS,
    DurationNs,
    PositiveDurationNs,
    RateOrZeroPerS,
    RatePerS,
    Share,
    write_duration,
)

DAY_NS = 86_400 * SECOND_NS


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


def _at_least(shortest_ns: int) -> AfterValidator:
    def checked(duration_ns: int) -> int:
        if duration_ns < shortest_ns:
            raise ValueError(
                f"should be at least {write_duration(shortest_ns)}, "
                f"not {write_duration(duration_ns)}"
            )
        return duration_ns

    return AfterValidator(checked)


class DiurnalShape(Model):
    """A rate that goes up and down as a cosine, as the traffic of a day does.

    Engines may draw it with straight lines, within 1/20000 of the amplitude.
    """

    base_per_s: RatePerS
    """The rate on average."""

    amplitude: Share
    """How far the rate goes above the base and below it, as a share of it."""

    period_ns: Annotated[DurationNs, _at_least(SECOND_NS)] = DAY_NS
    """From one peak to the next."""

    peak_at_ns: DurationNs | None = None
    """When the rate is highest, from the start of the measured part, and every period before and
    after. None: half a period in, so that the measured part begins when least comes."""


class DiurnalArrivals(Model):
    """Poisson arrivals whose rate goes up and down periodically."""

    diurnal: DiurnalShape


class RatePoint(Model):
    """The rate at one time."""

    at_ns: DurationNs
    """When, from the start of the measured part."""

    rate_per_s: RateOrZeroPerS


def _rates_in_order(points: tuple[RatePoint, ...]) -> tuple[RatePoint, ...]:
    if any(later.at_ns < earlier.at_ns for earlier, later in pairwise(points)):
        raise ValueError("should have points in the order of their times")
    if not any(point.rate_per_s for point in points):
        raise ValueError("should have a rate above 0 somewhere")
    return points


class PiecewiseArrivals(Model):
    """Poisson arrivals whose rate is given at some times, and moves linearly between them."""

    piecewise: Annotated[
        tuple[RatePoint, ...],
        Field(min_length=1, max_length=10_000),
        AfterValidator(_rates_in_order),
    ]
    """By time; two points at the same time make a step. Before the first the rate is that of the
    first, after the last that of the last."""


class TrafficState(Model):
    """How traffic is for a while."""

    rate_per_s: RateOrZeroPerS
    mean_stay_ns: Annotated[DurationNs, _at_least(MILLISECOND_NS)]
    """How long it stays so on average; each time is drawn, from the exponential distribution."""


def _some_traffic(states: dict[str, TrafficState]) -> dict[str, TrafficState]:
    if not any(state.rate_per_s for state in states.values()):
        raise ValueError("should have a rate above 0 in one of them")
    return states


class MmppShape(Model):
    """Traffic that changes between states at random."""

    states: Annotated[
        dict[Name, TrafficState],
        Field(min_length=2, max_length=100),
        AfterValidator(_some_traffic),
    ]
    """By name. After each comes any of the others, all equally likely, so that each has a share of
    the time in proportion to its mean stay. The run begins in one drawn by these shares."""


class MmppArrivals(Model):
    """A Markov-modulated Poisson process: quiet and busy times, drawn from the run's seed."""

    mmpp: MmppShape


class TraceSource(Model):
    """A recorded trace, as ``wavetank trace import`` writes it."""

    file: Annotated[str, Field(min_length=1)]
    """Path of the trace; a relative one counts from the scenario's folder."""

    speed: Annotated[float, Field(gt=0, le=1_000)] = 1.0
    """2 replays twice as fast."""


class TraceArrivals(Model):
    """Arrivals at the recorded times; classes as recorded, or from the mix where it has none."""

    trace: TraceSource


class ClosedShape(Model):
    """Users who wait for their answers."""

    users: Annotated[PositiveInt, Field(le=1_000_000)]
    """How many there are. Each is a user of one of the scenario's tiers, always the same one: they
    are spread over the tiers by weight, and evenly within each. If they are more than a tier
    counts, several share a name and its limits."""

    think_time_ns: Distribution
    """From the end of a request, whatever came of it, to the user's next; also before the first. At
    least 1us on average."""

    @model_validator(mode="after")
    def _users_think(self) -> Self:
        if self.think_time_ns.expected_ns() < MICROSECOND_NS:
            raise ValueError(
                "should have a think_time of at least 1us on average, or users who are refused at "
                "once would send without end"
            )
        return self


class ClosedArrivals(Model):
    """So many users, each of whom sends a request, waits for its end, thinks, sends the next.

    What they send depends on what they are answered, and when: such traffic can be simulated, and
    not be planned before a live run.
    """

    closed: ClosedShape


Arrivals = Annotated[
    Annotated[ConstantArrivals, Tag("constant")]
    | Annotated[PoissonArrivals, Tag("poisson")]
    | Annotated[RampArrivals, Tag("ramp")]
    | Annotated[SpikeArrivals, Tag("spike")]
    | Annotated[DiurnalArrivals, Tag("diurnal")]
    | Annotated[PiecewiseArrivals, Tag("piecewise")]
    | Annotated[MmppArrivals, Tag("mmpp")]
    | Annotated[TraceArrivals, Tag("trace")]
    | Annotated[ClosedArrivals, Tag("closed")],
    Discriminator(
        single_key(
            "constant",
            "poisson",
            "ramp",
            "spike",
            "diurnal",
            "piecewise",
            "mmpp",
            "trace",
            "closed",
        ),
        custom_error_type="unknown_alternative",
        custom_error_message=(
            "should name one of constant, poisson, ramp, spike, diurnal, piecewise, mmpp, trace, "
            "closed"
        ),
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
