"""Getting an answer out of the replicas: choose one, ask it, judge it, perhaps try another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter

from policies.retry import GiveUp, RetryBudget
from reference_services.gateway.forwarding import ClientRequest, request_head
from reference_services.gateway.upstream_connection import (
    Header,
    ResponseHead,
    UpstreamConnection,
    UpstreamLost,
)
from reference_services.gateway.upstreams import Replica, Upstreams
from reference_services.runtime.chance import uniform
from reference_services.runtime.clock import NS_PER_S, monotonic_ns, sleep_ns
from reference_services.runtime.errors import ServiceError

_SERVER_ERROR = 500
# Retries that may go out at once after a calm, whatever the budget's share.
_RETRY_RESERVE = 10
# The replica says that it could not try: another one may.
_RETRIED_STATUSES = {502, 503, 504}


class BadGateway(ServiceError):
    """The upstream hung up, or what it answered is not HTTP."""

    status, code = 502, "bad_gateway"


class UpstreamTimeout(ServiceError):
    """The upstream did not begin its answer in time."""

    status, code = 504, "upstream_timeout"


class Exchange(NamedTuple):
    """An answer that has begun; its body is still to be read from the connection."""

    replica: Replica
    ticket: int
    sent_ns: int
    """When the request had gone out; how long that took was up to the client."""

    connection: UpstreamConnection
    head: ResponseHead


class Failure(NamedTuple):
    """An attempt without an answer."""

    error: ServiceError
    never_sent: bool
    """Whether the replica certainly saw nothing of the request."""


Body = Callable[[UpstreamConnection], Awaitable[None]]
"""Writes a request's body, and may do so once only."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request, ready to be sent to any replica of its service."""

    request: ClientRequest
    added: list[Header]
    body: bytes
    """The whole body, if it is small."""

    stream: Body | None
    """What writes the body, if it is not."""

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent twice: it means the same, and all of it is still here."""
        return self.request.idempotent and self.stream is None


class Exchanger:
    """Asks replicas on behalf of clients, within a deadline, an attempts' limit and a budget."""

    def __init__(self, upstreams: Upstreams, registry: CollectorRegistry) -> None:
        self._upstreams = upstreams
        self._policies = upstreams.policies
        self._budgets: dict[str, RetryBudget] = {}
        self._attempts = Counter(
            "upstream_attempts",
            "Requests sent to replicas, retries included.",
            ("service", "outcome"),
            registry=registry,
        )

    def timeout_ns(self, service: str) -> int:
        """Return how long anything of an exchange with a service may take to go on."""
        return self._policies.of(service).timeout_ns

    async def begin(self, outgoing: Outgoing) -> Exchange:
        """Return an answer that has begun, whatever its status; hand it to ``end``.

        Raises:
            NoUpstream:      nobody can be asked.
            BadGateway:      nobody answered properly.
            UpstreamTimeout: nobody answered in time.
        """
        service = outgoing.request.service
        deadline_ns = monotonic_ns() + self.timeout_ns(service)
        self._budget_of(service).earned()
        failed: list[Replica] = []
        attempt = 0
        while True:
            attempt += 1
            replica, ticket = self._upstreams.choose(service, failed)
            result = await self._attempt(replica, ticket, outgoing, deadline_ns)
            delay_ns = self._delay_ns(result, outgoing, attempt, deadline_ns)
            if isinstance(result, Exchange):
                if delay_ns is None:
                    return result
                self.end(result)
            elif delay_ns is None:
                raise result.error
            failed.append(replica)
            await sleep_ns(delay_ns)

    def end(self, exchange: Exchange) -> None:
        """Take the connection back, whether or not the answer was read to its end."""
        exchange.replica.outstanding -= 1
        exchange.replica.give_back(exchange.connection)

    def broke_off(self, exchange: Exchange) -> None:
        """Take note that the answer ended before its body did."""
        exchange.replica.failed(exchange.ticket, exchange.sent_ns)

    def _delay_ns(
        self, result: Exchange | Failure, outgoing: Outgoing, attempt: int, deadline_ns: int
    ) -> int | None:
        """Return how long to wait before the next attempt; None: let the result stand."""
        if isinstance(result, Exchange):
            wanted = result.head.status in _RETRIED_STATUSES and outgoing.repeatable
        else:
            wanted = outgoing.repeatable or (result.never_sent and outgoing.stream is None)
        if not wanted:
            return None
        service = outgoing.request.service
        decision = self._policies.of(service).backoff.decide(
            attempt, now_ns=monotonic_ns(), deadline_ns=deadline_ns, uniform=uniform()
        )
        if isinstance(decision, GiveUp) or not self._budget_of(service).may_retry():
            return None
        return decision.delay_ns

    def _budget_of(self, service: str) -> RetryBudget:
        budget = self._budgets.get(service)
        if budget is None:
            percent = self._policies.of(service).retry_budget_percent
            budget = self._budgets[service] = RetryBudget(percent, _RETRY_RESERVE)
        return budget

    async def _attempt(
        self, replica: Replica, ticket: int, outgoing: Outgoing, deadline_ns: int
    ) -> Exchange | Failure:
        replica.outstanding += 1
        began_ns = monotonic_ns()
        result: Exchange | Failure | None = None
        try:
            result = await self._ask(replica, ticket, outgoing, deadline_ns)
        finally:
            # Not only a failure ends here: the client may have left, and cancelled all this.
            if not isinstance(result, Exchange):
                replica.outstanding -= 1
        if isinstance(result, Exchange) and result.head.status < _SERVER_ERROR:
            replica.answered(ticket, result.sent_ns)
        else:
            replica.failed(ticket, began_ns)
        self._count(result, outgoing.request.service)
        return result

    async def _ask(
        self, replica: Replica, ticket: int, outgoing: Outgoing, deadline_ns: int
    ) -> Exchange | Failure:
        while True:
            idle = replica.idle_connection()
            try:
                connection = idle or await _opened(replica, deadline_ns)
            except TimeoutError:
                return Failure(_too_late(), never_sent=True)
            except OSError:
                return Failure(BadGateway("the upstream is not there"), never_sent=True)
            try:
                sent_ns, head = await self._converse(connection, replica, outgoing, deadline_ns)
            except TimeoutError:
                return Failure(_too_late(), never_sent=False)
            except UpstreamLost as error:
                # Connections die while they idle. That is no failure of the replica, and where
                # the request may be sent again, it costs nothing but doing so.
                if idle is None or error.answer_begun or not outgoing.repeatable:
                    return Failure(BadGateway(str(error)), never_sent=False)
            else:
                return Exchange(replica, ticket, sent_ns, connection, head)

    async def _converse(
        self,
        connection: UpstreamConnection,
        replica: Replica,
        outgoing: Outgoing,
        deadline_ns: int,
    ) -> tuple[int, ResponseHead]:
        """Return when the request had gone out and how its answer begins.

        On failure, the connection ends.
        """
        request = outgoing.request
        try:
            connection.begin(answers_head=request.method == "HEAD")
            connection.write(request_head(request, replica.authority, outgoing.added))
            if outgoing.body:
                connection.write(outgoing.body)
            sent_ns = monotonic_ns()
            if outgoing.stream is not None:
                await outgoing.stream(connection)
                # How long that took was up to the client; the upstream's time begins now.
                sent_ns = monotonic_ns()
                deadline_ns = sent_ns + self.timeout_ns(request.service)
            async with _until(deadline_ns):
                return sent_ns, await connection.head()
        except BaseException:
            connection.abort()
            raise

    def _count(self, result: Exchange | Failure, service: str) -> None:
        if isinstance(result, Failure):
            outcome = result.error.code
        else:
            outcome = "answered" if result.head.status < _SERVER_ERROR else "server_error"
        self._attempts.labels(service, outcome).inc()


async def _opened(replica: Replica, deadline_ns: int) -> UpstreamConnection:
    async with _until(deadline_ns):
        return await replica.open_connection()


def _until(deadline_ns: int) -> asyncio.Timeout:
    return asyncio.timeout((deadline_ns - monotonic_ns()) / NS_PER_S)


def _too_late() -> UpstreamTimeout:
    return UpstreamTimeout("the upstream took too long")
