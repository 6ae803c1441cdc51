"""One connection to a Redis or Valkey that runs Lua scripts, shared by all requests of a process.

Commands are written as they come and answered in order, so that requests that arrive together share
packets and nobody waits for a connection. A script costs a third of the CPU time that redis-py
takes for it, and nothing is ever sent twice: a command whose answer is lost may have been carried
out, and who sent it has to know.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias, cast
from urllib.parse import urlsplit

import hiredis

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from reference_services.runtime.settings import SecretFile

ANSWER_TIMEOUT_NS = 250 * NS_PER_MS
"""How long a request waits for the store: many times what it takes, little against a request."""

Word: TypeAlias = str | int | bytes
"""A part of a command, as it may be written."""


class StoreDown(ConnectionError):
    """The store cannot be reached, does not answer in time, or refuses.

    What was asked of it may have been done nevertheless.
    """


class Script:
    """A Lua script, with the digest by which the store knows it once it has seen it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


def store_address(url: str) -> tuple[str, int, str]:
    """Return host, port and database number of a store.

    Raises:
        ValueError: ``url`` is not like ``redis://host:port/0``, or has a password in it.
    """
    parts = urlsplit(url)
    database = parts.path.strip("/") or "0"
    if parts.scheme not in {"redis", "valkey"} or not parts.hostname or not database.isdigit():
        raise ValueError("must be like redis://host:port/0")
    if parts.password:
        raise ValueError("must not hold the password; that has a file of its own")
    return parts.hostname, parts.port or 6379, database


class ScriptStore:
    """Runs scripts in a Redis or Valkey; connects when first asked, and again after a loss."""

    def __init__(self, url: str, password: SecretFile | None) -> None:
        """Take the address from ``url``.

        Raises:
            ValueError: ``url`` is not like ``redis://host:port/0``.
        """
        host, port, self._database = store_address(url)
        self._address = host, port
        self._password = password
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self.connected_at_ns = 0
        """When the present connection was made: what the store knew before may be lost."""

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> object:
        """Return what ``script`` answers: bytes, a whole number, a list of such, or None.

        Raises:
            StoreDown: there is no answer within ``ANSWER_TIMEOUT_NS``, to connect or to run, or
                the script failed.
        """
        connection = self._connection
        if connection is None or connection.lost:
            connection = await self._connect()
        rest = (len(keys), *keys, *arguments)
        answer = await connection.ask(("EVALSHA", script.digest, *rest))
        if isinstance(answer, hiredis.ReplyError) and str(answer).startswith("NOSCRIPT"):
            answer = await connection.ask(("EVAL", script.source, *rest))
        if isinstance(answer, hiredis.ReplyError):
            raise StoreDown(str(answer))
        return answer

    async def ping(self) -> None:
        """Return if the store answers.

        Raises:
            StoreDown: it does not.
        """
        connection = self._connection
        if connection is None or connection.lost:
            connection = await self._connect()
        await connection.ask(("PING",))

    def close(self) -> None:
        """Give the connection up; whoever waits for an answer gets ``StoreDown``."""
        if self._connection is not None:
            self._connection.close("closed")

    async def _connect(self) -> "_Connection":
        # A crowd that finds the connection lost must not open a crowd of connections.
        async with self._connecting:
            if self._connection is not None and not self._connection.lost:
                return self._connection
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_NS / NS_PER_S):
                    _, connection = await loop.create_connection(_Connection, *self._address)
            except OSError as error:
                raise StoreDown(f"cannot connect: {type(error).__name__}: {error}") from error
            await self._greet(connection)
            self._connection = connection
            self.connected_at_ns = monotonic_ns()
            return connection

    async def _greet(self, connection: "_Connection") -> None:
        commands = [("SELECT", self._database)]
        if self._password is not None:
            commands.insert(0, ("AUTH", self._password.reveal()))
        for command in commands:
            answer = await connection.ask(command)
            if isinstance(answer, hiredis.ReplyError):
                connection.close("refused")
                # Not the answer itself: a store may repeat what it was sent.
                raise StoreDown(f"the store refuses {command[0]}")


class _Connection(asyncio.Protocol):
    """Commands out, answers in, in the same order."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[object]] = deque()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.lost = False

    def ask(self, command: tuple[Word, ...]) -> asyncio.Future[object]:
        """Send ``command``; the future gives its answer, or raises ``StoreDown``."""
        answer: asyncio.Future[object] = self._loop.create_future()
        if self._transport is None or self.lost:
            answer.set_exception(StoreDown("the connection is lost"))
            return answer
        self._waiting.append(answer)
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # the stub wants a 1-tuple
        self._transport.write(packed)
        timer = self._loop.call_later(ANSWER_TIMEOUT_NS / NS_PER_S, self._overdue, answer)
        answer.add_done_callback(lambda _: timer.cancel())
        return answer

    def close(self, reason: str) -> None:
        """Give up all that is not answered."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(StoreDown(reason))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are one by their methods, not by their class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand each complete answer to whoever waits for it."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            answer = self._waiting.popleft()
            # Its request may have been cancelled; the answer had to be taken off the wire still.
            if not answer.done():
                answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the store is gone."""
        self.close(f"the connection is lost: {exc}" if exc else "the store hung up")

    def _overdue(self, answer: asyncio.Future[object]) -> None:
        # Answers come in order, so all that were asked later are overdue as well.
        if not answer.done():
            self.close("no answer in time")
