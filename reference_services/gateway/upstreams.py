"""The replicas behind the gateway: which there are, which are well, which is next."""

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from policies.balancing import Balancer, balancer
from policies.circuit_breaker import BreakerLimits
from policies.latency_balancing import BackendLatency, LatencyLimits
from reference_services.gateway.upstream_connection import UpstreamConnection
from reference_services.gateway.upstream_policy import UpstreamPolicies
from reference_services.gateway.watched_breaker import WatchedBreaker
from reference_services.runtime.chance import uniform
from reference_services.runtime.clock import NS_PER_S, monotonic_ns
from reference_services.runtime.errors import ServiceError
from reference_services.runtime.files import WatchedFile

IDLE_MAX_NS = 30 * NS_PER_S
"""How long a connection is kept for the next request; well below the services' own patience."""


class NoUpstream(ServiceError):
    """No replica of the service can be asked now."""

    status = 503

    def __init__(self, code: str, message: str, retry_after_ns: int) -> None:
        self.code = code
        super().__init__(message, retry_after_ns=max(retry_after_ns, 1))


class Replica:
    """One process that serves: its address, what was seen of it, its connections."""

    def __init__(self, url: str, limits: BreakerLimits) -> None:
        """Take the address from ``url``.

        Raises:
            ValueError: ``url`` is not like ``http://host:port``.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"an upstream must be like http://host:port, got {url!r}")
        self.url = url
        self.address = parts.hostname, parts.port or 80
        self.authority = parts.netloc.encode()
        self.breaker = WatchedBreaker(limits, url)
        self.latency = BackendLatency(LatencyLimits())
        self.outstanding = 0
        self._idle: list[tuple[UpstreamConnection, int]] = []

    def idle_connection(self) -> UpstreamConnection | None:
        """Return a connection that has served before and may again, if there is one."""
        oldest_ns = monotonic_ns() - IDLE_MAX_NS
        while self._idle:
            connection, since_ns = self._idle.pop()
            if since_ns >= oldest_ns and not connection.lost:
                return connection
            connection.abort()
        return None

    async def open_connection(self) -> UpstreamConnection:
        """Return a new connection.

        Raises:
            OSError: nobody accepts it.
        """
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(UpstreamConnection, *self.address)
        return connection

    def answered(self, ticket: int, began_ns: int) -> None:
        """Take note that a request that went out at ``began_ns`` is being answered well."""
        now_ns = monotonic_ns()
        self.breaker.succeeded(ticket)
        self.latency.answered(now_ns - began_ns, now_ns)

    def failed(self, ticket: int, began_ns: int) -> None:
        """Take note that one failed."""
        now_ns = monotonic_ns()
        self.breaker.failed(ticket, now_ns)
        self.latency.failed(now_ns - began_ns, now_ns)

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep the connection for another exchange, if it is good for one."""
        if connection.reusable:
            self._idle.append((connection, monotonic_ns()))
        else:
            connection.abort()

    def close(self) -> None:
        """End the connections that nobody uses."""
        while self._idle:
            self._idle.pop()[0].abort()


class Upstreams:
    """All services' replicas, as the file lists them now."""

    def __init__(self, path: Path, policies: UpstreamPolicies) -> None:
        """Read the list.

        Raises:
            OSError:    ``path`` cannot be read.
            ValueError: it does not hold what it has to.
        """
        self.policies = policies
        self._balancers: dict[str, Balancer] = {}
        self._replicas: dict[str, list[Replica]] = {}
        self._file = WatchedFile(path, parse_upstreams)
        self._listed: Mapping[str, list[str]] = {}

    def services(self) -> Mapping[str, list[Replica]]:
        """Return the replicas of each service, as they are listed now."""
        listed = self._file.value()
        if listed is not self._listed:
            self._follow(listed)
        return self._replicas

    def choose(self, service: str, avoided: Collection[Replica]) -> tuple[Replica, int]:
        """Return the replica for the next attempt, with the ticket of its breaker.

        Args:
            service: whose replica.
            avoided: replicas that have just failed; taken again only if there is no other.

        Raises:
            NoUpstream: there is none, or all are left alone for now.
        """
        replicas = self.services().get(service, [])
        if not replicas:
            raise NoUpstream("no_upstream", f"{service} has no replica", NS_PER_S)
        now_ns = monotonic_ns()
        well = [each for each in replicas if each.breaker.retry_after_ns(now_ns) == 0]
        if not well:
            wait_ns = min(each.breaker.retry_after_ns(now_ns) for each in replicas)
            raise NoUpstream("breaker_open", f"{service} is given time to recover", wait_ns)
        if avoided:
            well = [each for each in well if each not in avoided] or well
        loads = [each.outstanding for each in well]
        if self.policies.of(service).balancing == "latency_aware":
            loads = [each.latency.cost(each.outstanding, now_ns) for each in well]
        chosen = well[self._balancers[service].choose(loads, uniform())]
        ticket = chosen.breaker.admit(now_ns)
        assert ticket is not None, "a breaker without a wait admits"
        return chosen, ticket

    def close(self) -> None:
        """End all connections that nobody uses."""
        for replicas in self._replicas.values():
            for replica in replicas:
                replica.close()

    def _follow(self, listed: Mapping[str, list[str]]) -> None:
        # A replica that stays keeps its breaker's state and its connections.
        # One whose address goes over to another service does not: other policies hold for it.
        known = {
            (service, each.url): each
            for service, replicas in self._replicas.items()
            for each in replicas
        }
        self._replicas = {}
        for service, urls in listed.items():
            policy = self.policies.of(service)
            self._replicas[service] = [
                known.get((service, url)) or Replica(url, policy.breaker) for url in urls
            ]
            if service not in self._balancers:
                self._balancers[service] = balancer(policy.balancing)
        for (service, url), replica in known.items():
            if url not in listed.get(service, ()):
                replica.close()
        self._listed = listed


def parse_upstreams(text: str) -> dict[str, list[str]]:
    """Return the URLs of each service's replicas.

    Raises:
        ValueError: the text is not ``{"<service>": ["http://host:port", ...]}``; says where.
    """
    services = json.loads(text)
    if not isinstance(services, dict):
        raise ValueError("the upstreams must be a JSON object")  # noqa: TRY004  # as the rest of it
    for service, urls in services.items():
        if not isinstance(urls, list):
            raise ValueError(f"{service} must have a list of URLs")  # noqa: TRY004  # as above
        for url in urls:
            Replica(str(url), BreakerLimits(cool_down_ns=1))
    return services
