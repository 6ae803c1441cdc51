"""One studio for each test; workers as the test wants them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference_services.studio.studio_processes import Platform


@pytest.fixture
def platform(valkey: str, tmp_path: Path) -> Iterator[Platform]:
    """Give a platform whose studio runs and has a queue of its own."""
    platform = Platform(valkey, tmp_path)
    with platform.running_studio():
        yield platform


@pytest.fixture(scope="module")
def shared_platform(valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Give a platform for tests that leave nothing behind."""
    platform = Platform(valkey, tmp_path_factory.mktemp("platform"))
    with platform.running_studio():
        yield platform


@pytest.fixture(scope="module")
def shared_worker(shared_platform: Platform) -> Iterator[Platform]:
    """Give a platform whose studio has one worker."""
    with shared_platform.running_worker():
        yield shared_platform
