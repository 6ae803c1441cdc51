"""The live platform is the one that the scenario describes."""

import json

import pytest

from scenarios.load import load_scenario
from scenarios.workload import Tier
from worlds.live_shape import NotLive, shape_of, unheeded
from worlds.parts import stations_by_part


def test_replicas_users_limits_and_times_come_from_the_scenario() -> None:
    changes = [
        "services.gateway.replicas=3",
        "services.catalog.timeout=1500ms",
        "services.studio.timeout=900ms",
        "caches.titles.ttl=7s",
        "databases.main.pool=4",
        "users.free.count=12",
    ]
    shape = shape_of(load_scenario("baseline", changes))
    assert shape.count("gateway") == 3
    assert shape.users["free"] == 12
    policies = json.loads(shape.settings["gateway"]["GATEWAY_UPSTREAMS_POLICY"])
    assert policies["catalog"] == {
        "timeout_ms": 1500,
        "breaker": {"failures": 5, "cool_down_ms": 10_000},
        "retry": {"attempts": 2, "base_ms": 20, "cap_ms": 200, "budget_percent": 10},
        "balancing": "round_robin",
    }
    assert (policies["studio"]["timeout_ms"], policies["studio"]["retry"]) == (900, None)
    assert shape.settings["catalog"]["CATALOG_CACHE_TTL_MS"] == "7000"
    assert shape.settings["catalog"]["CATALOG_POOL_SIZE"] == "4"
    limits = json.loads(shape.settings["gateway"]["GATEWAY_LIMITS"])
    assert limits["free"] == {"requests": 100, "window_ms": 60_000}


def test_a_tier_without_a_limit_is_let_in_without_one() -> None:
    scenario = load_scenario("baseline")
    users = {**scenario.users, "guest": Tier(count=2)}
    scenario = scenario.model_copy(update={"users": users})
    limits = json.loads(shape_of(scenario).settings["gateway"]["GATEWAY_LIMITS"])
    assert limits["guest"] is None


def test_the_catalog_s_cache_is_the_one_on_its_routes_even_if_it_keeps_for_good() -> None:
    scenario = load_scenario("baseline", ["caches.titles.protection=none", "caches.renders.ttl=1s"])
    titles = scenario.caches["titles"].model_copy(update={"ttl_ns": None})
    caches = {**scenario.caches, "titles": titles}
    settings = shape_of(scenario.model_copy(update={"caches": caches})).settings["catalog"]
    assert settings["CATALOG_CACHE_TTL_MS"] == str(30 * 24 * 3_600_000)
    assert settings["CATALOG_CACHE_PROTECTION"] == "none"


def test_of_an_everyday_scenario_nothing_is_ignored() -> None:
    assert unheeded(load_scenario("baseline")) == ()


@pytest.mark.parametrize(
    "change",
    [
        "databases.main.replicas=2",
        "services.catalog.queue_max=5",
        "services.catalog.discipline=lifo",
        "queues.render.discipline=priority",
        "services.gateway.concurrency=2",
        "services.studio.concurrency=2",
        "caches.titles.warm=true",
        "services.gateway.balancing=power_of_two",
        "services.gateway.timeout=1s",
        "services.edge.replicas=2",
    ],
)
def test_what_the_live_platform_ignores_is_said(change: str) -> None:
    [sentence] = unheeded(load_scenario("baseline", [change]))
    assert sentence.startswith(change.partition("=")[0])


def test_more_replicas_than_a_machine_can_have_are_refused() -> None:
    scenario = load_scenario("flash_crowd", ["services.catalog.autoscaler.max_replicas=65"])
    with pytest.raises(NotLive, match=r"catalog\.autoscaler\.max_replicas=65"):
        unheeded(scenario)


def test_a_scenario_without_users_has_one_of_tier_free() -> None:
    scenario = load_scenario("baseline").model_copy(update={"users": {}})
    assert shape_of(scenario).users == {"free": 1}


def test_a_service_that_the_platform_has_not_is_named() -> None:
    scenario = load_scenario("baseline")
    strange = {**scenario.services, "blockchain": scenario.services["catalog"]}
    with pytest.raises(NotLive, match=r"^blockchain: .*--world simulated"):
        shape_of(scenario.model_copy(update={"services": strange}))


def test_what_services_report_by_kind_is_found_under_the_scenario_s_names() -> None:
    classes = load_scenario("baseline").classes
    assert stations_by_part(classes["read_title"]) == {
        "edge": "edge",
        "gateway": "gateway",
        "catalog": "catalog",
        "cache": "titles",
        "database": "main",
    }
    assert stations_by_part(classes["submit_video"])["queue"] == "render"
