"""The verdict in Markdown, for a pull request or a chat."""

import re
from collections.abc import Iterable, Sequence

from reports.compare import figures_by_class
from reports.headline import Claim, cautions, claims, headline
from reports.sections import Cell, ClassRows, class_rows
from reports.text import comparison_of, of_worlds, plain
from scenarios.findings import Finding, Verdict
from scenarios.records import RunRecord

_SIGNS = {Verdict.HOLDS: "✅", Verdict.BROKEN: "❌", Verdict.UNKNOWN: "❔"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&@])")


def as_markdown(records: Sequence[RunRecord]) -> str:
    """Return the headline, the objectives and the figures of one or two records of a run.

    Raises:
        ValueError: there are two records of different scenarios.
    """
    predicted, measured = of_worlds(records)
    comparison = comparison_of(records)
    parts = [f"### {_escaped(records[0].scenario)}"]
    parts += [f"> **Note:** {_escaped(caution)}" for caution in cautions(records, None, None)]
    parts.append(_escaped(" ".join(headline(predicted, measured, comparison))))
    judged = claims(predicted, measured)
    if judged:
        parts.append(_claims_table(judged, records))
    both = comparison is not None
    rows = class_rows(figures_by_class(predicted, measured), both=both)
    if rows:
        parts.append(_figures_table(rows, both=both, records=records))
    if comparison is not None:
        parts.append(_escaped(" ".join(comparison.summary[1:])))
    return "\n\n".join(parts) + "\n"


def _claims_table(judged: Sequence[Claim], records: Sequence[RunRecord]) -> str:
    rows = [[claim.text, *(_judged(claim, record) for record in records)] for claim in judged]
    return _table(["objective", *map(_world, records)], rows, "l" * (len(records) + 1))


def _judged(claim: Claim, record: RunRecord) -> str:
    finding: Finding | None = claim.predicted if record.world == "simulated" else claim.measured
    if finding is None:
        return "not judged"
    return f"{_SIGNS[finding.verdict]} {finding.verdict}: {finding.evidence}"


def _figures_table(
    classes: Sequence[ClassRows], records: Sequence[RunRecord], *, both: bool
) -> str:
    rows = []
    for each in classes:
        for i, row in enumerate(each.rows):
            numbers = [
                _number(row.predicted if record.world == "simulated" else row.measured)
                for record in records
            ]
            of_both = [row.error.text, row.noise] if both else []
            rows.append([each.name if i == 0 else "", row.name, *numbers, *of_both])
    heads = ["class", "figure", *map(_world, records), *(["error", "noise"] if both else [])]
    return _table(heads, rows, "ll" + "r" * len(records) + ("rl" if both else ""))


def _number(cell: Cell) -> str:
    return f"{cell.text} ({cell.small})" if cell.small else cell.text


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    rule = "|".join("---:" if side == "r" else "---" for side in alignment)
    lines = [f"| {' | '.join(heads)} |", f"|{rule}|"]
    lines += [f"| {' | '.join(map(_escaped, row))} |" for row in rows]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Return ``text`` so that Markdown shows it and does nothing else with it."""
    return _SPECIAL.sub(r"\\\1", plain(text))


def _world(record: RunRecord) -> str:
    return "simulated" if record.world == "simulated" else "live"
