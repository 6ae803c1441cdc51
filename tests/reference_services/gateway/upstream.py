"""A service to stand behind the gateway in tests: it does what its path says.

Run as ``python -m tests.reference_services.gateway.upstream``; reads ``UPSTREAM_PORT`` and so on.
"""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic_settings import SettingsConfigDict

from reference_services.runtime.app import base_app
from reference_services.runtime.clock import NS_PER_MS, sleep_ns
from reference_services.runtime.serving import run_service
from reference_services.runtime.settings import ServiceSettings
from reference_services.runtime.timing import current_timings


class UpstreamSettings(ServiceSettings):
    """Nothing but what every service reads."""

    model_config = SettingsConfigDict(env_prefix="UPSTREAM_")


def build_app(settings: UpstreamSettings) -> FastAPI:
    """Wire an upstream whose behaviour the client chooses by path."""
    app = base_app("upstream")
    app.state.seen = []
    app.state.gate = asyncio.Event()
    _add_plain_routes(app, settings.replica)
    _add_streaming_routes(app)
    return app


def _add_plain_routes(app: FastAPI, replica: int) -> None:
    @app.api_route("/echo", methods=["GET", "POST", "PUT", "HEAD", "DELETE"])
    async def echo(request: Request) -> JSONResponse:
        body = await request.body()
        app.state.seen.append(request.method)
        return JSONResponse(
            {
                "replica": replica,
                "method": request.method,
                "query": request.url.query,
                "headers": [[name, value] for name, value in request.headers.items()],
                "body": body.decode("latin-1") if len(body) < 1_000 else len(body),
            },
            headers={"X-Upstream": "yes", "Connection": "X-Private", "X-Private": "for this hop"},
        )

    @app.get("/seen")
    async def seen() -> list[str]:
        return list(app.state.seen)

    @app.api_route("/status/{status}", methods=["GET", "POST"])
    async def status(status: int, request: Request) -> Response:
        app.state.seen.append(f"{request.method} {status}")
        return Response(status_code=status)

    @app.get("/slow/{milliseconds}")
    async def slow(milliseconds: int) -> dict[str, int]:
        app.state.seen.append("slow")
        with current_timings().part("database"):
            await sleep_ns(milliseconds * NS_PER_MS)
        return {"replica": replica}

    @app.get("/ill/{ill}/{milliseconds}")
    async def ill(ill: int, milliseconds: int) -> Response:
        # One of several replicas fails at once, while the others take their time.
        app.state.seen.append("ill")
        if ill == replica:
            return Response(status_code=500)
        await sleep_ns(milliseconds * NS_PER_MS)
        return Response()

    @app.get("/until-left")
    async def until_left(request: Request) -> None:
        app.state.seen.append("waiting for the client to leave")
        while (await request.receive())["type"] != "http.disconnect":
            pass
        app.state.seen.append("client left")


def _add_streaming_routes(app: FastAPI) -> None:
    @app.get("/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(_events(app), media_type="text/event-stream")

    @app.post("/open-gate")
    async def open_gate() -> dict[str, bool]:
        app.state.gate.set()
        return {"open": True}

    @app.get("/large/{mebibytes}")
    async def large(mebibytes: int) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(mebibytes * 16):
                yield bytes(64 * 1024)

        return StreamingResponse(pieces())

    @app.get("/broken")
    async def broken() -> StreamingResponse:
        return StreamingResponse(_broken(), headers={"Content-Length": "1000"})

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept(subprotocol=next(iter(websocket.scope["subprotocols"]), None))
        user = websocket.headers["x-user"]
        async for text in websocket.iter_text():
            if text == "bye":
                await websocket.close(4001)
                return
            await websocket.send_text(f"{user}: {text}")


async def _events(app: FastAPI) -> AsyncIterator[bytes]:
    """Give one event at once; the next only when the test has seen the first and says so."""
    try:
        yield b"event: progress\ndata: 1\n\n"
        await app.state.gate.wait()
        yield b"event: progress\ndata: 2\n\n"
        await app.state.shutdown.wait()
    finally:
        app.state.seen.append("events over")


async def _broken() -> AsyncIterator[bytes]:
    yield b"half an ans"
    raise RuntimeError("the rest is lost")


if __name__ == "__main__":
    run_service("upstream", UpstreamSettings, build_app)
