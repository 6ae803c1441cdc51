"""How much traffic a scenario brings, before a run: on average, and where it is worst."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scenarios.spec import Scenario
from scenarios.trace import read_trace
from scenarios.units import SECOND_NS
from scenarios.workload import ClosedArrivals, TraceArrivals, TraceSource
from sim.arrival_rates import (
    ArrivalRates,
    Even,
    Modulated,
    Planned,
    arrival_rates,
    stretches_of,
)
from sim.closed import most_requests_per_s
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
    """At the highest rate that may come; of a trace, in its busiest minute."""

    stretches: tuple[Stretch, ...]
    """The rate of all classes together, from the run's start to its end."""

    recurs: bool = False
    """Whether high and low rates follow on each other without end, so that it says little which
    of them the run ends with."""

    users: int | None = None
    """Those who wait for their answers, of closed arrivals: the rates are then those of users for
    whom every answer comes as soon as it can. None: nobody waits."""

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
        case ClosedArrivals(closed=closed):
            most_per_s = most_requests_per_s(scenario, closed)
            by_class = {name: share * most_per_s for name, share in _shares(scenario).items()}
            steady = (Stretch(run_ns, most_per_s, most_per_s),)
            return Traffic(by_class, by_class, steady, users=closed.users)
        case drawn:
            return _drawn(arrival_rates(drawn, scenario), run_ns, scenario)


def _drawn(rates: ArrivalRates, run_ns: int, scenario: Scenario) -> Traffic:
    shares = _shares(scenario)

    def expected(
        mean_per_s: float, peak_per_s: float, stretches: tuple[Stretch, ...], *, recurs: bool
    ) -> Traffic:
        return Traffic(
            {name: share * mean_per_s for name, share in shares.items()},
            {name: share * peak_per_s for name, share in shares.items()},
            stretches,
            recurs,
        )

    match rates:
        case Even(rate_per_s=rate_per_s):
            steady = (Stretch(run_ns, rate_per_s, rate_per_s),)
            return expected(rate_per_s, rate_per_s, steady, recurs=False)
        case Planned(stretches=planned, again=again):
            later_per_s = mean_rate_per_s(planned)
            stretches = _within(run_ns, stretches_of(rates, 0), later_per_s)
            peak_per_s = max(max(each.start_per_s, each.end_per_s) for each in stretches)
            return expected(mean_rate_per_s(stretches), peak_per_s, stretches, recurs=again)
        case Modulated(states=states):
            stays_ns = sum(state.mean_stay_ns for state in states)
            mean_per_s = sum(it.rate_per_s * it.mean_stay_ns for it in states) / stays_ns
            drawn = stretches_of(rates, seed_key(scenario.seed))
            stretches = _within(run_ns, drawn, mean_per_s)
            peak_per_s = max(state.rate_per_s for state in states)
            return expected(mean_per_s, peak_per_s, stretches, recurs=True)


def mean_rate_per_s(stretches: Sequence[Stretch]) -> float:
    """Return the rate on average over ``stretches``, at least one of which has a length."""
    length_ns = sum(each.length_ns for each in stretches)
    return sum(each.arrivals for each in stretches) / (length_ns / SECOND_NS)


def _shares(scenario: Scenario) -> dict[str, float]:
    whole = sum(scenario.workload.mix.values())
    return {name: weight / whole for name, weight in scenario.workload.mix.items()}


def _within(run_ns: int, stretches: Iterable[Stretch], later_per_s: float) -> tuple[Stretch, ...]:
    """Return what of ``stretches`` is within the run.

    If there are very many, they are short, and the rate after the first of them is put down
    as what it is on average.
    """
    found: list[Stretch] = []
    left_ns = run_ns
    for each in stretches:
        length_ns = min(each.length_ns, left_ns)
        if length_ns:
            moved = (each.end_per_s - each.start_per_s) * length_ns / each.length_ns
            found.append(Stretch(length_ns, each.start_per_s, each.start_per_s + moved))
        left_ns -= length_ns
        if not left_ns:
            break
        if len(found) == _STRETCHES_MAX:
            found.append(Stretch(left_ns, later_per_s, later_per_s))
            break
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
