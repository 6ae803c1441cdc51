"""Wavetank's first answer: a scenario read, one simulated second, and the record as JSON."""

from scenarios.load import load_scenario
from sim.run import simulate

SHORT = ("warm_up=0s", "duration=1s", "drain=1s")


def main() -> None:
    """Print the record."""
    record = simulate(load_scenario("baseline", SHORT), engine="compiled")
    print(record.model_dump_json())  # noqa: T201  # an answer is to be seen


if __name__ == "__main__":
    main()
