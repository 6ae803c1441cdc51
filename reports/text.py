"""The verdict in a terminal, and as JSON for programs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.compare import Comparison, compare, figures_by_class
from reports.headline import Claim, cautions, claims, headline
from reports.sections import ClassRows, FigureRow, class_rows
from scenarios.findings import Finding, Verdict
from scenarios.records import RunRecord

_STYLES = {
    Verdict.HOLDS: ("✓", "green"),
    Verdict.BROKEN: ("✗", "red bold"),
    Verdict.UNKNOWN: ("?", "yellow"),
}
"""By verdict, its sign and its colour; the word stands beside them."""


def verdict_tables(records: Sequence[RunRecord]) -> list[RenderableType]:
    """Return what a terminal shows of one or two records of a run.

    Args:
        records: of one run; of the simulated world, of a live one, or of both.

    Returns:
        The headline with what must be known before it is trusted, the objectives, the figures.

    Raises:
        ValueError: there are two records of different scenarios.
    """
    predicted, measured = of_worlds(records)
    comparison = comparison_of(records)
    tables = objective_tables(records)
    both = comparison is not None
    rows = class_rows(figures_by_class(predicted, measured), both=both)
    if rows:
        tables.append(_figures_table(rows, records))
    if comparison is not None:
        tables.append(Text(plain(" ".join(comparison.summary[1:])), style="dim"))
    return tables


def objective_tables(records: Sequence[RunRecord]) -> list[RenderableType]:
    """Return only the headline, what must be known before it is trusted, and the objectives."""
    predicted, measured = of_worlds(records)
    comparison = comparison_of(records)
    sentences = [*cautions(records, None, None), *headline(predicted, measured, comparison)]
    tables: list[RenderableType] = [Group(*(Text(plain(sentence)) for sentence in sentences))]
    judged = claims(predicted, measured)
    if judged:
        tables.append(_claims_table(judged, records))
    return tables


def as_json(records: Sequence[RunRecord], **paths: Path) -> dict[str, object]:
    """Return the verdicts, the comparison and where the files are, ready for ``json.dumps``.

    Args:
        records: of one run.
        paths: by the name they are to have in the answer, files and folders of the run.

    Raises:
        ValueError: there are two records of different scenarios.
    """
    comparison = comparison_of(records)
    predicted, measured = of_worlds(records)
    return {
        "scenario": records[0].scenario,
        "headline": headline(predicted, measured, comparison),
        "cautions": cautions(records, None, None),
        "worlds": {
            record.world: {
                "ended": record.ended,
                "findings": [finding.model_dump(mode="json") for finding in record.findings],
                "provenance": record.provenance.model_dump(mode="json"),
            }
            for record in records
        },
        "comparison": None if comparison is None else comparison.model_dump(mode="json"),
        **{name: str(path) for name, path in paths.items()},
    }


def of_worlds(records: Sequence[RunRecord]) -> tuple[RunRecord | None, RunRecord | None]:
    """Return the simulated and the live one of ``records``; None for one that is not there."""
    predicted = next((record for record in records if record.world == "simulated"), None)
    measured = next((record for record in records if record.world != "simulated"), None)
    return predicted, measured


def comparison_of(records: Sequence[RunRecord]) -> Comparison | None:
    """Return prediction against measurement; None unless both are among ``records``.

    Raises:
        ValueError: they are of different scenarios.
    """
    predicted, measured = of_worlds(records)
    if predicted is None or measured is None:
        return None
    return compare(predicted, measured)


def plain(text: str) -> str:
    """Return ``text`` without what a terminal would obey instead of showing."""
    return "".join(c if c.isprintable() or c == "\N{NO-BREAK SPACE}" else " " for c in text)


def _claims_table(judged: Sequence[Claim], records: Sequence[RunRecord]) -> Table:
    table = _table("Objectives")
    table.add_column("objective")
    for record in records:
        table.add_column(_world(record))
    for claim in judged:
        of_world = {True: claim.predicted, False: claim.measured}
        found = [of_world[record.world == "simulated"] for record in records]
        table.add_row(Text(plain(claim.text)), *map(_judged, found))
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)


def _judged(finding: Finding | None) -> Text:
    if finding is None:
        return Text("not judged", style="dim")
    sign, style = _STYLES[finding.verdict]
    evidence = (f"\n{plain(finding.evidence)}", "dim")
    return Text.assemble((f"{sign} {finding.verdict}", style), evidence)


def _figures_table(classes: Sequence[ClassRows], records: Sequence[RunRecord]) -> Table:
    both = len(records) > 1
    table = _table("Predicted and measured" if both else "Figures")
    table.add_column("class")
    table.add_column("figure")
    for record in records:
        table.add_column(_world(record), justify="right")
    if both:
        table.add_column("error", justify="right")
        table.add_column("noise")
    for each in classes:
        for i, row in enumerate(each.rows):
            name = Text(plain(each.name) if i == 0 else "")
            table.add_row(
                name, row.name, *_numbers(row, records), end_section=i == len(each.rows) - 1
            )
    return table


def _numbers(row: FigureRow, records: Sequence[RunRecord]) -> Iterator[Text]:
    for record in records:
        yield Text((row.predicted if record.world == "simulated" else row.measured).text)
    if len(records) > 1:
        yield Text(row.error.text)
        yield Text(row.noise, style="bold" if row.noise == "beyond" else "dim")


def _world(record: RunRecord) -> str:
    return "simulated" if record.world == "simulated" else "live"
