"""How near the engines come to what theory knows: the textbook's systems, in one table.

For each figure: theory's value, each engine's with a 99 % interval over independent runs, and
how far it is off. One interval in a hundred misses although nothing is wrong. Run it with
``python -m benchmarks.theory_table``; with ``--page FILE`` it puts the table in place of the
one in a page.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import track

from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.figures import Figure
from sim.run import simulate
from sim.textbook import Estimate, System, estimates, systems

BEGIN: Final = "<!-- table of theory: begin -->"
END: Final = "<!-- table of theory: end -->"

REPLICATIONS: Final = 20
T_19: Final = 2.861
"""Student's t with 19 degrees of freedom, two-sided 1 %."""

_UNITS: Final = {"s": (1e3, " ms"), "s2": (1e6, " ms²"), "share": (1e2, " %"), "per_s": (1.0, "/s")}
"""By unit of a figure: what it is multiplied with, and what stands behind it."""


class Engine(NamedTuple):
    """Who runs the systems, and how long it is patient."""

    run: Callable[[Scenario], RunRecord]
    requests: int
    """In each replication."""


ENGINES: Final = {
    "SimPy": Engine(simulate, 30_000),
    "compiled": Engine(partial(simulate, engine="compiled"), 1_000_000),
}


class Row(NamedTuple):
    """One figure of one system, as every engine sees it."""

    system: System
    figure: Figure
    found: tuple[Estimate, ...]


def rows_of(system: System, engines: Sequence[Engine], share: float = 1.0) -> list[Row]:
    """Run ``system`` in every engine.

    Args:
        system: what to run.
        engines: at least one.
        share: of the engines' numbers of requests.
    """
    by_engine = [
        estimates(system, engine.run, REPLICATIONS, math.ceil(engine.requests * share))
        for engine in engines
    ]
    return [
        Row(system, figure, tuple(found))
        for figure, *found in zip(system.figures, *by_engine, strict=True)
    ]


def table(rows: Sequence[Row], engines: Sequence[str]) -> str:
    """Return the rows as a table in Markdown, and a line that sums it up."""
    head = ["system", "figure", "theory"]
    for engine in engines:
        head += [f"{engine}, ± 99 %", "off by"]
    lines = [_line(head), _line(["---"] * 3 + ["---:"] * 2 * len(engines))]
    lines += [_line(_cells(row)) for row in rows]
    return "\n".join([*lines, "", *(_summary(rows, at, name) for at, name in enumerate(engines))])


def _cells(row: Row) -> list[str]:
    cells = [row.system.name, row.figure.name, _written(row.figure.exact, row.figure)]
    for estimate in row.found:
        half = _written(T_19 * estimate.error, row.figure, digits=2)
        cells.append(f"{_written(estimate.mean, row.figure)} ± {half}")
        cells.append(f"{estimate.mean / row.figure.exact - 1:+.2%}")
    return cells


def _written(value: float, figure: Figure, digits: int = 4) -> str:
    factor, unit = _UNITS[figure.unit]
    return f"{value * factor:.{digits}g}{unit}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _summary(rows: Sequence[Row], at: int, engine: str) -> str:
    apart = [abs(row.found[at].mean - row.figure.exact) / row.found[at].error for row in rows]
    outside = sum(each > T_19 for each in apart)
    return (
        f"{engine}: {len(rows)} figures, {outside} outside their interval, the farthest "
        f"{max(apart):.1f} standard errors away."
    )


def replaced(page: str, found: str) -> str:
    """Return ``page`` with ``found`` in place of the table between its marks.

    Raises:
        ValueError: the page has not both marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the table: {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{found}\n\n{END}{after}"


def main() -> None:
    """Run all systems, and print or place the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, help="where the table is put in its place")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual requests")
    options = parser.parse_args()
    rows = [
        row
        for system in track(systems(), "systems", console=Console(stderr=True))
        for row in rows_of(system, [*ENGINES.values()], options.share)
    ]
    found = table(rows, [*ENGINES])
    if options.page:
        page = replaced(options.page.read_text(encoding="utf-8"), found)
        options.page.write_text(page, encoding="utf-8")
    else:
        Console(soft_wrap=True, highlight=False).print(found, markup=False)


if __name__ == "__main__":
    main()
