"""What the kinds of arrivals come down to: how many are to come, and when."""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, pairwise
from typing import Final, NamedTuple, TypeAlias

from scenarios.spec import Scenario
from scenarios.units import LONGEST_NS
from scenarios.workload import (
    ConstantArrivals,
    DiurnalArrivals,
    DiurnalShape,
    MmppArrivals,
    MmppShape,
    PiecewiseArrivals,
    PoissonArrivals,
    RampArrivals,
    RatePoint,
    SpikeArrivals,
    SpikeShape,
)
from sim.popularity import bounds_of, place_of
from sim.rates import Stretch
from sim.streams import request_key, stream_key, uniform

STATE_STREAM: Final = "arrival state"
STAY_STREAM: Final = "arrival stay"

_PIECES: Final = 360
"""Straight lines in place of one period of a cosine: they stay within 4e-5 of its amplitude, and
as many arrivals come in a period."""


@dataclass(frozen=True, slots=True)
class Even:
    """So many a second, evenly spaced."""

    rate_per_s: float


@dataclass(frozen=True, slots=True)
class Planned:
    """By chance, at rates that are known in advance."""

    stretches: tuple[Stretch, ...]
    """From the run's start; those without length count for nothing."""

    again: bool = False
    """Whether they are repeated without end."""


class State(NamedTuple):
    """How traffic is for a while."""

    rate_per_s: float
    mean_stay_ns: int


@dataclass(frozen=True, slots=True)
class Modulated:
    """By chance, at rates that change by chance."""

    states: tuple[State, ...]


ArrivalRates: TypeAlias = Even | Planned | Modulated

PlannedArrivals: TypeAlias = (
    PoissonArrivals | RampArrivals | SpikeArrivals | DiurnalArrivals | PiecewiseArrivals
)
"""Those by chance, at rates that the scenario tells."""

DrawnArrivals: TypeAlias = ConstantArrivals | PlannedArrivals | MmppArrivals
"""Those that are not written down."""


def arrival_rates(arrivals: DrawnArrivals, scenario: Scenario) -> ArrivalRates:
    """Return the rates of ``arrivals`` in a run of ``scenario``."""
    match arrivals:
        case ConstantArrivals(constant=steady):
            return Even(steady.rate_per_s)
        case MmppArrivals(mmpp=mmpp):
            return modulated_rates(mmpp)
        case planned:
            return planned_rates(planned, scenario)


def modulated_rates(mmpp: MmppShape) -> Modulated:
    """Return the rates of arrivals that are modulated."""
    states = mmpp.states.values()
    return Modulated(tuple(State(each.rate_per_s, each.mean_stay_ns) for each in states))


def planned_rates(arrivals: PlannedArrivals, scenario: Scenario) -> Planned:
    """Return the rates of ``arrivals`` in a run of ``scenario``."""
    run_ns = scenario.warm_up_ns + scenario.duration_ns
    match arrivals:
        case PoissonArrivals(poisson=steady):
            return Planned((Stretch(run_ns, steady.rate_per_s, steady.rate_per_s),))
        case RampArrivals(ramp=ramp):
            return Planned((Stretch(run_ns, ramp.start_per_s, ramp.end_per_s),))
        case SpikeArrivals(spike=spike):
            return Planned(_spike(spike, scenario.warm_up_ns, run_ns))
        case DiurnalArrivals(diurnal=diurnal):
            return Planned(_period(diurnal, scenario.warm_up_ns), again=True)
        case PiecewiseArrivals(piecewise=points):
            return Planned(_between(points, scenario.warm_up_ns, run_ns))


def stretches_of(rates: Planned | Modulated, seed: int) -> Iterator[Stretch]:
    """Return the rates of a run as they come; maybe without end.

    Args:
        rates: that are planned, or drawn.
        seed: as :func:`sim.streams.seed_key` returns it.
    """
    match rates:
        case Planned(stretches=stretches, again=again):
            return cycle(stretches) if again else iter(stretches)
        case Modulated(states=states):
            return _stays(states, seed)


def _spike(spike: SpikeShape, warm_up_ns: int, run_ns: int) -> tuple[Stretch, ...]:
    base, peak = spike.base_per_s, spike.peak_per_s
    return (
        Stretch(warm_up_ns + spike.at_ns, base, base),
        Stretch(spike.rise_ns, base, peak),
        Stretch(spike.hold_ns, peak, peak),
        Stretch(spike.rise_ns, peak, base),
        Stretch(run_ns, base, base),
    )


def _period(diurnal: DiurnalShape, warm_up_ns: int) -> tuple[Stretch, ...]:
    """Return the period with which the run begins."""
    period_ns = diurnal.period_ns
    peak_at_ns = period_ns // 2 if diurnal.peak_at_ns is None else diurnal.peak_at_ns
    knots_ns = [period_ns * piece // _PIECES for piece in range(_PIECES + 1)]
    rates_per_s: list[float] = []
    for at_ns in knots_ns:
        phase = (at_ns - warm_up_ns - peak_at_ns) % period_ns / period_ns
        swing = diurnal.amplitude * math.cos(2 * math.pi * phase)
        rates_per_s.append(diurnal.base_per_s * (1 + swing))
    return tuple(
        Stretch(end_ns - start_ns, start_per_s, end_per_s)
        for (start_ns, end_ns), (start_per_s, end_per_s) in zip(
            pairwise(knots_ns), pairwise(rates_per_s), strict=True
        )
    )


def _between(points: Sequence[RatePoint], warm_up_ns: int, run_ns: int) -> tuple[Stretch, ...]:
    first, last = points[0], points[-1]
    return (
        Stretch(warm_up_ns + first.at_ns, first.rate_per_s, first.rate_per_s),
        *(
            Stretch(later.at_ns - earlier.at_ns, earlier.rate_per_s, later.rate_per_s)
            for earlier, later in pairwise(points)
        ),
        Stretch(run_ns, last.rate_per_s, last.rate_per_s),
    )


def _stays(states: Sequence[State], seed: int) -> Iterator[Stretch]:
    which, how_long = stream_key(STATE_STREAM), stream_key(STAY_STREAM)
    state = place_of(uniform(request_key(seed, 0), which, 0), time_shares(states))
    for number in count():
        key = request_key(seed, number)
        if number:
            state = other_state(state, len(states), uniform(key, which, 0))
        rate_per_s, mean_stay_ns = states[state]
        yield Stretch(stay_ns(mean_stay_ns, uniform(key, how_long, 0)), rate_per_s, rate_per_s)


def time_shares(states: Sequence[State]) -> "array[float]":
    """Return the upper bounds of the states' shares of the time, but of the last.

    Each follows on each other equally often, so that only their stays tell them apart.
    """
    return bounds_of(state.mean_stay_ns for state in states)


def other_state(state: int, states: int, u: float) -> int:
    """Return the state that follows on ``state``; for Numba as well, as the next one.

    Args:
        state: from 0.
        states: how many there are, at least 2.
        u: a draw from (0, 1).
    """
    other = int(u * (states - 1))
    return other + 1 if other >= state else other


def stay_ns(mean_ns: int, u: float) -> int:
    """Return how long a state lasts, at most ``LONGEST_NS``; ``u`` is a draw from (0, 1)."""
    return int(min(-mean_ns * math.log1p(-u), LONGEST_NS))
