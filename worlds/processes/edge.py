"""The edge: Traefik in front of the gateways, speaking TLS 1.3 and HTTP/2 to the world.

Requests go to the gateways in turn. A gateway that fails its health check gets none; one that dies
between two checks costs a retry and not a request. A WebSocket keeps to its gateway by a cookie.
The list of gateways is a file that Traefik reads again when it changes.
"""

import contextlib
import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worlds.processes.binaries import traefik
from worlds.processes.child import Command
from worlds.processes.home import Home, write_atomically
from worlds.processes.ports import LOOPBACK

STICKY_COOKIE = "wavetank_gateway"
_ANSWER_MAX_S = 1.0

# A request that a gateway did not take, since it died before the next health check, goes to another
# at once: waiting first would let two in a row meet the dead one. One that it had taken is lost in
# a 502 of the edge's own; it is sent again only if its method may be (never POST).
# Without a bound it sets 2 MB aside for each request's body, which costs 2 ms of processor time;
# a larger body than this is passed on, but not sent again. The gateway has the same bound.
_RETRY = {"attempts": 4, "status": ["502"], "maxRequestBodyBytes": 65_536}


def make_certificate(home: Home) -> None:
    """Make the certificate of the edge and its authority, once for each home.

    The authority's key is kept nowhere: nobody can sign another certificate that clients of this
    home would trust.
    """
    certificate = home.secrets / "edge.pem"
    if certificate.exists() and home.ca_file.exists():
        return
    import trustme  # noqa: PLC0415  # a seventh of a second, for the first start of a home alone

    authority = trustme.CA(organization_name="Wavetank", organization_unit_name=home.path.name)
    made = authority.issue_cert("localhost", LOOPBACK)
    chain = b"".join(pem.bytes() for pem in made.cert_chain_pems)
    write_atomically(home.secrets / "edge.key", made.private_key_pem.bytes().decode(), mode=0o600)
    write_atomically(certificate, chain.decode(), mode=0o600)
    write_atomically(home.ca_file, authority.cert_pem.bytes().decode())


def edge_command(home: Home, port: int, admin_port: int, log: Path) -> Command:
    """Return the command that serves the edge on ``port``, and its health on ``admin_port``."""
    configuration = home.edge / "traefik.yml"
    write_atomically(configuration, json.dumps(_static(home, port, admin_port), indent=1))
    return Command(arguments=(str(traefik()), f"--configFile={configuration}"), log=log)


def _static(home: Home, port: int, admin_port: int) -> dict[str, Any]:
    return {
        # Nothing leaves this machine.
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "INFO", "format": "json"},
        "entryPoints": {
            "web": {
                "address": f"{LOOPBACK}:{port}",
                "http": {"tls": {}, "aliasHeadersStrategy": "delete"},
                "transport": {"lifeCycle": {"graceTimeOut": "10s"}},
            },
            # The name under which Traefik serves its own pages.
            "traefik": {"address": f"{LOOPBACK}:{admin_port}"},
        },
        "ping": {},
        # Tells whether a change of the gateways has arrived; loopback only, without its web page.
        "api": {"insecure": True, "dashboard": False},
        "providers": {
            "file": {"directory": str(_routes_folder(home)), "watch": True},
            "providersThrottleDuration": "50ms",
        },
    }


def write_routes(home: Home, gateway_ports: Sequence[int]) -> None:
    """Tell the edge which gateways there are; a running one notices."""
    folder = _routes_folder(home)
    folder.mkdir(exist_ok=True)
    write_atomically(folder / "routes.yml", json.dumps(_routes(home, gateway_ports), indent=1))


def _routes_folder(home: Home) -> Path:
    return home.edge / "routes"


def _health_check(interval: str) -> dict[str, str]:
    """Return how a gateway is asked whether it is well.

    Each question is a connection of its own, and a few milliseconds of two processors. With four
    of them twice a second, a quarter of all slow requests fell into the same twentieth of time.
    """
    return {"path": "/readyz", "interval": interval, "timeout": "1s"}


def _routes(home: Home, gateway_ports: Sequence[int]) -> dict[str, Any]:
    sticky = {"cookie": {"name": STICKY_COOKIE, "secure": True, "httpOnly": True}}
    balancer = {
        "servers": [{"url": _gateway_url(port)} for port in gateway_ports],
        "healthCheck": _health_check("1s"),
        "serversTransport": "loopback",
    }
    # Asked more rarely: whom the other one finds dead before this one does costs it a retry.
    sticky_balancer = {**balancer, "healthCheck": _health_check("5s"), "sticky": sticky}
    return {
        "http": {
            "routers": {
                "all": {"rule": "PathPrefix(`/`)", "service": "gateway", "middlewares": ["retry"]},
                # Longer rules go first.
                "websocket": {
                    "rule": "PathPrefix(`/`) && HeaderRegexp(`Upgrade`, `(?i)^websocket$`)",
                    "service": "gateway-sticky",
                    "middlewares": ["retry"],
                },
            },
            "services": {
                "gateway": {"loadBalancer": balancer},
                "gateway-sticky": {"loadBalancer": sticky_balancer},
            },
            "middlewares": {"retry": {"retry": _RETRY}},
            "serversTransports": {"loopback": {"forwardingTimeouts": {"dialTimeout": "1s"}}},
        },
        "tls": {
            # For every host name, and for clients that send none.
            "options": {"default": {"minVersion": "VersionTLS13"}},
            "stores": {
                "default": {
                    "defaultCertificate": {
                        "certFile": str(home.secrets / "edge.pem"),
                        "keyFile": str(home.secrets / "edge.key"),
                    }
                }
            },
        },
    }


def edge_serves(admin_port: int, gateway_ports: Sequence[int]) -> bool:
    """Say whether the edge runs and balances over just these gateways, all found healthy."""
    service = _ask(admin_port, "/api/http/services/gateway@file")
    if service is None:
        return False
    # Without servers there is no status of them either.
    found: object = service.get("serverStatus", {})
    return found == dict.fromkeys(map(_gateway_url, gateway_ports), "UP")


def _gateway_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _ask(admin_port: int, path: str) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection(LOOPBACK, admin_port, timeout=_ANSWER_MAX_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                return None
            answer: object = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
    return answer if isinstance(answer, dict) else None
