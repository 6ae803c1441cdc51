"""The table of theory: what stands in it, and that it finds its place in a page."""

import pytest

from benchmarks.theory_table import BEGIN, END, Engine, Row, replaced, rows_of, table
from sim.figures import Figure
from sim.run import simulate
from sim.textbook import Estimate, System, systems


def _row(exact: float, *found: tuple[float, float], unit: str = "s") -> Row:
    figure = Figure("mean wait", unit, exact, lambda _record: 0.0)
    system = System("M/M/1", 60.0, {}, (figure,))
    return Row(system, figure, tuple(Estimate(figure, mean, error) for mean, error in found))


def test_a_row_says_theory_and_each_engine_with_its_interval() -> None:
    lines = table([_row(0.015, (0.0153, 0.0002), (0.0150001, 0.000001))], ["A", "B"]).splitlines()
    assert lines[0] == "| system | figure | theory | A, ± 99 % | off by | B, ± 99 % | off by |"
    assert lines[2] == (
        "| M/M/1 | mean wait | 15 ms | 15.3 ms ± 0.57 ms | +2.00% | 15 ms ± 0.0029 ms | +0.00% |"
    )


def test_it_counts_what_lies_outside() -> None:
    rows = [_row(0.015, (0.0153, 0.0002)), _row(0.5, (0.4, 0.02), unit="share")]
    assert table(rows, ["A"]).splitlines()[-1] == (
        "A: 2 figures, 1 outside their interval, the farthest 5.0 standard errors away."
    )


def test_rows_are_those_of_a_run() -> None:
    [system] = [each for each in systems() if each.name == "M/M/1 at 60%"]
    rows = rows_of(system, [Engine(simulate, 2_000)], share=0.1)
    assert [row.figure for row in rows] == [*system.figures]
    assert all(len(row.found) == 1 and row.found[0].error > 0 for row in rows)


def test_a_page_keeps_all_but_its_table() -> None:
    page = f"before\n{BEGIN}\n\nold\n\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replaced(replaced(page, "new"), "newer") == replaced(page, "newer")
    with pytest.raises(ValueError, match="no place for the table"):
        replaced("nothing", "new")
