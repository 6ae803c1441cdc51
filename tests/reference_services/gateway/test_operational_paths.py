"""What services tell those who run them stays with those."""

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.reference_services.gateway.platform import Platform, as_user, ask

pytestmark = pytest.mark.servers

OPERATIONAL = ("metrics", "healthz", "readyz", "queue", "docs", "redoc", "openapi.json")
DISGUISED = (
    "metrics/",
    "metrics?x=1",
    "%6detrics",
    "/metrics",
    "%2Fmetrics",
    "docs/oauth2-redirect",
)


@pytest.mark.parametrize("path", [*OPERATIONAL, *DISGUISED])
def test_an_upstream_s_operational_paths_are_not_passed_through(
    platform: Platform, path: str
) -> None:
    answer = ask(f"{platform.catalog}/{path}", headers=as_user("pat"))
    assert (answer.status, answer.error) == (404, "not_found")
    assert "x-upstream" not in answer.headers


def test_paths_that_only_begin_like_them_are_passed_through(platform: Platform) -> None:
    for path in ("queued", "titles/metrics", "echo?path=metrics"):
        answer = ask(f"{platform.catalog}/{path}", headers=as_user("pat"))
        # Nothing but the upstream tells its time.
        assert "upstream;dur" in answer.headers["server-timing"]


def test_operational_paths_cannot_be_had_as_a_websocket_either(platform: Platform) -> None:
    url = platform.catalog.replace("http:", "ws:")
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{url}/metrics", additional_headers=as_user("pat"))
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize("path", ["docs", "docs/oauth2-redirect", "redoc", "openapi.json"])
def test_the_gateway_does_not_describe_itself(platform: Platform, path: str) -> None:
    assert ask(f"{platform.url}/{path}").status == 404


@pytest.mark.parametrize("path", ["healthz", "readyz", "metrics"])
def test_those_who_run_the_gateway_ask_it_directly(platform: Platform, path: str) -> None:
    assert ask(f"{platform.url}/{path}").status == 200
