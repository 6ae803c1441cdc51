"""Scenarios by their traffic: who asks for what, how often, and when."""

from collections.abc import Mapping
from typing import Final

from hypothesis import strategies as st

from scenarios.routes import Cached, RequestClass, Step
from scenarios.spec import Cache, Scenario, Service
from scenarios.workload import (
    Arrivals,
    ConstantArrivals,
    DiurnalArrivals,
    DiurnalShape,
    MmppArrivals,
    MmppShape,
    PiecewiseArrivals,
    PoissonArrivals,
    RampArrivals,
    RampShape,
    RatePoint,
    SpikeArrivals,
    SpikeShape,
    Steady,
    Tier,
    TrafficState,
    Workload,
)

SECOND_NS = 1_000_000_000

RUN_MAX_NS = 20 * SECOND_NS
"""About the longest run."""


def rates() -> st.SearchStrategy[float]:
    """Requests a second: hardly any, some, or so many that a run is more than a block of them."""
    return st.sampled_from([50.0, 999.9, 500.0, 7.0, 1.0, 1e-9]) | st.floats(1e-9, 1000)


def rates_or_zero() -> st.SearchStrategy[float]:
    """Rates, or none at all."""
    return rates() | st.just(0.0)


def constants() -> st.SearchStrategy[Arrivals]:
    """Evenly spaced arrivals."""
    return rates().map(lambda rate: ConstantArrivals(constant=Steady(rate_per_s=rate)))


def poissons() -> st.SearchStrategy[Arrivals]:
    """Arrivals at one rate."""
    return rates().map(lambda rate: PoissonArrivals(poisson=Steady(rate_per_s=rate)))


def ramps() -> st.SearchStrategy[Arrivals]:
    """Rates that rise or fall."""
    return st.builds(
        lambda start, end: RampArrivals(ramp=RampShape(start_per_s=start, end_per_s=end)),
        rates(),
        rates(),
    )


@st.composite
def spikes(draw: st.DrawFn) -> Arrivals:
    """Spikes that lie within the run, at its edges or after its end, steep or not."""
    base, peak = sorted([draw(rates()), draw(rates())])
    spike = SpikeShape(
        base_per_s=base,
        peak_per_s=peak,
        at_ns=draw(lengths_ns()),
        rise_ns=draw(lengths_ns()),
        hold_ns=draw(lengths_ns(1)),
    )
    return SpikeArrivals(spike=spike)


@st.composite
def diurnals(draw: st.DrawFn) -> Arrivals:
    """Swings small and large, several in a run or a part of one."""
    period_ns = draw(st.sampled_from([RUN_MAX_NS // 3, SECOND_NS, 100 * RUN_MAX_NS, 1_000_000_007]))
    diurnal = DiurnalShape(
        base_per_s=draw(rates()),
        amplitude=draw(st.sampled_from([0.5, 1.0, 0.0]) | st.floats(0, 1)),
        period_ns=period_ns,
        peak_at_ns=draw(st.none() | lengths_ns()),
    )
    return DiurnalArrivals(diurnal=diurnal)


@st.composite
def piecewises(draw: st.DrawFn) -> Arrivals:
    """Rates at some times, with steps, and with times at which nobody comes."""
    times_ns = sorted(draw(st.lists(lengths_ns(), min_size=1, max_size=6)))
    points = [RatePoint(at_ns=at_ns, rate_per_s=draw(rates_or_zero())) for at_ns in times_ns]
    if not any(point.rate_per_s for point in points):
        points[-1] = RatePoint(at_ns=times_ns[-1], rate_per_s=draw(rates()))
    return PiecewiseArrivals(piecewise=tuple(points))


@st.composite
def mmpps(draw: st.DrawFn) -> Arrivals:
    """Two states or more, that stay for an instant or for longer than a run."""
    stays_ns = st.sampled_from([SECOND_NS, 1_000_000, 100 * RUN_MAX_NS]) | lengths_ns(1_000_000)
    states = {"some": TrafficState(rate_per_s=draw(rates()), mean_stay_ns=draw(stays_ns))}
    for number in range(draw(st.integers(1, 4))):
        states[f"state{number}"] = TrafficState(
            rate_per_s=draw(rates_or_zero()), mean_stay_ns=draw(stays_ns)
        )
    return MmppArrivals(mmpp=MmppShape(states=states))


ARRIVALS: Final[Mapping[str, st.SearchStrategy[Arrivals]]] = {
    "constant": constants(),
    "poisson": poissons(),
    "ramp": ramps(),
    "spike": spikes(),
    "diurnal": diurnals(),
    "piecewise": piecewises(),
    "mmpp": mmpps(),
}
"""Arrivals of every kind that is not recorded."""


def lengths_ns(shortest_ns: int = 0) -> st.SearchStrategy[int]:
    """Lengths of parts of a run."""
    round_ones = [8 * SECOND_NS, RUN_MAX_NS, 3 * SECOND_NS // 2, SECOND_NS, 0, 1]
    some = st.sampled_from(round_ones) | st.integers(0, RUN_MAX_NS)
    return some.map(lambda length_ns: max(length_ns, shortest_ns))


@st.composite
def traffic(draw: st.DrawFn, arrivals: st.SearchStrategy[Arrivals]) -> Scenario:
    """Scenarios of one service, with such arrivals, and mixes, tiers and keys of all kinds."""
    caches = {f"cache{i}": draw(_caches()) for i in range(draw(st.integers(0, 2)))}
    classes = {f"class{i}": draw(_classes(list(caches))) for i in range(draw(st.integers(1, 4)))}
    # Not all classes come, and they come in another order.
    mixed = draw(st.permutations(list(classes)))[: draw(st.integers(1, len(classes)))]
    weights = st.floats(1e-3, 1e3) | st.just(1.0)
    tiers = st.builds(
        lambda count, weight: Tier(count=count, weight=weight),
        st.just(1) | st.integers(1, 9) | st.integers(1, 10**6),
        weights,
    )
    return Scenario(
        name="traffic",
        seed=draw(st.integers(0, 10**18 - 1)),
        warm_up_ns=draw(lengths_ns()) if draw(st.booleans()) else 0,
        duration_ns=draw(lengths_ns(1)),
        users=draw(st.dictionaries(st.sampled_from(["free", "pro", "edu"]), tiers)),
        workload=Workload(arrivals=draw(arrivals), mix={name: draw(weights) for name in mixed}),
        services={"door": Service()},
        caches=caches,
        classes=classes,
    )


def _caches() -> st.SearchStrategy[Cache]:
    return st.builds(
        lambda keys, zipf: Cache(keys=keys, zipf=zipf),
        st.sampled_from([1, 2, 3, 16, 17, 2000]) | st.integers(1, 5000),
        st.sampled_from([0.0, 1.0, 5.0]) | st.floats(0, 5),
    )


@st.composite
def _classes(draw: st.DrawFn, caches: list[str]) -> RequestClass:
    steps: tuple[Step, ...] = ()
    if caches:
        chosen = draw(st.sampled_from(["", *caches]))
        steps = (Cached(cache=chosen),) if chosen else ()
    return RequestClass(through=("door",), steps=steps)
