"""What a replica does for a request: as ``sim.models.service``; and how requests end."""

from sim.compiled import measures
from sim.compiled.codes import (
    END,
    ENDED_OK,
    FAILED,
    LIMITED,
    NOBODY,
    NONE,
    OK,
    REFUSED,
    RUN,
    TIMED_OUT,
    TURN,
    UNAVAILABLE,
    UNKNOWN,
    WAITED,
    WORKED,
)
from sim.compiled.draws import draw_ns
from sim.compiled.events import schedule
from sim.compiled.layout import State
from sim.compiled.limiter import admits
from sim.compiled.machine_code import called, inlined
from sim.compiled.pools import free_frame, free_row, spend
from sim.compiled.standing import enter, leave


@called
def arrive(s: State, number: int) -> int:
    """Let a request arrive at its replica: ask its limit, and for a place."""
    frame = s.frames[number]
    run = s.run[0]
    op = s.program[frame.op]
    service = s.services[op.station]
    frame.entered_ns = run.now_ns
    frame.reply = OK
    if service.is_limited == 1 and not admits(s, op.station, frame.visit):
        frame.reply = LIMITED
    elif op.draw != NOBODY:
        here = s.places[frame.places]
        if here.waiting >= service.line_max and here.occupied == here.capacity:
            frame.reply = UNAVAILABLE
            frame.state = END
            return number
        frame.state = TURN
        return number if enter(s, frame.places, number) else NOBODY
    return _wait(s, number)


@called
def serve(s: State, number: int) -> int:
    """Work on a request that has a place."""
    frame = s.frames[number]
    run = s.run[0]
    op = s.program[frame.op]
    service = s.services[op.station]
    measures.measure(s, service.waits, run.now_ns - frame.entered_ns)
    draws = s.visits[frame.visit].draws
    service_ns = draw_ns(s.draws, op.draw, draws, frame.path + op.site)
    measures.measure(s, service.services, service_ns)
    frame.state = WORKED
    if service_ns == 0:
        return number
    schedule(s, run.now_ns + service_ns, number)
    return NOBODY


@inlined
def worked(s: State, number: int) -> int:
    """Give the place back."""
    leave(s, s.frames[number].places)
    return _wait(s, number)


@inlined
def _wait(s: State, number: int) -> int:
    """Wait for what occupies nothing, if there is something to wait for."""
    frame = s.frames[number]
    op = s.program[frame.op]
    frame.state = WAITED
    if op.second_draw == NOBODY:
        return number
    draws = s.visits[frame.visit].draws
    wait_ns = draw_ns(s.draws, op.second_draw, draws, frame.path + op.site)
    schedule(s, s.run[0].now_ns + wait_ns, number)
    return NOBODY


@inlined
def waited(s: State, number: int) -> int:
    """Go on with what the replica does before it answers."""
    frame = s.frames[number]
    spend(s, frame.row, s.replicas[frame.replica].span, s.run[0].now_ns - frame.entered_ns)
    if frame.reply != OK:
        frame.state = END
    else:
        frame.state = RUN
    return number


@called
def end(s: State, number: int) -> int:
    """End a frame with its reply; return who is told."""
    frame = s.frames[number]
    reply = frame.reply
    parent = frame.parent
    if frame.replica == 0:
        _end_request(s, number, reply)
    elif parent != NOBODY:
        s.frames[parent].reply = reply
    elif frame.row != NOBODY:
        # Nobody waits any more: its spans are not taken over.
        free_row(s, frame.row)
    free_frame(s, number)
    return parent


@called
def _end_request(s: State, number: int, reply: int) -> None:
    """Count a request that has ended."""
    frame = s.frames[number]
    visit = s.visits[frame.visit]
    outcome = outcome_of(reply, s.classes[visit.class_index].is_read_only)
    measures.operation(s, visit.class_index, visit.at_ns, outcome)
    measures.request(s, visit.at_ns, outcome)
    visit.answered = 1
    if s.run[0].is_traced == 1:
        returned_ns = NOBODY if outcome == UNKNOWN else s.run[0].now_ns
        tell(s, frame.visit, visit.class_index, returned_ns, outcome)
        told = s.ended[s.run[0].ended - 1]
        told.tries = visit.tries
        told.status = reply
        told.row = frame.row


@inlined
def outcome_of(reply: int, is_read_only: int) -> int:
    """Return how the operation ended that got this answer."""
    if reply == OK:
        return ENDED_OK
    if reply in (LIMITED, UNAVAILABLE):
        return REFUSED
    if reply == TIMED_OUT:
        return FAILED if is_read_only == 1 else UNKNOWN
    assert reply == NONE
    return UNKNOWN


@called
def tell(s: State, visit_number: int, class_index: int, returned_ns: int, outcome: int) -> None:
    """Note an operation for the history."""
    run = s.run[0]
    visit = s.visits[visit_number]
    told = s.ended[run.ended]
    told.index = visit.index
    told.at_ns = visit.at_ns
    told.class_index = class_index
    told.returned_ns = returned_ns
    told.outcome = outcome
    told.tries = 1
    told.tier = visit.tier
    told.user = visit.user
    told.content = visit.content
    told.status = 0
    told.row = NOBODY
    run.ended += 1
    if run.ended + run.margin >= run.ended_max:
        run.is_short = 1
