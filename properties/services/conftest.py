"""Real parts that the services' laws are checked on."""

from collections.abc import Iterator

import pytest
import redis

from tests.servers import running_valkey


@pytest.fixture(scope="session")
def valkey_client() -> Iterator[redis.Redis]:
    """Give a client of a real Valkey that lives as long as the test session."""
    with running_valkey() as url, redis.Redis.from_url(url) as client:
        yield client
