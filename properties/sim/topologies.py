"""Platforms that nobody would build: any services, any routes between them, and many ties.

Evenly spaced arrivals and constant times that divide one another make many things happen in the
same nanosecond, where two engines part company most easily.
"""

from typing import Any, Final

from hypothesis import strategies as st

from properties.sim.platforms import AUTOSCALED, services, times
from scenarios import units
from scenarios.spec import Scenario

SERVICES: Final = ("a", "b", "c", "d")
CACHES: Final = ("small", "large")
DATABASES: Final = ("main", "other")

DISCIPLINES: Final = st.sampled_from(["fifo", "lifo", "priority"])

_TICKS: Final = st.sampled_from(["0ns", "1ms", "2ms", "5ms", "10ms", "100ms"])
_THOUGHTS: Final = st.sampled_from(["1ms", "10ms", "100ms"]).map(lambda it: {"constant": it})
_RATES: Final = st.sampled_from(["10/s", "100/s", "200/s"])


def ticks() -> st.SearchStrategy[dict[str, Any]]:
    """Draw constant times that divide one another."""
    return _TICKS.map(lambda it: {"constant": it})


def closed_arrivals() -> st.SearchStrategy[dict[str, Any]]:
    """Draw users who wait for their answers."""
    thoughts = times().filter(lambda it: it != {"constant": "0ns"}) | _THOUGHTS
    return st.builds(
        lambda users, thought: {"closed": {"users": users, "think_time": thought}},
        st.sampled_from([1, 2, 7, 20]),
        thoughts,
    )


def arrivals() -> st.SearchStrategy[dict[str, Any]]:
    """Draw traffic: even, by chance, in a ramp, in a spike or closed."""
    return st.one_of(
        _RATES.map(lambda it: {"constant": {"rate": it}}),
        _RATES.map(lambda it: {"poisson": {"rate": it}}),
        st.builds(lambda a, b: {"ramp": {"start": a, "end": b}}, _RATES, _RATES),
        closed_arrivals(),
        st.sampled_from(["200/s", "400/s"]).map(
            lambda it: {"spike": {"base": "10/s", "peak": it, "at": "500ms", "hold": "1s"}}
        ),
    )


def _some_services(name: str) -> st.SearchStrategy[dict[str, Any]]:
    spec = services() | AUTOSCALED if name != "d" else AUTOSCALED | services()
    return st.builds(
        lambda drawn, time, even, order: {
            **drawn,
            "discipline": order,
            **({"service_time": time} if even else {}),
        },
        spec,
        ticks(),
        st.booleans(),
        DISCIPLINES,
    )


