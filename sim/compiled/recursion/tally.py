"""What is counted; as :mod:`sim.compiled.measures`, but not in the order of time.

How many a histogram holds is not counted: its buckets say it in the end.
"""

import math
from typing import Final

from scenarios.histogram import bucket_bounds
from scenarios.units import SECOND_NS
from sim.compiled.codes import NOBODY
from sim.compiled.machine_code import called, inlined, signed
from sim.compiled.measures import BUCKETS, HALF, SERVED, bit_length
from sim.compiled.recursion.layout import State

_PRECISION_BITS: Final = 8
_EXACT_BITS: Final = _PRECISION_BITS + 1
_STRIP: Final = 16
"""Buckets; a part of all that there are."""


@inlined
def _bucket_of(value: int) -> int:
    """Return what :func:`scenarios.histogram.bucket_of` does, without a branch on small values."""
    shift = max(bit_length(value | 1) - _EXACT_BITS, 0)
    return (shift << _PRECISION_BITS) + (value >> shift)


@called
def measure(s: State, station: int, came_ns: int, began_ns: int, ended_ns: int) -> None:
    """Note that somebody is served at a station."""
    run = s.run[0]
    if run.from_ns <= began_ns < run.until_ns:
        waits = s.stations[station].waits
        wait_ns, took_ns = began_ns - came_ns, ended_ns - began_ns
        _count(s, waits, wait_ns, _bucket_of(wait_ns))
        _count(s, waits + 1, took_ns, _bucket_of(took_ns))
    cells = s.stations[station].cells
    if ended_ns <= run.cell_end_ns:
        s.busy_ns[cells + run.cell] += ended_ns - began_ns
    else:
        _occupy(s, cells, began_ns, ended_ns)


@inlined
def _count(s: State, row: int, value: int, bucket: int) -> None:
    measure = s.measures[row]
    measure.smallest = min(measure.smallest, value)
    measure.largest = max(measure.largest, value)
    measure.total += value
    if measure.total >= HALF:
        measure.total -= HALF
        measure.total_high += 1
    s.buckets[row * BUCKETS + bucket] += 1


@called
def _occupy(s: State, cells: int, began_ns: int, ended_ns: int) -> None:
    """Add the time from ``began_ns`` to ``ended_ns`` to the cells that it falls in."""
    run = s.run[0]
    ended_ns = min(ended_ns, run.end_ns)
    cell = began_ns // SECOND_NS
    # The measured part divides two seconds, unless it begins and ends with one.
    if run.from_ns % SECOND_NS != 0 and began_ns >= run.from_ns:
        cell += 1
    if run.until_ns % SECOND_NS != 0 and began_ns >= run.until_ns:
        cell += 1
    while began_ns < ended_ns:
        until_ns = min(ended_ns, s.ends_ns[cell])
        s.busy_ns[cells + cell] += until_ns - began_ns
        began_ns = until_ns
        cell += 1


@called
def returned(s: State, class_index: int, at_ns: int, now_ns: int) -> bool:
    """Count a request that returns at ``now_ns``; False: not in its second, which is to come."""
    run = s.run[0]
    latency_ns = now_ns - at_ns
    bucket = _bucket_of(latency_ns)
    if run.from_ns <= at_ns:
        _count(s, class_index, latency_ns, bucket)
    if now_ns >= run.second_end_ns:
        return False
    s.rates[run.second * 4 + SERVED] += 1
    _count_in_second(s, latency_ns, bucket)
    return True


@called
def put_off(s: State, number: int, at_ns: int, now_ns: int) -> None:
    """Keep a visitor until the second in which it returns."""
    second = now_ns // SECOND_NS
    s.visitors[number].at_ns = now_ns - at_ns
    s.visitors[number].next = s.later[second]
    s.later[second] = number


@inlined
def _count_in_second(s: State, latency_ns: int, bucket: int) -> None:
    measure = s.measures[s.run[0].second_row]
    measure.smallest = min(measure.smallest, latency_ns)
    measure.largest = max(measure.largest, latency_ns)
    s.buckets[s.run[0].second_row * BUCKETS + bucket] += 1


@called
def end_second(s: State) -> None:
    """Note the quantiles of the second that ends, and begin another."""
    run = s.run[0]
    returns = s.rates[run.second * 4 + SERVED]
    if returns > 0:
        _note_quantiles(s, returns)
    run.second += 1
    run.second_end_ns += SECOND_NS
    if run.second == run.seconds:
        return
    measure = s.measures[run.second_row]
    measure.smallest = run.end_ns
    measure.largest = 0
    number = s.later[run.second]
    while number != NOBODY:
        visitor = s.visitors[number]
        s.rates[run.second * 4 + SERVED] += 1
        _count_in_second(s, visitor.at_ns, _bucket_of(visitor.at_ns))
        following = visitor.next
        visitor.next = run.free
        run.free = number
        run.free_left += 1
        number = following


@inlined
def _note_quantiles(s: State, returns: int) -> None:
    """Find the median and the tail of the second, and empty its histogram.

    Most buckets are empty or short of either, so that a strip of them is added up at once.
    """
    run = s.run[0]
    measure = s.measures[run.second_row]
    median = max(signed(math.ceil(0.5 * returns)), 1)
    tail = max(signed(math.ceil(0.99 * returns)), 1)
    base = run.second_row * BUCKETS
    first = _bucket_of(measure.smallest) // _STRIP
    last = _bucket_of(measure.largest) // _STRIP
    seen = 0
    for strip in range(base + first * _STRIP, base + (last + 1) * _STRIP, _STRIP):
        here = 0
        for bucket in range(strip, strip + _STRIP):
            here += s.buckets[bucket]
        if seen < median <= seen + here:
            s.quantiles[2 * run.second] = _value_at(s, strip, median - seen)
        if seen < tail <= seen + here:
            s.quantiles[2 * run.second + 1] = _value_at(s, strip, tail - seen)
        for bucket in range(strip, strip + _STRIP):
            s.buckets[bucket] = 0
        seen += here


@called
def _value_at(s: State, bucket: int, rank: int) -> int:
    """Return the value of this rank among those from ``bucket`` on."""
    second_row = s.run[0].second_row
    measure = s.measures[second_row]
    while rank > s.buckets[bucket]:
        rank -= s.buckets[bucket]
        bucket += 1
    low, high = bucket_bounds(bucket - second_row * BUCKETS)
    return min(max((low + high) // 2, measure.smallest), measure.largest)
