"""How much the simulator's parts and figures cost, beside SimPy with nothing around it.

Ten simulated minutes at 600 requests/s: Poisson arrivals take turns at 4 replicas with 2
places each (exponential, 5 ms); 30 % go on to a pool of 20 connections (lognormal, 10 ms,
sigma 0.5). Once as a scenario, with policies, histograms, series and draws by name; once
as SimPy's users write it by hand, with the mean latency as its only figure.

The two take turns in one process, and processor time is what counts, so that a busy
machine slows both alike. Run it with ``python -m benchmarks.peers.simpy_three_tier``.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.peers.simulators.platforms import scenario
from benchmarks.peers.simulators.programs.with_simpy import three_tiers
from benchmarks.peers.simulators.work import TIERS
from scenarios.units import MILLISECOND_NS
from sim.run import simulate

EXACT_MEAN_MS = 8.2113
"""Solved numerically: each replica sees every fourth arrival, which makes it GI/M/2."""


class Answer(NamedTuple):
    """What one run of one contestant came to."""

    requests: int
    mean_ms: float
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Requests for each second of processor time."""
        return self.requests / self.cpu_s


def ours(seed: int, seconds: int) -> tuple[int, float]:
    """Return requests and mean latency in milliseconds."""
    record = simulate(scenario("c", seed, round(seconds * TIERS.rate_per_s)))
    requests = sum(outcome.total for outcome in record.classes.values())
    total_ns = sum(outcome.latency_ns.total for outcome in record.classes.values())
    return requests, total_ns / requests / MILLISECOND_NS


def bare(seed: int, seconds: int) -> tuple[int, float]:
    """Return requests and mean latency in milliseconds."""
    ran = three_tiers(seed, round(seconds * TIERS.rate_per_s))
    return ran.requests, ran.mean_s * 1e3


def timed(contestant: Callable[[int, int], tuple[int, float]], seed: int, seconds: int) -> Answer:
    """Let one contestant run once."""
    began_s = time.process_time()
    requests, mean_ms = contestant(seed, seconds)
    return Answer(requests, mean_ms, time.process_time() - began_s)


def compare(rounds: int, seconds: int) -> dict[str, list[Answer]]:
    """Let the contestants take turns, and the turns take turns."""
    answers: dict[str, list[Answer]] = {}
    for seed in range(rounds):
        contestants = [("bare SimPy", bare), ("wavetank", ours)]
        for name, contestant in contestants if seed % 2 else contestants[::-1]:
            answers.setdefault(name, []).append(timed(contestant, seed, seconds))
    return answers


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=600, help="of simulated time")
    options = parser.parse_args()
    answers = compare(options.rounds, options.seconds)
    table = Table(
        *("engine", "requests per CPU-second", "(least to most)", "mean latency", "error"),
        title=f"three tiers, {options.seconds} simulated seconds, median of {options.rounds}",
    )
    for name, runs in answers.items():
        speeds = sorted(run.per_cpu_s for run in runs)
        mean_ms = statistics.fmean(run.mean_ms for run in runs)
        table.add_row(
            name,
            f"{statistics.median(speeds):,.0f}",
            f"{speeds[0]:,.0f} to {speeds[-1]:,.0f}",
            f"{mean_ms:.3f} ms",
            f"{mean_ms / EXACT_MEAN_MS - 1:+.2%}",
        )
    Console().print(table)
    ratio = statistics.median(
        one.per_cpu_s / other.per_cpu_s
        for one, other in zip(answers["wavetank"], answers["bare SimPy"], strict=True)
    )
    Console().print(f"wavetank to bare SimPy: {ratio:.2f}")


if __name__ == "__main__":
    main()
