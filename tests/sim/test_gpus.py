"""Stories of a simulated pool: one device of ten bytes or two, and leases of thirty nanoseconds."""

import pytest

from policies.device_room import Ask, Device
from sim.models.gpus import GpuEvent, GpuJob, GpuPool, GpuRules, Step
from sim.models.timeline import Timeline


class Site:
    """A pool, its time, and what happened."""

    def __init__(self, devices: int = 1, attempts_max: int = 2) -> None:
        rules = GpuRules(
            (Device(10),) * devices,
            lease_ns=30,
            attempts_max=attempts_max,
            classes_bytes=(4, 8),
        )
        self.timeline = Timeline()
        self.events: list[GpuEvent] = []
        self.pool = GpuPool(self.timeline, rules, self.events.append)

    def story(self) -> list[tuple[int, str, str]]:
        """Let everything come to its end; return times, steps and attempts."""
        self.timeline.advance_to(10_000)
        return [(it.at_ns, it.step.value, f"{it.job}/{it.attempt}") for it in self.events]


def test_a_job_waits_for_the_one_before_it_and_keeps_its_lease_for_longer_than_it_lasts() -> None:
    site = Site()
    site.pool.submit(GpuJob("a", Ask(10), 100, 100, peak_bytes=10))
    site.pool.submit(GpuJob("b", Ask(1), 5, 5, peak_bytes=1))
    assert site.story() == [
        (0, "submitted", "a/1"),
        (0, "started", "a/1"),
        (0, "submitted", "b/1"),
        (100, "done", "a/1"),
        (100, "started", "b/1"),
        (105, "done", "b/1"),
    ]


def test_a_worker_that_dies_is_missed_when_its_lease_runs_out_and_its_job_is_tried_again() -> None:
    site = Site()
    site.pool.submit(GpuJob("a", Ask(10), 50, 50, peak_bytes=10, dies_after_ns=25))
    # Its last word was the renewal at 20.
    assert site.story() == [
        (0, "submitted", "a/1"),
        (0, "started", "a/1"),
        (50, "ran_out", "a/1"),
        (50, "submitted", "a/2"),
        (50, "started", "a/2"),
        (100, "done", "a/2"),
    ]


def test_who_runs_out_of_memory_is_tried_with_the_next_class_and_given_up_after_the_last() -> None:
    site = Site(attempts_max=9)
    site.pool.submit(GpuJob("a", Ask(2), 10, 10, peak_bytes=9))
    assert [(it.step, it.memory_bytes) for it in site.events if it.step is Step.STARTED] == [
        (Step.STARTED, 2)
    ]
    steps = [step for _, step, _ in site.story()]
    assert steps.count("out_of_memory") == 3
    assert steps[-1] == "given_up"
    assert [it.memory_bytes for it in site.events if it.step is Step.STARTED] == [2, 4, 8]


def test_a_gang_that_loses_a_device_starts_again_when_it_is_back_and_its_first_result_is_void() -> (
    None
):
    site = Site(devices=2)
    site.pool.submit(GpuJob("gang", Ask(10, devices=2), 50, 50, peak_bytes=10))
    site.timeline.advance_to(20)
    site.pool.lose(1)
    site.timeline.advance_to(70)
    site.pool.restore(1)
    assert site.story() == [
        (0, "submitted", "gang/1"),
        (0, "started", "gang/1"),
        (20, "device_lost", "gang/1"),
        (20, "submitted", "gang/2"),
        (70, "started", "gang/2"),
        (120, "done", "gang/2"),
    ]


def test_who_is_tried_again_keeps_its_place() -> None:
    site = Site()
    for name in ("a", "b"):
        site.pool.submit(GpuJob(name, Ask(10), 5, 5, peak_bytes=10))
        site.timeline.advance_to(site.timeline.now_ns + 1)
    site.pool.lose(0)
    site.pool.restore(0)
    assert [name for _, step, name in site.story() if step == "started"] == ["a/1", "a/2", "b/1"]


def test_what_could_never_start_is_refused() -> None:
    site = Site()
    site.pool.submit(GpuJob("a", Ask(11), 1, 1, peak_bytes=1))
    assert site.story() == [(0, "refused", "a/1")]


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="lease_ns must be at least 3, got 2"):
        GpuRules((Device(1),), lease_ns=2)
    with pytest.raises(ValueError, match="attempts_max must be at least 1, got 0"):
        GpuRules((Device(1),), lease_ns=3, attempts_max=0)
    with pytest.raises(ValueError, match="runs_ns must be at least 1, got 0"):
        GpuJob("a", Ask(1), 1, 0, peak_bytes=1)
    with pytest.raises(ValueError, match="dies_after_ns must be at least 0, got -1"):
        GpuJob("a", Ask(1), 1, 1, peak_bytes=1, dies_after_ns=-1)
