"""How hard the properties look, and the real parts that several of them look at.

``ci`` is Hypothesis' own profile: derandomised, so that a red run is red again. ``nightly``
digs a hundred times as deep, with new luck each time. ``mutants`` stops at the first example
that objects: a planted bug's counterexample need not be small.
"""

from collections.abc import Iterator

import pytest
import redis
from hypothesis import Phase, settings

from tests.servers import running_valkey

settings.register_profile(
    "nightly", settings.get_profile("ci"), max_examples=10_000, derandomize=False
)
settings.register_profile(
    "mutants", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def valkey_client() -> Iterator[redis.Redis]:
    """Give a client of a real Valkey that lives as long as the test session."""
    with running_valkey() as url, redis.Redis.from_url(url) as client:
        yield client
