"""Laws of scenario files: what is written reads back; garbage is refused, never a crash."""

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from properties.strategies.traffic import ARRIVALS
from scenarios.distributions import (
    Constant,
    Empirical,
    Exponential,
    Lognormal,
    Mean,
    MeanAndSpread,
    Quantiles,
)
from scenarios.document import Dumper, read_document
from scenarios.errors import InvalidScenario
from scenarios.files import write_whole
from scenarios.load import catalogue, load_scenario, scenario_sha256, write_scenario
from scenarios.model import Model
from scenarios.objectives import Objective
from scenarios.routes import Request, RequestClass
from scenarios.spec import Cache, Scenario, Service
from scenarios.units import LONGEST_NS
from scenarios.workload import (
    Tier,
    TraceArrivals,
    TraceSource,
    Workload,
)

Built = TypeVar("Built", bound=Model)


def built(model: type[Built], **fields: st.SearchStrategy[object]) -> st.SearchStrategy[Built]:
    """Build models by the names of the code; ``builds`` would add those of the file."""
    return st.fixed_dictionaries(fields).map(lambda drawn: model(**drawn))


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(
    ["on", "no", "null", "true", "y", "e1", "x1e3"]
)
durations = st.integers(0, LONGEST_NS)
positive = st.integers(1, LONGEST_NS)
spreads = built(MeanAndSpread, mean_ns=positive, cv=st.floats(0.01, 100))
distributions = st.one_of(
    built(Constant, constant_ns=durations),
    built(Exponential, exponential=built(Mean, mean_ns=positive)),
    built(Lognormal, lognormal=spreads),
    st.lists(durations, min_size=2, max_size=5).map(
        lambda them: Empirical(empirical=Quantiles(quantiles_ns=tuple(sorted(them))))
    ),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["1:30", "010", "1e3", "no", "~", "", " x ", "a: b", "- a", "#", "2024-01-01", "\x85", "!x"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
traces = texts.filter(bool).map(lambda name: str(Path("/traces") / name.replace("/", "")))
arrivals = st.one_of(
    *ARRIVALS.values(),
    built(
        TraceArrivals,
        trace=built(TraceSource, file=traces, speed=st.floats(0.01, 1_000)),
    ),
)
request_classes = built(
    RequestClass,
    request=built(
        Request,
        path=texts.map(lambda text: f"/{text}"),
        body=st.none() | st.dictionaries(texts, json_values, max_size=3),
    ),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Scenarios whose names resolve, with values of all kinds."""
    stations = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    split = draw(st.integers(1, len(stations)))
    classes = draw(st.dictionaries(names, request_classes, min_size=1, max_size=3))
    services = built(
        Service,
        replicas=st.integers(1, 10**9),
        service_time_ns=distributions,
        timeout_ns=st.none() | positive,
    )
    caches = built(Cache, keys=st.integers(1, 10**12), zipf=st.floats(0, 5), warm=st.booleans())
    return Scenario(
        name=draw(names),
        description=draw(texts),
        seed=draw(st.integers(0, 10**18 - 1)),
        duration_ns=draw(positive),
        drain_ns=draw(durations),
        users=draw(st.dictionaries(names, built(Tier, weight=st.floats(1e-9, 1e9)), max_size=2)),
        workload=Workload(
            arrivals=draw(arrivals), mix=dict.fromkeys(classes, draw(st.floats(1e-9, 1e9)))
        ),
        services={name: draw(services) for name in stations[:split]},
        caches={name: draw(caches) for name in stations[split:]},
        classes=classes,
        objectives=(
            Objective(of=next(iter(classes)), p99_ns=draw(positive)),
            Objective(availability=draw(st.floats(0, 1))),
        ),
    )


@given(scenarios())
@settings(deadline=None)
def test_a_written_scenario_reads_back_equal(scenario: Scenario) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.yaml"
        write_scenario(scenario, path)
        again = load_scenario(path)
    assert again == scenario
    if not isinstance(scenario.workload.arrivals, TraceArrivals):
        assert scenario_sha256(again) == scenario_sha256(scenario)


@given(st.dictionaries(texts, json_values, min_size=1, max_size=5))
@settings(deadline=None)
def test_whatever_is_written_as_yaml_reads_back_as_it_was(data: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        write_whole(path, yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True))
        assert read_document(path).data == data


def loads_or_is_refused(raw: bytes) -> None:
    """Load ``raw`` as a scenario; nothing but an ``InvalidScenario`` may come of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "garbage.yaml"
        path.write_bytes(raw)
        try:
            assert isinstance(load_scenario(path), Model)
        except InvalidScenario as error:
            refusal = error
        else:
            return
    lines = [mistake.line for mistake in refusal.mistakes if mistake.line is not None]
    assert all(1 <= line <= len(raw) + 1 for line in lines)
    assert all(mistake.reason for mistake in refusal.mistakes)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(deadline=None)
def test_garbage_is_refused_and_never_a_crash(raw: bytes) -> None:
    loads_or_is_refused(raw)


@given(st.text(alphabet="abe:-[]{}&*!|>#'\"%@,?\n \t0159.~/s\\", max_size=120).map(str.encode))
@settings(deadline=None, max_examples=scaled(300))
def test_what_looks_like_yaml_is_refused_and_never_a_crash(raw: bytes) -> None:
    loads_or_is_refused(raw)


BASELINE = catalogue()["baseline"].read_text(encoding="utf-8")


@given(
    st.integers(0, len(BASELINE)),
    st.integers(0, 40),
    st.text(max_size=10)
    | st.sampled_from(["{", "]", ": ", "\n", "*x", "&x ", "- ", "~", "0", "-"]),
)
@settings(deadline=None, max_examples=scaled(300))
def test_a_scenario_with_a_slip_is_refused_or_still_one(at: int, length: int, new: str) -> None:
    loads_or_is_refused((BASELINE[:at] + new + BASELINE[at + length :]).encode())


paths = [
    "seed", "services", "gateway", "limits", "free", "classes", "read_title", "steps", "0", "miss",
    "workload", "arrivals", "poisson", "rate", "objectives", "1", "cache", "x", "", "-1", "request",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(paths), min_size=1, max_size=6).map(".".join),
    texts | st.sampled_from(["{}", "[]", "5", "5ms", "{a: 1}", "[{read: main}]"]),
)
@settings(deadline=None, max_examples=scaled(300))
def test_an_override_is_applied_or_refused(field: str, value: str) -> None:
    override = f"{field}={value}"
    with suppress(InvalidScenario):
        load_scenario("baseline", [override])


slips = [
    ("seed: 20260101", "seed: many"),
    ("zipf: 1.0", "zipff: 1.0"),
    ("name: baseline", "name: Base line"),
    ("miss: [{read: main}]", "miss: [{read: mainn}]"),
    ("{of: render, ", "{of: rendre, "),
    ("[edge, gateway, studio]", "[edge, gateway, studios]"),
    ("[{write: main, invalidates: titles}]", "[{call: edge}]"),
    ("workers: render_worker", "workers: render_wroker"),
]


@cache
def told(slipped: tuple[tuple[str, str], ...]) -> list[str]:
    """Return what is said about the baseline with these slips."""
    text = BASELINE
    for old, new in slipped:
        assert text.count(old) == 1
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slips.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidScenario) as caught:
            load_scenario(path)
    return sorted(
        f"{mistake.line} {mistake.field} {mistake.reason}" for mistake in caught.value.mistakes
    )


@given(st.sets(st.sampled_from(slips), min_size=1))
@settings(deadline=None, max_examples=scaled(20))
def test_all_slips_together_are_told_as_each_alone(slipped: set[tuple[str, str]]) -> None:
    alone = sorted(mistake for slip in slipped for mistake in told((slip,)))
    assert told(tuple(sorted(slipped))) == alone
