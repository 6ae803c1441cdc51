"""The live platform is the one that the scenario describes."""

import json

import pytest

from scenarios.load import load_scenario
from scenarios.workload import Tier
from worlds.live_shape import NotLive, shape_of
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
    assert shape.settings["gateway"]["GATEWAY_UPSTREAM_TIMEOUT_MS"] == "1500"
    assert shape.settings["catalog"]["CATALOG_CACHE_TTL_MS"] == "7000"
    assert shape.settings["catalog"]["CATALOG_POOL_SIZE"] == "4"
    limits = json.loads(shape.settings["gateway"]["GATEWAY_LIMITS"])
    assert limits["free"] == {"requests": 100, "window_ms": 60_000}


def test_a_tier_without_a_limit_is_let_in_without_one() -> None:
    scenario = load_scenario("baseline")
    users = {**scenario.users, "guest": Tier(count=2)}
    scenario = scenario.model_copy(update={"users": users})
    limits = json.loads(shape_of(scenario).settings["gateway"]["GATEWAY_LIMITS"])
    assert limits["guest"]["requests"] >= 10**9


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
