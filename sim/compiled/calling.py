"""Calls from one service to another: what :mod:`sim.models.calls` does, step by step.

Each step is given a frame, and returns the frame that goes on: the same one, the one that was
called, the caller, or -1 if whoever comes next has to wait for an event.
"""

from typing import Final

from policies.retry import budget_step, full_jitter_ns
from sim.compiled import breaker
from sim.compiled.choosing import choose, follow, new_view, next_turn, view_of, weigh
from sim.compiled.codes import (
    ANSWERED,
    END,
    ENTER,
    FOREVER_NS,
    JUDGED,
    LATENCY_AWARE,
    LIMITED,
    NOBODY,
    NONE,
    OK,
    RUN,
    SILENT,
    TIMED_OUT,
    TRY,
    UNAVAILABLE,
)
from sim.compiled.draws import uniform
from sim.compiled.events import schedule
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined, scalar
from sim.compiled.pools import (
    free_failures,
    free_patience,
    free_row,
    new_failure,
    new_frame,
    new_patience,
    new_row,
    spend,
)

for _function in (budget_step, full_jitter_ns):
    scalar(_function)

_STEPS_PER_PATH: Final = 1 << 16
_TOKENS_MAX: Final = 1_000
_TOKENS_PER_RETRY: Final = 100


@called
def call(s: State, number: int) -> int:
    """Ask the service that the frame's program names."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    service = s.services[op.station]
    view = view_of(s, frame.replica, op.station)
    if view == NOBODY:
        view = new_view(s, frame.replica, op.station)
    if s.views[view].version != service.version:
        follow(s, view)
    frame.outlook = view
    frame.failures = NOBODY
    known = s.views[view].count
    if service.is_plain == 1 and known > 0:
        # Nothing can come between call and reply, so there is nothing to stand guard for.
        seen = s.slots[s.views[view].base + next_turn(s, view, known)]
        frame.state = ANSWERED
        return _called(s, number, s.seen[seen].replica, frame.path, frame.row)
    return _begin(s, number)


@inlined
def _called(s: State, number: int, replica: int, path: int, row: int) -> int:
    """Return the frame of what a replica does for this call."""
    frame = s.frames[number]
    child_number = new_frame(s, ENTER, frame.visit, number)
    child = s.frames[child_number]
    child.op = frame.pc
    child.pc = s.program[frame.pc].goes_to
    child.replica = replica
    child.places = s.replicas[replica].places
    child.path = path
    child.row = row
    return child_number


@called
def _begin(s: State, number: int) -> int:
    """Begin a guarded call: the caller's patience and its budget for retries."""
    frame = s.frames[number]
    service_number = s.program[frame.pc].station
    service = s.services[service_number]
    view = s.views[frame.outlook]
    frame.number = 1
    frame.deadline_ns = FOREVER_NS
    frame.patience = NOBODY
    if service.timeout_ns > 0:
        frame.deadline_ns = s.run[0].now_ns + service.timeout_ns
        frame.patience = new_patience(s)
        patience = s.patiences[frame.patience]
        patience.deadline_ns = frame.deadline_ns
        patience.frame = number
        patience.is_over = 0
        patience.next = NOBODY
        if service.line_head == NOBODY:
            service.line_head = frame.patience
            schedule(s, frame.deadline_ns, service.timer)
        else:
            s.patiences[service.line_tail].next = frame.patience
        service.line_tail = frame.patience
    if service.attempts_max > 0:
        view.tokens, _ = budget_step(view.tokens, _TOKENS_MAX, service.budget_percent, 0)
    frame.state = TRY
    return number


