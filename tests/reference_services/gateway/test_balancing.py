"""How the gateway's replicas are weighed, with no process running."""

from pathlib import Path

import pytest

from policies.retry import Backoff
from reference_services.gateway.upstream_policy import (
    NEVER_OPENS,
    Balancing,
    UpstreamPolicies,
    UpstreamPolicy,
)
from reference_services.gateway.upstreams import Upstreams
from reference_services.runtime.clock import NS_PER_S, monotonic_ns


def upstreams(folder: Path, balancing: Balancing) -> Upstreams:
    """Return two replicas that nobody listens for."""
    path = folder / "upstreams.json"
    path.write_text('{"catalog": ["http://127.0.0.1:1", "http://127.0.0.1:2"]}')
    policy = UpstreamPolicy(
        timeout_ns=NS_PER_S,
        breaker=NEVER_OPENS,
        backoff=Backoff(base_ns=1, cap_ns=1, attempts_max=1),
        retry_budget_percent=0,
        balancing=balancing,
    )
    return Upstreams(path, UpstreamPolicies(policy, {}))


@pytest.mark.parametrize(
    ("balancing", "shares"), [("latency_aware", range(1)), ("power_of_two", range(1, 100))]
)
def test_a_replica_that_fails_at_once_is_avoided_where_latency_is_weighed(
    tmp_path: Path, balancing: Balancing, shares: range
) -> None:
    both = upstreams(tmp_path, balancing)
    well, ill = both.services()["catalog"]
    for replica in (well, ill):
        replica.answered(ticket=0, began_ns=monotonic_ns() - NS_PER_S)
    for _ in range(20):
        ill.failed(ticket=0, began_ns=monotonic_ns())
    chosen = [both.choose("catalog", ())[0] for _ in range(100)]
    assert chosen.count(ill) in shares


def test_a_request_that_is_open_counts_whatever_is_weighed(tmp_path: Path) -> None:
    both = upstreams(tmp_path, "latency_aware")
    well, busy = both.services()["catalog"]
    for replica in (well, busy):
        replica.answered(ticket=0, began_ns=monotonic_ns() - NS_PER_S)
    busy.outstanding = 50
    assert {both.choose("catalog", ())[0] for _ in range(100)} == {well}
