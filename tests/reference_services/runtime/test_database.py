"""The database on a real primary and a real replica: who is asked, and what when one is away."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, sleep_ns
from reference_services.runtime.database import Database, Rows
from reference_services.runtime.database_server import (
    DatabaseLimits,
    DatabaseServer,
    OutcomeUnknown,
    PoolExhausted,
    ServerAway,
)
from reference_services.runtime.errors import Unavailable
from tests.databases import Databases, running_postgres

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

LAG_MAX_NS = 1_000
LIMITS = DatabaseLimits(connections=2, wait_max_ns=100 * NS_PER_MS)
IS_REPLICA = text("SELECT pg_is_in_recovery()")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Setting:
    """A database, and the clock by which it judges its replica."""

    def __init__(self, running: Databases, limits: DatabaseLimits) -> None:
        password = running.password_file.read_text
        self.now_ns = 0
        self.primary = DatabaseServer("primary", running.primary_url, password, limits)
        self.replica = DatabaseServer("replica-0", running.replica_urls[0], password, limits)
        self.database = Database(
            self.primary, [self.replica], LAG_MAX_NS, CollectorRegistry(), lambda: self.now_ns
        )

    async def read(self, *, newest: bool = False) -> tuple[bool, bool]:
        """Ask; return whether a replica answered, and whether what it says is recent."""
        rows: Rows = await self.database.read(IS_REPLICA, {}, newest=newest)
        [[from_replica]] = rows.rows
        return from_replica, rows.recent

    async def replica_says(self, sql: str) -> object:
        """Return the one value that ``sql`` gives on the replica."""
        return await self.replica.ask(text(sql))

    async def catch_up(self) -> None:
        """Look at the servers until the replica is known to have all that there is now."""
        while True:
            await self.database.look()
            self.now_ns += 1
            if (await self.read()) == (True, True):
                return
            await sleep_ns(10 * NS_PER_MS)

    async def fall_behind(self) -> None:
        """Let something be committed, and time pass, while the replica does not replay."""
        await self.database.look()
        async with self.database.writing() as connection:
            await connection.execute(text("CREATE TABLE IF NOT EXISTS progress (at int)"))
            await connection.execute(text("INSERT INTO progress VALUES (1)"))
        self.now_ns += 1
        await self.database.look()
        self.now_ns += LAG_MAX_NS
        await self.database.look()


@asynccontextmanager
async def opened(running: Databases, limits: DatabaseLimits = LIMITS) -> AsyncIterator[Setting]:
    setting = Setting(running, limits)
    try:
        yield setting
    finally:
        await setting.database.close()


async def postmaster_of(server: DatabaseServer) -> int:
    """Return the process that all others of ``server`` hang on."""
    folder = await server.ask(text("SHOW data_directory"))
    return int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])


@pytest.mark.requirement("learning-8.1")
@pytest.mark.requirement("stream-9.1")
async def test_reads_go_to_the_replica_and_writes_to_the_primary(databases: Databases) -> None:
    async with opened(databases) as setting:
        assert await setting.read() == (False, True), "nothing is known of the replica yet"
        await setting.catch_up()
        assert await setting.read() == (True, True)
        assert await setting.read(newest=True) == (False, True)
        async with setting.database.writing() as connection:
            assert (await connection.execute(IS_REPLICA)).scalar_one() is False


async def test_a_replica_that_does_not_replay_is_read_no_longer_than_it_may_lag(
    databases: Databases,
) -> None:
    async with opened(databases) as setting:
        await setting.catch_up()
        await setting.replica_says("SELECT pg_wal_replay_pause()::text")
        try:
            while await setting.replica_says("SELECT pg_get_wal_replay_pause_state()") != "paused":
                await sleep_ns(10 * NS_PER_MS)
            await setting.fall_behind()
            assert await setting.read() == (False, True)
        finally:
            await setting.replica_says("SELECT pg_wal_replay_resume()::text")
        await setting.catch_up()


async def test_without_its_replica_the_primary_is_read_and_no_read_fails() -> None:
    with running_postgres(replica=True) as running:
        async with opened(running) as setting:
            await setting.catch_up()
            os.kill(await postmaster_of(setting.replica), signal.SIGQUIT)
            while (await setting.read()) == (True, True):
                await sleep_ns(NS_PER_MS)
            assert [await setting.read() for _ in range(5)] == [(False, True)] * 5


async def test_a_replica_that_hangs_costs_one_statement_s_time_and_no_read() -> None:
    limits = DatabaseLimits(connections=2, statement_max_ns=100 * NS_PER_MS)
    with running_postgres(replica=True) as running:
        async with opened(running, limits) as setting:
            await setting.catch_up()
            pids = [int(pid) for pid in str(await setting.replica_says(BACKENDS)).split(",")]
            pids.append(await postmaster_of(setting.replica))
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                assert [await setting.read() for _ in range(5)] == [(False, True)] * 5
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)


BACKENDS = "SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE pid <> pg_backend_pid()"


async def test_without_the_primary_reads_go_on_and_writes_say_when_to_come_back() -> None:
    with running_postgres(replica=True) as running:
        async with opened(running) as setting:
            await setting.catch_up()
            os.kill(await postmaster_of(setting.primary), signal.SIGQUIT)
            assert await setting.read() == (True, True), "it is not behind yet, for all we know"
            setting.now_ns += LAG_MAX_NS + 1
            await setting.database.look()
            assert await setting.read() == (True, False), "answered, and not to be kept"
            await setting.database.check()
            with pytest.raises(Unavailable) as refused:
                async with setting.database.writing():
                    raise AssertionError("there is nothing to write to")
            assert refused.value.retry_after_ns == NS_PER_S
            with pytest.raises(Unavailable):
                await setting.read(newest=True)

            os.kill(await postmaster_of(setting.replica), signal.SIGQUIT)
            with pytest.raises(Unavailable):
                await setting.read()
            with pytest.raises(ServerAway):
                await setting.database.check()


@pytest.mark.requirement("learning-8.2")
async def test_an_overload_of_the_replica_does_not_spread_to_the_primary(
    databases: Databases,
) -> None:
    async with opened(databases) as setting:
        await setting.catch_up()
        slow = text("SELECT pg_sleep(0.5), pg_is_in_recovery()")
        reads = [setting.database.read(slow, {}) for _ in range(5)]
        answers = await asyncio.gather(*reads, return_exceptions=True)
    served = [
        tuple(row)[1] for answer in answers if isinstance(answer, Rows) for row in answer.rows
    ]
    refused = [answer for answer in answers if isinstance(answer, PoolExhausted)]
    assert served == [True] * LIMITS.connections
    assert len(refused) == len(reads) - LIMITS.connections
    assert {error.retry_after_ns for error in refused} == {NS_PER_S}


async def test_connections_that_the_server_has_closed_are_not_used(databases: Databases) -> None:
    async with opened(databases) as setting:
        await setting.primary.fetch(IS_REPLICA, {})
        await setting.primary.ask(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        )
        await sleep_ns(100 * NS_PER_MS)
        assert await setting.primary.fetch(IS_REPLICA, {})
        async with setting.primary.transaction() as connection:
            await connection.execute(IS_REPLICA)


async def test_a_transaction_that_fails_leaves_nothing_behind(databases: Databases) -> None:
    async with opened(databases) as setting:
        with pytest.raises(LookupError):
            await write_and_fail(setting)
        assert await setting.primary.ask(text("SELECT to_regclass('left_behind')::text")) is None


async def write_and_fail(setting: Setting) -> None:
    async with setting.database.writing() as connection:
        await connection.execute(text("CREATE TABLE left_behind (at int)"))
        raise LookupError


async def test_a_commit_whose_answer_is_lost_is_neither_done_nor_undone(
    databases: Databases,
) -> None:
    async with opened(databases) as setting:
        with pytest.raises(OutcomeUnknown):
            await lose_the_connection_before_the_commit(setting)


async def lose_the_connection_before_the_commit(setting: Setting) -> None:
    async with setting.database.writing() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await setting.primary.ask(text(f"SELECT pg_terminate_backend({pid}, 5000)"))


async def test_statements_and_transactions_end_when_their_time_is_over(
    databases: Databases,
) -> None:
    limits = DatabaseLimits(
        connections=2, statement_max_ns=50 * NS_PER_MS, transaction_max_ns=200 * NS_PER_MS
    )
    async with opened(databases, limits) as setting:
        with pytest.raises(ServerAway, match="57014"):
            await setting.primary.fetch(text("SELECT pg_sleep(5)"), {})
        with pytest.raises(Unavailable):
            await dawdle(setting)


async def dawdle(setting: Setting) -> None:
    async with setting.database.writing() as connection:
        await connection.execute(IS_REPLICA)
        await sleep_ns(400 * NS_PER_MS)
        await connection.execute(IS_REPLICA)
