"""P7, connection pool efficiency, against a real PostgreSQL through the pool that services use.

What is shown, of the statement in ``test_p07_connection_pool``: (a) and (b) under statements that
succeed, fail, raise and are cancelled wherever they are, by what the server itself says of its
connections; (c) and (f) when all is quiet again; (d); and of (g) that after a crash of the server
its old connections are lent no more, and that it is served again. The rate of (g) is the policy's
own: SQLAlchemy's pool bounds how many connections there are, not how fast they come.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, exc, text

from properties.checkers.intervals import Span, exact, held_by_one
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, monotonic_ns, sleep_ns
from reference_services.runtime.database_server import (
    DatabaseLimits,
    DatabaseServer,
    PoolExhausted,
    ServerAway,
)
from tests.databases import Databases, running_postgres

pytestmark = pytest.mark.servers

CONNECTIONS = 3
SOON_NS = 15 * NS_PER_S
PATIENT = DatabaseLimits(
    connections=CONNECTIONS,
    wait_max_ns=SOON_NS,
    connect_max_ns=20 * NS_PER_S,
    statement_max_ns=20 * NS_PER_S,
    transaction_max_ns=40 * NS_PER_S,
)
# How long it takes to connect is not what these are about.
ONE_BY_ONE = replace(PATIENT, connections=1)
IMPATIENT = replace(ONE_BY_ONE, wait_max_ns=200 * NS_PER_MS)

# Not the auditor, whose question this is.
BACKENDS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
BUSY = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    " AND (state <> 'idle' OR xact_start IS NOT NULL)"
)
LOCKS = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
END_ALL = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
OWN_PID = text("SELECT pg_backend_pid()")
SLEEP = text("SELECT pg_sleep(:seconds)")
LOCK = text("SELECT pg_advisory_xact_lock_shared(1)")
NONSENSE = text("SELECT 1 / 0")


class Borrower(NamedTuple):
    """Somebody who works with a connection, and how that ends."""

    starts_ms: int
    work_ms: int
    ends: str
    cancelled_after_ms: int | None


@st.composite
def crowds(draw: st.DrawFn) -> list[Borrower]:
    """More borrowers than connections, at about the same time."""
    kinds = st.sampled_from(["read", "write", "nonsense read", "nonsense write", "raise"])
    cancelled_ms = st.none() | st.sampled_from([0, 1, 5, 20, 50])
    borrowers = st.builds(
        Borrower, st.integers(0, 40), st.sampled_from([0, 5, 40]), kinds, cancelled_ms
    )
    return draw(st.lists(borrowers, min_size=CONNECTIONS + 1, max_size=12))


class Stumbled(Exception):
    """What a borrower raises who has nothing to do with databases."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Databases]:
    """Give a PostgreSQL of this module's own, which may be crashed."""
    with running_postgres() as running:
        yield running


@dataclass
class Scene:
    """The pool, who looks at it through the server's eyes, and what was seen."""

    pool: DatabaseServer
    auditor: DatabaseServer
    owned: list[Span] = field(default_factory=list)
    most_backends: int = 0

    async def audit(self) -> None:
        """Count the pool's connections over and over, until cancelled."""
        while True:
            with suppress(ServerAway):
                self.most_backends = max(self.most_backends, await self.auditor.ask(BACKENDS))
            await sleep_ns(2 * NS_PER_MS)

    async def becomes(self, statement: Executable, wanted: int) -> None:
        """Return when the auditor's question has the answer ``wanted``."""
        until_ns = monotonic_ns() + SOON_NS
        while (found := await self.auditor.ask(statement)) != wanted:
            assert monotonic_ns() < until_ns, f"still {found}: {statement}"
            await sleep_ns(10 * NS_PER_MS)

    async def borrow(self, borrower: Borrower) -> None:
        """Work as the borrower does."""
        await sleep_ns(borrower.starts_ms * NS_PER_MS)
        seconds = {"seconds": borrower.work_ms / 1000}
        if borrower.ends == "read":
            await self.pool.fetch(SLEEP, seconds)
        elif borrower.ends == "nonsense read":
            await self.pool.fetch(NONSENSE, {})
        else:
            await self._transact(borrower.ends, seconds)

    async def _transact(self, ends: str, seconds: dict[str, float]) -> None:
        async with self.pool.transaction() as connection:
            pid = (await connection.execute(OWN_PID)).scalar_one()
            since_ns = monotonic_ns()
            try:
                await connection.execute(LOCK)
                await connection.execute(SLEEP, seconds)
                if ends == "nonsense write":
                    await connection.execute(NONSENSE)
                if ends == "raise":
                    raise Stumbled
            finally:
                span = exact(f"connection {pid}", str(since_ns), 1, since_ns, monotonic_ns())
                self.owned.append(span)

    async def all_at_once(self) -> set[int]:
        """Borrow every connection there may be at one time; return the server's processes."""
        together = asyncio.Barrier(CONNECTIONS)

        async def one() -> int:
            async with self.pool.transaction() as connection:
                pid: int = (await connection.execute(OWN_PID)).scalar_one()
                await together.wait()
                return pid

        return set(await asyncio.gather(*(one() for _ in range(CONNECTIONS))))


@asynccontextmanager
async def audited(running: Databases, limits: DatabaseLimits = PATIENT) -> AsyncIterator[Scene]:
    """Give a pool without connections, and an auditor at work."""
    password = running.password_file.read_text
    pool = DatabaseServer("primary", running.primary_url, password, limits)
    scene = Scene(pool, DatabaseServer("auditor", running.primary_url, password, PATIENT))
    auditing = asyncio.create_task(scene.audit())
    try:
        yield scene
    finally:
        auditing.cancel()
        with suppress(asyncio.CancelledError):
            await auditing
        await scene.pool.close()
        # The next scene begins with none; a leak is for this one to tell.
        with suppress(ServerAway, AssertionError):
            await scene.becomes(BACKENDS, 0)
        await scene.auditor.close()


