"""The page of a contest, in Markdown; printed as it is, it can be read as well."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.peers.simulators.contest import CONTESTANTS
from benchmarks.peers.simulators.platforms import CROWD_OF_A_DAY
from benchmarks.peers.simulators.startup import Grown, Start
from benchmarks.peers.simulators.summary import Row

ITEMS: Final = {
    "a": "M/M/1 at 80 %: mean wait for the place, service of 1 ms",
    "b": "M/M/8 at 90 %: mean wait for a place, service of 1 ms",
    "c": "Three tiers at 600 requests/s: mean latency",
    "full": "Three tiers with every feature, ratios to the peers' bare three tiers",
    "day": "A day of `flash_crowd` at 600 requests/s, ratios to the peers' bare three tiers",
}

_WORK: Final = """\
What is done: (a) and (b) one line in front of one or eight places. (c) Poisson arrivals take turns
at four replicas of a gateway with two places each (exponential, 5 ms), and 30 % go on to a pool of
20 connections (lognormal, 10 ms, sigma 0.5). (full) the same rates and times, with traffic that
goes up and down by half, an autoscaler, a cache with its keys and their ageing, time-outs, retries
within a budget, breakers, series: only Wavetank has all of these, so its ratios are to what the
peers need *without* them."""

_READING: Final = """\
Each run is a process of its own, and all take turns. Speeds are requests for each second of
processor time, of the run alone: imports and machine code are in the column before. They are
medians with the least and the most; ratios are medians of those within one round, which a busy
machine slows alike. Wavetank collects its whole record in each run (counts, latencies, waits,
utilisations, a series for each second); the peers collect the one mean that is shown, and Ciw its
records. Means are over the rounds, with their standard errors."""


class Setting(NamedTuple):
    """Under what conditions a page came to be."""

    command: str
    date: str
    machine: str
    python: str
    commit: str
    load: str
    """How busy the machine was, in words."""


def page(
    setting: Setting,
    table: Sequence[Row],
    left_out: Mapping[str, str],
    started: Sequence[Start],
    grown: Sequence[Grown],
) -> str:
    """Return the whole page."""
    origin = (
        f"Written by `{setting.command}` on {setting.date}, at commit {setting.commit}, on "
        f"{setting.machine}, Python {setting.python}; {setting.load}."
    )
    parts = [
        "# Wavetank beside other simulators",
        origin,
        _WORK,
        _READING,
    ]
    for item in dict.fromkeys(row.item for row in table):
        parts += [f"## {ITEMS[item]}", _item_table([row for row in table if row.item == item])]
        if item == "day":
            changes = ", ".join(f"`{change}`" for change in CROWD_OF_A_DAY)
            parts.append(f"The catalogue's scenario with {changes}.")
    parts += _about_contestants(table, left_out)
    if started:
        lines = [(it.what, f"{it.median_s:.2f}", _range(it.cpu_s, ".2f")) for it in started]
        head = ("in a fresh process", "CPU s", "least to most")
        parts += ["## Before the first figure", _table(head, lines)]
    if grown:
        head = ("requests", "ns of processor each", "peak MB")
        lines = [
            (f"{it.requests:,}", f"{it.ns_per_request:.0f}", f"{it.peak_mb:.0f}") for it in grown
        ]
        parts += ["## As runs grow: three tiers in the compiled engine", _table(head, lines)]
    return "\n\n".join(parts) + "\n"


def _item_table(table: Sequence[Row]) -> str:
    head = (
        "simulator",
        "requests per CPU-s",
        "least to most",
        "to SimPy",
        "to Cimba",
        "mean, ms",
        "theory",
        "off by",
        "before, CPU s",
        "peak MB",
        "runs",
    )
    lines = [
        (
            f"{row.contestant} {row.version}",
            f"{row.per_cpu_s.median:,.0f}",
            f"{row.per_cpu_s.low:,.0f} to {row.per_cpu_s.high:,.0f}",
            _times(row.to_simpy),
            _times(row.to_cimba),
            _mean(row),
            "" if row.exact_s is None else f"{1e3 * row.exact_s:.4f}",
            "" if row.exact_s is None else f"{row.mean_s / row.exact_s - 1:+.2%}",
            f"{row.ready_s:.2f}",
            f"{row.peak_mb:.0f}",
            f"{row.rounds} of {row.requests:,.0f}",
        )
        for row in table
    ]
    notes = [f"{row.contestant}: {row.note}." for row in table if row.note]
    return "\n\n".join((_table(head, lines), *notes))


def _about_contestants(table: Sequence[Row], left_out: Mapping[str, str]) -> list[str]:
    took_part = dict.fromkeys(row.contestant for row in table)
    forms = [f"- {name}: {CONTESTANTS[name].form}" for name in took_part]
    parts = ["## How each was asked", "\n".join(forms)]
    if left_out:
        said = "\n".join(f"- {name}: {reason}" for name, reason in left_out.items())
        parts += ["## Left out", said]
    return parts


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:,.3g}x" if ratio < 100 else f"{ratio:,.0f}x"


def _mean(row: Row) -> str:
    error = "" if row.mean_error_s is None else f" ± {1e3 * row.mean_error_s:.4f}"
    return f"{1e3 * row.mean_s:.4f}{error}"


def _range(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}} to {max(values):{form}}"
