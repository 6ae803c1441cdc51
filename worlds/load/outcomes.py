"""What an answer, or the lack of one, says about the operation."""

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


def spans_of(server_timing: str | None) -> tuple[tuple[str, int], ...]:
    """Return the parts that a ``Server-Timing`` header names, in nanoseconds.

    Parts named twice are added up; what cannot be read is left out: a header is evidence,
    and a wrong one must not end a run.

    Source: W3C, Server Timing.
    """
    spans: dict[str, int] = {}
    for entry in (server_timing or "").split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key == "dur" and name:
                try:
                    duration_ns = round(float(value) * 1e6)
                except ValueError:
                    continue
                spans[name] = spans.get(name, 0) + max(duration_ns, 0)
    return tuple(spans.items())
