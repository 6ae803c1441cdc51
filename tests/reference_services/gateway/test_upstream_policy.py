"""Each upstream is treated as its own policy says, whatever holds for the others."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reference_services.gateway.settings import GatewaySettings
from reference_services.gateway.upstream_policy import NEVER_OPENS, PATIENCE_MAX_NS
from reference_services.runtime.clock import NS_PER_MS
from reference_services.runtime.settings import SettingsError, read_settings
from tests.reference_services.gateway.platform import (
    Answer,
    Platform,
    as_user,
    ask,
    running_platform,
    running_upstream,
    write_files,
)

NOTHING: dict[str, Any] = {
    "timeout_ms": None,
    "breaker": None,
    "retry": None,
    "balancing": "round_robin",
}
RETRY = {"attempts": 3, "base_ms": 0.5, "cap_ms": 20, "budget_percent": 50}


@contextlib.contextmanager
def platform_with(folder: Path, store_url: str, **policies: Any) -> Iterator[Platform]:  # noqa: ANN401  # JSON
    """Run a gateway in front of one replica of a catalog, the first, and one of a studio."""
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(running_upstream(number))[0] for number in range(2)]
        settings = {"upstreams_policy": json.dumps(policies), "breaker_failures": "2"}
        platform = stack.enter_context(running_platform(folder, store_url, replicas=0, **settings))
        platform.list_services(catalog=urls[:1], studio=urls[1:])
        yield platform


def get(platform: Platform, path: str) -> Answer:
    return ask(f"{platform.url}/v1/{path}", headers=as_user("pat"))


def asked(platform: Platform, service: str) -> list[str]:
    """Return what the replica of a service has noted."""
    noted: list[str] = get(platform, f"{service}/seen").json()
    return noted


@pytest.mark.servers
def test_each_upstream_has_its_own_timeout(valkey: str, tmp_path: Path) -> None:
    catalog = {**NOTHING, "timeout_ms": 300}
    studio = {**NOTHING, "timeout_ms": 30_000}
    with platform_with(tmp_path, valkey, catalog=catalog, studio=studio) as platform:
        late = get(platform, "catalog/slow/1500")
        assert (late.status, late.error) == (504, "upstream_timeout")
        assert get(platform, "studio/slow/1500").status == 200


@pytest.mark.servers
def test_only_the_upstream_with_a_breaker_is_left_alone(valkey: str, tmp_path: Path) -> None:
    breaker = {"failures": 3, "cool_down_ms": 60_000}
    catalog = {**NOTHING, "breaker": breaker}
    with platform_with(tmp_path, valkey, catalog=catalog, studio=NOTHING) as platform:
        statuses = {
            service: [get(platform, f"{service}/status/500").status for _ in range(8)]
            for service in ("catalog", "studio")
        }
        assert statuses == {"catalog": [500] * 3 + [503] * 5, "studio": [500] * 8}
        assert asked(platform, "studio") == ["GET 500"] * 8


@pytest.mark.servers
def test_only_the_upstream_with_retries_is_asked_again(valkey: str, tmp_path: Path) -> None:
    catalog = {**NOTHING, "retry": RETRY}
    with platform_with(tmp_path, valkey, catalog=catalog, studio=NOTHING) as platform:
        assert get(platform, "catalog/status/503").status == 503
        assert get(platform, "studio/status/503").status == 503
        assert asked(platform, "catalog") == ["GET 503"] * 3
        assert asked(platform, "studio") == ["GET 503"]


@pytest.mark.servers
def test_the_retries_of_one_upstream_are_not_paid_by_another(valkey: str, tmp_path: Path) -> None:
    retry = {**RETRY, "attempts": 2, "budget_percent": 0}
    both = {**NOTHING, "retry": retry}
    with platform_with(tmp_path, valkey, catalog=both, studio=both) as platform:
        for _ in range(12):
            get(platform, "catalog/status/503")
        get(platform, "studio/status/503")
        # Its reserve of ten is used up, the other's is not.
        assert len(asked(platform, "catalog")) == 12 + 10
        assert len(asked(platform, "studio")) == 2


@pytest.mark.servers
def test_an_upstream_that_is_not_named_has_what_holds_for_all(valkey: str, tmp_path: Path) -> None:
    with platform_with(tmp_path, valkey, catalog=NOTHING) as platform:
        assert get(platform, "studio/status/503").status == 503
        # Two attempts, by default, and two failures, as told.
        assert get(platform, "studio/echo").error == "breaker_open"


def settings_with(
    monkeypatch: pytest.MonkeyPatch, folder: Path, policies: object
) -> GatewaySettings:
    """Read a gateway's settings, with this policy of its upstreams."""
    (folder / "upstreams.json").write_text("{}")
    monkeypatch.setenv("GATEWAY_PORT", "1")
    monkeypatch.setenv("GATEWAY_CACHE_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("GATEWAY_UPSTREAMS_POLICY", json.dumps(policies))
    for name, value in write_files(folder).items():
        monkeypatch.setenv(name, value)
    return read_settings(GatewaySettings)


def test_a_policy_arrives_to_the_nanosecond(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stated = {
        "timeout_ms": 1500.25,
        "breaker": {"failures": 7, "cool_down_ms": 0.000001},
        "retry": RETRY,
        "balancing": "power_of_two",
    }
    policies = settings_with(
        monkeypatch, tmp_path, {"catalog": stated, "studio": NOTHING}
    ).upstream_policies()
    catalog = policies.of("catalog")
    assert catalog.timeout_ns == 1_500_250_000
    assert (catalog.breaker.failures_max, catalog.breaker.cool_down_ns) == (7, 1)
    assert (catalog.backoff.base_ns, catalog.backoff.cap_ns) == (500_000, 20 * NS_PER_MS)
    assert (catalog.backoff.attempts_max, catalog.retry_budget_percent) == (3, 50)
    assert catalog.balancing == "power_of_two"
    studio = policies.of("studio")
    assert studio.timeout_ns == PATIENCE_MAX_NS
    assert studio.breaker == NEVER_OPENS
    assert (studio.backoff.attempts_max, studio.retry_budget_percent) == (1, 0)
    assert policies.of("another").timeout_ns == 5_000 * NS_PER_MS


@pytest.mark.parametrize(
    "change",
    [
        {"timeout_ms": 0},
        {"timeout_ms": "soon"},
        {"breaker": {"failures": 0, "cool_down_ms": 1}},
        {"retry": {**RETRY, "budget_percent": 101}},
        {"retry": {"attempts": 2}},
        {"balancing": "fair"},
        {"patience": 1},
    ],
)
def test_a_policy_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(SettingsError, match="GATEWAY_UPSTREAMS_POLICY: catalog"):
        settings_with(monkeypatch, tmp_path, {"catalog": {**NOTHING, **change}})
