"""Caches, databases and queues: as ``sim.models.cache``, ``database`` and ``queue``."""

from typing import Final

from policies.cache import FOREVER_NS
from sim.compiled import measures
from sim.compiled.codes import (
    ENDED_OK,
    ENQUEUED,
    FIFO,
    INVALIDATED,
    JOB_DONE,
    JOB_TURN,
    JOBLESS,
    LEASE_END,
    LOOKED_UP,
    NEWS,
    NOBODY,
    PRIORITY,
    QUERIED,
    QUERY_TURN,
    RUN,
    WRITE,
)
from sim.compiled.draws import draw_ns
from sim.compiled.events import schedule, schedule_now
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined
from sim.compiled.pools import free_frame, free_job, new_frame, new_job, spend
from sim.compiled.serving import tell as tell_history
from sim.compiled.standing import enter, last_before, leave

LEASE_NS: Final = 5_000_000_000
"""As :data:`sim.models.cache.LEASE_NS`."""

STEPS_PER_REPLICA: Final = 1 << 8
"""What tells the draws of one replica's lag from those of the next."""


@called
def look_up(s: State, number: int) -> int:
    """Begin a look-up in a cache."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    now_ns = s.run[0].now_ns
    frame.entered_ns = now_ns
    frame.state = LOOKED_UP
    if op.draw == NOBODY:
        return number
    look_up_ns = draw_ns(s.draws, op.draw, s.visits[frame.visit].draws, frame.path + op.site)
    measures.measure(s, s.caches[op.station].services, look_up_ns)
    schedule(s, now_ns + look_up_ns, number)
    return NOBODY


@called
def looked_up(s: State, number: int) -> int:
    """Begin to read the entry."""
    s.frames[number].began_ns = s.run[0].now_ns
    return read_entry(s, number)


@called
def read_entry(s: State, number: int) -> int:
    """Read the entry: find it, get the lease to fill it in, or wait for who has that."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    cache = s.caches[op.station]
    now_ns = s.run[0].now_ns
    entry_number = cache.base + s.visits[frame.visit].content
    entry = s.entries[entry_number]
    is_fresh = now_ns < entry.until_ns
    if is_fresh and cache.is_leased == 1 and entry.is_filled == 0:
        frame.state = NEWS
        _wait_for_news(s, number, entry_number)
        return NOBODY
    measures.measure(s, cache.waits, now_ns - frame.began_ns)
    spend(s, frame.row, cache.span, now_ns - frame.entered_ns)
    frame.state = RUN
    if is_fresh:
        frame.pc = op.goes_to
        return number
    entry.lease += 1
    s.leases[number * s.run[0].levels + op.level] = entry.lease
    if cache.is_leased == 1:
        entry.is_filled = 0
        entry.until_ns = now_ns + LEASE_NS
    frame.pc += 1
    return number


@called
def _wait_for_news(s: State, number: int, entry_number: int) -> None:
    entry = s.entries[entry_number]
    s.frames[number].next = NOBODY
    if entry.head == NOBODY:
        entry.head = number
        lease_end = new_frame(s, LEASE_END, 0, NOBODY)
        s.frames[lease_end].op = entry_number
        schedule(s, entry.until_ns, lease_end)
    else:
        s.frames[entry.tail].next = number
    entry.tail = number


@called
def end_lease(s: State, number: int) -> None:
    """Tell those who wait for an entry that its lease may have run out."""
    tell_readers(s, s.frames[number].op)
    free_frame(s, number)


@called
def tell_readers(s: State, entry_number: int) -> None:
    """Let those who wait for an entry read it again."""
    entry = s.entries[entry_number]
    reader = entry.head
    entry.head = NOBODY
    while reader != NOBODY:
        following = s.frames[reader].next
        schedule_now(s, reader)
        reader = following


