"""Nanoseconds for one draw and for one arrival of the compiled engine.

Draws are timed in a loop that is compiled as well, arrivals block by block; divide what a round
takes by its draws, or by its arrivals.
"""

from typing import Any

import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from scenarios.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Mean,
    MeanAndSpread,
    MeanAndTail,
    Pareto,
    Quantiles,
)
from scenarios.spec import Scenario
from sim.compiled.arrivals import BLOCK, ArrivalBlocks
from sim.compiled.draws import DrawTable, draw_ns, draw_table, request_key
from sim.compiled.machine_code import unsigned
from sim.streams import seed_key

MS = 1_000_000
DRAWS = 100_000
"""Draws in one round."""

SPREAD = MeanAndSpread(mean_ns=MS, cv=0.5)

DISTRIBUTIONS: dict[str, Distribution] = {
    "constant": Constant(constant_ns=MS),
    "exponential": Exponential(exponential=Mean(mean_ns=MS)),
    "lognormal": Lognormal(lognormal=SPREAD),
    "gamma": Gamma(gamma=SPREAD),
    "gamma, nearly normal": Gamma(gamma=MeanAndSpread(mean_ns=MS, cv=0.01)),
    "pareto": Pareto(pareto=MeanAndTail(mean_ns=MS, alpha=2.5)),
    "empirical": Empirical(empirical=Quantiles(quantiles_ns=tuple(range(0, 100 * MS, MS)))),
}

ONE_USER: dict[str, Any] = {
    "name": "traffic",
    "seed": 1,
    "duration": "100d",
    "workload": {"arrivals": {"poisson": {"rate": "1000/s"}}, "mix": {"read": 1}},
    "services": {"door": {}},
    "caches": {"titles": {"keys": 2000}},
    "classes": {"read": {"through": ["door"]}, "write": {"through": ["door"]}},
}

TRAFFIC: dict[str, dict[str, Any]] = {
    "one user": {},
    "keys": {"classes": {"read": {"through": ["door"], "keys": "titles"}}},
    "classes and users": {
        "workload": {**ONE_USER["workload"], "mix": {"read": 9, "write": 1}},
        "users": {"free": {"count": 200, "weight": 70}, "pro": {"count": 50, "weight": 30}},
    },
    "constant": {"workload": {"arrivals": {"constant": {"rate": "1000/s"}}, "mix": {"read": 1}}},
    "ramp": {
        "workload": {
            "arrivals": {"ramp": {"start": "10/s", "end": "1000/s"}},
            "mix": {"read": 1},
        }
    },
}


@njit()
def draws(table: DrawTable, seed: int, count: int) -> int:
    """Draw once for each of ``count`` requests."""
    total_ns = 0
    for request in range(count):
        total_ns += draw_ns(table, 0, request_key(seed, request), 0)
    return total_ns


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_draws(benchmark: BenchmarkFixture, kind: str) -> None:
    table = draw_table([(DISTRIBUTIONS[kind], "station")])
    seed = unsigned(seed_key(1))
    assert draws(table, seed, 10) > 0
    benchmark.extra_info["draws"] = DRAWS
    benchmark(draws, table, seed, DRAWS)


@pytest.mark.parametrize("kind", TRAFFIC)
def test_arrivals(benchmark: BenchmarkFixture, kind: str) -> None:
    scenario = Scenario.model_validate(ONE_USER | TRAFFIC[kind], context="file")
    blocks = ArrivalBlocks(scenario)
    blocks.fill()
    benchmark.extra_info["arrivals"] = BLOCK
    filled = benchmark(blocks.fill)
    assert filled == BLOCK
