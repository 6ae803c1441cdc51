"""Systems whose answers theory knows, as scenarios: what each engine is measured against.

The table has one entry for each system, with the figures that a run of it has to come near.
Whoever asks (a property, the table in the documentation) brings the engine, the seed and the
number of requests. A station is called ``door``, a class ``ask``, where there is but one.
"""

import math
import statistics
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from scenarios import units
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.figures import (
    Figure,
    latency_quantile,
    mean_latency,
    mean_wait,
    refused,
    second_moment,
    seconds,
    squared_wait,
    throughput,
    utilisation,
)
from sim.theory.caches import miss_share
from sim.theory.closed_networks import closed_network
from sim.theory.erlang import erlang_b
from sim.theory.many_places import Wait, e_k_m_c, m_m_c, m_m_c_k
from sim.theory.one_place import (
    Rank,
    m_g_1_last_come_first_variance_s2,
    m_g_1_priority_waits_s,
    m_g_1_wait_s,
    m_g_1_wait_variance_s2,
)
from sim.theory.open_networks import jackson

_NS_PER_S = 1e9
_WARM_UP_SHARE = 5
"""One request that only warms the system up for so many that are measured."""

Platform = Mapping[str, Any]
"""Part of a scenario, as it is written in a file."""


class System(NamedTuple):
    """A system, and what theory knows of it."""

    name: str
    rate_per_s: float
    platform: Platform
    """Without seed, arrivals and length."""

    figures: tuple[Figure, ...]
    mix: Mapping[str, float] = MappingProxyType({"ask": 1.0})
    """The weight of each class."""

    closed: Platform | None = None
    """Its users and what they think for, who wait for their answers. None: arrivals are Poisson."""

    is_slow: bool = False
    """Whether it forgets so slowly that a short run says little."""

    def scenario(self, seed: int, requests: int) -> Scenario:
        """Return a run of about ``requests`` requests, after as many as let it forget."""
        length_s = requests / self.rate_per_s
        data = {
            "name": "textbook",
            "workload": {
                "arrivals": self._arrivals(),
                "mix": dict(self.mix),
            },
            "seed": seed,
            "warm_up": _milliseconds(length_s / _WARM_UP_SHARE),
            "duration": _milliseconds(length_s),
            "drain": "30s",
            "classes": {"ask": {"through": ["door"]}},
            **self.platform,
        }
        return Scenario.model_validate(data, context=units.FILE)

    def _arrivals(self) -> Platform:
        if self.closed is not None:
            return {"closed": dict(self.closed)}
        return {"poisson": {"rate": f"{self.rate_per_s:.9f}/s"}}


class Estimate(NamedTuple):
    """What independent runs of one system say of one figure."""

    figure: Figure
    mean: float
    error: float
    """Standard error of the mean."""


def estimates(
    system: System,
    run: Callable[[Scenario], RunRecord],
    replications: int,
    requests: int,
) -> tuple[Estimate, ...]:
    """Run ``system`` with the seeds from 0 on, and return what came of it.

    Args:
        system: one of :func:`systems`.
        run: the engine.
        replications: independent runs, at least 2.
        requests: measured in each, about.
    """
    records = [run(system.scenario(seed, requests)) for seed in range(replications)]
    found = []
    for figure in system.figures:
        values = [figure.read(record) for record in records]
        error = statistics.stdev(values) / math.sqrt(replications)
        found.append(Estimate(figure, statistics.fmean(values), error))
    return tuple(found)


def _milliseconds(length_s: float) -> str:
    return f"{math.ceil(length_s * 1_000)}ms"


def systems() -> tuple[System, ...]:
    """Return all systems; names are unique."""
    return (
        *_exponential(),
        *_bounded(),
        *_one_place_any_service(),
        _last_come_first(),
        _ranks(),
        *_turns(),
        *_networks(),
        *_closed(),
        _workers(),
        _cache(),
    )


def _door(**service: Any) -> Platform:  # noqa: ANN401  # as in files
    return {"services": {"door": service}}


def _exponential() -> list[System]:
    """Return M/M/c, of few places and of many."""
    found = []
    for places, busy, is_slow in (
        (1, 0.6, False),
        (1, 0.9, True),
        (2, 0.7, False),
        (5, 0.7, False),
        (8, 0.9, True),
        (20, 0.8, True),
        (200, 0.95, True),
    ):
        rate_per_s = busy * places / 0.010
        wait = m_m_c(rate_per_s, 0.010, places)
        platform = _door(concurrency=places, service_time={"exponential": {"mean": "10ms"}})
        figures = (
            mean_wait("door", wait.mean_s),
            squared_wait("door", wait),
            utilisation("door", busy),
            *_sojourns(wait),
        )
        found.append(
            System(f"M/M/{places} at {busy:.0%}", rate_per_s, platform, figures, is_slow=is_slow)
        )
    return found


