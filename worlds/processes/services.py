"""What each reference service is told through its environment, and whether it is ready."""

import contextlib
import hashlib
import http.client
import importlib.util
import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worlds.processes.child import Command
from worlds.processes.home import Home, write_atomically
from worlds.processes.ports import LOOPBACK
from worlds.processes.postgres import postgres_url
from worlds.processes.shape import PlatformShape
from worlds.processes.valkey import valkey_url

GRACE_MS = 10_000
"""How long a service that is told to stop may take to finish the requests in flight."""

_LIMITS = {
    "free": {"requests": 100, "window_ms": 60_000},
    "pro": {"requests": 1_000, "window_ms": 60_000},
}
_LIMIT_OF_OTHERS = {"requests": 1_000_000, "window_ms": 60_000}
_QUEUE = "render"
_ANSWER_MAX_S = 2.0


@dataclass(frozen=True)
class Backends:
    """Where the parts listen that services depend on."""

    cache_port: int
    primary_port: int
    replica_port: int


@dataclass(frozen=True)
class Services:
    """How the reference services of one instance are started."""

    home: Home
    shape: PlatformShape

    def command(self, service: str, index: int, port: int, backends: Backends) -> Command:
        """Return the command that runs one replica of ``service`` on ``port``."""
        prefix = service.upper()
        own = self._settings(service, backends)
        common = {"HOST": LOOPBACK, "PORT": port, "REPLICA": index, "GRACE_MS": GRACE_MS}
        settings = {f"{prefix}_{name}": str(value) for name, value in {**common, **own}.items()}
        return Command(
            arguments=(sys.executable, "-P", "-m", f"reference_services.{service}"),
            log=self.home.log_of(service, index),
            environment={
                **_import_path(),
                **settings,
                **self.shape.settings.get(service, {}),
            },
        )

    def migration(self, backends: Backends) -> Command:
        """Return the command that makes the catalog's tables and fills them."""
        module = "reference_services.catalog.migrate"
        own = self._settings("catalog", backends)
        return Command(
            arguments=(sys.executable, "-P", "-m", module, "--titles", str(self.shape.titles)),
            log=self.home.log_of("catalog-migrate", 0),
            environment={
                **_import_path(),
                **{f"CATALOG_{name}": str(value) for name, value in own.items()},
                **self.shape.settings.get("catalog", {}),
            },
        )

    def _settings(self, service: str, backends: Backends) -> Mapping[str, object]:
        cache = {
            "CACHE_URL": valkey_url(backends.cache_port),
            "CACHE_PASSWORD_FILE": self.home.secret("cache-password"),
        }
        match service:
            case "gateway":
                return cache | {
                    "UPSTREAMS_FILE": upstreams_file(self.home),
                    "API_KEYS_FILE": self.home.secrets / "gateway-api-keys.json",
                    "JWT_SECRET_FILE": self.home.secret("jwt-secret"),
                    "LIMITS": json.dumps(self._limits()),
                }
            case "catalog":
                return cache | {
                    "DATABASE_PRIMARY_URL": postgres_url(backends.primary_port),
                    "DATABASE_REPLICA_URLS": json.dumps([postgres_url(backends.replica_port)]),
                    "DATABASE_PASSWORD_FILE": self.home.secret("database-password"),
                }
            case _:
                return cache | {"QUEUE": _QUEUE, "RESULTS_DIR": self.home.results}

    def _limits(self) -> dict[str, dict[str, int]]:
        return _LIMITS | {
            tier: _LIMIT_OF_OTHERS for tier in self.shape.users if tier not in _LIMITS
        }


def _import_path() -> dict[str, str]:
    spec = importlib.util.find_spec("reference_services")
    assert spec is not None
    assert spec.origin is not None
    # Services run in another folder; from a checkout they would not find themselves.
    return {"PYTHONPATH": str(Path(spec.origin).parents[1])}


def upstreams_file(home: Home) -> Path:
    """Return the file that tells the gateways which replicas of which service there are."""
    return home.edge / "upstreams.json"


def write_upstreams(home: Home, ports: Mapping[str, Sequence[int]]) -> None:
    """Tell the gateways where the replicas of each service listen; they notice."""
    addresses = {
        service: [f"http://{LOOPBACK}:{port}" for port in ports[service]] for service in ports
    }
    write_atomically(upstreams_file(home), json.dumps(addresses, indent=1))


def make_api_keys(home: Home, users: Mapping[str, int]) -> dict[str, str]:
    """Return a key for each user, those of an earlier start among them, and tell the gateways.

    The gateways get the keys' SHA-256 alone; the clear text is for the owner of the home.
    """
    try:
        known = json.loads(home.api_keys_file.read_text("utf-8"))
    except FileNotFoundError:
        known = {}
    tiers = {f"{tier}-{index}": tier for tier, count in users.items() for index in range(count)}
    keys: dict[str, str] = {user: known.get(user) or secrets.token_urlsafe() for user in tiers}
    hashed = {
        hashlib.sha256(key.encode()).hexdigest(): {"user": user, "tier": tiers[user]}
        for user, key in keys.items()
    }
    write_atomically(home.api_keys_file, json.dumps(keys, indent=1), mode=0o600)
    write_atomically(home.secrets / "gateway-api-keys.json", json.dumps(hashed), mode=0o600)
    return keys


def upstreams_known(gateway_port: int) -> set[int]:
    """Return the ports of all replicas that a gateway passes requests to, by its own metrics."""
    answer = _get(gateway_port, "/metrics")
    listed = re.findall(
        rf'^upstream_breaker_open.*url="http://{LOOPBACK}:(\d+)"', answer[1], re.MULTILINE
    )
    return set(map(int, listed))


def service_ready(port: int) -> bool:
    """Say whether the service on ``port`` says that it is ready."""
    return _get(port, "/readyz")[0] == http.HTTPStatus.OK


def why_not_ready(port: int) -> str:
    """Return what the service on ``port`` says about its not being ready."""
    return _get(port, "/readyz")[1]


def _get(port: int, path: str) -> tuple[int, str]:
    """Return status and body; status 0, and why, if there is no answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_ANSWER_MAX_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, f"it does not answer: {error}"
