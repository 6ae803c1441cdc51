"""What reaches the upstream, and what comes back, through a real gateway."""

import contextlib
import hashlib
import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from reference_services.runtime.clock import NS_PER_MS, block_ns
from reference_services.runtime.files import LOOK_AGAIN_NS
from reference_services.runtime.timing import parse_server_timing
from tests.reference_services.gateway.platform import KEYS, Platform, as_user, ask, exchange
from tests.servers import wait_until

pytestmark = pytest.mark.servers


def forwarded(platform: Platform, **headers: str) -> dict[str, str]:
    """Return the headers that the upstream sees of a request with these."""
    answer = ask(f"{platform.catalog}/echo", headers=as_user("pat", **headers))
    seen = answer.json()["headers"]
    assert len(dict(seen)) == len(seen), "no header twice: servers differ in which one counts"
    return dict(seen)


def test_a_request_reaches_the_upstream_as_it_was_sent(platform: Platform) -> None:
    url = f"{platform.catalog}/echo?a=b%20c&a=d"
    answer = ask(url, "PUT", as_user("ada"), b"hello")
    assert answer.status == 200
    assert answer.headers["x-upstream"] == "yes"
    echoed = answer.json()
    assert (echoed["method"], echoed["query"], echoed["body"]) == ("PUT", "a=b%20c&a=d", "hello")


def test_the_upstream_learns_who_asks_from_the_gateway_alone(platform: Platform) -> None:
    headers = forwarded(platform, X_User="root", X_Tier="admin", X_Forwarded_Host="elsewhere")
    assert headers["x-user"] == "pat"
    assert headers["x-tier"] == "pro"
    assert headers["x-forwarded-host"] == platform.url.removeprefix("http://")


def test_a_header_that_some_servers_take_for_another_is_dropped(platform: Platform) -> None:
    headers = {**as_user("pat"), "X_User": "root", "x_tier": "admin"}
    seen = dict(ask(f"{platform.catalog}/echo", headers=headers).json()["headers"])
    assert "x_user" not in seen
    assert "x_tier" not in seen


def test_credentials_go_no_further_than_the_gateway(platform: Platform) -> None:
    seen = forwarded(platform, Authorization="Bearer of-something")
    assert "x-api-key" not in seen
    assert "authorization" not in seen


def test_headers_for_one_hop_are_not_passed_on(platform: Platform) -> None:
    seen = forwarded(platform, Connection="close, X-Private", X_Private="1", TE="trailers")
    assert not {"connection", "x-private", "te"} & set(seen)
    answer = ask(f"{platform.catalog}/echo", headers=as_user("pat"))
    assert "x-private" not in answer.headers


def test_addresses_on_the_way_are_added_up(platform: Platform) -> None:
    assert forwarded(platform)["x-forwarded-for"] == "127.0.0.1"
    seen = forwarded(platform, X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https")
    assert seen["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"


def test_a_request_keeps_its_id_or_gets_one(platform: Platform) -> None:
    seen = forwarded(platform, X_Request_Id="mine")
    assert seen["x-request-id"] == "mine"
    answer = ask(f"{platform.catalog}/echo", headers=as_user("pat"))
    made = answer.headers["x-request-id"]
    assert dict(answer.json()["headers"])["x-request-id"] == made


def test_times_of_gateway_and_upstream_stand_side_by_side_and_add_up(platform: Platform) -> None:
    answer = ask(f"{platform.catalog}/slow/500", headers=as_user("pat"))
    parts = parse_server_timing(answer.headers["server-timing"])
    assert list(parts) == ["gateway", "rate_limit", "upstream", "database"]
    # The upstream's half second is nobody's but the database's. (An event loop may end a sleep
    # a millisecond early, and a busy machine may end it late: only the order is told here.)
    assert parts["database"] >= 400 * NS_PER_MS
    assert parts["gateway"] < parts["database"]
    assert parts["upstream"] < parts["database"]


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 5_000_000])
def test_a_body_of_any_size_arrives_whole(platform: Platform, size: int) -> None:
    answer = ask(f"{platform.catalog}/echo", "POST", as_user("pat"), b"x" * size)
    assert answer.json()["body"] in ("x" * size, size)


def test_a_body_of_unknown_size_arrives_whole(platform: Platform) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    answer = ask(f"{platform.catalog}/echo", "POST", as_user("pat"), pieces())
    assert answer.json()["body"] == 3_000_000


def test_a_large_answer_arrives_whole(platform: Platform) -> None:
    answer = ask(f"{platform.catalog}/large/32", headers=as_user("pat"))
    assert len(answer.body) == 32 * 1024 * 1024


