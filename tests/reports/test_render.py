"""The report: one file, complete, and safe to open."""

import json
import re
from pathlib import Path

import pytest

from reports.compare import Comparison
from reports.render import write_report
from scenarios.files import InvalidRecord
from scenarios.history import Outcome
from scenarios.load import load_scenario
from scenarios.records import Event, RunRecord, Series
from scenarios.workload import Workload
from tests.reports.page import Page
from tests.reports.sample import (
    MS,
    S,
    both_worlds,
    calibrated_scenario,
    outcome_of,
    sample_folder,
    sample_record,
    sample_scenario,
    small_record,
    with_broken,
)

SECTIONS = [
    "verdict",
    "objectives",
    "figures",
    "platform",
    "latency",
    "over-time",
    "stations",
    "events",
    "calibration",
    "provenance",
    "reproduce",
]
HOSTILE = "<script>alert('waves')</script> & \"more\" ]]> <img src=x onerror=alert(1)>"


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.mark.requirement("learning-18.4")
def test_a_report_has_its_sections_in_the_order_of_their_weight(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    assert list(page.sections) == SECTIONS
    assert page.text("verdict").startswith("Live as in the simulation, ")


def test_the_table_shows_the_numbers_of_the_comparison(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    written = (tmp_path / "comparison.json").read_text(encoding="utf-8")
    comparison = Comparison.model_validate_json(written)
    [read] = [each for each in comparison.classes if each.name == "read_title"]
    rows = [[_plain(cell) for cell in row] for row in page.rows["figures"]]
    start = next(i for i, row in enumerate(rows) if row[0].startswith("read_title"))
    p99 = next(row for row in rows[start:] if row[0] == "p99")
    [figure] = [each for each in read.figures if each.name == "p99"]
    assert figure.predicted is not None
    assert figure.measured is not None
    assert figure.relative_error is not None
    assert p99[1].startswith(f"{figure.predicted / MS:.2f} ms")
    assert p99[2].startswith(f"{figure.measured / MS:.1f} ms")
    assert p99[3].startswith(f"{figure.relative_error:+.0%}".replace("%", " %"))
    assert p99[5] == "beyond"


def test_too_few_operations_are_not_quoted_as_a_quantile(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    rows = [[_plain(cell) for cell in row] for row in page.rows["figures"]]
    start = next(i for i, row in enumerate(rows) if row[0].startswith("submit_video"))
    assert next(row for row in rows[start:] if row[0] == "p95, p99")[1:3] == ["too few"] * 2


def test_every_objective_is_there_with_both_verdicts_and_the_evidence(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    rows = page.rows["objectives"]
    assert rows[0] == ["objective", "simulated, predicted", "live, measured"]
    evidence = "p99 9.58 ms; none was slower"
    assert rows[1] == ["read_title: p99 at most 50ms", *[f"holds {evidence}"] * 2]
    assert [cell.split()[0] for cell in rows[2]] == ["render:", "unknown", "unknown"]
    assert len(rows) == 4


def test_worlds_that_judge_differently_are_pointed_out(tmp_path: Path) -> None:
    slow = with_broken(sample_record("processes"))
    folder = sample_folder(tmp_path, predicted=sample_record("simulated"), measured=slow)
    page = Page(write_report(folder))
    assert "The two worlds disagree about 1 objective." in page.text("verdict")
    assert "broken p99 91.2 ms" in page.text("objectives")
    assert "the worlds disagree" in page.text("objectives")
    assert 'class="verdict broken"' in page.source


def test_nothing_in_the_file_leads_outside(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    addresses = re.findall(r"(?:https?:)?//[\w.-]+|url\((?!#)[^)]*\)|@import", page.source)
    # A comment of the script and nothing else has two slashes.
    assert [found for found in addresses if not found.startswith("// ")] == []
    links = {"src", "href", "xlink:href", "action", "data", "poster", "srcset"}
    assert all(value.startswith("#") for _, name, value in page.attributes if name in links)
    assert page.scripts == 1
    assert "default-src 'none'" in page.source


def test_what_a_scenario_or_a_record_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    record = sample_record(
        "processes",
        events=(
            Event(at_ns=9 * S, kind="died", target=HOSTILE, detail=HOSTILE),
            Event(at_ns=9 * S, kind="note", target="load", detail=HOSTILE),
        ),
    )
    provenance = record.provenance.model_copy(update={"engine": HOSTILE, "machine": HOSTILE})
    findings = tuple(
        finding.model_copy(update={"claim": HOSTILE + str(i), "evidence": HOSTILE})
        for i, finding in enumerate(record.findings)
    )
    classes = {**record.classes, HOSTILE: record.classes["read_title"]}
    stations = {**record.stations, HOSTILE: record.stations["gateway"]}
    series = {**record.series, f"queue_depth.{HOSTILE}": record.series["ok"]}
    record = record.model_copy(
        update={
            "scenario": HOSTILE,
            "provenance": provenance,
            "findings": findings,
            "classes": classes,
            "stations": stations,
            "series": series,
        }
    )
    scenario = sample_scenario().model_copy(update={"description": HOSTILE})
    folder = sample_folder(
        tmp_path, measured=record, scenario=scenario, calibrated=calibrated_scenario()
    )
    (folder / "calibration.txt").write_text(HOSTILE, encoding="utf-8")
    page = Page(write_report(folder))
    assert page.scripts == 1
    assert "<script>alert" not in page.source
    assert not [tag for tag, _, _ in page.attributes if tag == "img"]
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "alert('waves')" in page.text("events")


@pytest.mark.parametrize("world", ["simulated", "processes"])
def test_one_world_alone_makes_a_report_without_a_comparison(tmp_path: Path, world: str) -> None:
    record = sample_record("simulated" if world == "simulated" else "processes")
    predicted, measured = (record, None) if world == "simulated" else (None, record)
    page = Page(write_report(sample_folder(tmp_path, predicted=predicted, measured=measured)))
    assert [section for section in page.sections if section in SECTIONS] == SECTIONS
    assert not (tmp_path / "comparison.json").exists()
    assert "error" not in page.rows["figures"][0]
    assert len(page.rows["objectives"][1]) == 2
    where = "Simulated" if world == "simulated" else "Live"
    assert page.text("verdict").startswith(f"{where}, 1 of 3 objectives is unknown and 2 hold.")


def test_a_run_that_was_interrupted_says_so_before_anything_else(tmp_path: Path) -> None:
    record = sample_record("processes").model_copy(update={"ended": "interrupted"})
    folder = sample_folder(tmp_path, predicted=sample_record("simulated"), measured=record)
    page = Page(write_report(folder))
    assert next(iter(page.sections)) == "cautions"
    assert "The live run was interrupted before its end" in page.text("cautions")


def test_a_death_stands_at_the_top_among_the_events_and_on_the_charts(tmp_path: Path) -> None:
    died = Event(at_ns=12 * S, kind="died", target="catalog/0", detail="exit code -9")
    folder = sample_folder(tmp_path, measured=sample_record("processes", events=(died,)))
    page = Page(write_report(folder))
    said = _plain(page.text("cautions"))
    assert "died during the live run: catalog/0 at 12.0 s (exit code -9)." in said
    cells = [_plain(cell) for cell in page.rows["events"][1]]
    assert cells == ["12.0 s", "live", "died", "catalog/0", "exit code -9"]
    assert page.source.count('class="mark measured"') >= 2


def test_a_doubt_about_the_measurement_stands_at_the_top(tmp_path: Path) -> None:
    late = Event(at_ns=35 * S, kind="note", target="load", detail="44 requests were sent late")
    folder = sample_folder(tmp_path, measured=sample_record("processes", events=(late,)))
    page = Page(write_report(folder))
    assert "load: 44 requests were sent late" in page.text("cautions")
    assert 'class="mark' not in page.source


def test_a_class_that_could_not_be_played_is_named_at_the_top(tmp_path: Path) -> None:
    asked = sample_scenario()
    mix = {name: part for name, part in asked.workload.mix.items() if name != "submit_video"}
    workload = Workload(arrivals=asked.workload.arrivals, mix=mix)
    played = asked.model_copy(update={"workload": workload})
    folder = sample_folder(tmp_path, measured=sample_record("processes"), calibrated=played)
    page = Page(write_report(folder))
    assert "cannot play it: submit_video." in page.text("cautions")


def test_classes_of_which_nothing_ended_ok_are_named_and_not_drawn(tmp_path: Path) -> None:
    record = small_record(
        "processes", {"read_title": outcome_of([], failed=3), "list_titles": outcome_of([MS])}
    )
    page = Page(write_report(sample_folder(tmp_path, measured=record)))
    assert "Nothing ended ok of read_title." in page.text("latency")
    assert [value for value in page.identifiers if value.startswith("latency-")].count(
        "latency-0-title"
    ) == 1
    rows = [[_plain(cell) for cell in row] for row in page.rows["figures"]]
    assert ["failed", "100 % 43.9 to 100 %"] in rows


def test_a_record_of_nothing_at_all_still_makes_a_page(tmp_path: Path) -> None:
    folder = sample_folder(tmp_path, measured=small_record("processes", {}))
    (folder / "scenario.yaml").unlink()
    page = Page(write_report(folder))
    assert "nothing was judged" in page.text("verdict")
    assert "no scenario to draw" in page.text("platform")


def test_calibration_is_laid_beside_what_the_scenario_said(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    rows = [[_plain(cell) for cell in row] for row in page.rows["calibration"][1:]]
    assert rows == [
        [
            "catalog",
            "update_title",
            "work",
            "lognormal, mean 500 µs, cv 0.5",
            "lognormal, mean 1.30 ms, cv 0.6",
        ],
        ["main", "update_title", "work", "lognormal, mean 3.00 ms, cv 0.5", "always 4.00 ms"],
    ]
    assert "update_title: measured 40 times" in page.text("calibration")


def test_provenance_tells_where_both_records_come_from(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    facts = {row[0]: row[1:] for row in page.rows["provenance"]}
    assert facts["scenario, SHA-256"] == ["5a" * 32, "a5" * 32]
    assert facts["commit"] == ["\N{EN DASH}", "0123456789ab+"]
    assert facts["machine"] == ["any: it does not matter", "a processor, 4 cores, Linux"]
    assert "wavetank rehearse calibrated.yaml --world simulated" in page.text("reproduce")


def test_the_page_keeps_to_itself_where_the_folder_lies(tmp_path: Path) -> None:
    folder = both_worlds(tmp_path / "20260102T030405-baseline")
    assert str(tmp_path) not in write_report(folder).read_text(encoding="utf-8")


def test_drawings_and_tables_speak_to_those_who_cannot_see_them(tmp_path: Path) -> None:
    page = Page(write_report(both_worlds(tmp_path)))
    assert len(page.identifiers) == len(set(page.identifiers))
    named = [value for _, name, value in page.attributes if name == "aria-labelledby"]
    assert {part for value in named for part in value.split()} <= set(page.identifiers)
    drawings = [value for _, name, value in page.attributes if (name, value) == ("role", "img")]
    # Two of the platform, five classes, four over time.
    assert len(drawings) == 11
    headings = page.source.count("<th")
    assert page.source.count("<th scope=") + page.source.count("<thead>") == headings
    assert "Latency distribution of read_title" in page.source


def test_the_same_folder_makes_the_same_report(tmp_path: Path) -> None:
    folder = both_worlds(tmp_path)
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first
    assert len(first) < 400_000


def test_an_hour_of_seconds_is_drawn_with_a_few_hundred_points(tmp_path: Path) -> None:
    hour = Series(unit="1/s", step_ns=S, values=tuple(float(i % 50) for i in range(3_600)))
    depth = Series(unit="jobs", step_ns=S, values=tuple(float(i == 1_800) for i in range(3_600)))
    record = small_record(
        "processes", {}, series={"ok": hour, "offered": hour, "queue_depth.render": depth}
    )
    report = write_report(sample_folder(tmp_path, measured=record))
    source = _plain(report.read_text(encoding="utf-8"))
    assert "requests per second, in steps of 15 s" in source
    # The one second with a job in it is not averaged away.
    assert "30 min: live 1<" in source
    assert report.stat().st_size < 200_000


def test_a_series_that_this_page_never_heard_of_is_drawn_unless_it_is_nothing(
    tmp_path: Path,
) -> None:
    some = Series(unit="1/s", step_ns=S, values=(0.0, 3.0, None))
    none = Series(unit="1/s", step_ns=S, values=(0.0, 0.0, 0.0))
    record = small_record("simulated", {}, series={"stale_reads.main": some, "lost.main": none})
    page = Page(write_report(sample_folder(tmp_path, predicted=record)))
    assert "Stale reads at main" in page.text("over-time")
    assert "Lost" not in page.text("over-time")


def test_a_folder_without_a_record_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no record of a run: none of simulated"):
        write_report(tmp_path)


def test_a_damaged_record_is_refused_and_the_old_report_stays(tmp_path: Path) -> None:
    folder = both_worlds(tmp_path)
    before = write_report(folder).read_bytes()
    (folder / "simulated" / "record.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidRecord, match=r"record\.json"):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == before


def test_every_scenario_of_the_catalogue_can_be_drawn(tmp_path: Path) -> None:
    for name in ("baseline", "flash_crowd", "recorded_trace", "render_backlog"):
        scenario = load_scenario(name)
        record: RunRecord = sample_record("simulated").model_copy(update={"scenario": name})
        folder = sample_folder(tmp_path / name, predicted=record, scenario=scenario)
        page = Page(write_report(folder))
        for service in scenario.services:
            assert service in page.text("platform")


def test_comparison_json_holds_no_numbers_that_json_lacks(tmp_path: Path) -> None:
    refused = (
        sample_record("processes")
        .classes["read_title"]
        .model_copy(
            update={"counts": {Outcome.REFUSED: 5}, "latency_ns": outcome_of([]).latency_ns}
        )
    )
    measured = sample_record("processes")
    measured = measured.model_copy(update={"classes": {**measured.classes, "read_title": refused}})
    folder = sample_folder(tmp_path, predicted=sample_record("simulated"), measured=measured)
    write_report(folder)
    text = (folder / "comparison.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail)["scenario"] == "baseline"
