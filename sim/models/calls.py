"""Calls from one service to another: which replica, how long, how often.

This is the simulated twin of the gateway's exchange with its upstreams: the same policies
in the same order. A timeout counts from the call's start and covers its retries; replicas
whose breakers are open are left out; a replica that failed is not asked again while there
is another; a refusal by a full line counts as failed, one by a user's limit does not.
"""

from typing import Literal

from policies.balancing import balancer
from policies.cache import FOREVER_NS
from policies.circuit_breaker import BreakerLimits, CircuitBreaker, State
from policies.latency_balancing import BackendLatency, LatencyLimits
from policies.retry import Backoff, GiveUp, RetryBudget
from scenarios.records import Event
from scenarios.spec import Retry
from scenarios.spec import Service as ServiceSpec
from sim.models.patience import Patience
from sim.models.service import Replica, Service
from sim.models.stop import Caller, Work
from sim.models.timeline import Pause, Waiting
from sim.models.visit import Reply, Visit
from sim.streams import stream_key, uniform

RETRY_RESERVE = 10
"""Retries that a caller may send at once before its budget has earned any."""


class CallStop:
    """A stop at a service."""

    __slots__ = ("_service", "_work")

    def __init__(self, service: Service, work: Work) -> None:
        self._service = service
        self._work = work

    def take(self, visit: Visit, caller: Caller) -> Waiting[Reply]:
        """Have the service do its work and what comes after it."""
        outlook = caller.outlooks.get(self._service.name)
        if outlook is None:
            outlook = caller.outlooks[self._service.name] = View(self._service, caller)
        return outlook.ask(self._work, visit)


class Seen:
    """One replica as one caller sees it."""

    __slots__ = ("breaker", "latency", "outstanding", "replica")

    def __init__(self, replica: Replica, limits: BreakerLimits | None) -> None:
        self.replica = replica
        self.outstanding = 0
        self.breaker = None if limits is None else CircuitBreaker(limits)
        self.latency = BackendLatency(LatencyLimits())


class Retries:
    """One caller's retries of calls to one service."""

    __slots__ = ("_backoff", "_stream", "attempts_max", "budget")

    def __init__(self, spec: Retry, service: str) -> None:
        cap_ns = max(spec.base_ns, spec.cap_ns)
        self._backoff = Backoff(base_ns=spec.base_ns, cap_ns=cap_ns, attempts_max=spec.attempts)
        self._stream = stream_key(f"{service} back-off")
        self.attempts_max = spec.attempts
        self.budget = RetryBudget(spec.budget_percent, RETRY_RESERVE)

    def delay_ns(
        self, attempt: Visit, number: int, site: int, now_ns: int, deadline_ns: int
    ) -> int | None:
        """Return how long to wait before the next attempt; None: let the failure stand."""
        decision = self._backoff.decide(
            number,
            now_ns=now_ns,
            deadline_ns=deadline_ns,
            uniform=uniform(attempt.key, self._stream, attempt.path + site),
        )
        if isinstance(decision, GiveUp) or not self.budget.may_retry():
            return None
        return decision.delay_ns


