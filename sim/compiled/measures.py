"""What is measured: histograms, operations, and a sample of everything each second."""

import math
from typing import Final

import numpy as np

from scenarios.histogram import bucket_bounds
from scenarios.units import SECOND_NS
from sim.compiled.codes import ENDED_OK, REFUSED, UNKNOWN
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined, scalar, signed

scalar(bucket_bounds)

HALF: Final = 1 << 62
"""At which the sum of a histogram is carried over into its upper half."""

BUCKETS: Final = 55 << 8
"""Enough for any value below 2**63."""

_PRECISION_BITS: Final = 8
_EXACT_BELOW: Final = 512
_EXPONENT_BITS: Final = 52
_EXPONENT_BIAS: Final = 1022
_EXACT_AS_FLOAT: Final = 1 << 53

OFFERED: Final = 0
SERVED: Final = 1
TURNED_AWAY: Final = 2
LOST: Final = 3


@inlined
def bit_length(value: int) -> int:
    """Return how many bits ``value``, at least 1, has: the exponent of the float it is."""
    if value < _EXACT_AS_FLOAT:
        return signed(np.float64(value).view(np.int64) >> _EXPONENT_BITS) - _EXPONENT_BIAS
    return signed(np.float64(value >> 10).view(np.int64) >> _EXPONENT_BITS) - _EXPONENT_BIAS + 10


@inlined
def bucket_of(value: int) -> int:
    """Return what :func:`scenarios.histogram.bucket_of` does."""
    if value < _EXACT_BELOW:
        return value
    shift = bit_length(value) - _PRECISION_BITS - 1
    return (shift << _PRECISION_BITS) + (value >> shift)


@called
def add(s: State, row: int, value: int) -> None:
    """Count ``value`` in a histogram."""
    measure = s.measures[row]
    if measure.count == 0 or value < measure.smallest:
        measure.smallest = value
    measure.largest = max(measure.largest, value)
    measure.count += 1
    measure.total += value
    if measure.total >= HALF:
        measure.total -= HALF
        measure.total_high += 1
    s.buckets[row * BUCKETS + bucket_of(value)] += 1


@inlined
def measure(s: State, row: int, value: int) -> None:
    """Count ``value`` in a station's histogram, if this is the measured part."""
    if s.run[0].is_measuring:
        add(s, row, value)


@called
def operation(s: State, class_index: int, at_ns: int, outcome: int) -> None:
    """Count an operation that ends now, except in the series."""
    run = s.run[0]
    if run.measured_from_ns <= at_ns < run.measured_until_ns:
        s.outcomes[class_index * 4 + outcome] += 1
        if outcome == ENDED_OK:
            add(s, class_index, run.now_ns - at_ns)


@called
def request(s: State, at_ns: int, outcome: int) -> None:
    """Count a request that ends now in the series of its second."""
    if outcome == UNKNOWN:
        return
    run = s.run[0]
    second = run.now_ns // SECOND_NS
    if outcome == ENDED_OK:
        s.rates[second * 4 + SERVED] += 1
        if second != run.second:
            end_second(s)
            run.second = second
        _add_to_second(s, run.now_ns - at_ns)
    elif outcome == REFUSED:
        s.rates[second * 4 + TURNED_AWAY] += 1
    else:
        s.rates[second * 4 + LOST] += 1


@called
def _add_to_second(s: State, latency_ns: int) -> None:
    """Count a latency in the histogram of the current second, which is the last one."""
    run = s.run[0]
    row = run.second_row
    measure = s.measures[row]
    bucket = bucket_of(latency_ns)
    if measure.count == 0:
        measure.smallest = measure.largest = latency_ns
        run.second_low = run.second_high = bucket
    measure.smallest = min(measure.smallest, latency_ns)
    measure.largest = max(measure.largest, latency_ns)
    run.second_low = min(run.second_low, bucket)
    run.second_high = max(run.second_high, bucket)
    measure.count += 1
    s.buckets[row * BUCKETS + bucket] += 1


@called
def end_second(s: State) -> None:
    """Note the quantiles of the second that has passed, and begin another."""
    run = s.run[0]
    row = run.second_row
    measure = s.measures[row]
    if measure.count == 0:
        return
    median = max(signed(math.ceil(0.5 * measure.count)), 1)
    tail = max(signed(math.ceil(0.99 * measure.count)), 1)
    seen = 0
    for bucket in range(run.second_low, run.second_high + 1):
        here = s.buckets[row * BUCKETS + bucket]
        if here == 0:
            continue
        s.buckets[row * BUCKETS + bucket] = 0
        low, high = bucket_bounds(bucket)
        value = min(max((low + high) // 2, measure.smallest), measure.largest)
        if seen < median <= seen + here:
            s.quantiles[2 * run.second] = value
        if seen < tail <= seen + here:
            s.quantiles[2 * run.second + 1] = value
        seen += here
    measure.count = 0


@called
def sample(s: State) -> None:
    """Note the state of everything in the second that ends now, or the part that has passed."""
    run = s.run[0]
    second = (run.now_ns - 1) // SECOND_NS
    services, queues = run.services, run.queues
    row = second * run.sample_columns
    for number in range(services):
        service = s.services[number]
        s.samples[row + 2 * number] = service.ready
        busy_ns = service.busy_ns + service.occupied * run.now_ns
        available_ns = service.concurrency * (
            service.ready * run.now_ns - service.since_ns + service.gone_ns
        )
        used_ns = busy_ns - service.sampled_busy_ns
        had_ns = available_ns - service.sampled_available_ns
        service.sampled_busy_ns, service.sampled_available_ns = busy_ns, available_ns
        s.samples[row + 2 * number + 1] = used_ns / had_ns if had_ns != 0 else 0.0
    for number in range(queues):
        queue = s.queues[number]
        s.samples[row + 2 * services + number] = queue.waiting + queue.active
    for number in range(run.databases):
        database = s.databases[number]
        column = 2 * services + queues + number
        s.samples[row + column] = database.stale_reads - database.sampled
        database.sampled = database.stale_reads
