"""The process that renders one scene: everything that runs beside Manim and nothing else.

Manim's configuration is global to a process, so each scene has one of its own,
forked from a server that has imported Manim already. It is nicer than the
services around it, uses about one core, and does not outlive its worker: when
the worker's end of the connection closes, for whatever reason, it is gone.

    worker -> renderer   nothing; only the end of the connection means something
    renderer -> worker   Percent, ..., then Rendered or Failed
"""

import os
import resource
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

from reference_services.runtime.clock import NS_PER_S
from reference_services.runtime.render_jobs import Quality, Render

# A third of a service's weight: requests go first, and renders still progress on a full machine.
_NICENESS = 5
_PERCENT_STEP = 5

_SIZES = {
    Quality.DRAFT: (426, 240, 15),
    Quality.STANDARD: (854, 480, 15),
    Quality.HIGH: (1280, 720, 30),
}


@dataclass(frozen=True, slots=True)
class Percent:
    """So much is rendered."""

    percent: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """The video is there."""

    path: Path
    cpu_ns: int
    """What it took, of user and system time."""


@dataclass(frozen=True, slots=True)
class Failed:
    """There will be no video."""

    reason: str


Message: TypeAlias = Percent | Rendered | Failed


def serve_render(connection: Connection, order: Render, folder: Path) -> None:
    """Render ``order`` somewhere into ``folder``; the main function of the process."""
    # Ctrl-C reaches the whole terminal; what becomes of a render is the worker's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Started before: on Linux niceness is a thread's own, and this one should wake at once.
    threading.Thread(target=_die_with_worker, args=(connection,), daemon=True).start()
    os.nice(_NICENESS)
    try:
        path = _render(connection, order, folder)
    except Exception as error:  # noqa: BLE001  # whatever Manim raises is the answer
        connection.send(Failed(f"{type(error).__name__}: {error}"))
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ns = int((used.ru_utime + used.ru_stime) * NS_PER_S)
    connection.send(Rendered(path, cpu_ns))


def import_manim(connection: Connection) -> None:
    """Say whether Manim can be imported; the main function of a process that only tries."""
    try:
        import reference_services.render_worker.scenes  # noqa: F401, PLC0415  # the trial itself
    except (ImportError, OSError) as error:
        connection.send(Failed(str(error)))
    else:
        connection.send(Percent(100))


def _render(connection: Connection, order: Render, folder: Path) -> Path:
    # Imported in this process only: the worker itself gets by without Manim's 150 MB.
    from manim import tempconfig  # noqa: PLC0415  # see above
    from tqdm import tqdm  # noqa: PLC0415  # see above

    from reference_services.render_worker.scenes import OrderedScene  # noqa: PLC0415  # see above

    # Manim's progress bar would take a semaphore of the system's, which a kill leaves behind.
    tqdm.set_lock(threading.RLock())
    told = 0

    def report(percent: int) -> None:
        nonlocal told
        if percent >= told + _PERCENT_STEP:
            told = percent
            connection.send(Percent(percent))

    width, height, frame_rate = _SIZES[order.quality]
    settings = {
        "pixel_width": width,
        "pixel_height": height,
        "frame_rate": frame_rate,
        "media_dir": str(folder),
        # Results are cached whole, by content; Manim's own cache would hash every object.
        "disable_caching": True,
        "progress_bar": "none",
        "verbosity": "ERROR",
        # One thread: the frames come one by one from one core anyway.
        "video_encoder_options": {"preset": "veryfast", "threads": "1"},
    }
    with tempconfig(settings):
        scene = OrderedScene(order, report)
        scene.render()
        return Path(scene.renderer.file_writer.movie_file_path)


def _die_with_worker(connection: Connection) -> None:
    try:
        connection.recv()
    except (EOFError, OSError):
        # Not ``sys.exit``: that would wait for the scene.
        os._exit(1)
