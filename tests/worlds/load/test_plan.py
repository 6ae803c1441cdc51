"""The plan of a run: the simulator's arrivals, as requests."""

import json
from pathlib import Path

import pytest

from scenarios.load import load_scenario
from scenarios.spec import Scenario
from sim.arrivals import arrivals
from worlds.load.plan import NotSendable, plan, read_plan, write_plan


def scenario(**changes: object) -> Scenario:
    """Return a small scenario that reads and submits."""
    data: dict[str, object] = {
        "name": "small",
        "seed": 7,
        "duration": "20s",
        "workload": {"arrivals": {"poisson": {"rate": "20/s"}}, "mix": {"read": 3, "submit": 1}},
        "services": {"gateway": {}, "worker": {}},
        "caches": {"titles": {"keys": 9}},
        "queues": {"render": {"workers": "worker"}},
        "classes": {
            "read": {
                "request": {"path": "/titles/{key}"},
                "keys": "titles",
                "through": ["gateway"],
            },
            "submit": {
                "request": {"method": "POST", "path": "/jobs", "body": {"a": ["{key}", 1]}},
                "keys": "titles",
                "through": ["gateway"],
                "steps": [{"enqueue": "render"}],
            },
        },
    }
    return Scenario.model_validate(data | changes, context="file")


def test_live_requests_are_the_arrivals_that_the_simulator_sees() -> None:
    requests = list(plan(scenario()))
    simulated = list(arrivals(scenario()))
    assert [(r.id, r.at_ns, r.class_name, r.user, r.key) for r in requests] == [
        (a.index, a.at_ns, a.class_name, a.user, a.key) for a in simulated
    ]


def test_the_key_is_filled_into_path_and_body_and_jobs_are_marked() -> None:
    requests = list(plan(scenario()))
    read = next(r for r in requests if r.class_name == "read")
    submit = next(r for r in requests if r.class_name == "submit")
    assert read.path == f"/titles/{read.key}"
    assert (read.body, read.submits) == (None, None)
    assert submit.body is not None
    assert json.loads(submit.body) == {"a": [str(submit.key), 1]}
    assert submit.submits == "render"


def test_a_plan_survives_the_way_through_its_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    assert write_plan(scenario(), path) == len(list(plan(scenario())))
    assert list(read_plan(path)) == list(plan(scenario()))


def test_a_class_without_a_request_is_named_and_can_only_be_simulated() -> None:
    mute = {"read": {"through": ["gateway"]}}
    mix = {"arrivals": {"poisson": {"rate": "20/s"}}, "mix": {"read": 1}}
    with pytest.raises(NotSendable, match=r"^read: no request is given"):
        list(plan(scenario(classes=mute, workload=mix)))


def test_every_class_of_the_catalogue_s_baseline_can_be_sent() -> None:
    baseline = load_scenario("baseline")
    assert {r.class_name for r in plan(baseline)} == set(baseline.workload.mix)


def test_users_who_wait_for_answers_cannot_be_planned_and_the_remedy_is_named() -> None:
    closed = "workload.arrivals={closed: {users: 5, think_time: {constant: 1s}}}"
    with pytest.raises(NotSendable, match=r"^workload\.arrivals\.closed: .*use open arrivals"):
        list(plan(load_scenario("baseline", [closed])))
