"""The kinds of items in the catalog: how each is stored, and how it is answered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Table, bindparam, select

from reference_services.catalog.tables import FLASHCARDS, QUIZZES, TITLES
from reference_services.runtime.cache import NOTHING
from reference_services.runtime.cache_entries import Value

PAGE_MAX = 100
"""The most items of one page, and of those that are answered with their title."""


@dataclass(frozen=True)
class Kind:
    """Titles, flashcards or quizzes."""

    name: str
    """As in paths: plural."""

    singular: str
    table: Table

    fields: tuple[str, ...]
    """Columns that clients see and set."""

    @property
    def of_titles(self) -> bool:
        """Whether each item belongs to a title."""
        return "title_id" in self.fields

    @property
    def columns(self) -> list[Any]:
        """What is answered of an item, in this order."""
        return [self.table.c[name] for name in ("id", *self.fields, "version")]

    def key(self, item_id: int) -> str:
        """Return the cache's key of one item."""
        return f"{self.name}:{item_id}"

    def key_of_title(self, title_id: int) -> str:
        """Return the cache's key of all items of a title."""
        return f"titles:{title_id}:{self.name}"

    def item(self) -> Select[Any]:
        """Return the statement that reads the item with ``id``."""
        return select(*self.columns).where(self.table.c.id == bindparam("id"))

    def page(self, *, of_title: bool) -> Select[Any]:
        """Return the statement that reads ``rows`` items after ``after``, maybe of ``title_id``."""
        statement = select(*self.columns).where(self.table.c.id > bindparam("after"))
        if of_title:
            statement = statement.where(self.table.c.title_id == bindparam("title_id"))
        return statement.order_by(self.table.c.id).limit(bindparam("rows"))

    def all_of_title(self) -> Select[Any]:
        """Return the statement that reads the version and the items of the title with ``id``.

        One row with empty items if the title has none, no row if there is no such title: so the
        version and the items are of one moment.
        """
        version = TITLES.c[f"{self.name}_version"].label("shared_version")
        items = TITLES.outerjoin(self.table, self.table.c.title_id == TITLES.c.id)
        return (
            select(version, *self.columns)
            .select_from(items)
            .where(TITLES.c.id == bindparam("id"))
            .order_by(self.table.c.id)
            .limit(PAGE_MAX + 1)
        )


TITLE = Kind("titles", "title", TITLES, ("name", "synopsis"))
FLASHCARD = Kind("flashcards", "flashcard", FLASHCARDS, ("title_id", "question", "answer"))
QUIZ = Kind("quizzes", "quiz", QUIZZES, ("title_id", "questions"))
KINDS = (TITLE, FLASHCARD, QUIZ)


def item_value(rows: Sequence[Row[Any]]) -> Value:
    """Return the item in ``rows``, of which there is one or none, as it is answered."""
    if not rows:
        return NOTHING
    [row] = rows
    return Value(row.version, rendered(row._asdict()))


def items_value(rows: Sequence[Row[Any]]) -> Value:
    """Return what ``Kind.all_of_title`` found, as it is answered."""
    if not rows:
        return NOTHING
    items = [row._asdict() for row in rows if row.id is not None]
    for item in items:
        del item["shared_version"]
    return Value(rows[0].shared_version, rendered_page(items, PAGE_MAX))


def rendered_page(items: Sequence[Mapping[str, Any]], limit: int) -> bytes:
    """Return the page of the first ``limit`` of ``items``, and where the next one begins."""
    more = len(items) > limit
    shown = items[:limit]
    return rendered({"items": shown, "next_after": shown[-1]["id"] if more else None})


def rendered(content: Mapping[str, Any]) -> bytes:
    """Return ``content`` as JSON."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
