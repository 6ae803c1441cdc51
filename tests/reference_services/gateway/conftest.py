"""A gateway that most tests here can share."""

from collections.abc import Iterator

import pytest

from tests.reference_services.gateway.platform import Platform, running_platform
from tests.servers import flush


@pytest.fixture(scope="session")
def shared_platform(valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Give a gateway in front of one replica, for the whole session."""
    folder = tmp_path_factory.mktemp("gateway")
    # Longer than any test waits, so that nothing here ends because of it.
    with running_platform(folder, valkey, upstream_timeout_ms="60000") as platform:
        yield platform


@pytest.fixture
def platform(shared_platform: Platform, valkey: str) -> Platform:
    """Give the shared gateway, with nobody's requests counted yet."""
    flush(valkey)
    return shared_platform