def test_an_answer_to_head_has_no_body_and_the_next_one_is_its_own(platform: Platform) -> None:
    # All on one connection, where a body too many or too few would be taken for the next answer.
    netloc = platform.url.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(netloc, timeout=4)) as connection:
        for method in ("HEAD", "GET", "HEAD", "GET"):
            connection.request(method, "/v1/catalog/echo", headers=as_user("pat"))
            with connection.getresponse() as response:
                body = response.read()
                assert response.status == 200
                assert int(response.headers["Content-Length"]) > 0
            assert (body == b"") is (method == "HEAD")


@pytest.mark.parametrize(
    "framing",
    [b"transfer-encoding: gzip, chunked", b"content-length: 4\r\ntransfer-encoding: chunked"],
)
def test_a_body_whose_end_two_servers_could_see_differently_is_refused(
    platform: Platform, framing: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", platform.gateway_port), timeout=10) as client:
        key = KEYS["pat"].encode()
        head = b"POST /v1/catalog/echo HTTP/1.1\r\nhost: x\r\nx-api-key: " + key
        client.sendall(head + b"\r\n" + framing + b"\r\n\r\n0\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_half_an_answer_does_not_look_like_a_whole_one(platform: Platform) -> None:
    with exchange(f"{platform.catalog}/broken", headers=as_user("pat")) as response:
        assert response.status == 200
        with pytest.raises(Exception, match="IncompleteRead"):
            response.read()


def test_an_unknown_service_is_not_found(platform: Platform) -> None:
    answer = ask(f"{platform.url}/v1/accounts/1", headers=as_user("pat"))
    assert (answer.status, answer.error) == (404, "not_found")


def test_what_is_not_passed_through_needs_no_credentials(platform: Platform) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert ask(platform.url + path).status == 200


def test_a_request_without_credentials_is_refused_with_the_reason(platform: Platform) -> None:
    answer = ask(f"{platform.catalog}/echo")
    assert (answer.status, answer.error) == (401, "credentials_missing")
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


def test_a_tier_without_a_limit_is_let_in_nowhere(platform: Platform) -> None:
    path = platform.folder / "api_keys.json"
    before = path.read_text()
    digest = hashlib.sha256(b"key-of-eve").hexdigest()
    path.write_text(json.dumps({digest: {"user": "eve", "tier": "gold"}}))
    block_ns(LOOK_AGAIN_NS)
    try:
        answer = ask(f"{platform.catalog}/echo", headers={"X-API-Key": "key-of-eve"})
    finally:
        path.write_text(before)
        block_ns(LOOK_AGAIN_NS)
    assert (answer.status, answer.error) == (403, "tier_unknown")


@pytest.mark.requirement("agency-2.3")
def test_an_event_arrives_before_the_next_one_is_made(platform: Platform) -> None:
    with exchange(f"{platform.catalog}/events", headers=as_user("pat")) as response:
        assert response.readline() == b"event: progress\n"
        assert response.readline() == b"data: 1\n"
        # The upstream makes the second event only now.
        ask(f"{platform.catalog}/open-gate", "POST", as_user("pat"))
        assert response.readline() == b"\n"
        assert response.readline() == b"event: progress\n"
        assert response.readline() == b"data: 2\n"


def test_an_upstream_learns_that_the_client_has_left(platform: Platform) -> None:
    with socket.create_connection(("127.0.0.1", platform.gateway_port)) as client:
        request = f"GET /v1/catalog/until-left HTTP/1.1\r\nhost: x\r\nx-api-key: {KEYS['pat']}"
        client.sendall(f"{request}\r\n\r\n".encode())
        wait_until(lambda: "waiting for the client to leave" in platform.seen())
    wait_until(lambda: "client left" in platform.seen())


def socket_url(platform: Platform) -> str:
    return f"ws://127.0.0.1:{platform.gateway_port}/v1/catalog/socket"


@pytest.mark.requirement("agency-2.3")
def test_a_websocket_is_passed_through_in_both_directions(platform: Platform) -> None:
    with connect(socket_url(platform), additional_headers=as_user("pat")) as client:
        for text in ("one", "two", "x" * 100_000):
            client.send(text)
            assert client.recv(timeout=20) == f"pat: {text}"
        client.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4001


def test_a_websocket_speaks_the_subprotocol_that_the_upstream_chose(platform: Platform) -> None:
    subprotocols = [Subprotocol("v2"), Subprotocol("v1")]
    headers = as_user("pat")
    with connect(
        socket_url(platform), additional_headers=headers, subprotocols=subprotocols
    ) as client:
        assert client.subprotocol == "v2"


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [({}, "socket", 401), (as_user("pat"), "no-such-socket", 403)],
    ids=["without credentials", "that the upstream does not know"],
)
def test_a_websocket_is_refused(
    platform: Platform, headers: dict[str, str], path: str, status: int
) -> None:
    url = f"ws://127.0.0.1:{platform.gateway_port}/v1/catalog/{path}"
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers):
        pass
    assert refused.value.response.status_code == status