class View:
    """A service as one caller sees it."""

    def __init__(self, service: Service, caller: Caller) -> None:
        spec = service.spec
        self._service = service
        self._timeline = service.timeline
        self._caller = caller
        self._counts_tries = caller.late is Reply.NONE
        self._balancer = balancer(spec.balancing)
        self._takes_turns = spec.balancing == "round_robin"
        self._weighs_latency = spec.balancing == "latency_aware"
        self._balancing_stream = stream_key(f"{service.name} balancing")
        self._breaker_limits = _breaker_limits(spec)
        self._retries = None if spec.retry is None else Retries(spec.retry, service.name)
        guarded = spec.breaker or spec.retry or spec.timeout_ns
        self._is_plain = self._takes_turns and not guarded
        self._following: list[Replica] = []
        self._seen: list[Seen] = []
        self._turns: list[int] = []
        self._tripped = 0

    def ask(self, work: Work, visit: Visit) -> Waiting[Reply]:
        """Have ``work`` done for ``visit``."""
        if self._service.ready is not self._following:
            self._follow()
        if self._is_plain and self._seen:
            # Nothing can come between call and reply, so there is nothing to stand guard for.
            return self._seen[self._balancer.choose(self._turns, 0.0)].replica.serve(work, visit)
        return self._ask_guarded(work, visit)

    def _follow(self) -> None:
        """Take note of replicas that came or went; those that stay are still known."""
        known = {seen.replica: seen for seen in self._seen}
        self._following = self._service.ready
        self._seen = [
            known.get(replica) or Seen(replica, self._breaker_limits) for replica in self._following
        ]
        self._turns = [0] * len(self._seen)
        self._count_tripped()

    def _count_tripped(self) -> None:
        self._tripped = sum(
            seen.breaker is not None and seen.breaker.state is not State.CLOSED
            for seen in self._seen
        )

    def _ask_guarded(self, work: Work, visit: Visit) -> Waiting[Reply]:
        retries, deadlines = self._retries, self._service.deadlines
        patience = None if deadlines is None else deadlines.patience()
        deadline_ns = FOREVER_NS if patience is None else patience.deadline_ns
        if retries is not None:
            retries.budget.earned()
        failed: list[Seen] = []
        while True:
            number = len(failed) + 1
            attempt = self._attempt_of(visit, number)
            seen = self._choose(attempt, work.site, failed)
            if seen is None:
                reply = Reply.UNAVAILABLE
                break
            reply = yield from self._try(seen, work, visit, attempt, patience)
            if retries is None or not reply.is_failure or not work.repeatable:
                break
            now_ns = self._timeline.now_ns
            delay_ns = retries.delay_ns(attempt, number, work.site, now_ns, deadline_ns)
            if delay_ns is None:
                break
            failed.append(seen)
            if delay_ns:
                visit.spend(self._caller.name, delay_ns)
                yield Pause(self._timeline, delay_ns)
        if patience is not None:
            patience.over = True
        if self._counts_tries:
            visit.tries = number
        return reply

    def _attempt_of(self, visit: Visit, number: int) -> Visit:
        """Return ``visit`` as this attempt makes it, itself where that makes no difference."""
        attempts_max = 1 if self._retries is None else self._retries.attempts_max
        may_be_abandoned = self._service.deadlines is not None
        same_luck = number == 1 and (visit.path == 0 or attempts_max == 1)
        if same_luck and (visit.spans_ns is None or not may_be_abandoned):
            return visit
        return visit.attempt(number, attempts_max)

    def _choose(self, attempt: Visit, site: int, failed: list[Seen]) -> Seen | None:
        if self._service.ready is not self._following:
            self._follow()
        well = self._seen
        if self._tripped:
            now_ns = self._timeline.now_ns
            well = [
                seen
                for seen in well
                if seen.breaker is None or seen.breaker.retry_after_ns(now_ns) == 0
            ]
        if failed:
            well = [seen for seen in well if seen not in failed] or well
        if not well:
            return None
        chance = 0.0
        if not self._takes_turns:
            chance = uniform(attempt.key, self._balancing_stream, attempt.path + site)
        return well[self._balancer.choose(self._loads(well), chance)]

    def _loads(self, well: list[Seen]) -> list[int]:
        if not self._weighs_latency:
            return [seen.outstanding for seen in well]
        now_ns = self._timeline.now_ns
        return [seen.latency.cost(seen.outstanding, now_ns) for seen in well]

    def _try(
        self, seen: Seen, work: Work, visit: Visit, attempt: Visit, patience: Patience | None
    ) -> Waiting[Reply]:
        began_ns = self._timeline.now_ns
        ticket = self._admit(seen)
        seen.outstanding += 1
        reply: Reply | None
        if patience is None:
            reply = yield from seen.replica.serve(work, attempt)
        else:
            reply = yield from patience.hear(seen.replica.serve(work, attempt))
        seen.outstanding -= 1
        if reply is None:
            reply = self._caller.late
            visit.spend(self._caller.name, self._timeline.now_ns - began_ns)
        elif attempt is not visit:
            visit.take_over(attempt)
        if self._weighs_latency:
            self._weigh(seen, reply, began_ns)
        self._judge(seen, ticket, reply)
        return reply

    def _admit(self, seen: Seen) -> int:
        if seen.breaker is None:
            return 0
        before = seen.breaker.state
        ticket = seen.breaker.admit(self._timeline.now_ns)
        assert ticket is not None, "a breaker without a wait admits"
        self._note_change(seen, before)
        return ticket

    def _weigh(self, seen: Seen, reply: Reply, began_ns: int) -> None:
        now_ns = self._timeline.now_ns
        note = seen.latency.failed if reply.is_failure else seen.latency.answered
        note(now_ns - began_ns, now_ns)

    def _judge(self, seen: Seen, ticket: int, reply: Reply) -> None:
        if seen.breaker is None:
            return
        before = seen.breaker.state
        if reply.is_failure:
            seen.breaker.failed(ticket, self._timeline.now_ns)
        else:
            seen.breaker.succeeded(ticket)
        self._note_change(seen, before)

    def _note_change(self, seen: Seen, before: State) -> None:
        assert seen.breaker is not None
        after = seen.breaker.state
        if after is before:
            return
        self._count_tripped()
        self._service.on_event(
            Event(
                at_ns=self._timeline.now_ns,
                kind=_EVENT_KINDS[after],
                target=seen.replica.caller.instance,
                detail=f"as {self._caller.instance} sees it",
            )
        )


def _breaker_limits(spec: ServiceSpec) -> BreakerLimits | None:
    if spec.breaker is None:
        return None
    return BreakerLimits(cool_down_ns=spec.breaker.cool_down_ns, failures_max=spec.breaker.failures)


_EVENT_KINDS: dict[State, Literal["opened", "half_opened", "closed"]] = {
    State.OPEN: "opened",
    State.HALF_OPEN: "half_opened",
    State.CLOSED: "closed",
}
