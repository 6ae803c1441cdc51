"""The catalog's routes: parse, ask, answer the bytes that the cache or the database gave."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from reference_services.catalog.answers import JSON, answer, answer_unless_seen
from reference_services.catalog.bodies import Body, FlashcardBody, QuizBody, TitleBody
from reference_services.catalog.catalog import Catalog
from reference_services.catalog.kinds import FLASHCARD, KINDS, PAGE_MAX, QUIZ, TITLE, Kind
from reference_services.catalog.tables import ID_MAX
from reference_services.runtime.errors import BadRequest

_ETAG = re.compile(r'"(\d{1,18})"')


async def _catalog(request: Request) -> Catalog:
    catalog: Catalog = request.app.state.catalog
    return catalog


async def _seen(if_match: Annotated[str | None, Header()] = None) -> int | None:
    """Return the version that the client means to replace, or None for any."""
    if if_match is None or if_match == "*":
        return None
    tag = _ETAG.fullmatch(if_match)
    if tag is None:
        raise BadRequest('If-Match must be * or one tag that was answered, like "3"')
    return int(tag[1])


_Catalog = Annotated[Catalog, Depends(_catalog)]
_Id = Annotated[int, Path(ge=1, le=ID_MAX)]
_Seen = Annotated[int | None, Depends(_seen)]
_Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
_After = Annotated[int, Query(ge=0, le=ID_MAX)]
_TitleId = Annotated[int | None, Query(ge=1, le=ID_MAX)]
_IfNoneMatch = Annotated[str | None, Header()]


router = APIRouter(tags=["catalog"], default_response_class=Response)


@router.post("/titles", status_code=HTTPStatus.CREATED)
async def create_title(catalog: _Catalog, body: TitleBody) -> Response:
    """Store a new title."""
    return await _created(catalog, TITLE, body)


@router.put("/titles/{item_id}")
async def replace_title(catalog: _Catalog, item_id: _Id, body: TitleBody, seen: _Seen) -> Response:
    """Replace a title; with If-Match, only the version that the client has seen."""
    return answer(await catalog.replace(TITLE, item_id, body.model_dump(), seen))


@router.post("/flashcards", status_code=HTTPStatus.CREATED)
async def create_flashcard(catalog: _Catalog, body: FlashcardBody) -> Response:
    """Store a new flashcard of a title."""
    return await _created(catalog, FLASHCARD, body)


@router.put("/flashcards/{item_id}")
async def replace_flashcard(
    catalog: _Catalog, item_id: _Id, body: FlashcardBody, seen: _Seen
) -> Response:
    """Replace a flashcard; it stays with its title."""
    return answer(await catalog.replace(FLASHCARD, item_id, body.model_dump(), seen))


@router.post("/quizzes", status_code=HTTPStatus.CREATED)
async def create_quiz(catalog: _Catalog, body: QuizBody) -> Response:
    """Store a new quiz of a title."""
    return await _created(catalog, QUIZ, body)


@router.put("/quizzes/{item_id}")
async def replace_quiz(catalog: _Catalog, item_id: _Id, body: QuizBody, seen: _Seen) -> Response:
    """Replace a quiz; it stays with its title."""
    return answer(await catalog.replace(QUIZ, item_id, body.model_dump(), seen))


def _add_reads(kind: Kind) -> None:
    @router.get(f"/{kind.name}", name=f"read_{kind.name}")
    async def read_page(
        catalog: _Catalog, limit: _Limit = 20, after: _After = 0, title_id: _TitleId = None
    ) -> Response:
        """Return one page, in the order of ids; ``next_after`` begins the next one."""
        if title_id is not None and not kind.of_titles:
            raise BadRequest(f"{kind.name} do not belong to a title")
        return Response(await catalog.page(kind, limit, after, title_id), media_type=JSON)

    @router.get(f"/{kind.name}/{{item_id}}", name=f"read_{kind.singular}")
    async def read_item(
        catalog: _Catalog, item_id: _Id, if_none_match: _IfNoneMatch = None
    ) -> Response:
        """Return one item, from the cache if it is there."""
        return answer_unless_seen(await catalog.item(kind, item_id), if_none_match)


def _add_reads_of_title(kind: Kind) -> None:
    @router.get(f"/titles/{{title_id}}/{kind.name}", name=f"read_{kind.name}_of_title")
    async def read_of_title(
        catalog: _Catalog, title_id: _Id, if_none_match: _IfNoneMatch = None
    ) -> Response:
        """Return the first items of a title, from the cache if they are there."""
        return answer_unless_seen(await catalog.of_title(kind, title_id), if_none_match)


for _kind in KINDS:
    _add_reads(_kind)
    if _kind.of_titles:
        _add_reads_of_title(_kind)


async def _created(catalog: Catalog, kind: Kind, body: Body) -> Response:
    item_id, value = await catalog.create(kind, body.model_dump())
    return answer(value, HTTPStatus.CREATED, {"Location": f"/{kind.name}/{item_id}"})
