"""The one layer around every request: its id, its timings, its metrics, its last resort.

Written against ASGI itself and in one piece, because every request pays for it: Starlette's
``BaseHTTPMiddleware`` alone costs as much as a small request.
"""

import logging
import secrets

import structlog
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_services.runtime.clock import NS_PER_MS, monotonic_ns
from reference_services.runtime.errors import ServiceError, error_answer
from reference_services.runtime.telemetry import RequestMetrics
from reference_services.runtime.timing import begin_timings

_logger = structlog.stdlib.get_logger(__name__)
_stdlib_logger = logging.getLogger(__name__)

_ID_LENGTH_MAX = 128


class Instrumentation:
    """Gives each request an id, adds ``X-Request-Id`` and ``Server-Timing``, counts the answer."""

    def __init__(self, app: ASGIApp, service: str, metrics: RequestMetrics) -> None:
        self._app = app
        self._service = service
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_ns = monotonic_ns()
        timings = begin_timings(started_ns)
        request_id = scope["request_id"]
        status = 0  # until the answer has begun

        async def send_instrumented(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                timing = timings.header(self._service, monotonic_ns())
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode("latin-1")),
                    (b"server-timing", timing.encode("latin-1")),
                ]
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_instrumented)
        except Exception:
            if status:
                # Half an answer is out; only a broken connection can tell the client.
                raise
            _logger.exception("request_failed", method=scope["method"], path=scope["path"])
            answer = error_answer(ServiceError("the service failed"), request_id)
            await answer(scope, receive, send_instrumented)
        finally:
            self._metrics.in_flight.dec()
            self._conclude(scope, status, monotonic_ns() - started_ns)

    def _conclude(self, scope: Scope, status: int, duration_ns: int) -> None:
        # nginx's 499: the client left before the answer began.
        status = status or 499
        method = scope["method"]
        self._metrics.observe(_route(scope), method, status, duration_ns)
        if not _stdlib_logger.isEnabledFor(logging.DEBUG):
            return
        _logger.debug(
            "request",
            method=method,
            path=scope["path"],
            status=status,
            duration_ms=duration_ns / NS_PER_MS,
        )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and 0 < len(value) <= _ID_LENGTH_MAX:
            return str(value, "latin-1")
    return secrets.token_hex(8)


def _route(scope: Scope) -> str:
    """Return the route's template; a label with one value for each path would grow without end."""
    template = scope.get("route_template")
    if template is not None:
        return str(template)
    route: BaseRoute | None = scope.get("route")
    if route is None or isinstance(route, Mount):
        return "unmatched"
    return str(getattr(route, "path", "unmatched"))