def _sojourns(wait: Wait) -> tuple[Figure, ...]:
    return (
        latency_quantile(0.9, wait.sojourn_quantile_s(0.9)),
        latency_quantile(0.99, wait.sojourn_quantile_s(0.99)),
    )


def _bounded() -> list[System]:
    """Return M/M/c/K under light and crushing load, and Erlang's loss system."""
    found = []
    for places, line_max, load in ((1, 3, 1.2), (4, 4, 1.0), (3, 6, 0.9)):
        rate_per_s = load * places / 0.010
        loss = m_m_c_k(rate_per_s, 0.010, places, line_max)
        platform = _door(
            concurrency=places,
            queue_max=line_max,
            service_time={"exponential": {"mean": "10ms"}},
        )
        figures = (
            refused(loss.lost),
            mean_wait("door", loss.wait_s),
            utilisation("door", loss.utilisation),
        )
        name = f"M/M/{places}/{places + line_max} offered {load:.0%}"
        found.append(System(name, rate_per_s, platform, figures))
    lost = erlang_b(4.0, 5)
    for name, time in _KINDS.items():
        platform = _door(concurrency=5, queue_max=0, service_time=time)
        kept = utilisation("door", 4 * (1 - lost) / 5)
        found.append(System(f"M/{name}/5/5 offered 80%", 400.0, platform, (refused(lost), kept)))
    return found


_KINDS: Mapping[str, Platform] = {
    "D": {"constant": "10ms"},
    "lognormal": {"lognormal": {"mean": "10ms", "cv": 1.5}},
}


def _one_place_any_service() -> list[System]:
    """Return M/G/1 for every kind of service time, by mean and moments in units of the mean."""
    kinds: tuple[tuple[str, Platform, float, float | None], ...] = (
        ("D", {"constant": "10ms"}, 0.0, 1.0),
        ("gamma (cv 0.5)", {"gamma": {"mean": "10ms", "cv": 0.5}}, 0.5, 1.25 * 1.5),
        ("lognormal (cv 1.5)", {"lognormal": {"mean": "10ms", "cv": 1.5}}, 1.5, None),
        ("uniform", {"empirical": {"quantiles": ["0ns", "20ms"]}}, 1 / math.sqrt(3), 2.0),
        ("Pareto (alpha 4)", {"pareto": {"mean": "10ms", "alpha": 4}}, math.sqrt(1 / 8), None),
    )
    found = []
    for name, time, cv, third in kinds:
        rate_per_s = 60.0
        mean_s = m_g_1_wait_s(rate_per_s, 0.010, cv)
        figures = [
            mean_wait("door", mean_s),
            utilisation("door", 0.6),
        ]
        # Of the others the third moment is there, but no run of bearable length shows it.
        if third is not None:
            second_s2, third_s3 = 1e-4 * (1 + cv**2), 1e-6 * third
            variance_s2 = m_g_1_wait_variance_s2(rate_per_s, 0.010, second_s2, third_s3)
            figures.append(second_moment("door", variance_s2 + mean_s**2))
        platform = _door(service_time=time)
        found.append(System(f"M/{name}/1 at 60%", rate_per_s, platform, tuple(figures)))
    return found


def _last_come_first() -> System:
    """Return M/M/1 where who came last is next: the mean wait of any order, and more spread."""
    mean_s = m_g_1_wait_s(60.0, 0.010, cv=1.0)
    variance_s2 = m_g_1_last_come_first_variance_s2(60.0, 0.010, 2e-4, 6e-6)
    figures = (
        mean_wait("door", mean_s),
        second_moment("door", variance_s2 + mean_s**2),
        utilisation("door", 0.6),
    )
    platform = _door(discipline="lifo", service_time={"exponential": {"mean": "10ms"}})
    return System("M/M/1 at 60%, last come first served", 60.0, platform, figures)