def _steps(callable_: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw steps of which the calls go to later services only: no route goes in a circle."""
    plain = st.one_of(
        st.sampled_from(DATABASES).map(lambda it: {"read": it}),
        st.sampled_from(DATABASES).map(lambda it: {"write": it}),
        st.builds(
            lambda it, cache: {"write": it, "invalidates": cache},
            st.sampled_from(DATABASES),
            st.sampled_from(CACHES),
        ),
        st.just({"enqueue": "jobs"}),
    )
    inner = plain if not callable_ else plain | st.deferred(lambda: _calls(callable_))
    cached = st.builds(
        lambda cache, miss: {"cache": cache, "miss": miss},
        st.sampled_from(CACHES),
        st.lists(inner, max_size=2),
    )
    return st.lists(inner | cached, max_size=3)


def _calls(callable_: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        *(
            _steps(callable_[number + 1 :]).map(
                lambda steps, name=name: {"call": name, "steps": steps}  # type: ignore[misc]  # its default binds the name
            )
            for number, name in enumerate(callable_)
        )
    )


def _classes() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"steps": st.lists(_calls(SERVICES), min_size=1, max_size=2)},
        optional={
            "keys": st.sampled_from(CACHES),
            "priority": st.integers(-1, 1),
            "request": st.sampled_from(["GET", "PUT", "POST"]).map(
                lambda method: {"method": method, "path": "/"}
            ),
        },
    )


def _caches() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"keys": st.sampled_from([1, 3, 40]), "service_time": ticks() | times()},
        optional={
            "ttl": st.sampled_from(["1ms", "100ms", "1s"]),
            "protection": st.sampled_from(["lease", "none"]),
            "warm": st.booleans(),
        },
    )


def _databases() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "replicas": st.integers(0, 2),
            "pool": st.integers(1, 3),
            "read_time": ticks() | times(),
            "write_time": ticks() | times(),
            "lag": ticks() | times(),
        }
    )


def even_services() -> st.SearchStrategy[dict[str, Any]]:
    """Draw busy services whose times divide one another."""
    return st.fixed_dictionaries(
        {
            "service_time": st.sampled_from(["1ms", "2ms", "5ms", "10ms"]).map(
                lambda it: {"constant": it}
            ),
            "concurrency": st.integers(1, 2),
            "replicas": st.integers(1, 2),
        },
        optional={
            "wait_time": ticks(),
            "queue_max": st.integers(1, 3),
            "balancing": st.sampled_from(["round_robin", "least_outstanding"]),
            "timeout": st.sampled_from(["5ms", "10ms", "100ms"]),
            "retry": st.just({"attempts": 2, "budget_percent": 100}),
        },
    )


@st.composite
def ties(draw: st.DrawFn) -> Scenario:
    """Draw a platform without chance in its times, in which much happens at once."""
    classes = {f"class_{n}": draw(_classes()) for n in range(draw(st.integers(1, 3)))}
    cache = {"keys": 2, "service_time": {"constant": "1ms"}, "ttl": draw(_TICKS.filter(_is_long))}
    database = {
        "replicas": draw(st.integers(0, 1)),
        "pool": 1,
        "read_time": {"constant": draw(_TICKS)},
        "write_time": {"constant": draw(_TICKS)},
    }
    data: dict[str, Any] = {
        "name": "drawn",
        "seed": draw(st.integers(0, 2**32)),
        "duration": "1s",
        "drain": draw(st.sampled_from([0, "100ms"])),
        "workload": {
            "arrivals": {"constant": {"rate": draw(st.sampled_from(["100/s", "200/s", "500/s"]))}},
            "mix": {name: draw(st.integers(1, 3)) for name in classes},
        },
        "services": {name: draw(even_services()) for name in SERVICES},
        "caches": dict.fromkeys(CACHES, cache),
        "databases": dict.fromkeys(DATABASES, database),
        "queues": {"jobs": {"workers": "d", "enqueue_time": draw(ticks())}},
        "classes": classes,
    }
    return Scenario.model_validate(data, context=units.FILE)


def _is_long(time: str) -> bool:
    return time not in ("0ns", "1ms")


@st.composite
def topologies(draw: st.DrawFn) -> Scenario:
    """Draw a platform, its routes and its traffic."""
    classes = {f"class_{n}": draw(_classes()) for n in range(draw(st.integers(1, 3)))}
    data: dict[str, Any] = {
        "name": "drawn",
        "seed": draw(st.integers(0, 2**32)),
        "warm_up": draw(st.sampled_from([0, "500ms", "1s"])),
        "duration": draw(st.sampled_from(["1s", "2500ms"])),
        "drain": draw(st.sampled_from([0, "1ms", "2s"])),
        "users": draw(
            st.sampled_from([{}, {"free": {"count": 3}}, {"free": {"count": 1}, "pro": {}}])
        ),
        "workload": {
            "arrivals": draw(arrivals()),
            "mix": {name: draw(st.integers(1, 3)) for name in classes},
        },
        "services": {name: _without_limits(draw(_some_services(name))) for name in SERVICES},
        "caches": {name: draw(_caches()) for name in CACHES},
        "databases": {name: draw(_databases()) for name in DATABASES},
        "queues": {
            "jobs": {
                "workers": "d",
                "enqueue_time": draw(ticks()),
                "discipline": draw(DISCIPLINES),
                **draw(st.sampled_from([{}, {"results": "small"}])),
            }
        },
        "classes": classes,
    }
    if data["users"]:
        data["services"]["a"]["limits"] = draw(
            st.sampled_from([{}, {"free": {"requests": 5, "window": "100ms"}}])
        )
    return Scenario.model_validate(data, context=units.FILE)


def _without_limits(service: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in service.items() if name != "limits"}