@called
def attempt(s: State, number: int) -> int:
    """Send the call to a replica, if there is one that may be asked."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    service = s.services[op.station]
    attempts_max = max(service.attempts_max, 1)
    path = (frame.path // _STEPS_PER_PATH * attempts_max + frame.number - 1) * _STEPS_PER_PATH
    seen_number = choose(s, number, path, op.site)
    if seen_number == NOBODY:
        return _finish(s, number, UNAVAILABLE)
    same_luck = frame.number == 1 and (frame.path == 0 or attempts_max == 1)
    frame.attempt_path = path
    frame.attempt_row = frame.row
    if not (same_luck and service.timeout_ns == 0):
        frame.attempt_row = new_row(s)
    frame.seen = seen_number
    frame.called_ns = s.run[0].now_ns
    frame.ticket = breaker.admit(s, seen_number) if service.failures_max > 0 else 0
    seen = s.seen[seen_number]
    seen.outstanding += 1
    frame.state = JUDGED
    frame.child = _called(s, number, seen.replica, path, frame.attempt_row)
    return frame.child


@called
def judged(s: State, number: int) -> int:
    """Take note of how an attempt ended, and end the call or try again."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    service = s.services[op.station]
    now_ns = s.run[0].now_ns
    seen = s.seen[frame.seen]
    seen.outstanding -= 1
    reply = frame.reply
    own_span = s.replicas[frame.replica].span
    if reply == SILENT:
        reply = NONE if frame.replica == 0 else TIMED_OUT
        spend(s, frame.row, own_span, now_ns - frame.called_ns)
    elif frame.attempt_row != frame.row:
        columns = s.run[0].span_columns
        for station in range(columns):
            spent_ns = s.spans[frame.attempt_row * columns + station]
            s.spans[frame.row * columns + station] += spent_ns
        free_row(s, frame.attempt_row)
    if service.balancing == LATENCY_AWARE:
        weigh(s, frame.seen, now_ns - frame.called_ns, reply)
    is_failure = reply not in (OK, LIMITED)
    if service.failures_max > 0:
        if is_failure:
            breaker.failed(s, frame.seen, frame.ticket)
        else:
            breaker.succeeded(s, frame.seen, frame.ticket)
    repeatable = s.classes[s.visits[frame.visit].class_index].is_repeatable == 1
    if service.attempts_max == 0 or not is_failure or not repeatable:
        return _finish(s, number, reply)
    delay_ns = _delay_ns(s, number)
    if delay_ns < 0:
        return _finish(s, number, reply)
    frame.failures = new_failure(s, frame.seen, frame.failures)
    frame.number += 1
    frame.state = TRY
    if delay_ns == 0:
        return number
    spend(s, frame.row, own_span, delay_ns)
    schedule(s, now_ns + delay_ns, number)
    return NOBODY


@called
def _delay_ns(s: State, number: int) -> int:
    """Return how long to wait before the next attempt; -1: let the failure stand."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    service = s.services[op.station]
    if frame.number >= service.attempts_max:
        return NOBODY
    draws = s.visits[frame.visit].draws
    chance = uniform(draws, service.backoff_stream, frame.attempt_path + op.site)
    delay_ns = full_jitter_ns(frame.number, service.base_ns, service.cap_ns, chance)
    if s.run[0].now_ns + delay_ns >= frame.deadline_ns:
        return NOBODY
    view = s.views[frame.outlook]
    view.tokens, paid = budget_step(view.tokens, _TOKENS_MAX, 0, _TOKENS_PER_RETRY)
    return delay_ns if paid else NOBODY


@called
def _finish(s: State, number: int, reply: int) -> int:
    """End a guarded call with a reply."""
    frame = s.frames[number]
    if frame.patience != NOBODY:
        s.patiences[frame.patience].is_over = 1
        frame.patience = NOBODY
    free_failures(s, frame.failures)
    if frame.replica == 0:
        s.visits[frame.visit].tries = frame.number
    frame.reply = reply
    frame.state = ANSWERED
    return number


@called
def end_due(s: State, number: int) -> None:
    """Find those whose patience ends now, and set the timer for the next."""
    run = s.run[0]
    service = s.services[s.frames[number].op]
    first = last = NOBODY
    head = service.line_head
    while head != NOBODY and (
        s.patiences[head].is_over == 1 or s.patiences[head].deadline_ns <= run.now_ns
    ):
        following = s.patiences[head].next
        if s.patiences[head].is_over == 1:
            free_patience(s, head)
        else:
            if first == NOBODY:
                first = head
            else:
                s.patiences[last].next = head
            last = head
            s.patiences[head].next = NOBODY
        head = following
    service.line_head = head
    # First the timer, then the callers: what they do may begin calls.
    if head != NOBODY:
        schedule(s, s.patiences[head].deadline_ns, number)
    run.due = first


@called
def next_due(s: State) -> int:
    """End the next patience that is due; return the frame that waited, -1 if it is answered."""
    run = s.run[0]
    patience = run.due
    run.due = s.patiences[patience].next
    waiting = s.patiences[patience].frame
    over = s.patiences[patience].is_over
    free_patience(s, patience)
    if over == 1:
        return NOBODY
    frame = s.frames[waiting]
    # The work goes on to its end: a server does not know that nobody is waiting any more.
    s.frames[frame.child].parent = NOBODY
    frame.patience = NOBODY
    frame.reply = SILENT
    return waiting


@inlined
def answered(s: State, number: int) -> int:
    """Go on after a call, or with its failure to the caller's caller."""
    frame = s.frames[number]
    if frame.reply == OK:
        frame.pc += 1
        frame.state = RUN
    else:
        frame.state = END
    return number
