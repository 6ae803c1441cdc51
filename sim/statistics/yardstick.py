"""A queue whose truth is known, to measure intervals with: times in M/M/1.

Arrivals at random, one place, exponential service of mean 1 ms: at load ``load`` a request
stays 1 / (1 - load) ms on average, exponentially distributed. The first request finds the
queue as it is in the long run, so there is no warm-up, and short runs are exact too.

Sources: D. Lindley, "The theory of queues with a single server" (1952), for the recursion;
N. Blomqvist, "The covariance function of the M/G/1 queuing system" (1967), for the variance.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scenarios.histogram import Histogram
from scenarios.history import Outcome
from scenarios.records import ClassOutcome, Provenance, RunRecord, Series
from scenarios.units import MILLISECOND_NS

_BUCKET_BITS: Final = 9
_STEPS: Final = 20


def true_mean_ns(load: float) -> float:
    """Return how long a request stays on average."""
    return MILLISECOND_NS / (1 - load)


def true_quantile_ns(load: float, q: float) -> float:
    """Return how long the share ``q`` of requests stays at most."""
    return -math.log1p(-q) * true_mean_ns(load)


def true_variance_of_mean_wait(load: float, requests: int) -> float:
    """Return the variance over runs of the mean wait for service, in square nanoseconds.

    In the limit of many requests; from some thousand on within a few per cent at moderate load.
    """
    growth = load * (2 + 5 * load - 4 * load**2 + load**3) / (1 - load) ** 4
    return growth / requests * MILLISECOND_NS**2


def sojourns_ns(load: float, requests: int, seed: int) -> NDArray[np.int64]:
    """Return how long each of so many requests stays, in order of arrival; shape (requests,)."""
    waits, services = _queue(load, requests, seed)
    return _whole_ns(waits + services)


def waits_ns(load: float, requests: int, seed: int) -> NDArray[np.int64]:
    """Return how long each of so many requests waits for service; shape (requests,)."""
    waits, _ = _queue(load, requests, seed)
    return _whole_ns(waits)


def record(load: float, requests: int, seed: int) -> RunRecord:
    """Return a run's record: every request of the class ``ask`` went well.

    Its time is cut into 20 steps, each with as many requests; the rest belongs to none.
    """
    latencies_ns = sojourns_ns(load, requests, seed)
    latency_ns = histogram_of(latencies_ns)
    duration_ns = round(requests / load) * MILLISECOND_NS
    step_ns = duration_ns // _STEPS
    in_step = requests // _STEPS
    medians = np.median(latencies_ns[: in_step * _STEPS].reshape(_STEPS, in_step), axis=1)
    rate = Series(unit="1/s", step_ns=step_ns, values=(in_step * 1e9 / step_ns,) * _STEPS)
    return RunRecord(
        world="simulated",
        scenario="yardstick",
        provenance=Provenance(scenario_sha256="", seed=seed, wavetank="", engine="numpy"),
        ended="completed",
        measured_from_ns=0,
        measured_until_ns=step_ns * _STEPS,
        classes={"ask": ClassOutcome(counts={Outcome.OK: requests}, latency_ns=latency_ns)},
        stations={},
        series={
            "offered": rate,
            "ok": rate,
            "latency_p50": Series(unit="ns", step_ns=step_ns, values=tuple(medians.tolist())),
        },
    )


def histogram_of(values_ns: NDArray[np.int64]) -> Histogram:
    """Return the histogram that ``HistogramBuilder`` makes of the same values, sooner."""
    indices, counts = np.unique(_buckets(values_ns), return_counts=True)
    return Histogram(
        count=len(values_ns),
        total=int(values_ns.sum()),
        smallest=int(values_ns.min()),
        largest=int(values_ns.max()),
        buckets=tuple(zip(indices.tolist(), counts.tolist(), strict=True)),
    )


def _queue(
    load: float, requests: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return waits and services, in units of the mean service."""
    chance = np.random.default_rng(seed)
    services = chance.exponential(1.0, requests)
    gaps = chance.exponential(1 / load, requests)
    # Who comes finds the place busy with probability ``load``, and then waits as long as
    # others stay.
    first = chance.exponential(1 / (1 - load)) if chance.random() < load else 0.0
    walk = np.concatenate(([0.0], np.cumsum(services[:-1] - gaps[1:])))
    # Lindley's recursion unrolled: the walk, lifted whenever it would fall below 0.
    lowest = np.minimum.accumulate(walk)
    return walk - np.minimum(lowest, -first), services


def _whole_ns(times: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(times * MILLISECOND_NS).astype(np.int64)


def _buckets(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of each value's bucket, as ``bucket_of`` does one by one."""
    bits = np.frexp(values_ns.astype(np.float64))[1].astype(np.int64)
    shifts = np.maximum(bits - _BUCKET_BITS, 0)
    return (shifts << (_BUCKET_BITS - 1)) + (values_ns >> shifts)
