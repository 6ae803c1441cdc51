"""Fixtures that several folders of tests share."""

from collections.abc import Iterator

import pytest

from tests.servers import running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Give the URL of a real Valkey that lives as long as the test session."""
    with running_valkey() as url:
        yield url
