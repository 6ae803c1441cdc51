"""What the processes of the platform use of the machine."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from reference_services.runtime.clock import NS_PER_S


class Usage(NamedTuple):
    """What a process and its children use."""

    cpu_ns: int
    """Processor time since they started, that of children that have ended included."""

    resident_bytes: int
    """Memory in use; pages that several of them share count for each."""


def own_cpu_ns(pid: int) -> int:
    """Return the processor time that ``pid`` itself has used; 0, once it is gone.

    Its children are left out: to find them takes a look at every process of the machine,
    which is too much for somebody who asks several times a second.
    """
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0
    return round((times.user + times.system) * NS_PER_S)


def usage(pid: int) -> Usage:
    """Return what ``pid`` and its children use; nothing, once it is gone."""
    cpu_s, resident_bytes = 0.0, 0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            cpu_s += times.user + times.system + times.children_user + times.children_system
            resident_bytes += process.memory_info().rss
    return Usage(round(cpu_s * NS_PER_S), resident_bytes)


def _family(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        yield leader
        yield from leader.children(recursive=True)


def started_at(pid: int) -> float | None:
    """Return when ``pid`` started, which tells it from a later process of the same number.

    None when it has ended, even if nobody has taken note of its end yet.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
