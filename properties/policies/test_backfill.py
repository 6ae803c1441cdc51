"""Laws of the queue before placement: the head starts when it was told, and no room lies idle."""

from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.backfill import NEVER_NS, BackfillQueue, QueuedJob
from policies.device_room import Ask, Device
from policies.placement import DeviceLease, DeviceLeases
from properties.checkers.intervals import capacity_kept, exact
from properties.profiles import scaled
from properties.strategies.placement import Arrival, arrivals

POOL = (Device(memory_bytes=10), Device(memory_bytes=10))
LONG_NS = 10**9
HEAD_START_NS = 20


class Course(NamedTuple):
    """What came of some jobs, by their number."""

    begun_ns: dict[int, int]
    ended_ns: dict[int, int]
    reserved_ns: dict[int, int]
    """The start that was reserved for a job when it became the head."""

    on: dict[int, tuple[int, ...]]


class Play:
    """Lets jobs arrive, run and end, in the order of time."""

    def __init__(self, jobs: tuple[Arrival, ...]) -> None:
        self.jobs = jobs
        self.leases = DeviceLeases(POOL, lease_ns=LONG_NS)
        self.queue = BackfillQueue(self.leases, head_start_ns=HEAD_START_NS)
        self.course = Course({}, {}, {}, {})
        self.running: dict[int, int] = {}
        """Declared ends, by token."""

    def play(self) -> Course:
        """Play to the end: every job must have its turn."""
        due = [(arrival.at_ns, 1, number, 0) for number, arrival in enumerate(self.jobs)]
        due.sort()
        while due:
            now_ns, arrives, number, token = heappop(due)
            if arrives:
                assert self.queue.submit(self.job(number), now_ns) is None
            else:
                assert self.leases.release(token, now_ns)
                del self.running[token]
                self.course.ended_ns[number] = now_ns
            for job, lease in self.queue.start(now_ns):
                started = int(job.name)
                self.running[lease.token] = now_ns + job.declared_ns
                self.course.begun_ns[started] = now_ns
                self.course.on[started] = tuple(slot.device for slot in lease.slots)
                heappush(due, (now_ns + self.jobs[started].runs_ns, 0, started, lease.token))
            self.look_at_the_queue(now_ns)
        return self.course

    def job(self, number: int) -> QueuedJob:
        """Return what is submitted."""
        arrival = self.jobs[number]
        ask = Ask(memory_bytes=arrival.size_bytes, devices=arrival.devices)
        return QueuedJob(str(number), ask, arrival.declared_ns, arrival.priority)

    def look_at_the_queue(self, now_ns: int) -> None:
        """The head does not fit, and nobody waits who might as well have started."""
        reservation = self.queue.reservation(now_ns)
        if reservation is None:
            assert not self.queue.waiting
            return
        head = reservation.job
        assert head == self.queue.waiting[0]
        assert self.leases.choose(head.ask) is None, "the head waits although it fits"
        assert reservation.at_ns == self.earliest_ns(head, None, now_ns)
        self.course.reserved_ns.setdefault(int(head.name), reservation.at_ns)
        for job in self.queue.waiting[1:]:
            if self.leases.choose(job.ask) is not None:
                delayed_ns = self.earliest_ns(head, job, now_ns)
                assert delayed_ns > reservation.at_ns, "a job waits that would delay nobody"

    def earliest_ns(self, head: QueuedJob, beside: QueuedJob | None, now_ns: int) -> int:
        """Return when ``head`` fits if ``beside`` starts now; tried out end by end."""
        ends = [
            (max(self.running[lease.token], now_ns), lease.ask, lease.slots)
            for lease in self.leases.leases
        ]
        rooms = self.leases.rooms()
        if beside is not None:
            slots = rooms.choose(beside.ask)
            assert slots is not None
            rooms.occupy(beside.ask, slots)
            ends.append((now_ns + beside.declared_ns, beside.ask, slots))
        for at_ns in sorted({end_ns for end_ns, _, _ in ends}):
            then = rooms.copy()
            for end_ns, ask, slots in ends:
                if end_ns <= at_ns:
                    then.vacate(ask, slots)
            if then.choose(head.ask) is not None:
                return at_ns
        raise AssertionError("the head fits an empty pool")


def played(jobs: tuple[Arrival, ...]) -> Course:
    """Play, and see that no device had more than fits."""
    course = Play(jobs).play()
    assert course.begun_ns.keys() == course.ended_ns.keys() == set(range(len(jobs)))
    spans = [
        exact(str(device), str(job), jobs[job].size_bytes, begun_ns, course.ended_ns[job])
        for job, begun_ns in course.begun_ns.items()
        for device in course.on[job]
    ]
    assert not jobs or capacity_kept(spans, {"0": 10, "1": 10})
    return course


