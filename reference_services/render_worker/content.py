"""The key under which a video is kept: a digest of all that determines what it shows."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

from reference_services.runtime.render_jobs import Render

_SCENES = Path(__file__).with_name("scenes.py")


def content_key(order: Render) -> str:
    """Return 64 hexadecimal digits: equal for orders of the same video, and only for those.

    Fonts are not in it: workers that share results have to share their image.
    """
    parts = [*_code(), order.scene, order.parameters, order.quality]
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


@cache
def _code() -> tuple[str, str]:
    # As it was when this process started: whoever edits a scene restarts the workers.
    return hashlib.sha256(_SCENES.read_bytes()).hexdigest(), version("manim")
