"""One PostgreSQL server: a pool of connections to it, and what can go wrong between us and it."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Executable, Row, event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S
from reference_services.runtime.errors import Unavailable
from reference_services.runtime.timing import current_timings

PART = "database"
"""A database's name in ``Server-Timing``."""

# SQLSTATE classes by which a server says that it cannot serve now: connection, resources, system,
# operator intervention (shut down, starting up, took too long), conflict with a standby's replay.
_AWAY = ("08", "53", "58", "57", "40001", "25P0")


Parameters: TypeAlias = Mapping[str, Any]
"""Values by name, for what a statement leaves open."""


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """How many connections one process opens to each server, and how long things may take."""

    connections: int
    """At most, to each server."""

    wait_max_ns: int = NS_PER_S
    """For a free connection."""

    connect_max_ns: int = NS_PER_S
    """For a new connection."""

    statement_max_ns: int = 2 * NS_PER_S
    """For one statement."""

    transaction_max_ns: int = 4 * NS_PER_S
    """From a transaction's beginning to its end."""


class ServerAway(ConnectionError):
    """A server does not answer, or cannot serve now. Nothing was committed."""


class PoolExhausted(Unavailable):
    """All connections are busy, and none became free in time."""


class OutcomeUnknown(Unavailable):
    """The server was lost while it committed: perhaps it has, perhaps it has not."""


class DatabaseServer:
    """One server, by its URL without a password."""

    def __init__(
        self, name: str, url: str, password: Callable[[], str], limits: DatabaseLimits
    ) -> None:
        self.name = name
        """``primary``, or ``replica-0`` and so on."""

        self.answers = True
        """Whether it did when it was last asked."""

        self._engine = _engine(url, password, limits, connections=limits.connections)
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # Whoever asks how the server is must not queue behind those who keep it busy.
        watching = _engine(url, password, limits, connections=1)
        self._watching = watching.execution_options(isolation_level="AUTOCOMMIT")

    async def fetch(self, statement: Executable, parameters: Parameters) -> Sequence[Row[Any]]:
        """Return the rows that one statement gives, outside of any transaction.

        Raises:
            ServerAway:    the server does not answer.
            PoolExhausted: all connections are busy.
        """
        async with self._connection(self._autocommit) as connection:
            with current_timings().part(PART):
                return (await connection.execute(statement, parameters)).all()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection with a transaction, which is committed when the ``with`` ends well.

        Raises:
            ServerAway:     the server does not answer; nothing was committed.
            PoolExhausted:  all connections are busy; nothing was committed.
            OutcomeUnknown: the server was lost in the commit.
        """
        async with self._connection(self._engine) as connection:
            with current_timings().part(PART):
                yield connection
                try:
                    await connection.commit()
                except (exc.DBAPIError, OSError) as error:
                    raise OutcomeUnknown(
                        "the write may or may not have been done", retry_after_ns=NS_PER_S
                    ) from error

    async def ask(self, statement: Executable) -> Any:  # noqa: ANN401  # whatever the statement gives
        """Return the one value that ``statement`` gives, whoever else keeps the server busy.

        Raises:
            ServerAway: the server does not answer.
        """
        try:
            with _translated(self.name):
                async with self._watching.connect() as connection:
                    value = (await connection.execute(statement)).scalar_one()
        except (ServerAway, PoolExhausted) as error:
            self.answers = False
            raise ServerAway(str(error)) from error
        self.answers = True
        return value

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
        await self._watching.dispose()

    @asynccontextmanager
    async def _connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            with _translated(self.name):
                # Waiting for a connection is queueing: nobody's own time.
                with current_timings().waiting():
                    connection = await engine.connect()
                async with aclosing(connection):
                    yield connection
        except ServerAway:
            self.answers = False
            raise


def _engine(
    url: str, password: Callable[[], str], limits: DatabaseLimits, *, connections: int
) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=limits.wait_max_ns / NS_PER_S,
        connect_args={
            "password": password,  # asked for each connection, so that it may change
            "timeout": limits.connect_max_ns / NS_PER_S,
            # The server ends what takes too long; a server that hangs is given up on a bit later.
            "command_timeout": (limits.statement_max_ns + 500 * NS_PER_MS) / NS_PER_S,
            "server_settings": {
                "statement_timeout": str(limits.statement_max_ns // NS_PER_MS),
                "transaction_timeout": str(limits.transaction_max_ns // NS_PER_MS),
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401  # asyncpg's
    # asyncpg sees at once when a server hangs up. Looking costs nothing, where a ping before each
    # use costs a third of a read; the pool then opens another connection.
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


@contextmanager
def _translated(server: str) -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise PoolExhausted("all connections are busy", retry_after_ns=NS_PER_S) from error
    except exc.DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state.startswith(_AWAY):
            raise ServerAway(f"{server}: {state or 'the connection is lost'}") from error
        raise
    except (OSError, TimeoutError) as error:
        raise ServerAway(f"{server}: {type(error).__name__}") from error
