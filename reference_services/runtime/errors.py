"""What a service answers when it does not carry out a request.

Routes raise a ``ServiceError``; one handler makes of it one status, one JSON envelope and the
headers that go with it::

    {"error": {"code": "rate_limited", "message": "...", "request_id": "..."}}
"""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S


class ServiceError(Exception):
    """A request that the service understood and did not carry out.

    Attributes:
        status:         HTTP status of the answer.
        code:           what happened, for programs; a subclass fixes it.
        retry_after_ns: when to come back, counted from now; None if coming back will not help.
        headers:        further headers of the answer.
    """

    status: int = 500
    code: str = "internal"

    def __init__(
        self,
        message: str,
        *,
        retry_after_ns: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message
        self.retry_after_ns = retry_after_ns
        self.headers = dict(headers or {})
        super().__init__(message)


class BadRequest(ServiceError):
    """The request makes no sense to the service."""

    status, code = 400, "bad_request"


class Unauthenticated(ServiceError):
    """The request does not say, or cannot prove, whose it is."""

    status, code = 401, "unauthenticated"


class NotFound(ServiceError):
    """What the request names does not exist."""

    status, code = 404, "not_found"


class Conflict(ServiceError):
    """The request contradicts what is there."""

    status, code = 409, "conflict"


class Overloaded(ServiceError):
    """The service refuses work now rather than fail it later; it always says when to come back."""

    status, code = 429, "overloaded"


class Unavailable(ServiceError):
    """Something that the service needs is away."""

    status, code = 503, "unavailable"


def error_answer(error: ServiceError, request_id: str) -> Response:
    """Return the answer that tells the client of ``error``."""
    content: dict[str, object] = {
        "code": error.code,
        "message": error.message,
        "request_id": request_id,
    }
    headers = dict(error.headers)
    if error.retry_after_ns is not None:
        # RFC 9110 counts Retry-After in whole seconds; round up, never invite early.
        headers["Retry-After"] = str(max(math.ceil(error.retry_after_ns / NS_PER_S), 1))
        content["retry_after_ms"] = math.ceil(error.retry_after_ns / NS_PER_MS)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = json.dumps({"error": content})
    return Response(body, error.status, headers, media_type="application/json")


def request_id_of(request: Request) -> str:
    """Return the id under which this request appears in logs and answers."""
    return str(request.scope.get("request_id", ""))


def install_error_answers(app: FastAPI) -> None:
    """Make ``app`` answer every error in the one form."""
    app.add_exception_handler(ServiceError, _answer_service_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_exception)


async def _answer_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return error_answer(error, request_id_of(request))


async def _answer_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    complaints = [
        f"{'.'.join(str(part) for part in details['loc'])}: {details['msg']}"
        for details in error.errors()
    ]
    answer = BadRequest("; ".join(complaints))
    answer.status, answer.code = 422, "invalid_request"
    return error_answer(answer, request_id_of(request))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    # Starlette itself raises these: no such route, method not allowed.
    assert isinstance(error, HTTPException)
    answer = ServiceError(str(error.detail), headers=error.headers)
    answer.status = error.status_code
    answer.code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    return error_answer(answer, request_id_of(request))