@called
def fill(s: State, number: int) -> int:
    """Keep what was loaded, if the lease still stands; who waited for it has it."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    cache = s.caches[op.station]
    now_ns = s.run[0].now_ns
    entry_number = cache.base + s.visits[frame.visit].content
    entry = s.entries[entry_number]
    lease = s.leases[number * s.run[0].levels + op.level]
    stands = entry.is_filled == 0 and lease == entry.lease and now_ns < entry.until_ns
    if cache.is_leased == 0 or stands:
        entry.is_filled = 1
        entry.until_ns = later(now_ns, cache.ttl_ns)
    tell_readers(s, entry_number)
    frame.pc += 1
    return number


@inlined
def later(now_ns: int, ttl_ns: int) -> int:
    """Return the end of a time to live."""
    return FOREVER_NS if ttl_ns >= FOREVER_NS - now_ns else now_ns + ttl_ns


@called
def query(s: State, number: int) -> int:
    """Ask a database for a connection: a standby's for a read where there is one."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    database = s.databases[op.station]
    now_ns = s.run[0].now_ns
    frame.entered_ns = now_ns
    frame.is_stale = 0
    if op.kind == WRITE or database.standbys == 0:
        frame.places = database.primary
    else:
        standby = s.standbys[database.first_standby + database.next]
        database.next += 1
        if database.next == database.standbys:
            database.next = 0
        frame.places = standby.places
        if s.shows[standby.base + s.visits[frame.visit].content] > now_ns:
            frame.is_stale = 1
    frame.state = QUERY_TURN
    return number if enter(s, frame.places, number) else NOBODY


@called
def run_query(s: State, number: int) -> int:
    """Have the connection for as long as the query takes."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    database = s.databases[op.station]
    now_ns = s.run[0].now_ns
    measures.measure(s, database.waits, now_ns - frame.entered_ns)
    query_ns = 0
    if op.draw != NOBODY:
        query_ns = draw_ns(s.draws, op.draw, s.visits[frame.visit].draws, frame.path + op.site)
    measures.measure(s, database.services, query_ns)
    frame.state = QUERIED
    if query_ns == 0:
        return number
    schedule(s, now_ns + query_ns, number)
    return NOBODY


@called
def queried(s: State, number: int) -> int:
    """Give the connection back; after a write, tell standbys and cache."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    database = s.databases[op.station]
    now_ns = s.run[0].now_ns
    leave(s, frame.places)
    spend(s, frame.row, database.span, now_ns - frame.entered_ns)
    if op.kind != WRITE:
        database.stale_reads += frame.is_stale
        return _go_on(s, number)
    _commit(s, number)
    if op.invalidates == NOBODY:
        return _go_on(s, number)
    frame.state = INVALIDATED
    if op.invalidation_draw == NOBODY:
        return number
    cache = s.caches[op.invalidates]
    step = frame.path + op.invalidation_site
    look_up_ns = draw_ns(s.draws, op.invalidation_draw, s.visits[frame.visit].draws, step)
    measures.measure(s, cache.waits, 0)
    measures.measure(s, cache.services, look_up_ns)
    frame.took_ns = look_up_ns
    schedule(s, now_ns + look_up_ns, number)
    return NOBODY


@inlined
def _go_on(s: State, number: int) -> int:
    s.frames[number].pc += 1
    s.frames[number].state = RUN
    return number


@called
def _commit(s: State, number: int) -> None:
    """Send what was written to the standbys, which show commits in their order."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    database = s.databases[op.station]
    content = s.visits[frame.visit].content
    if content == 0:
        return
    for standby_number in range(database.standbys):
        standby = s.standbys[database.first_standby + standby_number]
        lag_ns = 0
        if database.lag_draw != NOBODY:
            step = frame.path + op.site + standby_number * STEPS_PER_REPLICA
            lag_ns = draw_ns(s.draws, database.lag_draw, s.visits[frame.visit].draws, step)
        standby.replayed_ns = max(standby.replayed_ns, s.run[0].now_ns + lag_ns)
        s.shows[standby.base + content] = standby.replayed_ns


@called
def invalidated(s: State, number: int) -> int:
    """Forget the entry of what was written."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    cache = s.caches[op.invalidates]
    if op.invalidation_draw != NOBODY:
        spend(s, frame.row, cache.span, frame.took_ns)
    entry_number = cache.base + s.visits[frame.visit].content
    s.entries[entry_number].is_filled = 0
    s.entries[entry_number].until_ns = s.run[0].now_ns
    tell_readers(s, entry_number)
    return _go_on(s, number)


