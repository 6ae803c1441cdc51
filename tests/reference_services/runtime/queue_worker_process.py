"""A worker in a process of its own, to be killed, stopped and woken by the tests.

    python -m tests.reference_services.runtime.queue_worker_process \
        ADAPTER URL QUEUE FOLDER LOCK_MS ATTEMPTS_MAX NAME BEHAVIOUR

An attempt writes ``<job id>.<attempt>.<NAME>.began`` into FOLDER; then, by
BEHAVIOUR, it ``dies`` at once, ``waits`` for a file ``go``, or ``works``. Its
effect is the result of a fixed content key in FOLDER/results, holding NAME.
"""

import asyncio
import hashlib
import os
import signal
import sys
from pathlib import Path

from reference_services.runtime.clock import NS_PER_MS, sleep_ns
from reference_services.runtime.queue import JsonObject, ReportProgress, TakenJob, WorkerLimits
from reference_services.runtime.storage import ResultStore
from tests.reference_services.runtime.queue_adapters import ADAPTERS

KEY = hashlib.sha256(b"the effect").hexdigest()


async def _main(arguments: list[str]) -> None:
    adapter, url, queue, folder_name, lock_ms, attempts_max, name, behaviour = arguments
    folder = Path(folder_name)
    store = ResultStore(folder / "results", ".txt")

    async def handle(job: TakenJob, _report: ReportProgress) -> JsonObject:
        (folder / f"{job.id}.{job.attempt}.{name}.began").touch()
        if behaviour == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        while behaviour == "waits" and not (folder / "go").exists():
            await sleep_ns(10 * NS_PER_MS)
        with store.draft() as draft:
            (draft / "result").write_text(name)
            store.publish(draft / "result", KEY)
        return {"by": name}

    limits = WorkerLimits(
        concurrency=1,
        lock_ns=int(lock_ms) * NS_PER_MS,
        attempts_max=int(attempts_max),
        backoff_ns=NS_PER_MS,
    )
    await ADAPTERS[adapter].worker(url, queue, limits).run(handle)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
