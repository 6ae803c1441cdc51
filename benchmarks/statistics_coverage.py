"""How often intervals hold the truth, where the truth is known: sojourn times in M/M/1.

Each experiment replicates the queue and asks for the mean, p50, p95 and p99 as users do; the
table says in how many experiments the 95 % interval held the true value, on which side it missed,
and how many experiments were refused an answer. Of 1000 experiments, the share covered is itself
known to 1.4 points. Run it with ``python -m benchmarks.statistics_coverage``.
"""

import argparse
import signal
import statistics
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pool
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from sim.statistics.figures import Figure, latency_quantile, mean_latency
from sim.statistics.honest import Answer, Estimate
from sim.statistics.replicate import replicate
from sim.statistics.replications import Replications
from sim.statistics.run_length import Goal, run_until
from sim.statistics.yardstick import record, true_mean_ns, true_quantile_ns

SIZES = (5, 10, 20, 50)
QUEUES = ((0.5, 5_000), (0.8, 20_000), (0.8, 3_000))
"""Load, and requests in each replication; the last are too few for p99 at the smaller sizes."""

SEQUENTIAL = (0.5, 5_000)
ASK = "ask"


class Tried(NamedTuple):
    """One experiment's answer to one question."""

    answer: Answer
    truth: float


class Question(NamedTuple):
    """What is asked of how much."""

    load: float
    requests: int
    replications: str
    figure: str


def questions(load: float) -> Iterator[tuple[Figure, float]]:
    """Give each figure with its true value."""
    yield mean_latency(ASK), true_mean_ns(load)
    for q in (0.5, 0.95, 0.99):
        yield latency_quantile(ASK, q), true_quantile_ns(load, q)


def experiment(number: int) -> list[tuple[Question, Tried]]:
    """Replicate each queue, and ask the same of the first 5, 10, 20 and all 50 replications."""
    found = []
    for load, requests in QUEUES:
        every = replicate(partial(record, load, requests), max(SIZES), first_seed=number)
        for size in SIZES:
            some = Replications(number, every.records[:size])
            for figure, truth in questions(load):
                question = Question(load, requests, str(size), figure.name)
                found.append((question, Tried(some.estimate(figure), truth)))
    return [*found, sequential(number)]


def sequential(number: int) -> tuple[Question, Tried]:
    """Replicate until p99 is known to 3 %."""
    load, requests = SEQUENTIAL
    goal = Goal(latency_quantile(ASK, 0.99), relative_half_width=0.03)
    answer = run_until(goal, partial(record, load, requests), first_seed=number).answer
    question = Question(load, requests, "until known to 3 %", "p99")
    return question, Tried(answer, true_quantile_ns(load, 0.99))


def main() -> None:
    """Print the table; after Ctrl-C that of the experiments that were done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics_coverage")
    parser.add_argument("--experiments", type=int, default=1_000, metavar="N")
    parser.add_argument("--workers", type=int, default=1, metavar="N")
    asked = parser.parse_args()
    found: defaultdict[Question, list[Tried]] = defaultdict(list)
    numbers = range(asked.experiments)
    done = 0
    with Pool(asked.workers, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            for done, answers in enumerate(pool.imap_unordered(experiment, numbers), start=1):  # noqa: B007  # counted on
                for question, tried in answers:
                    found[question].append(tried)
        except KeyboardInterrupt:
            pool.terminate()
    Console().print(table(found, done))


def table(found: dict[Question, list[Tried]], experiments: int) -> Table:
    """Return one row for each question."""
    made = Table(title=f"Intervals at 95 %, of sojourn times in M/M/1; {experiments} experiments")
    for column in ("load", "requests", "replications", "figure"):
        made.add_column(column)
    for column in ("covered", "truth below", "truth above", "refused", "half-width"):
        made.add_column(column, justify="right")
    for question, tried in found.items():
        quoted = [(it.answer, it.truth) for it in tried if isinstance(it.answer, Estimate)]
        refused = 1 - len(quoted) / len(tried)
        made.add_row(
            f"{question.load:.0%}",
            f"{question.requests:,}",
            question.replications,
            question.figure,
            *(_covered(quoted) if quoted else ("", "", "")),
            f"{refused:.1%}",
            *(_width(quoted) if quoted else ("",)),
        )
    return made


def _covered(quoted: list[tuple[Estimate, float]]) -> Iterator[str]:
    below = sum(truth < answer.low for answer, truth in quoted)
    above = sum(truth > answer.high for answer, truth in quoted)
    for count in (len(quoted) - below - above, below, above):
        yield f"{count / len(quoted):.1%}"


def _width(quoted: list[tuple[Estimate, float]]) -> Iterator[str]:
    yield f"±{statistics.median(answer.relative_half_width for answer, _ in quoted):.1%}"


if __name__ == "__main__":
    main()