def _ranks() -> System:
    """Return one place that serves three classes, one after the other by their priorities."""
    rate_per_s = 70.0
    constant, short, long = Rank(14, 0.005, 25e-6), Rank(28, 0.005, 50e-6), Rank(28, 0.015, 450e-6)
    ranks = {"urgent": constant, "usual": short, "patient": long}
    waits_s = m_g_1_priority_waits_s(tuple(ranks.values()))
    times = {
        "urgent": {"constant": "5ms"},
        "usual": {"exponential": {"mean": "5ms"}},
        "patient": {"exponential": {"mean": "15ms"}},
    }
    classes = {
        name: {
            "priority": priority,
            "through": ["door"],
            "times": {"door": {"service_time": times[name]}},
        }
        for priority, name in enumerate(ranks)
    }
    figures = (
        *(
            mean_latency(wait_s + rank.service_s, name)
            for (name, rank), wait_s in zip(ranks.items(), waits_s, strict=True)
        ),
        utilisation("door", 0.63),
    )
    platform = {**_door(discipline="priority"), "classes": classes}
    mix = {name: rank.rate_per_s for name, rank in ranks.items()}
    return System("one place, three priorities", rate_per_s, platform, figures, mix)


def _turns() -> list[System]:
    """Return replicas that get the arrivals in turns."""
    found = []
    for replicas, places, busy in ((2, 1, 0.7), (4, 2, 0.8)):
        rate_per_s = busy * places * replicas / 0.010
        wait = e_k_m_c(rate_per_s / replicas, 0.010, places, phases=replicas)
        platform = _door(
            replicas=replicas,
            concurrency=places,
            service_time={"exponential": {"mean": "10ms"}},
        )
        figures = (
            mean_wait("door", wait.mean_s),
            squared_wait("door", wait),
            utilisation("door", busy),
            *_sojourns(wait),
        )
        name = f"E{replicas}/M/{places} at {busy:.0%}"
        found.append(System(name, rate_per_s, platform, figures))
    return [*found, _three_tiers()]


def _three_tiers() -> System:
    """Return the scenario by which simulators are compared, database's pool included."""
    gateways = e_k_m_c(150, 0.005, 2, phases=4)
    # Of twenty connections less than two are busy: next to nobody waits for one.
    sojourn_s = gateways.mean_sojourn_s + 0.3 * 0.010
    cv = math.sqrt(math.expm1(0.5**2))
    query = {"lognormal": {"mean": "10ms", "cv": cv}}
    platform = {
        "services": {
            "door": {
                "replicas": 4,
                "concurrency": 2,
                "service_time": {"exponential": {"mean": "5ms"}},
            }
        },
        "databases": {"main": {"pool": 20, "read_time": query, "write_time": query}},
        "classes": {
            "hit": {"through": ["door"]},
            "miss": {"through": ["door"], "steps": [{"read": "main"}]},
        },
    }
    figures = (
        mean_latency(sojourn_s),
        mean_wait("door", gateways.mean_s),
        utilisation("main", 0.09),
    )
    return System("three tiers, gateways in turns", 600.0, platform, figures, {"hit": 7, "miss": 3})


def _networks() -> list[System]:
    """Return Jackson networks: one after the other, and in a circle."""
    rate_per_s = 60.0
    tandem = jackson(
        [rate_per_s, 0, 0],
        [[0, 1, 0], [0, 0, 1], [0, 0, 0]],
        [0.010, 0.030, 0.015],
        [1, 3, 2],
    )
    in_tandem = {
        "services": {
            "door": {"service_time": {"exponential": {"mean": "10ms"}}},
            "hall": {
                "concurrency": 3,
                "service_time": {"exponential": {"mean": "30ms"}},
                # A wait that occupies nothing: a station with places for all.
                "wait_time": {"gamma": {"mean": "20ms", "cv": 0.5}},
            },
        },
        "databases": {
            "main": {
                "pool": 2,
                "read_time": {"exponential": {"mean": "15ms"}},
                "write_time": {"constant": "1ms"},
            }
        },
        "classes": {"ask": {"through": ["door", "hall"], "steps": [{"read": "main"}]}},
    }
    figures = (
        mean_latency(tandem.sojourn_s + 0.020),
        mean_wait("hall", tandem.waits[1].mean_s),
        mean_wait("main", tandem.waits[2].mean_s),
        utilisation("main", tandem.waits[2].utilisation),
    )
    return [System("three stations in tandem", rate_per_s, in_tandem, figures), _circle()]


