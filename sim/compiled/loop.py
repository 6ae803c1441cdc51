"""The event loop: whose turn is next, and what it does."""

from scenarios.units import SECOND_NS
from sim.compiled import calling, serving, stations
from sim.compiled.addresses import state_at
from sim.compiled.codes import (
    ANSWERED,
    ARRIVALS,
    CALL,
    DEADLINE,
    DRIVER,
    END,
    ENQUEUE,
    ENQUEUED,
    ENTER,
    FILL,
    FINISH,
    FOREVER_NS,
    HEARD,
    INVALIDATED,
    JOB_DONE,
    JOB_TURN,
    JOBLESS,
    JUDGED,
    LATER,
    LEASE_END,
    LOOK_UP,
    LOOKED_UP,
    NEWS,
    NOBODY,
    OK,
    OUTSIDE,
    QUERIED,
    QUERY_TURN,
    REACHED,
    READ,
    RETURN,
    ROOM,
    RUN,
    SECOND,
    THOUGHT,
    TRY,
    TURN,
    WAITED,
    WORKED,
    WRITE,
)
from sim.compiled.events import (
    FRAME_BITS,
    next_scheduled,
    next_soon,
    next_urgent,
    schedule,
)
from sim.compiled.layout import State
from sim.compiled.machine_code import called, compiled, inlined
from sim.compiled.measures import end_second, sample
from sim.compiled.sending import ask, begin, think


@compiled
def advance(address: int) -> int:  # noqa: C901  # a case for each kind of event
    """Let everything happen that is due before ``end_ns``, and make that the time.

    Args:
        address: of the list that :func:`sim.compiled.addresses.addresses_of` returns.

    Returns:
        Why it stops: one of the last codes of :mod:`sim.compiled.codes`. Call it again when
        what it stopped for has been seen to, and it goes on where it was.
    """
    s = state_at(address)
    run = s.run[0]
    while True:
        sends = False
        if run.due != NOBODY:
            frame = calling.next_due(s)
        elif run.urgent_head != NOBODY:
            frame = next_urgent(s)
        elif run.is_short == 1:
            return ROOM
        elif _is_soon(s):
            frame = next_soon(s)
        else:
            at_ns = s.heap_ns[0] if run.heap > 0 else FOREVER_NS
            sends = run.arrival_ns < at_ns or (
                run.arrival_ns == at_ns
                and run.heap > 0
                and run.arrival_order < s.heap_order[0] >> FRAME_BITS
            )
            if sends:
                at_ns = run.arrival_ns
            if at_ns >= run.end_ns:
                run.now_ns = run.end_ns
                return REACHED
            frame = _send(s) if sends else next_scheduled(s)
        run.events += 1
        while frame != NOBODY:
            frame = _go_on(s, frame)
        if run.driver_frame != NOBODY:
            return DRIVER
        if sends and not _expect_next(s):
            return ARRIVALS


@inlined
def _is_soon(s: State) -> bool:
    """Whether the next turn is that of the first frame whose turn is now."""
    run = s.run[0]
    if run.soon_head == NOBODY or (run.heap > 0 and s.heap_ns[0] == run.now_ns):
        return False
    return run.arrival_ns > run.now_ns or run.arrival_order > s.frames[run.soon_head].order


@inlined
def _send(s: State) -> int:
    """Send the next request; return its frame."""
    run = s.run[0]
    run.now_ns = run.arrival_ns
    return begin(s, NOBODY)


@inlined
def _expect_next(s: State) -> bool:
    """Set the time of the next request; False: the block of arrivals is used up."""
    run = s.run[0]
    run.arrival_row += 1
    if run.arrival_row == run.arrival_rows:
        run.arrival_ns = FOREVER_NS
        return False
    run.arrival_ns = s.arrivals.at_ns[run.arrival_row]
    run.arrival_order = run.order
    run.order += 1
    return True


@inlined
def _go_on(s: State, number: int) -> int:  # noqa: C901, PLR0911, PLR0912  # a case for each state
    """Let a frame go on; return the one that goes on after it."""
    state = s.frames[number].state
    if state == RUN:
        return _follow_program(s, number)
    if state == ENTER:
        return serving.arrive(s, number)
    if state == TURN:
        return serving.serve(s, number)
    if state == WORKED:
        return serving.worked(s, number)
    if state == WAITED:
        return serving.waited(s, number)
    if state == ANSWERED:
        return calling.answered(s, number)
    if state == END:
        return serving.end(s, number)
    if state == JUDGED:
        return calling.judged(s, number)
    if state == TRY:
        return calling.attempt(s, number)
    if state == LOOKED_UP:
        return stations.looked_up(s, number)
    if state == NEWS:
        return stations.read_entry(s, number)
    if state == QUERY_TURN:
        return stations.run_query(s, number)
    if state == QUERIED:
        return stations.queried(s, number)
    return _go_on_rarely(s, number, state)


@called
def _go_on_rarely(s: State, number: int, state: int) -> int:  # noqa: PLR0911  # a case for each
    """Let a frame go on that is in one of the less frequent states."""
    if state == INVALIDATED:
        return stations.invalidated(s, number)
    if state == ENQUEUED:
        return stations.enqueued(s, number)
    if state == JOBLESS:
        return stations.take_job(s, number)
    if state == JOB_TURN:
        return stations.do_job(s, number)
    if state == JOB_DONE:
        return stations.end_job(s, number)
    if state == HEARD:
        return think(s, number)
    if state == THOUGHT:
        return ask(s, number)
    _act(s, number, state)
    return NOBODY


@called
def _act(s: State, number: int, state: int) -> None:
    """Do what is no request's doing."""
    if state == LEASE_END:
        stations.end_lease(s, number)
    elif state == DEADLINE:
        calling.end_due(s, number)
    elif state == LATER:
        s.frames[number].state = s.frames[number].number
        schedule(s, s.frames[number].began_ns, number)
    elif state == FINISH:
        sample(s)
        end_second(s)
    elif state == SECOND:
        sample(s)
        schedule(s, s.run[0].now_ns + SECOND_NS, number)
    else:
        assert state == OUTSIDE, "there are no other states"
        s.run[0].driver_frame = number


@inlined
def _follow_program(s: State, number: int) -> int:
    """Take the next step of a frame's program."""
    frame = s.frames[number]
    kind = s.program[frame.pc].kind
    if kind == CALL:
        return calling.call(s, number)
    if kind == LOOK_UP:
        return stations.look_up(s, number)
    if kind == FILL:
        return stations.fill(s, number)
    if kind in (READ, WRITE):
        return stations.query(s, number)
    if kind == ENQUEUE:
        return stations.enqueue(s, number)
    assert kind == RETURN, "there are no other steps"
    frame.reply = OK
    frame.state = END
    return number
