"""Users' limits: the log of :mod:`policies.rate_limit`, kept in rings."""

from policies.rate_limit import sliding_log_step
from sim.compiled.layout import State
from sim.compiled.machine_code import called, scalar

scalar(sliding_log_step)


@called
def admits(s: State, service: int, visit: int) -> bool:
    """Ask the limit of a user's tier at a service, and note that the request was admitted."""
    asks = s.visits[visit]
    limit = s.limits[service * s.run[0].tiers + asks.tier]
    if limit.requests == 0:
        return True
    now_ns = s.run[0].now_ns
    log = s.logs[limit.users + asks.user]
    slot = limit.base + asks.user * limit.requests + log.next
    # The ring is as long as the limit: what it would overwrite is what fills the limit.
    if log.count == limit.requests:
        if sliding_log_step(s.admitted_ns[slot], now_ns, limit.window_ns) > 0:
            return False
    else:
        log.count += 1
    s.admitted_ns[slot] = now_ns
    log.next += 1
    if log.next == limit.requests:
        log.next = 0
    return True
