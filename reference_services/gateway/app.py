"""The gateway, wired."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from policies.circuit_breaker import State
from reference_services.gateway.authentication import Authenticator
from reference_services.gateway.door import Door
from reference_services.gateway.exchange import Exchanger
from reference_services.gateway.forwarding import PREFIX
from reference_services.gateway.limiter import Limiter
from reference_services.gateway.proxy import HttpProxy
from reference_services.gateway.settings import GatewaySettings
from reference_services.gateway.upstreams import Upstreams
from reference_services.gateway.websocket import WebSocketProxy
from reference_services.runtime.app import base_app
from reference_services.runtime.health import Check
from reference_services.runtime.script_store import ScriptStore

# What FastAPI would tell everybody about the service.
_DOCUMENTATION = {"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}


def build_app(settings: GatewaySettings) -> FastAPI:
    """Wire a gateway.

    Raises:
        OSError, ValueError: a file that the settings name is not usable.
    """
    upstreams = Upstreams(settings.upstreams_file, settings.upstream_policies())
    store = ScriptStore(settings.cache_url, settings.cache_password_file)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        upstreams.close()
        store.close()

    async def upstreams_listed() -> None:
        if not any(upstreams.services().values()):
            raise LookupError("no upstream is listed")

    checks = [Check("upstreams", upstreams_listed)]
    if settings.limit_store_down == "closed":
        # Only then is the gateway of no use without its store.
        checks.append(Check("limit_store", store.ping))
    app = base_app("gateway", checks, lifespan)
    app.router.routes[:] = [
        route for route in app.routes if getattr(route, "path", None) not in _DOCUMENTATION
    ]
    registry = app.state.metrics.registry
    registry.register(_BreakerStates(upstreams))
    limiter = Limiter(store, settings.rate_limits(), settings.store_failure(), registry)
    door = Door(Authenticator(settings.api_keys_file, settings.jwt_secret_file), limiter, upstreams)
    http = HttpProxy(door, Exchanger(upstreams, registry), app.state.shutdown)
    websocket = WebSocketProxy(door, upstreams)
    # At the end of the list, which is innermost: what is passed through is instrumented too.
    app.user_middleware.append(Middleware(_Fork, http=http, websocket=websocket))
    return app


class _Fork:
    """Sends what is to be passed through past FastAPI's routing, which would double its cost."""

    def __init__(self, app: ASGIApp, http: HttpProxy, websocket: WebSocketProxy) -> None:
        self._app = app
        self._http = http
        self._websocket = websocket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, here or there."""
        if scope["type"] == "lifespan" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._websocket(scope, receive, send)


class _BreakerStates(Collector):
    """Tells, whenever metrics are read, which replicas are left alone."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return 1 for each replica whose breaker is open or probing, 0 for the others."""
        family = GaugeMetricFamily(
            "upstream_breaker_open", "Whether a replica is left alone.", labels=("service", "url")
        )
        for service, replicas in self._upstreams.services().items():
            for replica in replicas:
                is_open = replica.breaker.state is not State.CLOSED
                family.add_metric((service, replica.url), float(is_open))
        yield family
