"""The database: writes go to the primary, reads to a replica that is not far behind.

Reads take turns over the replicas that answer and are known to hold every commit older than
``lag_max_ns``. Without such a replica the primary is asked; without the primary, a replica that is
behind, or of which nobody can tell: then the rows are not ``recent``, and not to be kept.

All connections of a pool being busy is no reason to go elsewhere: an overload must not spread from
the replicas to the primary.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, NamedTuple

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Executable, Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, monotonic_ns, sleep_ns
from reference_services.runtime.database_server import DatabaseServer, Parameters, ServerAway
from reference_services.runtime.errors import Unavailable
from reference_services.runtime.replica_watch import ReplicaWatch

_LOOK_EVERY_NS = 500 * NS_PER_MS

# Where the next record of the log goes: what was acknowledged before lies below.
_REACHED = text("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
_REPLAYED = text("SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint")

_logger = structlog.stdlib.get_logger(__name__)


class Rows(NamedTuple):
    """What a read found."""

    rows: Sequence[Row[Any]]

    recent: bool
    """Whether they show every commit older than ``lag_max_ns``."""


class Database:
    """A primary and its replicas."""

    def __init__(
        self,
        primary: DatabaseServer,
        replicas: Sequence[DatabaseServer],
        lag_max_ns: int,
        registry: CollectorRegistry,
        now_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._primary = primary
        self._replicas = tuple(replicas)
        self._lag_max_ns = lag_max_ns
        self._now_ns = now_ns
        self._watch = ReplicaWatch(len(replicas))
        self._turn = count()
        self._reads = Counter("database_reads", "Reads.", ("server",), registry=registry)
        self._lag = Gauge(
            "database_replica_lag_seconds",
            "How far a replica may be behind; infinite: nobody knows.",
            ("server",),
            registry=registry,
        )

    async def read(
        self, statement: Executable, parameters: Parameters, *, newest: bool = False
    ) -> Rows:
        """Return what ``statement`` finds.

        Args:
            statement:  reads, and changes nothing.
            parameters: for what it leaves open.
            newest:     whether every commit has to be seen; then the primary alone will do.

        Raises:
            Unavailable: no server that will do answers, or its connections are all busy.
        """
        for server, recent in self._route(newest=newest):
            try:
                rows = await server.fetch(statement, parameters)
            except ServerAway as away:
                _logger.warning("database_away", reason=str(away))
                continue
            self._reads.labels(server.name).inc()
            return Rows(rows, recent)
        raise Unavailable("no database answers", retry_after_ns=NS_PER_S)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to the primary, in a transaction that ends with the ``with``.

        Raises:
            Unavailable:    the primary does not answer, or is busy; nothing was committed.
            OutcomeUnknown: it was lost in the commit.
        """
        try:
            async with self._primary.transaction() as connection:
                yield connection
        except ServerAway as away:
            _logger.warning("database_away", reason=str(away))
            raise Unavailable("the database does not answer", retry_after_ns=NS_PER_S) from away

    async def check(self) -> None:
        """Return if reads can be served, by what was seen last.

        Raises:
            ServerAway: no server answers.
        """
        servers = (self._primary, *self._replicas)
        if not any(server.answers for server in servers):
            raise ServerAway("neither the primary nor a replica answers")

    async def watch(self) -> None:
        """Keep an eye on all servers, until cancelled."""
        while True:
            await self.look()
            await sleep_ns(_LOOK_EVERY_NS)

    async def look(self) -> None:
        """See which servers answer, and how far the replicas are."""
        asked_at_ns = self._now_ns()
        self._watch.forget_before(asked_at_ns - 2 * self._lag_max_ns)
        # Side by side: a server that hangs must not keep us from looking at the others.
        reached, *_ = await asyncio.gather(
            _position(self._primary, _REACHED),
            *(self._look_at(index) for index in range(len(self._replicas))),
        )
        if reached is not None:
            self._watch.primary_reached(asked_at_ns, reached)

    async def close(self) -> None:
        """Close all connections."""
        for server in (self._primary, *self._replicas):
            await server.close()

    async def _look_at(self, index: int) -> None:
        server = self._replicas[index]
        replayed = await _position(server, _REPLAYED)
        if replayed is not None:
            self._watch.replica_replayed(index, replayed)
        lag_ns = self._watch.lag_ns(index, self._now_ns())
        self._lag.labels(server.name).set(float("inf") if lag_ns is None else lag_ns / NS_PER_S)

    def _route(self, *, newest: bool) -> Iterator[tuple[DatabaseServer, bool]]:
        """Yield the servers to ask one after the other, and whether each is recent."""
        if newest:
            yield self._primary, True
            return
        now_ns = self._now_ns()
        turn = next(self._turn)
        behind: list[DatabaseServer] = []
        for step in range(len(self._replicas)):
            index = (turn + step) % len(self._replicas)
            server = self._replicas[index]
            lag_ns = self._watch.lag_ns(index, now_ns)
            if server.answers and lag_ns is not None and lag_ns <= self._lag_max_ns:
                yield server, True
            else:
                behind.append(server)
        if self._primary.answers:
            yield self._primary, True
        for server in behind:
            yield server, False
        if not self._primary.answers:
            yield self._primary, True


async def _position(server: DatabaseServer, statement: Executable) -> int | None:
    try:
        position = await server.ask(statement)
    except ServerAway:
        return None
    return None if position is None else int(position)
