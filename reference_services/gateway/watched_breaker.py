"""A circuit breaker that logs each of its transitions, so that others can see when and why."""

import structlog

from policies.circuit_breaker import BreakerLimits, CircuitBreaker, State

BREAKER_MOVED = "breaker_moved"
"""The log's word for a transition; ``upstream`` is whose, ``state`` the one that it led to."""

_logger = structlog.stdlib.get_logger(__name__)


class WatchedBreaker(CircuitBreaker):
    """The policy, unchanged, with a witness."""

    __slots__ = ("_url",)

    def __init__(self, limits: BreakerLimits, url: str) -> None:
        super().__init__(limits)
        self._url = url

    def admit(self, now_ns: int) -> int | None:
        """Decide as the policy does."""
        before = self.state
        ticket = super().admit(now_ns)
        self._tell_change(before)
        return ticket

    def succeeded(self, ticket: int) -> None:
        """Note as the policy does."""
        before = self.state
        super().succeeded(ticket)
        self._tell_change(before)

    def failed(self, ticket: int, now_ns: int) -> None:
        """Note as the policy does."""
        before = self.state
        super().failed(ticket, now_ns)
        self._tell_change(before)

    def _tell_change(self, before: State) -> None:
        if self.state is not before:
            _logger.warning(BREAKER_MOVED, upstream=self._url, state=self.state.value)
