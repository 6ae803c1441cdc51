"""P5 against the real parts: a running gateway in front of running upstream processes.

Statement and symbols: ``test_p05_fairness.py``. What each replica got is what it has noted
itself. One of three fails at once, the others take some milliseconds; so that nothing else
decides, nobody retries and no breaker opens.
"""

import contextlib
import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from properties.checkers.fairness import judge_share
from properties.checkers.verdict import Verdict
from tests.reference_services.gateway.platform import (
    Platform,
    as_user,
    running_platform,
    running_upstream,
)
from tests.servers import running_valkey, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

REPLICAS = 3
CLIENTS = 4
EPSILON = 0.1

ILL = "/v1/catalog/ill/0/10"
"""The first replica fails at once; the others answer well, after 10 ms."""

ILL_BESIDE_SLOW = "/v1/catalog/ill/0/200"
"""The others take so long that even a busy machine shows who looks idle."""

WELL = "/v1/catalog/ill/99/10"
"""All answer well."""


def send(platform: Platform, path: str, requests: int) -> list[int]:
    """Send so many requests, one after the other; return their statuses."""
    with contextlib.closing(
        http.client.HTTPConnection(urlsplit(platform.url).netloc, timeout=60)
    ) as client:
        statuses = []
        for _ in range(requests):
            client.request("GET", path, headers=as_user("pat"))
            with client.getresponse() as response:
                response.read()
                statuses.append(response.status)
    return statuses


def send_at_once(platform: Platform, path: str, requests: int) -> list[int]:
    """Send as many requests from each of several clients; return how many each replica got."""
    before = [len(platform.seen(replica)) for replica in range(REPLICAS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        sent = [clients.submit(send, platform, path, requests) for _ in range(CLIENTS)]
        for each in sent:
            assert set(each.result()) <= {200, 500}
    after = [len(platform.seen(replica)) for replica in range(REPLICAS)]
    return [now - then for now, then in zip(after, before, strict=True)]


class Parts(NamedTuple):
    """What stands around the gateways."""

    store_url: str
    upstreams: dict[str, Popen[bytes]]


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """Give a store and three replicas, which all tests here share."""
    with contextlib.ExitStack() as stack:
        store_url = stack.enter_context(running_valkey())
        upstreams = dict(stack.enter_context(running_upstream(n)) for n in range(REPLICAS))
        yield Parts(store_url, upstreams)


@contextlib.contextmanager
def gateway(parts: Parts, folder: Path, balancing: str) -> Iterator[Platform]:
    """Run a gateway in front of the replicas."""
    alone = {"retry_attempts": "1", "breaker_failures": "1000000"}
    with running_platform(folder, parts.store_url, 0, balancing=balancing, **alone) as platform:
        platform.upstreams.update(parts.upstreams)
        platform.list_upstreams(*parts.upstreams)
        yield platform


def test_a_replica_that_fails_fast_gets_no_more_than_its_share_until_it_is_well_again(
    parts: Parts, tmp_path: Path
) -> None:
    with gateway(parts, tmp_path, "latency_aware") as platform:
        warm = send_at_once(platform, WELL, 10)
        assert all(warm), "a healthy replica got nothing"
        got = send_at_once(platform, ILL, 75)
        assert sum(got) == 75 * CLIENTS
        assert judge_share("the failing one", got[0], sum(got), most=1 / REPLICAS + EPSILON)
        # Not for ever: while all are well, it comes to be chosen again.
        wait_until(lambda: send_at_once(platform, WELL, 10)[0] > CLIENTS, seconds=60)


def test_without_the_guard_the_judge_finds_the_gateway_guilty(parts: Parts, tmp_path: Path) -> None:
    with gateway(parts, tmp_path, "least_outstanding") as platform:
        got = send_at_once(platform, ILL_BESIDE_SLOW, 60)
        judged = judge_share("the failing one", got[0], sum(got), most=1 / REPLICAS + EPSILON)
        assert judged.verdict is Verdict.BROKEN


def test_in_turns_equal_replicas_get_exactly_as_many(parts: Parts, tmp_path: Path) -> None:
    with gateway(parts, tmp_path, "round_robin") as platform:
        assert send_at_once(platform, WELL, 3 * REPLICAS) == [3 * CLIENTS] * REPLICAS