@called
def enqueue(s: State, number: int) -> int:
    """Begin to submit a job."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    frame.state = ENQUEUED
    if op.draw == NOBODY:
        return number
    enqueue_ns = draw_ns(s.draws, op.draw, s.visits[frame.visit].draws, frame.path + op.site)
    spend(s, frame.row, s.queues[op.station].span, enqueue_ns)
    schedule(s, s.run[0].now_ns + enqueue_ns, number)
    return NOBODY


@called
def enqueued(s: State, number: int) -> int:
    """Submit the job, which an idle worker takes."""
    frame = s.frames[number]
    op = s.program[frame.pc]
    queue = s.queues[op.station]
    job_number = new_job(s, frame.visit)
    job = s.jobs[job_number]
    job.op = frame.pc
    job.path = frame.path
    job.submitted_ns = s.run[0].now_ns
    job.begun = NOBODY
    _put_in_line(s, op.station, job_number)
    queue.waiting += 1
    _wake_one(s, op.station)
    return _go_on(s, number)


@inlined
def _put_in_line(s: State, queue_number: int, job_number: int) -> None:
    """Let a job wait for a worker."""
    queue = s.queues[queue_number]
    job = s.jobs[job_number]
    before = NOBODY
    if queue.discipline == PRIORITY:
        rank = s.program[job.op].rank
        before = last_before(s, queue.lasts, rank)
        s.lasts[queue.lasts + rank] = job_number
    elif queue.discipline == FIFO and queue.head != NOBODY:
        before = queue.tail
    if before == NOBODY:
        job.next = queue.head
        queue.head = job_number
    else:
        job.next = s.jobs[before].next
        s.jobs[before].next = job_number
    queue.tail = job_number


@inlined
def _next_job(s: State, queue_number: int) -> int:
    """Take the job that is next; there is one."""
    queue = s.queues[queue_number]
    first = queue.head
    job = s.jobs[first]
    queue.head = job.next
    if queue.discipline == PRIORITY:
        last = queue.lasts + s.program[job.op].rank
        if s.lasts[last] == first:
            s.lasts[last] = NOBODY
    return first


@called
def _wake_one(s: State, queue_number: int) -> None:
    queue = s.queues[queue_number]
    if NOBODY not in (queue.head, queue.idle_head):
        worker = queue.idle_head
        queue.idle_head = s.frames[worker].next
        schedule_now(s, worker)


@called
def take_job(s: State, number: int) -> int:
    """Let a worker take the next job, or wait for one; or go, if its replica was taken out."""
    worker = s.frames[number]
    queue = s.queues[worker.op]
    run = s.run[0]
    if s.replicas[worker.replica].stopped_ns != NOBODY:
        # It was taken out while it was idle, and woken for a job that another has to do.
        _wake_one(s, worker.op)
        free_frame(s, number)
        return NOBODY
    if queue.head == NOBODY:
        worker.next = NOBODY
        if queue.idle_head == NOBODY:
            queue.idle_head = number
        else:
            s.frames[queue.idle_tail].next = number
        queue.idle_tail = number
        return NOBODY
    worker.job = _next_job(s, worker.op)
    job = s.jobs[worker.job]
    queue.waiting -= 1
    queue.active += 1
    job.begun = run.begun
    run.begun += 1
    worker.state = JOB_TURN
    return number if enter(s, worker.places, number) else NOBODY


@called
def do_job(s: State, number: int) -> int:
    """Do the job, or find that it is done already."""
    worker = s.frames[number]
    queue = s.queues[worker.op]
    run = s.run[0]
    job = s.jobs[worker.job]
    op = s.program[job.op]
    visit = s.visits[job.visit]
    measures.measure(s, queue.waits, run.now_ns - job.submitted_ns)
    job.is_found = 0
    job_ns = 0
    step = job.path + op.site
    if queue.results != NOBODY and run.now_ns < s.results[queue.results_base + visit.content]:
        job.is_found = 1
        if queue.find_draw != NOBODY:
            job_ns = draw_ns(s.draws, queue.find_draw, visit.draws, step)
            measures.measure(s, s.caches[queue.results].services, job_ns)
    elif op.second_draw != NOBODY:
        job_ns = draw_ns(s.draws, op.second_draw, visit.draws, step)
    measures.measure(s, queue.services, job_ns)
    measures.measure(s, s.services[queue.workers].services, job_ns)
    worker.state = JOB_DONE
    schedule(s, run.now_ns + job_ns, number)
    return NOBODY


@called
def end_job(s: State, number: int) -> int:
    """Keep what was done, tell of it, and look for the next job."""
    worker = s.frames[number]
    queue = s.queues[worker.op]
    run = s.run[0]
    job = s.jobs[worker.job]
    visit = s.visits[job.visit]
    leave(s, worker.places)
    if queue.results != NOBODY and job.is_found == 0:
        ttl_ns = s.caches[queue.results].ttl_ns
        s.results[queue.results_base + visit.content] = later(run.now_ns, ttl_ns)
    queue.active -= 1
    measures.operation(s, queue.class_index, visit.at_ns, ENDED_OK)
    if run.is_traced == 1:
        tell_history(s, job.visit, queue.class_index, run.now_ns, ENDED_OK)
    free_job(s, worker.job)
    worker.state = JOBLESS
    return number