def in_time(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene that ends."""

    async def bounded() -> None:
        async with asyncio.timeout(120):
            await scene()

    asyncio.run(bounded())


@given(crowd=crowds())
@settings(max_examples=8, deadline=None)
def test_whatever_becomes_of_its_borrowers_the_pool_keeps_to_its_number_and_leaks_nothing(
    postgres: Databases, crowd: list[Borrower]
) -> None:
    async def scene() -> None:
        async with audited(postgres) as seen:
            ended = await everyone(seen, crowd)
            for borrower, error in zip(crowd, ended, strict=True):
                assert isinstance(error, expected_of(borrower)), f"{borrower}: {error!r}"
            # (c), (f): nothing is left open, and nothing is missing.
            await seen.becomes(BUSY, 0)
            await seen.becomes(LOCKS, 0)
            assert len(await seen.all_at_once()) == CONNECTIONS
            # (a), (b): at no time were there more, and none had two owners.
            assert seen.most_backends <= CONNECTIONS
            assert not seen.owned or held_by_one(seen.owned)

    in_time(scene)


async def everyone(seen: Scene, crowd: list[Borrower]) -> list[BaseException | None]:
    """Let all borrow, cancel whom to cancel; return what each ended with."""
    tasks = [asyncio.create_task(seen.borrow(borrower)) for borrower in crowd]
    for task, borrower in zip(tasks, crowd, strict=True):
        if borrower.cancelled_after_ms is not None:
            after_s = (borrower.starts_ms + borrower.cancelled_after_ms) / 1000
            asyncio.get_running_loop().call_later(after_s, task.cancel)
    return await asyncio.gather(*tasks, return_exceptions=True)


def expected_of(borrower: Borrower) -> tuple[type[object], ...]:
    """Return how the borrower's work may end; one who is cancelled may be done before."""
    ends: dict[str, type[object]] = {
        "read": type(None),
        "write": type(None),
        "nonsense read": exc.DBAPIError,
        "nonsense write": exc.DBAPIError,
        "raise": Stumbled,
    }
    cancelled = () if borrower.cancelled_after_ms is None else (asyncio.CancelledError,)
    return (ends[borrower.ends], *cancelled)


def test_borrowers_are_served_in_the_order_in_which_they_came(postgres: Databases) -> None:
    async def scene() -> None:
        served: list[int] = []

        async def borrow(number: int) -> None:
            async with seen.pool.transaction():
                served.append(number)

        async with audited(postgres, ONE_BY_ONE) as seen:
            async with seen.pool.transaction() as connection:
                await connection.execute(OWN_PID)
                waiting = []
                for number in range(8):
                    waiting.append(asyncio.create_task(borrow(number)))
                    await sleep_ns(5 * NS_PER_MS)
                assert not served
            await asyncio.gather(*waiting)
            assert served == list(range(8))
            assert seen.most_backends <= 1

    in_time(scene)


def test_who_waits_in_vain_is_told_and_the_next_one_is_served(postgres: Databases) -> None:
    async def scene() -> None:
        async with audited(postgres, IMPATIENT) as seen:
            async with seen.pool.transaction() as connection:
                await connection.execute(OWN_PID)
                asked_ns = monotonic_ns()
                with pytest.raises(PoolExhausted):
                    await seen.pool.fetch(OWN_PID, {})
                assert monotonic_ns() - asked_ns >= IMPATIENT.wait_max_ns
            await seen.pool.fetch(OWN_PID, {})

    in_time(scene)


def test_idle_connections_that_the_server_ended_are_replaced_and_nobody_notices(
    postgres: Databases,
) -> None:
    async def scene() -> None:
        async with audited(postgres) as seen:
            before = await seen.all_at_once()
            assert await seen.auditor.ask(END_ALL) == CONNECTIONS
            await seen.becomes(BACKENDS, 0)
            # The server has hung up; our end hears of it with the loop's next turns.
            await sleep_ns(100 * NS_PER_MS)
            assert not before & await seen.all_at_once()
            assert seen.most_backends <= CONNECTIONS

    in_time(scene)


def test_after_a_crash_of_the_server_old_connections_are_gone_and_it_is_served_again(
    postgres: Databases,
) -> None:
    async def scene() -> None:
        async with audited(postgres) as seen:
            before = await seen.all_at_once()
            # A killed process makes PostgreSQL end all the others, and recover from its log.
            os.kill(min(before), signal.SIGKILL)
            # Some ask while it is down, or not yet.
            borrowing = [asyncio.create_task(until_served(seen)) for _ in range(10)]
            await asyncio.gather(*borrowing, *map(ended, before))
            await until_served(seen)
            assert not before & await seen.all_at_once()
            assert seen.most_backends <= CONNECTIONS

    in_time(scene)


async def ended(pid: int) -> None:
    """Return when the process is gone."""
    with suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            await sleep_ns(10 * NS_PER_MS)


async def until_served(seen: Scene) -> int:
    """Ask until the server answers; return the process that did."""
    while True:
        try:
            [[pid]] = await seen.pool.fetch(OWN_PID, {})
        except ServerAway:
            await sleep_ns(20 * NS_PER_MS)
            continue
        assert isinstance(pid, int)
        return pid
