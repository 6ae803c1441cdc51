"""The application that every service begins with."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from reference_services.runtime.errors import install_error_answers
from reference_services.runtime.health import Check, Shutdown, health_routes
from reference_services.runtime.instrumentation import Instrumentation
from reference_services.runtime.telemetry import RequestMetrics, metrics_route

# FastAPI's own telemetry looks for OpenTelemetry's settings anew with every request.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def base_app(
    service: str, checks: Sequence[Check] = (), lifespan: Lifespan | None = None
) -> FastAPI:
    """Return an application with health, metrics, request ids, timings and error answers.

    ``app.state.shutdown`` is the ``Shutdown`` that ``serve`` begins when the process is told to
    stop; ``app.state.metrics`` holds the ``RequestMetrics``, whose registry takes further metrics.

    Args:
        service:  the service's name, as it appears in ``Server-Timing`` and in logs.
        checks:   what must work for the service to be ready.
        lifespan: opens what the service needs before the first request, closes it after the last.
    """
    app = FastAPI(title=service, lifespan=lifespan, telemetry=_NO_TELEMETRY)
    app.state.shutdown = Shutdown()
    app.state.metrics = RequestMetrics()
    install_error_answers(app)
    app.include_router(health_routes(checks, app.state.shutdown))
    app.include_router(metrics_route(app.state.metrics.registry))
    app.add_middleware(Instrumentation, service=service, metrics=app.state.metrics)
    return app
