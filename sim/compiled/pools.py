"""Rows that are given out and taken back.

Who takes a row does not ask whether there is one: the event loop stops for more room while
there are still more rows than a single event can take.
"""

from sim.compiled.codes import NOBODY
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined


@inlined
def new_frame(s: State, state: int, visit: int, parent: int) -> int:
    """Return a frame for ``visit``, which it keeps."""
    run = s.run[0]
    number = run.frame_free
    frame = s.frames[number]
    run.frame_free = frame.next
    run.frame_left -= 1
    if run.frame_left < run.margin:
        run.is_short = 1
    frame.state = state
    frame.visit = visit
    frame.parent = parent
    frame.patience = NOBODY
    s.visits[visit].refs += 1
    return number


@inlined
def free_frame(s: State, number: int) -> None:
    """Take a frame back, and its visit if nobody else needs that."""
    run = s.run[0]
    frame = s.frames[number]
    frame.next = run.frame_free
    run.frame_free = number
    run.frame_left += 1
    drop_visit(s, frame.visit)


@inlined
def new_visit(s: State) -> int:
    """Return a visit that nobody needs yet; there are as many of them as frames and jobs."""
    run = s.run[0]
    number = run.visit_free
    run.visit_free = s.visits[number].next
    return number


@inlined
def drop_visit(s: State, number: int) -> None:
    """Note that one of those who need a visit does not any more."""
    run = s.run[0]
    visit = s.visits[number]
    visit.refs -= 1
    if visit.refs == 0:
        visit.next = run.visit_free
        run.visit_free = number


@called
def new_job(s: State, visit: int) -> int:
    """Return a job for ``visit``, which it keeps."""
    run = s.run[0]
    number = run.job_free
    run.job_free = s.jobs[number].next
    run.job_left -= 1
    if run.job_left < run.margin:
        run.is_short = 1
    s.jobs[number].visit = visit
    s.visits[visit].refs += 1
    return number


@called
def free_job(s: State, number: int) -> None:
    """Take a job back."""
    run = s.run[0]
    job = s.jobs[number]
    job.next = run.job_free
    run.job_free = number
    run.job_left += 1
    drop_visit(s, job.visit)
    job.visit = NOBODY


@called
def new_patience(s: State) -> int:
    """Return a patience."""
    run = s.run[0]
    number = run.patience_free
    run.patience_free = s.patiences[number].next
    run.patience_left -= 1
    if run.patience_left < run.margin:
        run.is_short = 1
    return number


@called
def free_patience(s: State, number: int) -> None:
    """Take a patience back."""
    run = s.run[0]
    s.patiences[number].next = run.patience_free
    run.patience_free = number
    run.patience_left += 1


@called
def new_failure(s: State, seen: int, after: int) -> int:
    """Return a link in front of ``after`` that says that ``seen`` failed."""
    run = s.run[0]
    number = run.failure_free
    run.failure_free = s.failures[number].next
    run.failure_left -= 1
    if run.failure_left < run.margin:
        run.is_short = 1
    s.failures[number].seen = seen
    s.failures[number].next = after
    return number


@called
def free_failures(s: State, first: int) -> None:
    """Take back a chain of links."""
    run = s.run[0]
    while first != NOBODY:
        following = s.failures[first].next
        s.failures[first].next = run.failure_free
        run.failure_free = first
        run.failure_left += 1
        first = following


@inlined
def new_row(s: State) -> int:
    """Return a row of spans, all 0; -1 if nobody asks where time goes.

    There are as many as frames and operations yet to be told together. A free one holds the
    number of the next in its first column.
    """
    run = s.run[0]
    if run.is_traced == 0:
        return NOBODY
    row = run.row_free
    run.row_free = s.spans[row * run.span_columns]
    s.spans[row * run.span_columns] = 0
    return row


@called
def free_row(s: State, row: int) -> None:
    """Take back a row of spans."""
    run = s.run[0]
    start = row * run.span_columns
    for station in range(start, start + run.span_columns):
        s.spans[station] = 0
    s.spans[start] = run.row_free
    run.row_free = row


@inlined
def spend(s: State, row: int, station: int, spent_ns: int) -> None:
    """Note that ``spent_ns`` went by at a station."""
    if row != NOBODY:
        s.spans[row * s.run[0].span_columns + station] += spent_ns
