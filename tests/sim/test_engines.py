"""The two engines on a scenario that is busier than those that are invented for them."""

from scenarios.history import write_operation
from scenarios.load import load_scenario
from sim.run import EngineName, simulate


def history(engine: EngineName) -> list[str]:
    """Return the lines of six thousand requests, which come faster than they are told."""
    lines: list[str] = []
    busy = load_scenario(
        "baseline",
        ["workload.arrivals.poisson.rate=3000/s", "warm_up=0s", "duration=2s", "drain=3s"],
    )
    simulate(busy, lambda operation: lines.append(write_operation(operation)), engine=engine)
    return lines


def test_more_operations_end_between_two_tellings_than_are_ever_under_way() -> None:
    assert history("compiled") == history("simpy")
