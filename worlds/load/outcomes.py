"""What an answer, or the lack of one, says about the operation."""

import json

from scenarios.history import Outcome

_TOO_MANY_REQUESTS = 429
_BAD_GATEWAY = 502
_UNAVAILABLE = 503
_GATEWAY_TIMEOUT = 504


def outcome_of(method: str, status: int, *, refused_connection: bool = False) -> Outcome:
    """Return the outcome of a request.

    Args:
        method: the HTTP method; one that changes nothing cannot have half happened.
        status: the HTTP status, or 0 when no answer came.
        refused_connection: no answer came because nobody listened, so nothing happened.
    """
    if 200 <= status < 400:  # noqa: PLR2004  # the classes of HTTP's statuses
        return Outcome.OK
    if status in {_TOO_MANY_REQUESTS, _UNAVAILABLE}:
        return Outcome.REFUSED
    lost = status in {0, _BAD_GATEWAY, _GATEWAY_TIMEOUT} and not refused_connection
    # A lost answer to a write leaves open whether the write happened.
    if lost and (method != "GET" or status == 0):
        return Outcome.UNKNOWN
    return Outcome.FAILED


def acknowledged_job(body: bytes | None) -> str | None:
    """Return the id of the job that an answer acknowledges; None if it names none."""
    try:
        answer = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    job = answer.get("id") if isinstance(answer, dict) else None
    return job if isinstance(job, str) and job else None
