"""Property 12, GPU resource allocation, in the simulator.

The statement, in words and in symbols, is in ``test_p12_gpu_allocation``.

Jobs of all kinds come to a simulated pool while workers die and devices fail; afterwards all faults
are over, and time goes on until nothing happens any more. What is judged is the events alone.
"""

from collections import Counter
from dataclasses import replace
from functools import partial
from operator import itemgetter

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.device_room import Ask, Device
from properties.checkers.intervals import capacity_kept, exact
from properties.profiles import scaled
from sim.models.gpus import GpuEvent, GpuJob, GpuPool, GpuRules, Step
from sim.models.timeline import Timeline
from sim.streams import request_key, seed_key, stream_key, uniform

LEASE_NS = 9
POOL = (Device(10), Device(10), Device(20, slices=7))
CLASSES_BYTES = (5, 10, 20)
RULES = GpuRules(POOL, lease_ns=LEASE_NS, attempts_max=3, classes_bytes=CLASSES_BYTES)

END_NS = 100_000
ENDS = {Step.DONE, Step.OUT_OF_MEMORY, Step.RAN_OUT, Step.DEVICE_LOST}
LASTS = {Step.DONE, Step.GIVEN_UP, Step.REFUSED}

EXAMPLES = settings(max_examples=scaled(40), deadline=None)


@st.composite
def jobs(draw: st.DrawFn) -> list[tuple[int, GpuJob]]:
    """Up to twenty jobs and when they come: small and large, alone and in gangs, honest or not."""
    found = []
    at_ns = 0
    for number in range(draw(st.integers(1, 20))):
        at_ns += draw(st.sampled_from([0, 0, 1, 5]))
        memory_bytes = draw(st.sampled_from([1, 4, 5, 10]))
        declared_ns = draw(st.sampled_from([1, 8, 9, 10, 30]))
        ask = Ask(
            memory_bytes, draw(st.sampled_from([0, 0, 0, 2])), draw(st.sampled_from([1, 1, 2]))
        )
        if ask.slices:
            ask = replace(ask, devices=1)
        job = GpuJob(
            name=str(number),
            ask=ask,
            declared_ns=declared_ns,
            runs_ns=declared_ns + draw(st.sampled_from([0, 0, 3])),
            peak_bytes=memory_bytes + draw(st.sampled_from([0, 0, 0, 1, 20])),
            priority=draw(st.sampled_from([0, 0, 1])),
            dies_after_ns=draw(st.sampled_from([None, None, 0, 1, 8])),
        )
        found.append((at_ns, job))
    return found


losses = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 2), st.sampled_from([1, 20])), max_size=4
)
"""When which device is lost, and for how long."""


def history(
    coming: list[tuple[int, GpuJob]],
    lost: list[tuple[int, int, int]] = [],  # noqa: B006  # only read
    rules: GpuRules = RULES,
) -> tuple[list[GpuEvent], GpuPool]:
    """Play it all, and let time go on; return what happened, and the pool as it was left."""
    timeline = Timeline()
    events: list[GpuEvent] = []
    pool = GpuPool(timeline, rules, events.append)
    plan = [(at_ns, partial(pool.submit, job)) for at_ns, job in coming]
    plan += [(at_ns, partial(pool.lose, device)) for at_ns, device, _ in lost]
    plan += [(at_ns + for_ns, partial(pool.restore, device)) for at_ns, device, for_ns in lost]
    for at_ns, happen in sorted(plan, key=itemgetter(0)):
        timeline.advance_to(max(at_ns, timeline.now_ns))
        happen()
    for device in range(len(rules.devices)):
        pool.restore(device)
    timeline.advance_to(END_NS)
    return events, pool


@EXAMPLES
@given(coming=jobs(), lost=losses)
def test_no_device_has_more_than_its_memory_and_all_is_free_in_the_end(
    coming: list[tuple[int, GpuJob]], lost: list[tuple[int, int, int]]
) -> None:
    events, pool = history(coming, lost)
    begun = {event.token: event for event in events if event.step is Step.STARTED}
    ended = {event.token: event for event in events if event.step in ENDS}
    assert begun.keys() == ended.keys(), "every attempt that started came to an end"
    spans = [
        exact(str(device), f"{it.job}/{it.attempt}", it.memory_bytes, it.at_ns, ended[token].at_ns)
        for token, it in begun.items()
        for device in it.devices
    ]
    assert capacity_kept(spans, {str(i): each.memory_bytes for i, each in enumerate(POOL)})
    assert list(begun) == sorted(begun), "tokens rise"
    # Nobody waits for longer than for room: a start is at once with what made it possible.
    changed_ns = {event.at_ns for event in events if event.step in {*ENDS, Step.SUBMITTED}}
    changed_ns |= {at_ns + for_ns for at_ns, _, for_ns in lost}
    changed_ns |= {at_ns for at_ns, _ in coming}
    assert {event.at_ns for event in begun.values()} <= changed_ns
    rooms = pool.leases.rooms()
    assert [rooms.free_bytes(index) for index in range(len(POOL))] == [10, 10, 20]


