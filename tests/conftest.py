"""Fixtures that several folders of tests share."""

import signal
from collections.abc import Iterator

import pytest

from tests.servers import running_valkey


def pytest_configure() -> None:
    """Hear Ctrl-C, and let what tests start hear it, however the tests themselves were started.

    A shell lets what it starts in the background ignore it, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Give the URL of a real Valkey that lives as long as the test session."""
    with running_valkey() as url:
        yield url
