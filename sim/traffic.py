"""How much traffic a scenario brings, before a run: on average, and where it is worst."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from scenarios.spec import Scenario
from scenarios.trace import read_trace
from scenarios.units import SECOND_NS
from scenarios.workload import TraceArrivals, TraceSource
from sim.arrival_rates import (
    ArrivalRates,
    Even,
    Modulated,
    Planned,
    arrival_rates,
    stretches_of,
)
from sim.rates import Stretch
from sim.streams import seed_key

_BIN_NS = 10 * SECOND_NS
_BINS_PER_MINUTE = 6

_STRETCHES_MAX = 20_000
"""Changes of the rate that are looked at one by one."""


class Traffic(NamedTuple):
    """How many requests of each class come, per second."""

    mean_per_s: Mapping[str, float]
    """Over the whole run, warm-up included."""

    peak_per_s: Mapping[str, float]
    """At the highest rate that this seed draws; of a trace, in its busiest minute."""

    stretches: tuple[Stretch, ...]
    """The rate of all classes together, from the run's start to its end."""

    @property
    def whole_peak_per_s(self) -> float:
        """The peak of all classes together."""
        return sum(self.peak_per_s.values())


def traffic(scenario: Scenario) -> Traffic:
    """Return the traffic of ``scenario``.

    A trace is read from its first line to its last, in memory of one number for ten seconds.

    Raises:
        scenarios.trace.InvalidTrace: the workload is a trace that cannot be read.
        OSError: the trace cannot be opened.
    """
    run_ns = scenario.warm_up_ns + scenario.duration_ns
    match scenario.workload.arrivals:
        case TraceArrivals(trace=trace):
            return _recorded(trace, run_ns, _shares(scenario))
        case drawn:
            rates = arrival_rates(drawn, scenario)
            stretches = _within(run_ns, _stretches(rates, seed_key(scenario.seed), run_ns))
    mean_per_s = sum(each.arrivals for each in stretches) / (run_ns / SECOND_NS)
    peak_per_s = max(max(each.start_per_s, each.end_per_s) for each in stretches)
    shares = _shares(scenario)
    return Traffic(
        {name: share * mean_per_s for name, share in shares.items()},
        {name: share * peak_per_s for name, share in shares.items()},
        stretches,
    )


def _shares(scenario: Scenario) -> dict[str, float]:
    whole = sum(scenario.workload.mix.values())
    return {name: weight / whole for name, weight in scenario.workload.mix.items()}


def _stretches(rates: ArrivalRates, seed: int, run_ns: int) -> Iterator[Stretch]:
    """Return the rates of a run: of very many, the first ones and what follows on average."""
    match rates:
        case Even(rate_per_s=rate_per_s):
            yield Stretch(run_ns, rate_per_s, rate_per_s)
        case Planned() | Modulated():
            yield from islice(stretches_of(rates, seed), _STRETCHES_MAX)
            mean_per_s = _mean_per_s(rates)
            yield Stretch(run_ns, mean_per_s, mean_per_s)


def _mean_per_s(rates: Planned | Modulated) -> float:
    """Return the rate in the long run."""
    match rates:
        case Planned(stretches=stretches):
            whole_ns = sum(each.length_ns for each in stretches)
            return sum(each.arrivals for each in stretches) * SECOND_NS / whole_ns
        case Modulated(states=states):
            whole_ns = sum(state.mean_stay_ns for state in states)
            return sum(state.rate_per_s * state.mean_stay_ns for state in states) / whole_ns


def _within(run_ns: int, stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return what of ``stretches`` is within the run."""
    found: list[Stretch] = []
    left_ns = run_ns
    for each in stretches:
        if not left_ns:
            break
        length_ns = min(each.length_ns, left_ns)
        if length_ns:
            moved = (each.end_per_s - each.start_per_s) * length_ns / each.length_ns
            found.append(Stretch(length_ns, each.start_per_s, each.start_per_s + moved))
        left_ns -= length_ns
    return tuple(found)


def _recorded(source: TraceSource, run_ns: int, mix: Mapping[str, float]) -> Traffic:
    bins: dict[int, Counter[str]] = {}
    for entry in read_trace(Path(source.file)):
        at_ns = int(entry.at_ns / source.speed)
        if at_ns < run_ns:
            bins.setdefault(at_ns // _BIN_NS, Counter())[entry.class_name] += 1
    last = -(-run_ns // _BIN_NS)
    whole = sum(bins.values(), Counter())
    busiest = max(
        (_minute(bins, first) for first in bins), key=lambda minute: minute.total(), default=whole
    )
    minute_ns = min(_BINS_PER_MINUTE * _BIN_NS, run_ns)
    return Traffic(
        _by_class(whole, run_ns, mix),
        _by_class(busiest, minute_ns, mix),
        tuple(_of_bin(bins.get(number, Counter()), number, run_ns) for number in range(last)),
    )


def _minute(bins: Mapping[int, Counter[str]], first: int) -> Counter[str]:
    """Return what comes in the minute that begins with bin ``first``."""
    minute: Counter[str] = Counter()
    for number in range(first, first + _BINS_PER_MINUTE):
        minute.update(bins.get(number, {}))
    return minute


def _of_bin(counts: Counter[str], number: int, run_ns: int) -> Stretch:
    length_ns = min(_BIN_NS, run_ns - number * _BIN_NS)
    rate_per_s = counts.total() * SECOND_NS / length_ns
    return Stretch(length_ns, rate_per_s, rate_per_s)


def _by_class(counts: Counter[str], time_ns: int, mix: Mapping[str, float]) -> dict[str, float]:
    """Return rates; what was recorded without a class is divided by the mix."""
    unnamed = counts[""]
    names = {*mix, *counts} - {""}
    return {
        name: (counts[name] + unnamed * mix.get(name, 0.0)) * SECOND_NS / time_ns
        for name in sorted(names)
    }
