"""The tables of the catalog.

Versions count from 1 and are raised by the statement that changes the row, under the row's lock: of
two commits the later has the higher version. ``flashcards_version`` and ``quizzes_version`` belong
to a title's flashcards and quizzes as a whole.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, MetaData, Table, Text
from sqlalchemy.types import JSON

ID_MAX = 2**63 - 1
"""The largest id that a column holds."""

METADATA = MetaData()


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _version(name: str = "version") -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="1")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _title_id() -> Column[int]:
    return Column("title_id", ForeignKey("titles.id"), nullable=False)


def _questions() -> Column[Any]:
    # Not JSONB: nobody looks inside, and what was written comes back as it was.
    return Column("questions", JSON, nullable=False)


TITLES = Table(
    "titles",
    METADATA,
    _id(),
    _text("name"),
    _text("synopsis"),
    _version(),
    _version("flashcards_version"),
    _version("quizzes_version"),
)

# The indexes serve pages of one title: by title, then onwards from an id.
FLASHCARDS = Table(
    "flashcards",
    METADATA,
    _id(),
    _title_id(),
    _text("question"),
    _text("answer"),
    _version(),
    Index("flashcards_by_title", "title_id", "id"),
)

QUIZZES = Table(
    "quizzes",
    METADATA,
    _id(),
    _title_id(),
    _questions(),
    _version(),
    Index("quizzes_by_title", "title_id", "id"),
)
