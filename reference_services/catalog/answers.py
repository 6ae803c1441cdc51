"""What is answered: the bytes as they are stored, their version as the tag."""

from http import HTTPStatus

from starlette.responses import Response

from reference_services.runtime.cache_entries import Value

JSON = "application/json"


def answer_unless_seen(value: Value, if_none_match: str | None) -> Response:
    """Answer ``value``, or only that the client has it already."""
    if if_none_match == _tag(value):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": if_none_match})
    return answer(value)


def answer(
    value: Value, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """Answer ``value``."""
    return Response(
        value.content, status, {"ETag": _tag(value), **(headers or {})}, media_type=JSON
    )


def _tag(value: Value) -> str:
    return f'"{value.version}"'
