"""Platforms as they come: every kind of part, in sizes at which they hurt."""

from typing import Any

from hypothesis import strategies as st

from scenarios import units
from scenarios.spec import Scenario

DURATIONS = ["0ns", "1ms", "5ms", "20ms", "300ms"]


def times() -> st.SearchStrategy[dict[str, Any]]:
    """Draw distributions of every kind, as they are written in files."""
    mean = st.sampled_from(DURATIONS[1:])
    spread = st.fixed_dictionaries({"mean": mean, "cv": st.sampled_from([0.3, 1.5])})
    return st.one_of(
        st.sampled_from(DURATIONS).map(lambda it: {"constant": it}),
        mean.map(lambda it: {"exponential": {"mean": it}}),
        spread.map(lambda it: {"lognormal": it}),
        mean.map(lambda it: {"pareto": {"mean": it, "alpha": 2.2}}),
        mean.map(lambda it: {"empirical": {"quantiles": ["0ns", it, "1s"]}}),
    )


def services() -> st.SearchStrategy[dict[str, Any]]:
    """Draw services with any of their guards."""
    return st.fixed_dictionaries(
        {"service_time": times()},
        optional={
            "replicas": st.integers(1, 3),
            "concurrency": st.integers(1, 3),
            "wait_time": times(),
            "queue_max": st.integers(0, 3),
            "balancing": st.sampled_from(
                ["round_robin", "least_outstanding", "power_of_two", "latency_aware"]
            ),
            "timeout": st.sampled_from(["2ms", "30ms", "1s"]),
            "breaker": st.fixed_dictionaries(
                {"failures": st.integers(1, 4), "cool_down": st.sampled_from(["10ms", "2s"])}
            ),
            "retry": st.fixed_dictionaries(
                {"attempts": st.integers(1, 4), "budget_percent": st.sampled_from([0, 20, 100])}
            ),
            "limits": st.just({"free": {"requests": 20, "window": "1s"}}),
        },
    )


AUTOSCALED = st.builds(
    lambda service, target: {
        **service,
        "replicas": 1,
        "autoscaler": {
            "min_replicas": 1,
            "max_replicas": 4,
            "target_percent": target,
            "sync": "1s",
            "start_up": "500ms",
            "scale_down_stabilisation": "2s",
        },
    },
    services(),
    st.sampled_from([10, 60]),
)

CLASSES: dict[str, Any] = {
    "read": {
        "through": ["edge", "api"],
        "steps": [{"cache": "titles", "miss": [{"read": "main"}]}],
    },
    "write": {
        "request": {"method": "PUT", "path": "/"},
        "keys": "titles",
        "through": ["edge", "api"],
        "steps": [{"write": "main", "invalidates": "titles"}],
    },
    "film": {
        "request": {"method": "POST", "path": "/"},
        "keys": "films",
        "through": ["edge", "api"],
        "steps": [{"enqueue": "render"}],
    },
    "deep": {
        "steps": [
            {"call": "edge", "steps": [{"cache": "titles", "miss": [{"call": "api"}]}]},
            {"read": "main"},
        ],
    },
}


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Draw a platform of two services, a worker, caches, a database and a queue, under load."""
    data = {
        "name": "drawn",
        "seed": draw(st.integers(0, 2**32)),
        "warm_up": draw(st.sampled_from([0, "1s"])),
        "duration": "4s",
        "drain": draw(st.sampled_from([0, "3s"])),
        "users": {"free": {"count": 3}, "pro": {"count": 2}},
        "workload": {
            "arrivals": {"poisson": {"rate": draw(st.sampled_from(["5/s", "60/s", "200/s"]))}},
            "mix": {"read": 5, "write": 2, "film": 1, "deep": 2},
        },
        "services": {
            "edge": draw(services()),
            "api": draw(services() | AUTOSCALED),
            "worker": draw(AUTOSCALED),
        },
        "caches": {
            "titles": {
                "keys": 20,
                "ttl": draw(st.sampled_from(["50ms", "1s"])),
                "protection": draw(st.sampled_from(["lease", "none"])),
                "service_time": draw(times()),
            },
            "films": {"keys": 5},
        },
        "databases": {
            "main": {
                "replicas": draw(st.integers(0, 2)),
                "pool": draw(st.integers(1, 3)),
                "read_time": draw(times()),
                "write_time": draw(times()),
                "lag": draw(times()),
            }
        },
        "queues": {"render": {"workers": "worker", "results": "films"}},
        "classes": CLASSES,
    }
    return Scenario.model_validate(data, context=units.FILE)
