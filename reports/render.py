"""Writes the report of a run: one HTML file that opens anywhere, without a network."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.calibration import adjustments
from reports.compare import Comparison, compare, figures_by_class
from reports.headline import cautions, claims, headline, tally, verdict_of, verdict_sentence
from reports.pictures import (
    latency_pictures,
    over_time_pictures,
    platform_pictures,
    without_latency,
)
from reports.quantities import duration, relative
from reports.run_folder import Run, read_run
from reports.sections import class_rows, event_rows, provenance_rows, station_rows
from scenarios.files import write_whole

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(folder: Path) -> Path:
    """Write ``report.html`` and, where both worlds were asked, ``comparison.json``.

    Args:
        folder: of a run, as ``wavetank rehearse`` leaves it.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: the folder holds no record.
        InvalidRecord: a record in it cannot be read.
        InvalidScenario: a scenario in it cannot be read.
        OSError: a file cannot be read or written.
    """
    run = read_run(folder)
    comparison = compared(run)
    if comparison is not None:
        write_whole(folder / "comparison.json", comparison.model_dump_json(indent=1) + "\n")
    report = folder / "report.html"
    write_whole(report, rendered(run, comparison))
    return report


def compared(run: Run) -> Comparison | None:
    """Return prediction against measurement; None where one of them is missing."""
    if run.predicted is None or run.measured is None:
        return None
    return compare(run.predicted, run.measured)


def rendered(run: Run, comparison: Comparison | None) -> str:
    """Return the page."""
    classes = figures_by_class(run.predicted, run.measured)
    both = comparison is not None
    events, events_left_out = event_rows(run.records)
    findings = [finding for record in run.records for finding in record.findings]
    script = _source("report.js")
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            scenario=run.played,
            name=run.records[0].scenario,
            both=both,
            style=_source("report.css"),
            script=script,
            script_hash=_hash(script),
            meta=_meta(run),
            headline=headline(run.predicted, run.measured, comparison),
            verdict=verdict_of(findings),
            cautions=cautions(run.records, run.scenario, run.played),
            claims=claims(run.predicted, run.measured),
            comparison=comparison,
            classes=class_rows(classes, both=both),
            platform=platform_pictures(run),
            latency=latency_pictures(run, classes),
            no_latency=without_latency(classes),
            over_time=over_time_pictures(run),
            stations=station_rows(run),
            events=events,
            events_left_out=events_left_out,
            adjustments=_adjustments(run),
            provenance=provenance_rows(run.records),
        )
    )


def _environment() -> Environment:
    # Whatever a scenario or a record says is untrusted: everything is escaped, and what a
    # template asks for and does not get is an error, not an empty place.
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration,
        "relative": relative,
        "tally": tally,
        "verdict_sentence": verdict_sentence,
    }
    return environment


def _source(name: str) -> Markup:
    # Our own files, which go into the page as they are.
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704  # see above


def _hash(script: str) -> str:
    """Return the name by which the page's policy allows this script, and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _meta(run: Run) -> list[str]:
    """Return which run this was, in a line."""
    provenance = run.records[-1].provenance
    meta = [f"seed {provenance.seed}"]
    if provenance.started_at is not None:
        meta.insert(0, f"live run started {provenance.started_at}")
    if provenance.commit is not None:
        meta.append(f"commit {provenance.commit}")
    return meta


def _adjustments(run: Run) -> list[object]:
    if run.scenario is None or run.calibrated is None:
        return []
    return list(adjustments(run.scenario, run.calibrated))
