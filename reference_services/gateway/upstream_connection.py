"""One HTTP/1.1 connection to an upstream: a request out, its answer in, then the next.

The parser is llhttp, the one of Node.js, which uvicorn uses for the other direction. Around it is
only what a proxy needs: heads are passed on as they are, bodies piece by piece, and a reader that
is slow slows the upstream down. For one small request this takes less than a third of the CPU time
of the next best client that was measured.

Source: RFC 9112, HTTP/1.1.
"""

import asyncio
from typing import NamedTuple, cast

import httptools

Header = tuple[bytes, bytes]

# What may wait here for a slow reader before the upstream is asked to pause.
_BUFFERED_BYTES_MAX = 256 * 1024
_WITHOUT_BODY = {204, 304}
_INFORMATIONAL_BELOW = 200


class UpstreamLost(ConnectionError):
    """The connection ended before the answer did, or what came is not HTTP.

    Attributes:
        answer_begun: whether any of the answer had come.
    """

    def __init__(self, reason: str, *, answer_begun: bool) -> None:
        self.answer_begun = answer_begun
        super().__init__(reason)


class ResponseHead(NamedTuple):
    """How an answer begins."""

    status: int
    headers: list[Header]
    """Names in lower case, in the order of arrival."""


class UpstreamConnection(asyncio.Protocol):
    """A connection that carries one exchange at a time.

    Write with ``write`` and ``drain``, read with ``head`` and ``next_chunk``; after the last chunk,
    ``reusable`` tells whether another exchange may follow.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lost: str | None = None
        self._writable: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answers_head = False
        self._head: ResponseHead | None = None
        self._headers: list[Header] = []
        self._chunks: list[bytes] = []
        self._buffered_bytes = 0
        self._until_close = True
        self._complete = False
        self._keeps_alive = False
        self._forbidden = False

    def begin(self, *, answers_head: bool) -> None:
        """Begin an exchange; ``answers_head`` if the request's method is HEAD."""
        assert self._waiter is None, "the last exchange is not over"
        self._parser = httptools.HttpResponseParser(self)
        self._answers_head = answers_head
        self._head = None
        self._headers = []
        self._until_close = True
        self._complete = False
        self._keeps_alive = False

    @property
    def reusable(self) -> bool:
        """Whether the last answer was read to its end and another exchange may follow."""
        whole = self._complete and not self._chunks
        return whole and self._keeps_alive and not self._forbidden and not self.lost

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return self._lost is not None

    @property
    def head_arrived(self) -> bool:
        """Whether the answer has begun."""
        return self._head is not None

    def write(self, data: bytes) -> None:
        """Send ``data`` as soon as the network takes it; nothing, if the connection is lost."""
        if self._lost is None and self._transport is not None:
            self._transport.write(data)

    async def drain(self) -> None:
        """Return when more may be written without piling up, or never will be."""
        if self._writable is not None:
            await self._writable

    async def head(self) -> ResponseHead:
        """Return the beginning of the answer.

        Raises:
            UpstreamLost: it will not come.
        """
        while self._head is None:
            await self._more()
        return self._head

    async def next_chunk(self) -> bytes:
        """Return what has come of the body since the last call; empty at its end.

        Raises:
            UpstreamLost: the rest will not come.
        """
        while not self._chunks and not self._complete:
            await self._more()
        chunk = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._buffered_bytes > _BUFFERED_BYTES_MAX and self._transport and not self.lost:
            self._transport.resume_reading()
        self._buffered_bytes = 0
        return chunk

    @property
    def all_arrived(self) -> bool:
        """Whether ``next_chunk`` gives the rest of the body without waiting."""
        return self._complete

    def cut_short(self) -> None:
        """End the answer here, as if it were whole; for streams that would never end."""
        self.abort("cut short")
        self._complete = True

    def forbid_reuse(self) -> None:
        """Let this exchange be the last, because the request was not sent to its end."""
        self._forbidden = True

    def abort(self, reason: str = "aborted") -> None:
        """End the connection now; whoever waits for it gets ``UpstreamLost``."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are one by their methods, not by their class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.abort(f"not HTTP: {error}")
            return
        if self._buffered_bytes > _BUFFERED_BYTES_MAX and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end; a body without a length ends with the connection."""
        if self._head is not None and self._until_close and exc is None:
            self._complete = True
        self._end(f"connection lost: {exc}" if exc else "the upstream hung up")

    def pause_writing(self) -> None:
        """Make ``drain`` wait."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let ``drain`` return."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def on_message_begin(self) -> None:
        """Refuse a second answer; called by the parser."""
        if self._complete:
            raise ValueError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note one header; called by the parser."""
        name = name.lower()
        if name in {b"content-length", b"transfer-encoding"}:
            self._until_close = False
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Publish the head, unless it only announces another; called by the parser."""
        status = self._parser.get_status_code()
        if status < _INFORMATIONAL_BELOW:
            return
        self._head = ResponseHead(status, self._headers)
        if self._answers_head:
            # The parser cannot know that a body is announced and not sent: read no further,
            # and let the connection go.
            self._complete = True
        self._until_close = self._until_close and status not in _WITHOUT_BODY

    def on_body(self, body: bytes) -> None:
        """Note a piece of the body; called by the parser."""
        self._chunks.append(body)
        self._buffered_bytes += len(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, or was only an interim one; called by the parser."""
        if self._head is None:
            self._headers = []
            self._until_close = True
            return
        self._complete = True
        self._keeps_alive = not self._answers_head and self._parser.should_keep_alive()

    async def _more(self) -> None:
        if self._lost is not None:
            raise UpstreamLost(self._lost, answer_begun=self._head is not None)
        assert self._waiter is None, "one reader at a time"
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self, reason: str) -> None:
        if self._lost is None:
            self._lost = reason
        self.resume_writing()
        self._wake()
