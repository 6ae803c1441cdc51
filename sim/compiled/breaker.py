"""Circuit breakers: what :class:`policies.circuit_breaker.CircuitBreaker` does, in records.

With one probe at a time and one success to close, as scenarios have them.
"""

from policies.circuit_breaker import probe_step
from sim.compiled.codes import CLOSED, HALF_OPEN, NOBODY, OPEN
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined, scalar

scalar(probe_step)


@inlined
def may_go_out(s: State, number: int) -> bool:
    """Whether a call may go out now to one replica, as one caller sees it."""
    seen = s.seen[number]
    if seen.breaker == CLOSED or seen.places > 0:
        return True
    return seen.wait_until_ns <= s.run[0].now_ns


@called
def admit(s: State, number: int) -> int:
    """Return the ticket of a call that may go out."""
    seen = s.seen[number]
    if seen.breaker == CLOSED:
        return seen.ticket
    cool_down_ns = s.services[s.views[seen.outlook].service].cool_down_ns
    verdict, places, wait_until_ns = probe_step(
        seen.places, seen.wait_until_ns, s.run[0].now_ns, cool_down_ns, 1
    )
    if verdict == 1:
        seen.ticket += 1
    else:
        move_to(s, number, HALF_OPEN)
    seen.places = places
    seen.wait_until_ns = wait_until_ns
    seen.probe = seen.ticket
    return seen.ticket


@called
def succeeded(s: State, number: int, ticket: int) -> None:
    """Note that the call with this ticket went well."""
    seen = s.seen[number]
    if seen.breaker != CLOSED:
        if ticket == seen.probe:
            move_to(s, number, CLOSED)
    elif ticket == seen.ticket:
        seen.failures = 0


@called
def failed(s: State, number: int, ticket: int) -> None:
    """Note that the call with this ticket was found to have failed now."""
    seen = s.seen[number]
    awaited = seen.ticket if seen.breaker == CLOSED else seen.probe
    if ticket != awaited:
        return
    service = s.services[s.views[seen.outlook].service]
    seen.failures += 1
    if seen.breaker == HALF_OPEN or seen.failures == service.failures_max:
        move_to(s, number, OPEN)
        seen.wait_until_ns = s.run[0].now_ns + service.cool_down_ns


@called
def move_to(s: State, number: int, breaker: int) -> None:
    """Begin a stretch of which nothing is known yet, and tell."""
    seen = s.seen[number]
    view = s.views[seen.outlook]
    run = s.run[0]
    if seen.breaker != breaker:
        change = s.changes[run.changes]
        change.at_ns = run.now_ns
        change.replica = seen.replica
        change.by = view.replica
        change.breaker = breaker
        run.changes += 1
        if run.changes + run.margin >= run.changes_max:
            run.is_short = 1
    seen.breaker = breaker
    seen.ticket += 1
    seen.wait_until_ns = 0
    seen.failures = 0
    seen.places = 0
    seen.probe = NOBODY
    count_tripped(s, seen.outlook)


@called
def count_tripped(s: State, number: int) -> None:
    """Count the breakers of a view that are not closed."""
    view = s.views[number]
    tripped = 0
    for at in range(view.base, view.base + view.count):
        if s.seen[s.slots[at]].breaker != CLOSED:
            tripped += 1
    view.tripped = tripped