# The one before the last waits until the last has taken the place where it stood in the way.
LOOKED_AT_TWICE = (
    Arrival(0, 9, 1, 1, 1, 0),
    Arrival(0, 9, 1, 1, 1, 0),
    Arrival(0, 4, 1, 1, 1, 0),
    Arrival(0, 4, 1, 10, 10, 0),
    Arrival(0, 4, 1, 11, 11, 0),
    Arrival(7, 6, 1, 10, 1, 0),
    Arrival(7, 6, 1, 10, 1, 0),
    Arrival(7, 9, 1, 1, 1, 0),
    Arrival(7, 4, 1, 9, 1, 0),
    Arrival(8, 4, 1, 1, 1, 0),
)


@given(jobs=arrivals())
@example(jobs=LOOKED_AT_TWICE)
def test_a_job_starts_by_the_time_that_was_reserved_when_it_became_the_head(
    jobs: tuple[Arrival, ...],
) -> None:
    course = played(jobs)
    for job, reserved_ns in course.reserved_ns.items():
        assert course.begun_ns[job] <= reserved_ns


@given(jobs=arrivals(overruns=True))
def test_overruns_delay_the_head_by_no_more_than_they_are(jobs: tuple[Arrival, ...]) -> None:
    course = played(jobs)
    for job, reserved_ns in course.reserved_ns.items():
        overrun_ns = sum(
            max(0, other.runs_ns - other.declared_ns)
            for number, other in enumerate(jobs)
            if number != job
        )
        assert course.begun_ns[job] <= reserved_ns + overrun_ns


@given(jobs=arrivals(overruns=True, priorities=True))
def test_every_job_has_its_turn_and_the_order_is_by_rank(jobs: tuple[Arrival, ...]) -> None:
    course = played(jobs)
    heads = sorted(
        course.reserved_ns,
        key=lambda job: (jobs[job].at_ns - jobs[job].priority * HEAD_START_NS, job),
    )
    # Who was once the head, and had nobody of an earlier rank come after, started before the next.
    for earlier, later in pairwise(heads):
        if jobs[later].at_ns >= jobs[earlier].at_ns:
            assert course.begun_ns[earlier] <= course.begun_ns[later]


@settings(max_examples=scaled(40))
@given(gap_ns=st.integers(1, 5), runs_ns=st.integers(6, 20), large=st.sampled_from([9, 10]))
def test_a_stream_of_small_jobs_does_not_starve_a_large_one(
    gap_ns: int, runs_ns: int, large: int
) -> None:
    def small(at_ns: int) -> Arrival:
        return Arrival(at_ns, 6, 1, runs_ns, runs_ns, 0)

    stream = [small(index * gap_ns) for index in range(30)]
    jobs = (*stream[:10], Arrival(9 * gap_ns, large, 2, 5, 5, 0), *stream[10:])
    course = played(jobs)
    # Before it, at most ten small ones run, two at a time.
    assert course.begun_ns[10] <= 9 * gap_ns + 5 * runs_ns


@given(jobs=arrivals(), names=st.sets(st.integers(0, 7)), same=st.booleans())
def test_a_lease_that_somebody_took_under_the_name_of_a_job_that_waits_is_not_the_job_s(
    *, jobs: tuple[Arrival, ...], names: set[int], same: bool
) -> None:
    play = Play(jobs)
    for number in range(len(jobs)):
        play.queue.submit(play.job(number), 0)
    others: dict[str, DeviceLease] = {}
    for number in names & set(range(len(jobs))):
        ask = play.job(number).ask if same else Ask(memory_bytes=1)
        placement = play.leases.take(str(number), ask, 0)
        if isinstance(placement, DeviceLease):
            others[str(number)] = placement

    def start_until_nobody_starts() -> None:
        while started := play.queue.start(0):
            for job, lease in started:
                assert job.name not in others
                assert lease not in others.values()
                assert play.leases.release(lease.token, 0)

    start_until_nobody_starts()
    assert {job.name for job in play.queue.waiting} >= others.keys()
    for name in sorted(others):
        assert play.leases.release(others.pop(name).token, 0), "nobody else had given it back"
    start_until_nobody_starts()
    assert not play.queue.waiting


@given(jobs=arrivals(), lost=st.sampled_from([0, 1]))
def test_while_a_device_is_away_the_others_go_on_and_all_have_their_turn_when_it_is_back(
    jobs: tuple[Arrival, ...], lost: int
) -> None:
    play = Play(jobs)
    play.leases.lose(lost, 0)
    for number in range(len(jobs)):
        play.queue.submit(play.job(number), 0)
    now_ns = 0
    while started := play.queue.start(now_ns):
        assert all(job.ask.devices == 1 for job, _ in started)
        for _, lease in started:
            assert [slot.device for slot in lease.slots] == [1 - lost]
            play.leases.release(lease.token, now_ns)
        now_ns += 1
    assert all(job.ask.devices == 2 for job in play.queue.waiting)
    if reservation := play.queue.reservation(now_ns):
        assert reservation.at_ns == NEVER_NS
    play.leases.restore(lost)
    while started := play.queue.start(now_ns):
        for _, lease in started:
            play.leases.release(lease.token, now_ns)
    assert not play.queue.waiting
