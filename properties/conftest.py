"""The profiles, time enough for each, and the real parts that several properties look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from properties.profiles import scaled
from tests.servers import running_valkey

settings.load_profile("ci")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each property as much more time as the profile looks harder, and never less."""
    if config.getoption("timeout") is not None:
        return
    timeout_s = int(config.getini("timeout"))
    timeout_s = max(timeout_s, scaled(timeout_s))
    for item in items:
        own = item.path.is_relative_to(Path(__file__).parent)
        if own and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(timeout_s))


@pytest.fixture(scope="session")
def valkey_client() -> Iterator[redis.Redis]:
    """Give a client of a real Valkey that lives as long as the test session."""
    with running_valkey() as url, redis.Redis.from_url(url) as client:
        yield client
