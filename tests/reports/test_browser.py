"""The report in a real browser: drawn, quiet, and within the width of the screen."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reports.render import write_report
from scenarios.records import Event
from tests.reports.sample import S, both_worlds, sample_folder, sample_record

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium of this machine."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(
            f"no Chromium to open the report with: install one, named one of {', '.join(_NAMES)}"
        )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report of both worlds."""
    return write_report(both_worlds(tmp_path_factory.mktemp("run")))


class Opened:
    """A page in the browser, with all it complained about and all it asked for."""

    def __init__(self, page: Page, report: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(report.as_uri())


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_fits_its_screen_and_asks_the_network_for_nothing(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    dark = scheme == "dark"
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
    )
    opened = Opened(page, report)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.complaints == []
    assert opened.requests == [report.as_uri()]
    red = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert (page.evaluate(red) < 128) is dark
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_every_chart_has_lines_that_can_be_seen(browser: Browser, report: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    Opened(page, report)
    charts = page.locator("svg.chart")
    assert charts.count() == 9
    for chart in charts.all():
        for style in ("predicted", "measured"):
            box = chart.locator(f"path.line.{style}").bounding_box()
            assert box is not None
            assert box["width"] > 50
        size = chart.bounding_box()
        assert size is not None
        assert size["height"] > 120
        # Labels of eleven units: on a screen no smaller than nine pixels.
        assert size["width"] / 372 > 0.85
    dashes = page.locator("path.line.predicted").first
    assert dashes.evaluate("element => getComputedStyle(element).strokeDasharray") != "none"
    page.close()


@pytest.mark.parametrize(("width", "shown"), [(1280, "right"), (390, "down")])
def test_the_platform_is_drawn_for_the_width_there_is(
    browser: Browser, report: Path, width: int, shown: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    Opened(page, report)
    visible = [page.locator(f"svg.platform.{way}").is_visible() for way in ("right", "down")]
    assert visible == [shown == "right", shown == "down"]
    boxes = [
        node.bounding_box() for node in page.locator(f"svg.platform.{shown} g.node .shape").all()
    ]
    assert len(boxes) == 10
    known = [box for box in boxes if box is not None]
    for i, one in enumerate(known):
        for other in known[i + 1 :]:
            apart = (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"]
                or other["y"] + other["height"] <= one["y"]
            )
            assert apart
    page.close()


def test_labels_of_an_axis_do_not_overlap(browser: Browser, report: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    Opened(page, report)
    overlaps = page.evaluate("""() => {
        const found = [];
        for (const chart of document.querySelectorAll('svg.chart')) {
            const boxes = [...chart.querySelectorAll('text')].map((text) => [
                text.textContent, text.getBoundingClientRect()]);
            boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
                const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                if (across > 0.5 && down > 4) found.push([chart.textContent, one, other]);
            }));
        }
        return found;
    }""")
    assert overlaps == []
    page.close()


def test_pointing_at_a_moment_tells_its_values_in_every_chart(
    browser: Browser, report: Path
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    Opened(page, report)
    figures = page.locator("#over-time figure")
    figures.nth(0).locator(".bands rect").nth(10).dispatch_event("pointerover")
    readouts = [figure.locator("output").inner_text() for figure in figures.all()]
    assert len(readouts) == 4
    assert all(readout.startswith("10\N{NO-BREAK SPACE}s: ") for readout in readouts)
    figures.nth(0).dispatch_event("pointerleave")
    assert figures.nth(1).locator("output").inner_text() == ""
    page.close()


def test_without_a_script_the_page_is_complete(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("svg.chart path.line.measured").count() == 9
    assert "offered" in (page.locator(".bands rect title").first.text_content() or "")
    context.close()


def test_a_hostile_record_runs_nothing_and_is_told_to_complain_nowhere(
    browser: Browser, tmp_path: Path
) -> None:
    hostile = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
    died = Event(at_ns=12 * S, kind="died", target=hostile, detail=hostile)
    record = sample_record("processes", events=(died,))
    opened_report = write_report(sample_folder(tmp_path, measured=record))
    page = browser.new_page()
    opened = Opened(page, opened_report)
    assert page.title().startswith("baseline: ")
    assert opened.complaints == []
    assert opened.requests == [opened_report.as_uri()]
    page.close()