@EXAMPLES
@given(coming=jobs(), lost=losses)
def test_every_job_is_done_once_or_given_up_once_and_none_is_forgotten(
    coming: list[tuple[int, GpuJob]], lost: list[tuple[int, int, int]]
) -> None:
    events, pool = history(coming, lost)
    lasts = Counter(event.job for event in events if event.step in LASTS)
    assert lasts == Counter(job.name for _, job in coming)
    assert not pool.queue.waiting
    for _, job in coming:
        mine = [event for event in events if event.job == job.name]
        assert mine[-1].step in LASTS
        assert max(event.attempt for event in mine) <= RULES.attempts_max
        # A gang has all of its devices from the beginning, and they are different ones.
        for event in mine:
            if event.step is Step.STARTED:
                assert len(set(event.devices)) == job.ask.devices


@EXAMPLES
@given(coming=jobs())
def test_without_lost_devices_only_a_job_s_own_doing_ends_it(
    coming: list[tuple[int, GpuJob]],
) -> None:
    events, _ = history(coming)
    for _, job in coming:
        mine = [event.step for event in events if event.job == job.name]
        dies = job.dies_after_ns is not None and job.dies_after_ns < job.runs_ns
        assert (Step.RAN_OUT in mine) is (dies and Step.STARTED in mine)
        tried = [event for event in events if event.job == job.name and event.step is Step.STARTED]
        too_little = [event for event in tried if event.memory_bytes < job.peak_bytes]
        assert mine.count(Step.OUT_OF_MEMORY) == len(too_little) - (
            dies and job.peak_bytes > job.ask.memory_bytes
        )
        asked = [event.memory_bytes for event in tried[dies:]]
        assert asked == sorted(set(asked)), "after each time that it ran out it asks for more"
        if not dies and job.peak_bytes <= job.ask.memory_bytes and Step.STARTED in mine:
            assert mine == [Step.SUBMITTED, Step.STARTED, Step.DONE]


@EXAMPLES
@given(coming=jobs())
def test_what_a_dead_worker_had_is_free_a_lease_after_its_last_word(
    coming: list[tuple[int, GpuJob]],
) -> None:
    events, _ = history(coming)
    by_name = {job.name: job for _, job in coming}
    begun_ns = {event.token: event.at_ns for event in events if event.step is Step.STARTED}
    for event in events:
        if event.step is Step.RAN_OUT:
            lived_ns = by_name[event.job].dies_after_ns
            assert lived_ns is not None
            silent_ns = event.at_ns - begun_ns[event.token] - lived_ns
            assert LEASE_NS - LEASE_NS // 3 <= silent_ns <= LEASE_NS


@EXAMPLES
@given(gap_ns=st.integers(1, 4), runs_ns=st.integers(4, 15), lifo_hurts=st.integers(0, 5))
def test_a_stream_of_small_jobs_does_not_starve_a_large_one(
    gap_ns: int, runs_ns: int, lifo_hurts: int
) -> None:
    small = GpuJob("", Ask(6), runs_ns, runs_ns, 6)
    coming = [(number * gap_ns, replace(small, name=f"small {number}")) for number in range(40)]
    large = GpuJob("large", Ask(10, devices=3), 5, 5, 10)
    coming.insert(lifo_hurts + 1, (lifo_hurts * gap_ns, large))
    events, _ = history(coming)
    [started] = [event for event in events if event[1:3] == (Step.STARTED, "large")]
    # Ahead of it are six small ones at most, of which five run at once on three devices.
    assert started.at_ns <= lifo_hurts * gap_ns + 2 * runs_ns


def drawn_jobs(seed: int) -> list[tuple[int, GpuJob]]:
    """Draw jobs as the simulator draws: by seed, stream and number, and nothing else."""
    stream = stream_key("gpu jobs")
    coming = []
    for number in range(50):
        key = request_key(seed_key(seed), number)
        size, runs, dies = (uniform(key, stream, step) for step in range(3))
        job = GpuJob(
            name=str(number),
            ask=Ask(1 + int(size * 9), devices=1 + (number % 3 == 0)),
            declared_ns=1 + int(runs * 40),
            runs_ns=1 + int(runs * 50),
            peak_bytes=1 + int(size * 11),
            dies_after_ns=int(dies * 30) if number % 5 == 0 else None,
        )
        coming.append((number * 3, job))
    return coming


@settings(max_examples=scaled(15), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_events_and_another_seed_gives_others(seed: int) -> None:
    lost = [(20, 1, 30), (90, 2, 5)]
    once, _ = history(drawn_jobs(seed), lost)
    again, _ = history(drawn_jobs(seed), lost)
    assert once == again
    assert history(drawn_jobs(seed + 1), lost)[0] != once
