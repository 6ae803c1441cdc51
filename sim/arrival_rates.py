"""What the kinds of arrivals come down to: how many are to come, and when."""

from dataclasses import dataclass
from typing import TypeAlias

from scenarios.spec import Scenario
from scenarios.workload import (
    ConstantArrivals,
    PoissonArrivals,
    RampArrivals,
    SpikeArrivals,
    SpikeShape,
)
from sim.rates import Stretch


@dataclass(frozen=True, slots=True)
class Even:
    """So many a second, evenly spaced."""

    rate_per_s: float


@dataclass(frozen=True, slots=True)
class Planned:
    """By chance, at rates that are known in advance."""

    stretches: tuple[Stretch, ...]
    """From the run's start; those without length count for nothing."""


ArrivalRates: TypeAlias = Even | Planned

DrawnArrivals: TypeAlias = ConstantArrivals | PoissonArrivals | RampArrivals | SpikeArrivals
"""Those that are not written down."""


def arrival_rates(arrivals: DrawnArrivals, scenario: Scenario) -> ArrivalRates:
    """Return the rates of ``arrivals`` in a run of ``scenario``."""
    run_ns = scenario.warm_up_ns + scenario.duration_ns
    match arrivals:
        case ConstantArrivals(constant=steady):
            return Even(steady.rate_per_s)
        case PoissonArrivals(poisson=steady):
            return Planned((Stretch(run_ns, steady.rate_per_s, steady.rate_per_s),))
        case RampArrivals(ramp=ramp):
            return Planned((Stretch(run_ns, ramp.start_per_s, ramp.end_per_s),))
        case SpikeArrivals(spike=spike):
            return Planned(_spike(spike, scenario.warm_up_ns, run_ns))


def _spike(spike: SpikeShape, warm_up_ns: int, run_ns: int) -> tuple[Stretch, ...]:
    base, peak = spike.base_per_s, spike.peak_per_s
    return (
        Stretch(warm_up_ns + spike.at_ns, base, base),
        Stretch(spike.rise_ns, base, peak),
        Stretch(spike.hold_ns, peak, peak),
        Stretch(spike.rise_ns, peak, base),
        Stretch(run_ns, base, base),
    )
