"""A caller and the backends it balances over, with nothing else between them.

Requests come at random, wait for one place at the backend that was chosen, and are answered or
fail; what the caller knows is what a real one would. Small enough that a property can play
thousands of requests, and exact: the same fleet, load and seed give the same choices.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from math import log
from typing import NamedTuple

from policies.balancing import balancer
from policies.latency_balancing import BackendLatency, LatencyLimits
from sim.streams import request_key, seed_key, stream_key, uniform

_GAPS, _SERVICES, _FATES, _CHOICES = map(stream_key, ("gaps", "services", "fates", "choices"))

MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Backend:
    """One backend, as it is, not as the caller sees it."""

    service_ns: int
    """Mean of its exponential service times."""

    fails: float = 0.0
    """How likely a request is to fail."""

    fails_in_ns: int = MS
    """How soon; failing needs no place."""


class _Answer(NamedTuple):
    at_ns: int
    backend: int
    began_ns: int
    good: bool


class Caller:
    """Chooses by a balancer's name, and keeps account of what became of the requests."""

    def __init__(self, balancing: str, backends: int) -> None:
        self._weighs_latency = balancing == "latency_aware"
        self._balancer = balancer(balancing)
        self._latencies = [BackendLatency(LatencyLimits()) for _ in range(backends)]
        self.outstanding = [0] * backends

    def choose(self, now_ns: int, draw: float) -> int:
        """Return who gets the next request, and count it as open."""
        loads = self.outstanding
        if self._weighs_latency:
            loads = [
                latency.cost(outstanding, now_ns)
                for latency, outstanding in zip(self._latencies, loads, strict=True)
            ]
        chosen = self._balancer.choose(loads, draw)
        self.outstanding[chosen] += 1
        return chosen

    def hear(self, answer: _Answer) -> None:
        """Take note of an answer."""
        self.outstanding[answer.backend] -= 1
        latency = self._latencies[answer.backend]
        note = latency.answered if answer.good else latency.failed
        note(answer.at_ns - answer.began_ns, answer.at_ns)


def choices(
    balancing: str, fleet: list[list[Backend]], requests: int, gap_ns: int, seed: int
) -> list[int]:
    """Return which backend got each request.

    Args:
        balancing: the balancer's name.
        fleet: the backends; as often as there are lists, all change to the next one, after
            equally many requests.
        requests: how many come.
        gap_ns: mean time from one to the next; they come as a Poisson process.
        seed: of everything that is left to chance.
    """
    caller = Caller(balancing, len(fleet[0]))
    free_ns = [0] * len(fleet[0])
    answers: list[_Answer] = []
    chosen: list[int] = []
    now_ns = 0
    run = seed_key(seed)
    for number in range(requests):
        key = request_key(run, number)
        now_ns += int(-log(uniform(key, _GAPS, 0)) * gap_ns)
        while answers and answers[0].at_ns <= now_ns:
            caller.hear(heappop(answers))
        index = caller.choose(now_ns, uniform(key, _CHOICES, 0))
        chosen.append(index)
        backend = fleet[number * len(fleet) // requests][index]
        good = uniform(key, _FATES, 0) >= backend.fails
        if good:
            start_ns = max(now_ns, free_ns[index])
            took_ns = int(-log(uniform(key, _SERVICES, 0)) * backend.service_ns)
            at_ns = free_ns[index] = start_ns + took_ns
        else:
            at_ns = now_ns + backend.fails_in_ns
        heappush(answers, _Answer(at_ns, index, now_ns, good))
    return chosen
