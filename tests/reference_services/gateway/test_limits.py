"""Limits as clients meet them: counted over all gateways, told in headers, honest about waits."""

import contextlib
from functools import partial
from pathlib import Path

import pytest
import redis

from reference_services.runtime.clock import NS_PER_MS, block_ns
from tests.reference_services.gateway.platform import Platform, as_user, ask, running_platform
from tests.servers import flush, free_port, running_valkey, wait_until

pytestmark = pytest.mark.servers

SHORT = '{"free": {"requests": 1, "window_ms": 1500}}'


@pytest.mark.requirement("stream-8.1")
def test_each_user_has_the_tier_s_limit_and_is_told_what_is_left(platform: Platform) -> None:
    for left in (4, 3, 2, 1, 0):
        answer = ask(f"{platform.catalog}/echo", headers=as_user("ada"))
        assert answer.status == 200
        assert answer.headers["ratelimit-limit"] == "5"
        assert answer.headers["ratelimit-remaining"] == str(left)
    refused = ask(f"{platform.catalog}/echo", headers=as_user("ada"))
    assert (refused.status, refused.error) == (429, "rate_limited")
    assert refused.headers["ratelimit-remaining"] == "0"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert ask(f"{platform.catalog}/echo", headers=as_user("bob")).status == 200


def test_a_refused_request_gets_in_when_it_was_told_to_return(valkey: str, tmp_path: Path) -> None:
    with running_platform(tmp_path, valkey, limits=SHORT) as platform:
        url = f"{platform.catalog}/echo"
        while ask(url, headers=as_user("bob")).status == 200:
            pass
        refused = ask(url, headers=as_user("bob"))
        # Knocking meanwhile has not made the wait longer: only what was admitted counts.
        block_ns(refused.json()["error"]["retry_after_ms"] * NS_PER_MS)
        assert ask(url, headers=as_user("bob")).status == 200


@pytest.mark.requirement("stream-8.4")
def test_two_gateways_count_together(platform: Platform, valkey: str, tmp_path: Path) -> None:
    with running_platform(tmp_path, valkey) as other:
        urls = [f"{platform.catalog}/echo", f"{other.catalog}/echo"]
        statuses = [ask(urls[number % 2], headers=as_user("ada")).status for number in range(8)]
    assert statuses == [200] * 5 + [429] * 3


def test_a_tier_whose_limit_is_null_has_none_and_nothing_is_remembered_of_it(
    valkey: str, tmp_path: Path
) -> None:
    flush(valkey)
    limits = '{"free": {"requests": 1, "window_ms": 60000}, "pro": null}'
    with running_platform(tmp_path, valkey, limits=limits) as platform:
        answers = [ask(f"{platform.catalog}/echo", headers=as_user("pat")) for _ in range(5)]
        assert [answer.status for answer in answers] == [200] * 5
        assert not [name for name in answers[0].headers if name.startswith("ratelimit")]
        metrics = ask(f"{platform.url}/metrics").body.decode()
        assert 'rate_limit_decisions_total{admitted="true",by="store"} 0.0' in metrics
        statuses = [
            ask(f"{platform.catalog}/echo", headers=as_user("ada")).status for _ in range(2)
        ]
        assert statuses == [200, 429]


def test_where_nobody_has_a_limit_the_store_is_not_asked(tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    limits = '{"free": null, "pro": null}'
    with running_platform(tmp_path, url, limits=limits, limit_store_down="closed") as platform:
        assert ask(f"{platform.catalog}/echo", headers=as_user("pat")).status == 200


def test_without_its_store_a_gateway_counts_by_itself(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        store = contextlib.ExitStack()
        url = store.enter_context(running_valkey())
        platform = stack.enter_context(running_platform(tmp_path, url))
        assert ask(f"{platform.catalog}/echo", headers=as_user("ada")).status == 200
        store.close()
        url = f"{platform.catalog}/echo"
        statuses = [ask(url, headers=as_user("ada")).status for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        metrics = ask(f"{platform.url}/metrics").body.decode()
        assert 'rate_limit_decisions_total{admitted="true",by="local"} 5.0' in metrics
        assert 'rate_limit_decisions_total{admitted="true",by="store"} 1.0' in metrics
        assert ask(f"{platform.url}/readyz").status == 200
        assert "limit_store_down" in platform.log()


def test_a_store_that_answers_too_late_is_as_one_that_is_away_until_it_is_in_time(
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(running_valkey())
        platform = stack.enter_context(running_platform(tmp_path, url))
        assert ask(f"{platform.catalog}/echo", headers=as_user("ada")).status == 200
        before = counted_by_store(platform)
        stack.enter_context(redis.Redis.from_url(url)).client_pause(5_000)
        asked = f"{platform.catalog}/echo"
        statuses = [ask(asked, headers=as_user("ada")).status for _ in range(12)]
        assert set(statuses) <= {200, 429}
        # Five by the gateway itself, and what the store had left, should it be in time again.
        assert statuses.count(200) <= 5 + 4
        metrics = ask(f"{platform.url}/metrics").body.decode()
        assert 'rate_limit_decisions_total{admitted="true",by="local"}' in metrics
        wait_until(partial(counts_on, platform, before))


def test_a_gateway_counts_with_the_store_again_whenever_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with running_platform(tmp_path, f"redis://127.0.0.1:{port}/0") as platform:
        for _ in range(2):
            before = counted_by_store(platform)
            assert ask(f"{platform.catalog}/echo", headers=as_user("pat")).status == 200
            assert counted_by_store(platform) == before
            with running_valkey(port=port):
                wait_until(partial(counts_on, platform, before))


def counts_on(platform: Platform, before: float) -> bool:
    """Say whether the store has counted a request since it had counted ``before``."""
    return counted_by_store(platform) > before


def counted_by_store(platform: Platform) -> float:
    """Send a request; return how many the store has counted."""
    assert ask(f"{platform.catalog}/echo", headers=as_user("pat")).status == 200
    metrics = ask(f"{platform.url}/metrics").body.decode()
    name = 'rate_limit_decisions_total{admitted="true",by="store"} '
    [count] = [line for line in metrics.splitlines() if line.startswith(name)]
    return float(count.removeprefix(name))


def test_told_to_be_closed_without_its_store_a_gateway_lets_nobody_in(tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with running_platform(tmp_path, url, limit_store_down="closed") as platform:
        answer = ask(f"{platform.catalog}/echo", headers=as_user("pat"))
        assert (answer.status, answer.error) == (503, "unavailable")
        assert "retry-after" in answer.headers
        ready = ask(f"{platform.url}/readyz")
        assert ready.status == 503
        assert "limit_store" in ready.json()["checks"]


def test_told_to_be_open_without_its_store_a_gateway_lets_everybody_in(tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with running_platform(tmp_path, url, limit_store_down="open") as platform:
        answers = [ask(f"{platform.catalog}/echo", headers=as_user("ada")) for _ in range(7)]
        assert [answer.status for answer in answers] == [200] * 7


def test_a_store_with_a_password_is_told_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of-the-store\n")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(running_valkey("--requirepass", "of-the-store"))
        password_file = str(tmp_path / "password")
        platform = stack.enter_context(
            running_platform(tmp_path, url, cache_password_file=password_file)
        )
        assert counted_by_store(platform) == 1
        assert "of-the-store" not in platform.log()
