"""Real databases that tests of the services share."""

import asyncio
from collections.abc import Iterator

import pytest

from reference_services.catalog.migrate import migrate
from tests.databases import Databases, running_postgres

TITLES = 250


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Give a primary and its replica, with a catalog of ``TITLES`` titles."""
    with running_postgres(replica=True) as running:
        asyncio.run(migrate(running.primary_url, running.password_file.read_text, TITLES))
        yield running
