"""Make the catalog's tables and fill them: ``python -m reference_services.catalog.migrate``.

It may be run again, also by two at once: what is there is kept, what is missing is added.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from reference_services.catalog.settings import MigrationSettings
from reference_services.catalog.tables import METADATA
from reference_services.runtime.settings import settings_or_exit

FLASHCARDS_PER_TITLE = 3
QUIZZES_PER_TITLE = 1

# Any number will do, as long as no other lock of this database has it.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('wavetank.catalog.migrate'))")

_SEEDS = tuple(
    text(statement)
    for statement in (
        """
        INSERT INTO titles (id, name, synopsis)
        SELECT n, 'Title ' || n, repeat('What title ' || n || ' is about. ', 8)
        FROM generate_series(1, :titles) AS n
        ON CONFLICT (id) DO NOTHING
        """,
        """
        INSERT INTO flashcards (id, title_id, question, answer)
        SELECT n, (n - 1) / :flashcards + 1, 'Question ' || n, 'Answer ' || n
        FROM generate_series(1, CAST(:titles AS bigint) * :flashcards) AS n
        ON CONFLICT (id) DO NOTHING
        """,
        """
        INSERT INTO quizzes (id, title_id, questions)
        SELECT n, (n - 1) / :quizzes + 1, json_build_array(
            json_build_object('question', 'Which?', 'choices', json_build_array('This', 'That'))
        )
        FROM generate_series(1, CAST(:titles AS bigint) * :quizzes) AS n
        ON CONFLICT (id) DO NOTHING
        """,
    )
)

# Rows that came with an id leave the sequence behind; the next row without one would collide.
_ADVANCE = """
SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest(max(id), 1)) FROM {table}
"""


async def migrate(url: str, password: Callable[[], str], titles: int) -> None:
    """Make what is missing of the tables, and of the first ``titles`` titles with all theirs."""
    engine = create_async_engine(url, connect_args={"password": password})
    try:
        async with engine.begin() as connection:
            await connection.execute(_LOCK)
            await connection.run_sync(METADATA.create_all)
            await _seed(connection, titles)
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            # The planner learns of the new rows now, and not when autovacuum gets to it.
            await connection.execute(text("ANALYZE"))
    finally:
        await engine.dispose()


async def _seed(connection: AsyncConnection, titles: int) -> None:
    numbers = {
        "titles": titles,
        "flashcards": FLASHCARDS_PER_TITLE,
        "quizzes": QUIZZES_PER_TITLE,
    }
    for statement in _SEEDS:
        wanted = {name: numbers[name] for name in statement.compile().params}
        await connection.execute(statement, wanted)
    for table in METADATA.sorted_tables:
        await connection.execute(text(_ADVANCE.format(table=table.name)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line; exits with 2 if settings are missing or wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m reference_services.catalog.migrate",
        description="Make the catalog's tables and fill them. It may be run again.",
    )
    parser.add_argument("--titles", type=int, default=1_000, help="how many (default: 1000)")
    wanted = parser.parse_args(arguments)
    if wanted.titles < 0:
        parser.error("--titles must be at least 0")
    settings = settings_or_exit(MigrationSettings)
    password = settings.database_password_file.reveal
    asyncio.run(migrate(settings.database_primary_url, password, wanted.titles))


if __name__ == "__main__":
    main()
