"""An answer leaves in one piece: the head and the first of the body in one write.

uvicorn hands the head of an answer to the connection before the application has said what the
body is, and uvloop sends at once what it is handed. Two writes cost two system calls here, and
wake the reader twice; on a chain of services that is paid again at each. Here, what is written
in one turn of the event loop is gathered and leaves when the turn is over. (uvicorn writes with
``write`` alone, and ends with ``close``.)
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_GATHERED_MAX_BYTES = 65_536
"""With more than this nothing is saved by waiting; and who writes must be told to pause."""


class WholeWrites(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 by httptools, over a connection that gathers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, with a connection that gathers what is written to it."""
        gathering = GatheringTransport(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, gathering))


class GatheringTransport:
    """A connection's transport, but for its writes: they leave at the end of the loop's turn."""

    __slots__ = ("_gathered", "_loop", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the transport has there
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send ``data`` with all else that is written in this turn of the loop."""
        if not self._gathered:
            self._loop.call_soon(self._send)
        self._gathered.append(data)
        self._size += len(data)
        if self._size > _GATHERED_MAX_BYTES:
            self._send()

    def close(self) -> None:
        """Close the connection once everything is sent that was written."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if not self._gathered:
            return
        data = b"".join(self._gathered)
        self._gathered.clear()
        self._size = 0
        self._transport.write(data)
