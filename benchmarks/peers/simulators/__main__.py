"""Wavetank beside its peers: ``python -m benchmarks.peers.simulators``.

Without arguments it takes some twenty minutes of processor time, most of it the slow peers'.
``--peers wavetank,simpy,cimba`` or ``--scale 0.1`` are faster; short runs say less of means.
"""

import argparse
import datetime as dt
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.peers.simulators.contest import CONTESTANTS, Outcome, contest
from benchmarks.peers.simulators.page import Setting, page
from benchmarks.peers.simulators.startup import Grown, Start, growth, starts
from benchmarks.peers.simulators.summary import rows
from benchmarks.peers.simulators.work import REQUESTS
from reference_services.runtime.clock import NS_PER_S, unix_ns
from worlds.provenance import commit, machine

_USUAL_ITEMS = "a,b,c,full,start,growth"
_ITEMS = (*REQUESTS, "start", "growth")


def main() -> None:
    """Compare, print the page, and write what is asked for."""
    options = _options()
    load_before = os.getloadavg()[0]
    requests = {
        item: max(1, round(REQUESTS[item] * options.scale))
        for item in options.items
        if item in REQUESTS
    }
    outcome = contest(options.peers, requests, options.rounds, _say)
    started = starts(options.rounds) if "start" in options.items else ()
    grown = growth(options.growth_max, _say) if "growth" in options.items else ()
    setting = Setting(
        command=shlex.join(["python", "-m", "benchmarks.peers.simulators", *sys.argv[1:]]),
        date=dt.datetime.fromtimestamp(unix_ns() / NS_PER_S, tz=dt.UTC).strftime("%Y-%m-%d"),
        machine=machine(),
        python=platform.python_version(),
        commit=commit() or "unknown",
        load=f"a load of {load_before:.1f} before, of {os.getloadavg()[0]:.1f} after",
    )
    written = page(setting, rows(outcome.runs), outcome.left_out, started, grown)
    print(written)  # noqa: T201  # the page is what was asked for
    if options.page:
        options.page.write_text(written, encoding="utf-8")
    if options.json:
        options.json.write_text(_as_json(setting, outcome, started, grown), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.simulators", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--items", type=_names(_ITEMS), default=_names(_ITEMS)(_USUAL_ITEMS))
    parser.add_argument("--peers", type=_names(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests")
    parser.add_argument("--growth-max", type=int, default=7, help="powers of ten of requests")
    parser.add_argument("--json", type=Path, help="where to write every run")
    parser.add_argument("--page", type=Path, help="where to write the page")
    options = parser.parse_args()
    if options.rounds < 1 or options.scale <= 0:
        parser.error("rounds have to be at least 1, and the scale above 0")
    return options


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what reads a list of names with commas between them."""
    names = list(known)

    def read(written: str) -> list[str]:
        for name in written.split(","):
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(names)}")
        return written.split(",")

    return read


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)  # noqa: T201  # somebody waits


def _as_json(
    setting: Setting, outcome: Outcome, started: Sequence[Start], grown: Sequence[Grown]
) -> str:
    runs = [{**run._asdict(), "told": run.told._asdict()} for run in outcome.runs]
    found = {
        **setting._asdict(),
        "runs": runs,
        "left_out": dict(outcome.left_out),
        "starts": [start._asdict() for start in started],
        "growth": [each._asdict() for each in grown],
    }
    return json.dumps(found, indent=1) + "\n"


if __name__ == "__main__":
    main()
