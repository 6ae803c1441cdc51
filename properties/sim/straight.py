"""Platforms in which nothing looks back: those that the recursion can run, ties and all."""

from typing import Any, Final

from hypothesis import strategies as st

from properties.sim.platforms import times
from properties.sim.topologies import ticks
from scenarios import units
from scenarios.spec import Scenario

SERVICES: Final = ("a", "b", "c")
DATABASES: Final = ("main", "other")

_TINY: Final = st.sampled_from(["1ns", "2ns", "5ns", "40ns"])

_BUSY: Final = {"rate": "400/s", "mean_stay": "200ms"}


def tiny() -> st.SearchStrategy[dict[str, Any]]:
    """Draw times of a few nanoseconds, which are 0 now and then, or tie."""
    return st.one_of(
        _TINY.map(lambda it: {"exponential": {"mean": it}}),
        st.builds(lambda it, cv: {"gamma": {"mean": it, "cv": cv}}, _TINY, st.just(0.7)),
        _TINY.map(lambda it: {"constant": it}),
    )


def _crowds(at: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw traffic in which several requests come in the same nanosecond."""
    crowd = {"base": "100/s", "at": at}
    return st.sampled_from(
        [
            {"spike": crowd | {"peak": "400000000/s", "hold": "1us"}},
            {"spike": crowd | {"peak": "2000000000/s", "hold": "100ns"}},
            {"spike": crowd | {"peak": "2000000000/s", "hold": "3ns"}},
        ]
    )


def _open_arrivals() -> st.SearchStrategy[dict[str, Any]]:
    """Draw traffic that comes whatever became of what came before."""
    rates = st.sampled_from(["10/s", "100/s", "200/s"])
    return st.one_of(
        _even(),
        rates.map(lambda it: {"poisson": {"rate": it}}),
        st.builds(lambda a, b: {"ramp": {"start": a, "end": b}}, rates, rates),
        rates.map(lambda it: {"spike": {"base": "10/s", "peak": it, "at": "500ms", "hold": "1s"}}),
        rates.map(
            lambda it: {
                "mmpp": {"states": {"calm": {"rate": it, "mean_stay": "100ms"}, "busy": _BUSY}}
            }
        ),
    )


def _even() -> st.SearchStrategy[dict[str, Any]]:
    rates = st.sampled_from(["200/s", "500/s", "1000/s"])
    return rates.map(lambda it: {"constant": {"rate": it}})


def _services() -> st.SearchStrategy[dict[str, Any]]:
    any_times = times() | ticks() | tiny()
    return st.fixed_dictionaries(
        {"service_time": any_times},
        optional={
            "replicas": st.sampled_from([1, 2, 3, 5]),
            "concurrency": st.sampled_from([1, 2, 3, 8, 40]),
            "wait_time": any_times,
        },
    )


def _steps(callable_: tuple[str, ...], fewest: int = 0) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw steps of which the calls go to later services only: no route goes in a circle."""
    queries = st.one_of(
        st.sampled_from(DATABASES).map(lambda it: {"read": it}),
        st.sampled_from(DATABASES).map(lambda it: {"write": it}),
    )
    calls = [
        st.deferred(lambda number=number: _steps(callable_[number + 1 :])).map(  # type: ignore[misc]  # its default binds the number
            lambda steps, name=name: {"call": name, "steps": steps}  # type: ignore[misc]  # likewise the name
        )
        for number, name in enumerate(callable_)
    ]
    return st.lists(st.one_of(queries, *calls), min_size=fewest, max_size=3)


@st.composite
def _classes(draw: st.DrawFn) -> dict[str, Any]:
    through = sorted(draw(st.lists(st.sampled_from(SERVICES), unique=True, max_size=3)))
    callable_ = tuple(name for name in SERVICES if not through or name > through[-1])
    steps = draw(_steps(callable_, fewest=0 if through else 1))
    stations = st.sampled_from((*SERVICES, *DATABASES))
    own_times = (ticks() | tiny()).map(lambda it: {"service_time": it})
    return {
        "through": through,
        "steps": steps,
        "times": draw(st.just({}) | st.dictionaries(stations, own_times, max_size=2)),
    }


def _databases() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "replicas": st.integers(0, 3),
            "pool": st.sampled_from([1, 2, 5, 20]),
            "read_time": times() | ticks() | tiny(),
            "write_time": times() | ticks() | tiny(),
        }
    )


