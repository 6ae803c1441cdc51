"""Reading scenarios: what is wrong with a file is named, all of it, where it stands."""

from pathlib import Path

import pytest
from pydantic_core import ErrorDetails

from scenarios import shape
from scenarios.distributions import Constant
from scenarios.errors import InvalidScenario
from scenarios.load import (
    catalogue,
    find_scenario,
    load_scenario,
)
from scenarios.phrases import Complaint, complaints
from scenarios.spec import Scenario
from tests.scenarios.small import SMALL, changed, complaint, written


def test_a_scenario_is_read_with_its_units(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, SMALL))
    assert scenario.duration_ns == 10_000_000_000
    assert scenario.databases["main"].read_time_ns == Constant(constant_ns=1_000_000)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "replicas: 2",
            "replicas: -2",
            "file.yaml:8: services.gateway.replicas should be at least 1, not -2",
        ),
        (
            "replicas: 2",
            "replcas: 2",
            (
                "file.yaml:8: services.gateway.replcas is not a field of Service; "
                "did you mean replicas?"
            ),
        ),
        ("seed: 1\n", "", "file.yaml:1: seed is missing"),
        ("seed: 1", "seed: -1", "file.yaml:2: seed should be at least 0, not -1"),
        ("seed: 1", "seed: true", "file.yaml:2: seed should be a whole number, not true"),
        ("seed: 1", "seed: 1.5", "file.yaml:2: seed should be a whole number, not 1.5"),
        ("seed: 1", "seed: 1:30", "file.yaml:2: seed should be a whole number, not '1:30'"),
        ("seed: 1", "seed:", "file.yaml:2: seed should be a whole number, not empty"),
        ("seed: 1", "seed: [1]", "file.yaml:2: seed should be a whole number, not a list"),
        ("name: small", "name: 5", "file.yaml:1: name should be text, not 5"),
        (
            "name: small",
            "name: Small",
            (
                "file.yaml:1: name should be a name: a lower-case letter, then letters, digits "
                "and _, not 'Small'"
            ),
        ),
        (
            "duration: 10s",
            "duration: 10",
            (
                "file.yaml:3: duration should be a duration such as 250ms, 10s or 2h, not 10 "
                "(units: ns, us, ms, s, m, h, d)"
            ),
        ),
        ("duration: 10s", "duration: 0s", "file.yaml:3: duration should be more than 0, not '0s'"),
        (
            "rate: 5/s",
            "rate: -5/s",
            (
                "file.yaml:5: workload.arrivals.poisson.rate should be a rate such as 60/s or "
                "500/min, not '-5/s'"
            ),
        ),
        (
            "rate: 5/s",
            f"rate: {'9' * 400}/s",
            (
                "file.yaml:5: workload.arrivals.poisson.rate should be a finite number, not "
                f"'{'9' * 400}/s'"
            ),
        ),
        (
            "poisson: {rate: 5/s}",
            "poison: {rate: 5/s}",
            (
                "file.yaml:5: workload.arrivals should name one of constant, poisson, ramp, spike, "
                "diurnal, piecewise, mmpp, trace, closed, not poison; did you mean poisson?"
            ),
        ),
        (
            "{poisson: {rate: 5/s}}",
            "5/s",
            (
                "file.yaml:5: workload.arrivals should name one of constant, poisson, ramp, spike, "
                "diurnal, piecewise, mmpp, trace, closed, not '5/s'"
            ),
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{poisson: {rate: 5/s}, constant: {rate: 5/s}}",
            "file.yaml:5: workload.arrivals.poisson cannot stand beside constant",
        ),
        (
            "{poisson: {rate: 5/s}}",
            '{trace: {file: ""}}',
            "file.yaml:5: workload.arrivals.trace.file should not be empty",
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{poisson: {rate: 0/s}}",
            "file.yaml:5: workload.arrivals.poisson.rate should be more than 0, not '0/s'",
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{diurnal: {base: 5/s, amplitude: 120%, period: 10ms}}",
            (
                "file.yaml:5: workload.arrivals.diurnal.amplitude should be a share such as 99.9% "
                "or 0.999, not '120%'\n"
                "file.yaml:5: workload.arrivals.diurnal.period should be at least 1s, not 10ms"
            ),
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{piecewise: [{at: 0s, rate: 1/s}, {at: 2s, rate: 1}]}",
            (
                "file.yaml:5: workload.arrivals.piecewise.1.rate should be a rate such as 60/s or "
                "500/min, not 1"
            ),
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{piecewise: [{at: 2s, rate: 1/s}, {at: 1s, rate: 2/s}]}",
            (
                "file.yaml:5: workload.arrivals.piecewise should have points in the order of their "
                "times"
            ),
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{piecewise: [{at: 2s, rate: 0/s}]}",
            "file.yaml:5: workload.arrivals.piecewise should have a rate above 0 somewhere",
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{piecewise: []}",
            "file.yaml:5: workload.arrivals.piecewise should have at least 1, not 0",
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{mmpp: {states: {busy: {rate: 9/s, mean_stay: 1us}}}}",
            (
                "file.yaml:5: workload.arrivals.mmpp.states.busy.mean_stay should be at least 1ms, "
                "not 1us"
            ),
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{mmpp: {states: {busy: {rate: 9/s, mean_stay: 1s}}}}",
            "file.yaml:5: workload.arrivals.mmpp.states should have at least 2, not 1",
        ),
        (
            "{poisson: {rate: 5/s}}",
            "{mmpp: {states: {on: {rate: 0/s, mean_stay: 1s}, off: {rate: 0/s, mean_stay: 1s}}}}",
            "file.yaml:5: workload.arrivals.mmpp.states should have a rate above 0 in one of them",
        ),
        (
            "mix: {read: 1}",
            "mix: {}",
            "file.yaml:6: workload.mix should have at least 1, not 0",
        ),
        (
            "mix: {read: 1}",
            "mix: {read: -1}",
            "file.yaml:6: workload.mix.read should be more than 0, not -1",
        ),
        (
            "mix: {read: 1}",
            "mix: {read: much}",
            "file.yaml:6: workload.mix.read should be a number, not 'much'",
        ),
        (
            "mix: {read: 1}",
            "mix: {red: 1}",
            "file.yaml:6: workload.mix.red names 'red', which is not defined; did you mean read?",
        ),
        (
            "catalog: {}",
            "catalog: {timeout: yes}",
            (
                "file.yaml:9: services.catalog.timeout should be a duration such as 250ms, 10s or "
                "2h, not 'yes' (units: ns, us, ms, s, m, h, d)"
            ),
        ),
        (
            "catalog: {}",
            "Catalog: {}",
            (
                "file.yaml:9: services.Catalog should be a name: a lower-case letter, then "
                "letters, digits and _"
            ),
        ),
        (
            "catalog: {}",
            "catalog: 5",
            "file.yaml:9: services.catalog should be a mapping, not 5",
        ),
        (
            "catalog: {}",
            "catalog: {balancing: robin}",
            (
                "file.yaml:9: services.catalog.balancing should be 'round_robin', "
                "'least_outstanding', 'power_of_two' or 'latency_aware', not 'robin'"
            ),
        ),
        (
            "catalog: {}",
            "catalog: {service_time: {empirical: {quantiles: [2ms, 1ms]}}}",
            (
                "file.yaml:9: services.catalog.service_time.empirical should have quantiles that "
                "ascend"
            ),
        ),
        (
            "catalog: {}",
            "catalog: {autoscaler: {min_replicas: 3, max_replicas: 2, target_percent: 50}}",
            (
                "file.yaml:9: services.catalog.autoscaler should not have a min_replicas above its "
                "max_replicas"
            ),
        ),
        (
            "catalog: {}",
            "catalog: {autoscaler: {min_replicas: 3, max_replicas: 4, target_percent: 50}}",
            (
                "file.yaml:9: services.catalog should start with 3 to 4 replicas, as its "
                "autoscaler says, not with 1"
            ),
        ),
        (
            "keys: 10",
            "keys: 10, zipf: 9, warm: no",
            (
                "file.yaml:11: caches.titles.zipf should be at most 5, not 9\n"
                "file.yaml:11: caches.titles.warm should be true or false, not 'no'"
            ),
        ),
        (
            "[gateway, catalog]",
            "gateway",
            "file.yaml:16: classes.read.through should be a list, not 'gateway'",
        ),
        (
            "[gateway, catalog]",
            "[gateway, catalogue]",
            (
                "file.yaml:16: classes.read.through.1 names 'catalogue', which is not defined; "
                "did you mean catalog?"
            ),
        ),
        (
            "[gateway, catalog]",
            "[gateway, catalog, gateway]",
            (
                "file.yaml:16: classes.read.through.2 makes the route call itself: "
                "gateway -> catalog -> gateway"
            ),
        ),
        (
            "- read: main",
            "- call: gateway",
            (
                "file.yaml:20: classes.read.steps.0.miss.0.call makes the route call itself: "
                "gateway -> catalog -> gateway"
            ),
        ),
        (
            "- read: main",
            "- write: mainn",
            (
                "file.yaml:20: classes.read.steps.0.miss.0.write names 'mainn', which is not "
                "defined; did you mean main?"
            ),
        ),
        (
            "- read: main",
            "- {write: main, invalidates: title}",
            (
                "file.yaml:20: classes.read.steps.0.miss.0.invalidates names 'title', which is not "
                "defined; did you mean titles?"
            ),
        ),
        (
            "- read: main",
            "- enqueue: render",
            (
                "file.yaml:20: classes.read.steps.0.miss.0.enqueue names 'render', which is not "
                "defined; known: none"
            ),
        ),
        (
            "- read: main",
            "- main",
            (
                "file.yaml:20: classes.read.steps.0.miss.0 should be a step: one of call, cache, "
                "read, write, enqueue, not 'main'"
            ),
        ),
        (
            "    through:",
            "    request: {path: titles}\n    through:",
            "file.yaml:16: classes.read.request.path should start with /, unlike 'titles'",
        ),
        (
            "    through:",
            "    keys: title\n    times: {titlees: {}}\n    through:",
            (
                "file.yaml:16: classes.read.keys names 'title', which is not defined; "
                "did you mean titles?\n"
                "file.yaml:17: classes.read.times.titlees names 'titlees', which is not defined; "
                "did you mean titles?"
            ),
        ),
        (
            "p99: 1s",
            "p99: 1s, availability: 99%",
            (
                "file.yaml:22: objectives.0 should state exactly one of p50, p95, p99, "
                "availability, goodput"
            ),
        ),
        (
            "p99: 1s",
            "availability: 101%",
            (
                "file.yaml:22: objectives.0.availability should be a share such as 99.9% or 0.999, "
                "not '101%'"
            ),
        ),
        (
            "of: read",
            "of: reed",
            "file.yaml:22: objectives.0.of names 'reed', which is not defined; did you mean read?",
        ),
        (
            "objectives:",
            "queues: {read: {workers: worker, results: results}}\nobjectives:",
            (
                "file.yaml:21: queues.read has the name of a request class\n"
                "file.yaml:21: queues.read.workers names 'worker', which is not defined; "
                "known: gateway, catalog\n"
                "file.yaml:21: queues.read.results names 'results', which is not defined; "
                "known: titles"
            ),
        ),
        (
            "poisson: {rate: 5/s}",
            "spike: {base: 5/s, peak: 4/s, at: 0, hold: 1s}",
            "file.yaml:4: workload should have a spike whose peak is not below its base",
        ),
    ],
)
def test_a_mistake_is_told_with_line_field_and_reason(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert complaint(tmp_path, changed(old, new)) == expected


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = SMALL.replace("seed: 1", "seed: one").replace("keys: 10", "kees: 10")
    assert complaint(tmp_path, text).splitlines() == [
        "file.yaml:2: seed should be a whole number, not 'one'",
        "file.yaml:11: caches.titles.keys is missing",
        "file.yaml:11: caches.titles.kees is not a field of Cache; did you mean keys?",
    ]


def test_names_that_lead_nowhere_are_told_beside_fields_that_are_wrong(tmp_path: Path) -> None:
    text = (
        SMALL.replace("duration: 10s", "duration: 10 parsecs")
        .replace("{replicas: 2}", "{replcas: 2}")
        .replace("[gateway, catalog]", "[gateway, catalogue]")
        .replace("- read: main", "- call: gateway")
    )
    assert complaint(tmp_path, text).splitlines() == [
        (
            "file.yaml:3: duration should be a duration such as 250ms, 10s or 2h, not '10 parsecs' "
            "(units: ns, us, ms, s, m, h, d)"
        ),
        "file.yaml:8: services.gateway.replcas is not a field of Service; did you mean replicas?",
        (
            "file.yaml:16: classes.read.through.1 names 'catalogue', which is not defined; "
            "did you mean catalog?"
        ),
        (
            "file.yaml:20: classes.read.steps.0.miss.0.call makes the route call itself: "
            "gateway -> catalogue -> gateway"
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[gateway, catalog]", "[gateway, 5]", "through.1 should be text, not 5"),
        ("[gateway, catalog]", "[gateway, Cat]", "through.1 should be a name: a lower-case"),
        ("- cache: titles", "- cache: [titles]", "steps.0.cache should be text, not a list"),
        ("of: read", "of: {read: 1}", "objectives.0.of should be text, not a mapping of read"),
    ],
)
def test_a_value_that_is_no_name_is_told_once(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    [said] = complaint(tmp_path, changed(old, new)).splitlines()
    assert expected in said


def test_names_are_not_looked_up_in_a_table_that_is_not_there(tmp_path: Path) -> None:
    text = changed("services:\n  gateway: {replicas: 2}\n  catalog: {}\n", "")
    assert complaint(tmp_path, text) == "file.yaml:1: services is missing"


def test_one_name_is_not_that_of_two_stations(tmp_path: Path) -> None:
    text = SMALL + "queues:\n  catalog: {workers: catalog}\n"
    assert complaint(tmp_path, text) == (
        "file.yaml:24: queues.catalog is the name of a service as well"
    )
    text = SMALL.replace("titles", "main")
    assert (
        complaint(tmp_path, text) == "file.yaml:13: databases.main is the name of a cache as well"
    )


def test_a_mistake_of_a_new_kind_is_told_in_the_validator_s_words(tmp_path: Path) -> None:
    text = changed("catalog: {}", "catalog: {service_time: {empirical: {quantiles: [1ms]}}}")
    assert complaint(tmp_path, text) == (
        "file.yaml:9: services.catalog.service_time.empirical.quantiles should have at least 2, "
        "not 1"
    )
    text = changed("catalog: {}", f"catalog: {{timeout: {'1' * 31}s}}")
    assert "should have at most 30 digits" in complaint(tmp_path, text)


def test_an_error_that_no_model_makes_yet_is_told_in_pydantic_s_words() -> None:
    error = ErrorDetails(type="odd", loc=("seed",), msg="Input is odd", input=1)
    assert complaints(error, {"seed": 1}) == [
        Complaint(("seed",), "is not valid: Input is odd (it is 1)")
    ]
    assert shape.inside(shape.inside(Scenario, "seed"), "deeper") is None


def test_queues_need_no_results_and_writes_no_cache(tmp_path: Path) -> None:
    text = SMALL.replace("read: main", "write: main")
    text += "queues: {render: {workers: catalog}}\n"
    assert load_scenario(written(tmp_path, text)).queues["render"].results is None


def test_names_of_the_code_are_not_names_of_the_file(tmp_path: Path) -> None:
    said = complaint(tmp_path, changed("duration: 10s", "duration_ns: 10s"))
    assert "duration is missing" in said
    assert "duration_ns is not a field of Scenario; did you mean duration?" in said


def test_a_scenario_of_the_catalogue_goes_by_its_name() -> None:
    assert set(catalogue()) == {"baseline", "flash_crowd", "recorded_trace", "render_backlog"}
    for name in catalogue():
        scenario = load_scenario(name)
        assert scenario.name == name
        assert scenario.description


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("baselin", "baselin is neither a file nor in the catalogue; did you mean baseline?"),
        ("filo.yaml", "filo.yaml is not there; did you mean file.yaml?"),
        ("nowhere/filo.yaml", "nowhere/filo.yaml is not there; known: baseline, flash_crowd, "),
        ("folder", "folder is a folder, not a scenario's file"),
    ],
)
def test_a_scenario_that_is_not_there_is_told_with_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    written(tmp_path, SMALL)
    with pytest.raises(InvalidScenario) as caught:
        find_scenario(source)
    assert str(caught.value).startswith(expected)


def test_a_file_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, SMALL).rename("scenario")
    assert load_scenario("scenario").name == "small"
