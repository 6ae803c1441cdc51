"""Reads and writes of the catalog, with the cache in between."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from reference_services.catalog.kinds import (
    KINDS,
    TITLE,
    Kind,
    item_value,
    items_value,
    rendered_page,
)
from reference_services.catalog.tables import TITLES
from reference_services.runtime.cache import Cache, Load, Loaded, Wanted
from reference_services.runtime.cache_entries import Value
from reference_services.runtime.database import Database
from reference_services.runtime.database_server import OutcomeUnknown, Parameters
from reference_services.runtime.errors import Conflict, NotFound, ServiceError

_ITEMS = {kind.name: kind.item() for kind in KINDS}
_PAGES = {kind.name: kind.page(of_title=False) for kind in KINDS}
_KINDS_OF_TITLES = [kind for kind in KINDS if kind.of_titles]
_PAGES_OF_TITLE = {kind.name: kind.page(of_title=True) for kind in _KINDS_OF_TITLES}
_ALL_OF_TITLE = {kind.name: kind.all_of_title() for kind in _KINDS_OF_TITLES}


class VersionChanged(ServiceError):
    """The item is not any more what the client has seen and wants to replace."""

    status, code = 412, "version_changed"


class Catalog:
    """Titles, flashcards and quizzes.

    An item that a write was answered for is seen by every read through the cache that begins
    afterwards. Pages do not come from the cache; they may be as old as a replica may lag.
    """

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def item(self, kind: Kind, item_id: int) -> Value:
        """Return one item, as it is answered.

        Raises:
            NotFound: there is none.
        """
        load = self._loader(_ITEMS[kind.name], {"id": item_id}, item_value)
        value = await self._cache.get(kind.key(item_id), load)
        if value.version == 0:
            raise _nothing(kind, item_id)
        return value

    async def of_title(self, kind: Kind, title_id: int) -> Value:
        """Return the first items of one title, as they are answered.

        Raises:
            NotFound: there is no such title.
        """
        load = self._loader(_ALL_OF_TITLE[kind.name], {"id": title_id}, items_value)
        value = await self._cache.get(kind.key_of_title(title_id), load)
        if value.version == 0:
            raise _nothing(TITLE, title_id)
        return value

    async def page(self, kind: Kind, limit: int, after: int, title_id: int | None) -> bytes:
        """Return ``limit`` items whose ids come after ``after``, as they are answered."""
        parameters = {"after": after, "rows": limit + 1}
        if title_id is None:
            statement = _PAGES[kind.name]
        else:
            statement = _PAGES_OF_TITLE[kind.name]
            parameters["title_id"] = title_id
        rows, _ = await self._database.read(statement, parameters)
        return rendered_page([row._asdict() for row in rows], limit)

    async def create(self, kind: Kind, fields: Mapping[str, Any]) -> tuple[int, Value]:
        """Store a new item; return its id and what is answered.

        Raises:
            NotFound:       it belongs to a title that there is not.
            OutcomeUnknown: it may have been stored or not.
        """
        title_id = fields.get("title_id")
        shared = [] if title_id is None else [kind.key_of_title(title_id)]

        async def store(connection: AsyncConnection) -> tuple[Row[Any], dict[str, int]]:
            versions = await _touch(connection, kind, title_id)
            statement = insert(kind.table).values(fields).returning(*kind.columns)
            return (await connection.execute(statement)).one(), versions

        row = await self._write(shared, store)
        # Somebody may have asked for this id before, and been told that there is nothing.
        for key in _first_keys(kind, row.id):
            await self._cache.invalidate(key, row.version)
        return row.id, item_value([row])

    async def replace(
        self, kind: Kind, item_id: int, fields: Mapping[str, Any], seen: int | None
    ) -> Value:
        """Store an item in the place of what it was; return what is answered.

        Args:
            kind:    of the item.
            item_id: which.
            fields:  all of them.
            seen:    the version that the client means to replace; None: whichever there is.

        Raises:
            NotFound:       there is no such item.
            Conflict:       it belongs to another title.
            VersionChanged: it has another version by now.
            OutcomeUnknown: it may have been stored or not.
        """
        title_id = fields.get("title_id")
        shared = [] if title_id is None else [kind.key_of_title(title_id)]

        async def store(connection: AsyncConnection) -> tuple[Row[Any], dict[str, int]]:
            # The title first, always: two writers that lock in one order do not lock each other.
            versions = await _touch(connection, kind, title_id)
            row = await _update(connection, kind, item_id, fields, seen)
            return row, {**versions, kind.key(item_id): row.version}

        return item_value([await self._write([kind.key(item_id), *shared], store)])

    async def _write(
        self,
        keys: Sequence[str],
        store: Callable[[AsyncConnection], Awaitable[tuple[Row[Any], dict[str, int]]]],
    ) -> Row[Any]:
        announcement = await self._cache.announce(*keys)
        try:
            async with self._database.writing() as connection:
                row, versions = await store(connection)
        except OutcomeUnknown:
            # The announcement stands until its time is over; by then the cache holds nothing.
            raise
        except Exception:
            await announcement.withdraw()
            raise
        await announcement.settle(versions)
        return row

    def _loader(
        self,
        statement: Select[Any],
        parameters: Parameters,
        value_of: Callable[[Sequence[Row[Any]]], Value],
    ) -> Load:
        async def load(wanted: Wanted) -> Loaded:
            rows, recent = await self._database.read(statement, parameters, newest=wanted.newest)
            value = value_of(rows)
            if value.version < wanted.floor:
                # The replica has not seen the commit yet; the primary has.
                rows, recent = await self._database.read(statement, parameters, newest=True)
                value = value_of(rows)
            return Loaded(value, recent)

        return load


async def _touch(connection: AsyncConnection, kind: Kind, title_id: int | None) -> dict[str, int]:
    """Raise the version of all items of a title; return it by its cache key."""
    if title_id is None:
        return {}
    column = TITLES.c[f"{kind.name}_version"]
    statement = update(TITLES).where(TITLES.c.id == title_id).values({column: column + 1})
    version = (await connection.execute(statement.returning(column))).scalar_one_or_none()
    if version is None:
        raise _nothing(TITLE, title_id)
    return {kind.key_of_title(title_id): version}


async def _update(
    connection: AsyncConnection,
    kind: Kind,
    item_id: int,
    fields: Mapping[str, Any],
    seen: int | None,
) -> Row[Any]:
    columns = kind.table.c
    matches = [columns.id == item_id]
    if kind.of_titles:
        matches.append(columns.title_id == fields["title_id"])
    if seen is not None:
        matches.append(columns.version == seen)
    statement = update(kind.table).where(*matches).values(**fields, version=columns.version + 1)
    row = (await connection.execute(statement.returning(*kind.columns))).one_or_none()
    if row is not None:
        return row
    there = (await connection.execute(kind.item(), {"id": item_id})).one_or_none()
    if there is None:
        raise _nothing(kind, item_id)
    if kind.of_titles and there.title_id != fields["title_id"]:
        raise Conflict(f"{kind.singular} {item_id} belongs to title {there.title_id}")
    raise VersionChanged(f"{kind.singular} {item_id} has version {there.version} by now")


def _first_keys(kind: Kind, item_id: int) -> list[str]:
    """Return the keys under which a new item's absence may have been remembered."""
    if kind.of_titles:
        return [kind.key(item_id)]
    return [kind.key(item_id), *(child.key_of_title(item_id) for child in _KINDS_OF_TITLES)]


def _nothing(kind: Kind, item_id: int) -> NotFound:
    return NotFound(f"there is no {kind.singular} {item_id}")
