"""Server-Timing: where the time of one request went, in the answer's own headers.

``Server-Timing: gateway;dur=0.812, catalog;dur=1.2, cache;dur=0.21, database;dur=1.1``

Every entry is exclusive: time spent there and in none of the parts listed beside it. So the entries
of one answer add up, and whoever fits a model to measured requests can take them as they are.
Durations are milliseconds.

Source: W3C, Server Timing, working draft (2023).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from reference_services.runtime.clock import NS_PER_MS, monotonic_ns


class Timings:
    """The parts of one request, from its arrival.

    Parts may nest, each inside the task that opened the outer one: the inner part's time is not
    counted for the outer. Parts may run side by side in several tasks: then each counts in full,
    and the service's own time is the time during which no part was open.

    Args:
        started_ns: when the request arrived, by ``clock``.
        clock: tells the time, in nanoseconds.
    """

    __slots__ = ("_clock", "_covered_from_ns", "_covered_ns", "_open", "_parts", "_started_ns")

    def __init__(self, started_ns: int, clock: Callable[[], int] = monotonic_ns) -> None:
        self._started_ns = started_ns
        self._clock = clock
        self._parts: dict[str, int] = {}
        self._open = 0
        self._covered_from_ns = 0
        self._covered_ns = 0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time inside the ``with`` for ``name`` and not for whatever is around it."""
        outer = _inner_ns.get()
        inner = [0]
        token = _inner_ns.set(inner)
        from_ns = self._enter()
        try:
            yield
        finally:
            total_ns = self._leave() - from_ns
            _inner_ns.reset(token)
            if outer is not None:
                outer[0] += total_ns
            self.add(name, max(total_ns - inner[0], 0))

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside the ``with`` for nobody: another service accounts for it."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def add(self, name: str, duration_ns: int) -> None:
        """Count ``duration_ns`` more for ``name``, without taking it from this service's own."""
        self._parts[name] = self._parts.get(name, 0) + duration_ns

    def merge(self, header: str) -> None:
        """Take over the entries of another service's ``Server-Timing`` header."""
        for name, duration_ns in parse_server_timing(header).items():
            self.add(name, duration_ns)

    def own_ns(self, now_ns: int) -> int:
        """Return the time up to ``now_ns`` during which no part was open."""
        open_ns = now_ns - self._covered_from_ns if self._open else 0
        return max(now_ns - self._started_ns - self._covered_ns - open_ns, 0)

    def header(self, service: str, now_ns: int) -> str:
        """Return the header's value: ``service`` with its own time first, then the parts."""
        entries = [f"{service};dur={self.own_ns(now_ns) / NS_PER_MS:.3f}"]
        entries += [f"{name};dur={ns / NS_PER_MS:.3f}" for name, ns in self._parts.items()]
        return ", ".join(entries)

    def _enter(self) -> int:
        now_ns = self._clock()
        if self._open == 0:
            self._covered_from_ns = now_ns
        self._open += 1
        return now_ns

    def _leave(self) -> int:
        now_ns = self._clock()
        self._open -= 1
        if self._open == 0:
            self._covered_ns += now_ns - self._covered_from_ns
        return now_ns


def current_timings() -> Timings:
    """Return the timings of the request being served, or fresh ones that nobody will read."""
    timings = _current.get()
    return Timings(monotonic_ns()) if timings is None else timings


def begin_timings(started_ns: int, clock: Callable[[], int] = monotonic_ns) -> Timings:
    """Begin the timings of the request that this task serves; see :class:`Timings`."""
    timings = Timings(started_ns, clock)
    _current.set(timings)
    _inner_ns.set(None)
    return timings


def parse_server_timing(header: str) -> dict[str, int]:
    """Return nanoseconds by name from a ``Server-Timing`` value.

    Entries without a readable duration are left out: the header is advice, and a stranger's
    mistake in it is no reason to fail a request. Equal names are added up.
    """
    parts: dict[str, int] = {}
    for entry in _split_outside_quotes(header, ","):
        name, *parameters = _split_outside_quotes(entry, ";")
        duration_ns = _duration_ns(parameters)
        if name and duration_ns is not None:
            parts[name] = parts.get(name, 0) + duration_ns
    return parts


def _duration_ns(parameters: list[str]) -> int | None:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "dur":
            try:
                duration_ns = round(float(value.strip().strip('"')) * NS_PER_MS)
            except (ValueError, OverflowError):
                return None
            return duration_ns if duration_ns >= 0 else None
    return None


def _split_outside_quotes(text: str, separator: str) -> list[str]:
    pieces = [""]
    quoted = escaped = False
    for character in text:
        if character == '"' and not escaped:
            quoted = not quoted
        # Within quotes a backslash takes the meaning from what follows it (RFC 9110, 5.6.4).
        escaped = quoted and character == "\\" and not escaped
        if character == separator and not quoted:
            pieces.append("")
        else:
            pieces[-1] += character
    return [piece.strip() for piece in pieces]


_current: ContextVar[Timings | None] = ContextVar("timings", default=None)
_inner_ns: ContextVar[list[int] | None] = ContextVar("inner_ns", default=None)
