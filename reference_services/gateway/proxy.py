"""The way of an HTTP request through the gateway, and of its answer back.

Bodies are passed on piece by piece in both directions, so that an event stream arrives event by
event and a large file needs no memory here; a side that is slow slows the other down.
"""

import asyncio

from starlette.types import Receive, Scope, Send

from reference_services.gateway.door import Door
from reference_services.gateway.exchange import Exchange, Exchanger, Outgoing
from reference_services.gateway.forwarding import (
    PREFIX,
    ClientRequest,
    added_headers,
    answer_headers,
    read_request,
)
from reference_services.gateway.upstream_connection import UpstreamConnection, UpstreamLost
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S
from reference_services.runtime.errors import ServiceError, error_answer
from reference_services.runtime.health import Shutdown
from reference_services.runtime.timing import current_timings

SMALL_BODY_BYTES_MAX = 64 * 1024
"""Bodies up to this size are read before they are sent on, so that they can be sent twice."""

# Most answers come sooner; only for the others does anybody listen whether the client is there.
_WATCH_AFTER_NS = 50 * NS_PER_MS


class RequestTimeout(ServiceError):
    """The client did not send its body."""

    status, code = 408, "request_timeout"


class ClientLeft(Exception):
    """Nobody is there to answer."""


class HttpProxy:
    """Passes requests through to the upstreams' replicas, and their answers back."""

    def __init__(self, door: Door, exchanger: Exchanger, shutdown: Shutdown) -> None:
        self._door = door
        self._exchanger = exchanger
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        watch = _ClientWatch(receive)
        try:
            request = read_request(scope)
            await self._pass_through(request, scope, watch, send)
        except ServiceError as error:
            await error_answer(error, scope["request_id"])(scope, receive, send)
        except ClientLeft:
            return
        except asyncio.CancelledError:
            if not watch.client_left:
                raise
        finally:
            watch.stop()

    async def _pass_through(
        self, request: ClientRequest, scope: Scope, watch: "_ClientWatch", send: Send
    ) -> None:
        entrant = await self._door.enter(request)
        scope["route_template"] = f"{PREFIX}{request.service}/{{rest}}"
        outgoing = await self._outgoing(
            request, added_headers(scope, entrant.identity), watch.receive
        )
        if outgoing.stream is None:
            watch.start_later()
        timings = current_timings()
        with timings.waiting():
            exchange = await self._exchanger.begin(outgoing)
        try:
            for name, value in exchange.head.headers:
                if name == b"server-timing":
                    timings.merge(value.decode("latin-1"))
            headers = answer_headers(exchange.head.headers, entrant.headers())
            start = {"status": exchange.head.status, "headers": headers}
            await send({"type": "http.response.start", **start})
            watch.start_later()
            await self._relay(exchange, self._exchanger.timeout_ns(request.service), send)
        finally:
            self._exchanger.end(exchange)

    async def _outgoing(
        self, request: ClientRequest, added: list[tuple[bytes, bytes]], receive: Receive
    ) -> Outgoing:
        """Return the request ready to be sent: with its body if that is small."""
        if not request.has_body:
            return Outgoing(request, added, body=b"", stream=None)
        if request.chunked or (request.content_length or 0) > SMALL_BODY_BYTES_MAX:

            async def stream(connection: UpstreamConnection) -> None:
                await self._stream_body(request, receive, connection)

            return Outgoing(request, added, body=b"", stream=stream)
        timeout_ns = self._exchanger.timeout_ns(request.service)
        pieces = []
        more = True
        while more:
            piece, more = await self._next_piece(receive, timeout_ns)
            pieces.append(piece)
        return Outgoing(request, added, body=b"".join(pieces), stream=None)

    async def _stream_body(
        self, request: ClientRequest, receive: Receive, connection: UpstreamConnection
    ) -> None:
        timeout_ns = self._exchanger.timeout_ns(request.service)
        more = True
        while more:
            piece, more = await self._next_piece(receive, timeout_ns)
            if connection.head_arrived or connection.lost:
                # The upstream knows its answer already (too large, say): no use in the rest.
                connection.forbid_reuse()
                return
            if request.chunked:
                piece = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
                piece += b"" if more else b"0\r\n\r\n"
            connection.write(piece)
            async with asyncio.timeout(timeout_ns / NS_PER_S):
                await connection.drain()

    async def _next_piece(self, receive: Receive, timeout_ns: int) -> tuple[bytes, bool]:
        """Return a piece of the client's body, and whether more follows."""
        try:
            async with asyncio.timeout(timeout_ns / NS_PER_S):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout("the request's body did not come") from None
        if message["type"] == "http.disconnect":
            raise ClientLeft
        return message.get("body", b""), message.get("more_body", False)

    async def _relay(self, exchange: Exchange, timeout_ns: int, send: Send) -> None:
        """Pass the answer's body on as it comes.

        Raises:
            UpstreamLost, TimeoutError: the rest of it does not come.
        """
        connection = exchange.connection
        # An event stream may be silent for long, and would outlast any grace at shutdown.
        endless = (b"content-type", b"text/event-stream") in (
            (name, value[:17]) for name, value in exchange.head.headers
        )
        cutter = asyncio.ensure_future(self._cut_at_shutdown(connection)) if endless else None
        idle_s = None if endless else timeout_ns / NS_PER_S
        try:
            done = False
            while not done:
                if connection.all_arrived:
                    chunk = await connection.next_chunk()
                else:
                    async with asyncio.timeout(idle_s):
                        chunk = await connection.next_chunk()
                done = connection.all_arrived
                await send({"type": "http.response.body", "body": chunk, "more_body": not done})
        except (UpstreamLost, TimeoutError):
            self._exchanger.broke_off(exchange)
            raise
        finally:
            if cutter is not None:
                cutter.cancel()

    async def _cut_at_shutdown(self, connection: UpstreamConnection) -> None:
        await self._shutdown.wait()
        connection.cut_short()


class _ClientWatch:
    """Cancels the task that serves a client once the client is gone."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.client_left = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start_later(self) -> None:
        """Watch from a while later on; whoever reads the body must be done with it."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            serving = asyncio.current_task()
            assert serving is not None
            self._timer = loop.call_later(_WATCH_AFTER_NS / NS_PER_S, self._start, serving)

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self, serving: asyncio.Task[None]) -> None:
        self._task = asyncio.ensure_future(self._watch(serving))

    async def _watch(self, serving: asyncio.Task[None]) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.client_left = True
        serving.cancel()
