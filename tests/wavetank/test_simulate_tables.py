"""What is said of replications that do not all end alike."""

import io

from rich.console import Console

from sim.statistics.summary import summary
from tests.sim.statistics.made import record, replications
from wavetank.simulate_tables import collapse_sentence, replication_tables


def shown(collapsed: int, fine: int) -> str:
    """Return what is shown of so many runs of each kind."""
    made = [record([9_000_000] * 40, series={"ok": (10.0, 10.0, 10.0, 1.0)})] * collapsed
    made += [record([2_000_000 + i, 3_000_000] * 40) for i in range(fine)]
    runs = replications(made)
    screen = Console(file=io.StringIO(), width=100)
    for table in replication_tables(runs, summary(runs)):
        screen.print(table)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_runs_of_both_kinds_are_told_apart_and_the_probability_of_collapse_is_given() -> None:
    text = shown(collapsed=6, fine=14)
    assert "6 of 20 runs collapsed" in text
    assert "It happens to 12% to 54% of runs (95%)." in " ".join(text.split())
    assert "Figures of the runs that did not collapse" in text
    assert "Figures of the runs that collapsed" in text
    # One reason stands in place of the figures of all runs.
    assert text.count("No figures over all runs") == 1
    assert "describes neither" in text


def test_where_no_run_collapses_nothing_is_said_of_it() -> None:
    text = shown(collapsed=0, fine=8)
    assert "collapse" not in text
    assert "No figures over all runs" not in text


def test_too_few_runs_to_say_how_probable_collapse_is() -> None:
    runs = replications([record([1], series={"ok": (0.0,) * 4})] * 2)
    assert collapse_sentence(runs).startswith("2 of 2 runs collapsed: under 50%")
    assert "happens" not in collapse_sentence(runs)
