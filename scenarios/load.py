"""Scenarios in files: read, checked, and written so that they read back equal."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from scenarios import units
from scenarios.document import Document, Dumper, read_document
from scenarios.errors import InvalidScenario, Mistake, remedy
from scenarios.files import write_whole
from scenarios.names import inconsistencies
from scenarios.overrides import Misplaced, Override, apply_override, parse_override
from scenarios.phrases import Complaint, complaints
from scenarios.spec import Scenario
from scenarios.workload import TraceArrivals

_CATALOGUE = Path(__file__).parent / "catalog"
_TRACE = ("workload", "arrivals", "trace", "file")
_SUFFIXES = (".yaml", ".yml")


def catalogue() -> dict[str, Path]:
    """Return the scenarios that come with Wavetank, by name."""
    return {path.stem: path for path in sorted(_CATALOGUE.glob("*.yaml"))}


def load_scenario(source: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in a file or, by its name, in the catalogue.

    Args:
        source: path of a file, or the name of a catalogue scenario.
        overrides: values in place of the file's, such as ``services.gateway.replicas=6``.

    Returns:
        The scenario; the path of its trace, if it has one, is absolute. In a file it counts
        from the file's folder, in an override from the current one.

    Raises:
        InvalidScenario: it is not there, or something is wrong with it; all that was found.
        OSError: the file cannot be read.
    """
    path = find_scenario(source)
    document = read_document(path)
    applied = _applied(document, overrides)
    try:
        # JSON, because pydantic's strictness takes JSON's lists for tuples, but not Python's.
        scenario = Scenario.model_validate_json(
            json.dumps(document.data),
            strict=True,
            context=units.FILE,
            by_alias=True,
            by_name=False,
        )
    except ValidationError as error:
        found = _all_complaints(error, document)
        raise InvalidScenario(_mistake(it, document, applied) for it in found) from error
    given_here = any(_TRACE[: len(override.field)] == override.field for override in applied)
    return _with_absolute_trace(scenario, Path() if given_here else path.parent)


def find_scenario(source: str | Path) -> Path:
    """Return the file that ``source``, a path or a catalogue name, stands for.

    Raises:
        InvalidScenario: there is no such file.
    """
    known = catalogue()
    path = Path(source)
    if isinstance(source, str) and source in known:
        return known[source]
    if path.is_file():
        return path
    if path.is_dir():
        reason = "is a folder, not a scenario's file"
    elif path.suffix in _SUFFIXES:
        beside = path.parent.glob("*.y*ml") if path.parent.is_dir() else ()
        reason = f"is not there; {remedy(path.name, (*sorted(p.name for p in beside), *known))}"
    else:
        reason = f"is neither a file nor in the catalogue; {remedy(path.name, known)}"
    raise InvalidScenario([Mistake(path, None, "", reason)])


def write_scenario(scenario: Scenario, path: Path) -> None:
    """Write ``scenario`` as YAML that :func:`load_scenario` reads back equal.

    Raises:
        OSError: it cannot be written; whatever was at ``path`` is still there.
    """
    data = scenario.model_dump(mode="json", exclude_defaults=True)
    write_whole(path, yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True))


def scenario_sha256(scenario: Scenario) -> str:
    """Return the hash of all that determines a run of ``scenario``, in hexadecimal.

    A trace counts by its content, wherever it lies.

    Raises:
        OSError: the trace cannot be read.
    """
    data = scenario.model_dump(mode="json")
    match scenario.workload.arrivals:
        case TraceArrivals(trace=trace):
            with Path(trace.file).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            data["workload"]["arrivals"]["trace"]["file"] = content
        case _:
            pass
    written = json.dumps(data, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


def _applied(document: Document, overrides: Iterable[str]) -> list[Override]:
    applied: list[Override] = []
    mistakes: list[Mistake] = []
    for written in overrides:
        try:
            override = parse_override(written)
            apply_override(document.data, override)
            applied.append(override)
        except Misplaced as error:
            mistakes.append(Mistake(document.path, None, error.field, error.reason, written))
    if mistakes:
        raise InvalidScenario(mistakes)
    return applied


def _all_complaints(error: ValidationError, document: Document) -> list[Complaint]:
    found = [found for part in error.errors() for found in complaints(part, document.data)]
    # The scenario looks its names up only when all its fields are valid.
    told = {complaint.field for complaint in found}
    unresolved = inconsistencies(document.data)
    return found + [Complaint(field, reason) for field, reason in unresolved if field not in told]


def _mistake(complaint: Complaint, document: Document, applied: Sequence[Override]) -> Mistake:
    field = ".".join(complaint.field)
    for override in reversed(applied):
        shorter = min(len(override.field), len(complaint.field))
        # The override brought the value in, or is a part of what does not go together.
        if complaint.field[:shorter] == override.field[:shorter]:
            return Mistake(document.path, None, field, complaint.reason, override.written)
    return Mistake(document.path, document.line_of(complaint.field), field, complaint.reason)


def _with_absolute_trace(scenario: Scenario, folder: Path) -> Scenario:
    match scenario.workload.arrivals:
        case TraceArrivals(trace=trace) as arrivals:
            absolute = str((folder / trace.file).absolute())
            moved = arrivals.model_copy(
                update={"trace": trace.model_copy(update={"file": absolute})}
            )
            workload = scenario.workload.model_copy(update={"arrivals": moved})
            return scenario.model_copy(update={"workload": workload})
        case _:
            return scenario