@st.composite
def straight(draw: st.DrawFn) -> Scenario:
    """Draw a platform without guards, caches and queues, its routes and its traffic."""
    classes = {f"class_{n}": draw(_classes()) for n in range(draw(st.integers(1, 3)))}
    data: dict[str, Any] = {
        "name": "drawn",
        "seed": draw(st.integers(0, 2**32)),
        "warm_up": draw(st.sampled_from([0, "500ms", "1s", "1300ms"])),
        "duration": draw(st.sampled_from(["100ms", "1s", "2500ms"])),
        "drain": draw(st.sampled_from([0, "1ms", "2s"])),
        "users": draw(st.sampled_from([{}, {"free": {"count": 3}, "pro": {}}])),
        "workload": {
            "arrivals": draw(_open_arrivals() | _crowds("20ms")),
            "mix": {name: draw(st.integers(1, 3)) for name in classes},
        },
        "services": {name: draw(_services()) for name in SERVICES},
        "databases": {name: draw(_databases()) for name in DATABASES},
        "classes": classes,
    }
    return Scenario.model_validate(data, context=units.FILE)


@st.composite
def tying(draw: st.DrawFn) -> Scenario:
    """Draw a platform on which many come to one station at once, and it matters who is first.

    Even arrivals and times of whole milliseconds, with room for all at first and for one or two
    at last, where each class takes a time of its own.
    """
    ways: list[list[dict[str, Any]]] = [
        [{"call": "a"}, {"read": "main"}],
        [{"call": "b"}, {"read": "main"}],
        [{"call": "a"}, {"write": "main"}],
        [{"call": "a", "steps": [{"call": "b"}]}, {"read": "main"}],
        [{"call": "a", "steps": [{"call": "c"}]}, {"read": "main"}],
        [{"call": "c"}],
        [{"read": "main"}],
    ]
    whole_ms = st.integers(1, 7).map(lambda it: {"constant": f"{it}ms"})
    classes = {
        f"class_{n}": {
            "steps": draw(st.sampled_from(ways)),
            "times": {name: {"service_time": draw(whole_ms)} for name in ("a", "b", "c", "main")},
        }
        for n in range(draw(st.integers(2, 4)))
    }
    rooms = st.sampled_from([1, 2, 5, 40])
    wait = st.just({"constant": "0ns"}) | whole_ms
    data: dict[str, Any] = {
        "name": "drawn",
        "seed": draw(st.integers(0, 2**32)),
        "warm_up": draw(st.sampled_from([0, "3ms"])),
        # Few requests have few ties, so that there is something to compare where one is undecided.
        "duration": draw(st.sampled_from(["5ms", "10ms", "30ms", "1s"])),
        "drain": "1s",
        "workload": {
            "arrivals": draw(_even() | _crowds("2ms")),
            "mix": dict.fromkeys(classes, 1),
        },
        "services": {
            "a": {
                "concurrency": draw(rooms),
                "replicas": draw(st.integers(1, 2)),
                "wait_time": draw(wait),
            },
            "b": {"concurrency": draw(rooms), "wait_time": draw(wait)},
            "c": {"concurrency": draw(rooms), "replicas": draw(st.integers(1, 3))},
        },
        "databases": {
            "main": {
                "replicas": draw(st.integers(0, 2)),
                "pool": draw(st.integers(1, 3)),
                "read_time": draw(whole_ms),
                "write_time": draw(whole_ms),
            }
        },
        "classes": classes,
    }
    return Scenario.model_validate(data, context=units.FILE)