def _circle() -> System:
    """Return two stations through which half of the requests go twice.

    How often is known from the start, which makes two classes of them: in such networks, too,
    each station is as if it were alone.

    Source: F. P. Kelly, "Networks of queues with customers of different types", Journal of
    Applied Probability 12 (1975).
    """
    rate_per_s = 40.0
    service = {"service_time": {"exponential": {"mean": "10ms"}}}
    # Whoever begins again does the same once more; after that all leave.
    waits = [m_m_c(rate_per_s * 1.5, 0.010, 1), m_m_c(rate_per_s * 1.5, 0.010, 2)]
    once = [{"call": "door"}, {"call": "hall"}]
    platform = {
        "services": {"door": service, "hall": {**service, "concurrency": 2}},
        "classes": {"once": {"steps": once}, "twice": {"steps": once * 2}},
    }
    figures = (
        mean_wait("door", waits[0].mean_s),
        mean_wait("hall", waits[1].mean_s),
        utilisation("door", 0.6),
        mean_latency(1.5 * sum(wait.mean_sojourn_s for wait in waits)),
    )
    mix = {"once": 1, "twice": 1}
    return System("two stations, half go round again", rate_per_s, platform, figures, mix)


def _closed() -> list[System]:
    """Return users who wait for their answers, and think: many for one station, some for three.

    How the time to think is spread makes no difference: whoever thinks waits for nobody.
    """
    interactive = closed_network([0.010], [1], 0.200, 25)
    door = _door(service_time={"exponential": {"mean": "10ms"}})
    thinking = {"users": 25, "think_time": {"exponential": {"mean": "200ms"}}}
    central = closed_network([0.010, 0.030, 0.015], [1, 2, 1], 0.100, 8)
    in_three = {
        "services": {
            "door": {"service_time": {"exponential": {"mean": "10ms"}}},
            "hall": {"concurrency": 2, "service_time": {"exponential": {"mean": "30ms"}}},
        },
        "databases": {
            "main": {
                "pool": 1,
                "read_time": {"exponential": {"mean": "15ms"}},
                "write_time": {"constant": "1ms"},
            }
        },
        "classes": {"ask": {"through": ["door", "hall"], "steps": [{"read": "main"}]}},
    }
    evenly = {"users": 8, "think_time": {"empirical": {"quantiles": ["0ns", "200ms"]}}}
    return [
        System(
            "25 users of one place",
            interactive.throughput_per_s,
            door,
            (
                throughput(interactive.throughput_per_s),
                mean_latency(interactive.response_s),
            ),
            closed=thinking,
        ),
        System(
            "8 users of three stations",
            central.throughput_per_s,
            in_three,
            (
                throughput(central.throughput_per_s),
                mean_latency(central.response_s),
                utilisation("main", central.utilisations[2]),
            ),
            closed=evenly,
        ),
    ]


def _workers() -> System:
    """Return a job queue: M/M/3, though nobody waits for the answer."""
    wait = m_m_c(210.0, 0.010, 3)
    platform = {
        "services": {
            "worker": {"replicas": 3, "service_time": {"exponential": {"mean": "10ms"}}},
        },
        "queues": {"jobs": {"workers": "worker"}},
        "classes": {"ask": {"steps": [{"enqueue": "jobs"}]}},
    }
    figures = (
        mean_wait("jobs", wait.mean_s),
        squared_wait("jobs", wait),
        utilisation("worker", wait.utilisation),
        Figure(
            "p90 latency",
            "s",
            wait.sojourn_quantile_s(0.9),
            lambda record: seconds(record.classes["jobs"].latency_ns.quantile(0.9)),
        ),
    )
    return System("three workers on one queue", 210.0, platform, figures)


def _cache() -> System:
    """Return a cache whose entries expire, before a database that answers at once."""
    rate_per_s, keys = 100.0, 20
    total = sum(1 / key for key in range(1, keys + 1))
    shares = [1 / key / total for key in range(1, keys + 1)]
    misses = sum(share * miss_share(rate_per_s * share, 0.5) for share in shares)
    platform = {
        "services": {"door": {}},
        "caches": {"titles": {"keys": keys, "zipf": 1.0, "ttl": "500ms"}},
        "databases": {"main": {"read_time": {"constant": 0}, "write_time": {"constant": 0}}},
        "classes": {"ask": {"steps": [{"cache": "titles", "miss": [{"read": "main"}]}]}},
    }
    figures = (Figure("misses", "share", misses, _missed),)
    return System("20 keys that expire", rate_per_s, platform, figures)


def _missed(record: RunRecord) -> float:
    read, looked_up = record.stations["main"].wait_ns, record.stations["titles"].wait_ns
    assert read is not None
    assert looked_up is not None
    return read.count / looked_up.count
